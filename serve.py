"""The production start: prepares the database, then keeps the web server and the worker running.

`make serve` runs this file. It stays in the foreground and in its own process group, starts Granian and (unless
`WORKER=0`) a worker as children of the same group, restarts a child that died, and ends
with all of them. `sandbox.py` uses the same functions.

Exit status: 0 after a wished stop, 1 when the start failed, 2 for a wrong setting.
"""

from __future__ import annotations

import errno
import http.client
import signal
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from config import Settings, SettingsError, load_settings
from supervise import (
    Child,
    StartFailed,
    Supervisor,
    arguments,
    end_with_parent,
    guarded,
    run_to_end,
    say,
)

FLASK = (sys.executable, "-m", "flask", "--app", "app")
WORKER_STOP_SECONDS = 15  # Granian's patience with a worker; longer than the 10 s an outside call of a page may take
PORT_SECONDS = 3.0  # a server that was just killed may hold its port for a moment


def _bind_failure(host: str, port: int) -> OSError | None:
    """Try to take the port; return the error, or None when it is free."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)  # two sockets may be bound with SO_REUSEADDR; only one may listen
    except OSError as error:
        return error
    return None


def require_free_port(host: str, port: int) -> None:
    """Raise StartFailed with a plain sentence when the web server could not listen on `host`:`port`."""
    deadline = time.monotonic() + PORT_SECONDS
    while (failure := _bind_failure(host, port)) is not None:
        if isinstance(failure, socket.gaierror) or failure.errno == errno.EADDRNOTAVAIL:
            raise StartFailed(f"HOST={host} is not an address of this machine.", 2)
        if failure.errno == errno.EACCES:
            raise StartFailed(f"Port {port} needs the rights of root. Start with PORT=8000.", 2)
        if failure.errno != errno.EADDRINUSE:
            raise StartFailed(f"Port {port} cannot be used: {failure.strerror}.")
        if time.monotonic() > deadline:
            other = port + 1 if port < 65535 else 8000
            raise StartFailed(f"Port {port} is already in use. Stop the other program or start with PORT={other}.")
        time.sleep(0.2)


def reachable_host(host: str) -> str:
    """Return the host by which this machine reaches a server that listens on `host`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def address_of(host: str, port: int) -> str:
    """Return the address a person types: `http://host:port`, brackets around IPv6."""
    name = reachable_host(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def answers(host: str, port: int, path: str = "/livez") -> bool:
    """Say whether the server answers `path` with 200 now."""
    connection = http.client.HTTPConnection(reachable_host(host), port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def read_settings() -> Settings:
    """Return the settings of the environment; StartFailed (status 2) carries the sentence about a wrong one."""
    try:
        return load_settings()
    except SettingsError as error:
        raise StartFailed(str(error), 2) from error


def prepare(*, quiet: bool = False) -> None:
    """Make key files and bring the database up to date. It prints the set-up link itself unless `quiet`.

    Raises StartFailed when the command fails; the command has then said why.
    """
    status, output = run_to_end((*FLASK, "prepare"), capture=quiet)
    if status != 0:
        raise StartFailed(output + "Patchpanel could not be prepared. The lines above say why.")


def web_command(settings: Settings) -> tuple[str, ...]:
    """Return the command line of Granian for these settings."""
    options = {
        "--interface": "wsgi",
        "--host": settings.host,
        "--port": settings.port,
        "--workers": settings.web_processes,
        "--blocking-threads": settings.web_threads,
        "--workers-kill-timeout": WORKER_STOP_SECONDS,
        # At "warning" it complains about more threads than cores; ours mostly wait for outside systems.
        "--log-level": "error",
    }
    switches = ("--factory", "--no-ws", "--respawn-failed-workers")
    pairs = (str(part) for pair in options.items() for part in pair)
    return (sys.executable, "-m", "granian", *pairs, *switches, "serve:web_app")


def web_app() -> Any:
    """Build the WSGI application inside a Granian worker, which shall not outlive Granian's main process."""
    end_with_parent(signal.SIGKILL)
    from app import create_app

    return create_app()


def children_of(settings: Settings) -> list[Child]:
    """Return what runs in production: the web server and, unless switched off, the worker."""
    children = [Child("web server", web_command(settings), vital=True)]
    if settings.worker:
        children.append(Child("worker", (sys.executable, "worker.py", "--stop-with-parent")))
    return children


def run(settings: Settings, supervisor: Supervisor, on_up: Callable[[], None]) -> None:
    """Run the product until a signal ends it (StopRequested); call `on_up` once it answers.

    Raises StartFailed when it does not come up. The caller's `with Supervisor()` ends the children in every case.
    """
    for child in children_of(settings):
        supervisor.add(child)
    supervisor.watch(lambda: answers(settings.host, settings.port))
    on_up()
    supervisor.keep()


def main() -> None:
    """Start the product with the settings of the environment and keep it running."""
    settings = read_settings()
    require_free_port(settings.host, settings.port)
    prepare()
    address = address_of(settings.host, settings.port)
    with Supervisor() as supervisor:
        run(settings, supervisor, lambda: say(f"Patchpanel answers at {address}  (Ctrl-C stops it)"))


if __name__ == "__main__":
    arguments()
    sys.exit(guarded(main))
