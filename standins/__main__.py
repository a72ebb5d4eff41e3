"""`python -m standins jira --port 9001`: run one stand-in in the foreground until it is interrupted."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import threading

# name: module and class; the class has `serve(port)` and `greeting(url)`
STANDINS = {
    "azure_devops": ("standins.azure_devops", "AzureDevOpsStandin"),
    "jira": ("standins.jira", "JiraStandin"),
    "servicenow": ("standins.servicenow", "ServiceNowStandin"),
}


def main(arguments: list[str] | None = None) -> int:
    """Start the named stand-in, print its address and credentials, and wait for SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m standins", description=__doc__)
    parser.add_argument("name", choices=sorted(STANDINS))
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes any free one")
    chosen = parser.parse_args(arguments)
    module, class_name = STANDINS[chosen.name]
    standin = getattr(importlib.import_module(module), class_name)()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        server = standin.serve(chosen.port)
    except OSError as error:
        sys.stderr.write(f"Port {chosen.port} cannot be used: {error.strerror or error}\n")
        return 1
    with server:
        sys.stdout.write("\n".join([*standin.greeting(server.url), "Press Ctrl-C to stop.", ""]))
        sys.stdout.flush()
        stop.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
