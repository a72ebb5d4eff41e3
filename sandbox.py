"""The sandbox of `make demo`: the product with example data and stand-ins for the outside systems, nothing to set up.

Everything lies in instance/demo/, which is made anew at each start: the stand-ins keep their tickets in memory, so
links of an earlier run would lead nowhere. Data of `make serve` is not touched. PORT is honoured.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from config import SETTINGS
from serve import FLASK, prepare, read_settings, require_free_port, run
from standins.jira_people import ADMIN_EMAIL, API_TOKEN, people
from supervise import ROOT, Child, StartFailed, Supervisor, arguments, guarded, run_to_end, say

FOLDER = ROOT / "instance" / "demo"
KEPT = ("HOST", "PORT", "WEB_PROCESSES", "WEB_THREADS", "WORKER")  # settings of the caller that count here too
STANDIN_SECONDS = 20.0
SETTLE_SECONDS = 20  # the sandbox shows in seconds what a real provider is given minutes for


@dataclass(frozen=True)
class Link:
    """A one-time sign-in link of an example user."""

    role: str
    email: str
    link: str


def free_port() -> int:
    """Return a loopback port nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fresh_folder() -> None:
    """Remove what an earlier run left and make the folder anew, closed to other users: it will hold keys."""
    if FOLDER.exists():
        say("Removing the sandbox of the last run (its tickets and links ended with it) ...")
        shutil.rmtree(FOLDER)
    FOLDER.mkdir(mode=0o700, parents=True)


def assignable_people() -> list[str]:
    """Return the e-mail addresses of the sandbox Jira's people who can be given tickets, each once."""
    return list(dict.fromkeys(person.email for person in people().values() if person.can_be_assigned()))


def write_sandbox_file(path: Path, jira_url: str) -> None:
    """Write down what to type into the dialogs; the pages show it."""
    entry = {
        "label": "Jira",
        "service_url": jira_url,
        "email": ADMIN_EMAIL,
        "token": API_TOKEN,
        "people": assignable_people(),
    }
    path.write_text(json.dumps(entry, indent=2) + "\n", encoding="utf-8")


def set_environment(jira_url: str) -> None:
    """Give this process and its children the sandbox's settings instead of the caller's, except those in KEPT."""
    for setting in SETTINGS:
        if setting.name not in KEPT:
            os.environ.pop(setting.name, None)
    os.environ.update(
        DATABASE_URL=f"sqlite:///{FOLDER / 'patchpanel.sqlite3'}",
        PATCHPANEL_KEYRING_FILE=str(FOLDER / "keyring"),
        PATCHPANEL_SECRET_KEY_FILE=str(FOLDER / "secret_key"),
        PATCHPANEL_OUTBOUND_ALLOW=jira_url,
        PATCHPANEL_SETTLE_SECONDS=str(SETTLE_SECONDS),
        PATCHPANEL_SANDBOX_FILE=str(FOLDER / "sandbox.json"),
    )


def start_jira(supervisor: Supervisor, port: int) -> None:
    """Start the stand-in and wait until it takes connections; StartFailed when it does not."""
    command = (sys.executable, "-m", "standins", "jira", "--port", str(port))
    child = Child("sandbox Jira", command, vital=True, quiet=True)  # what it would say stands in the welcome
    supervisor.add(child)
    deadline = time.monotonic() + STANDIN_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError as error:
            ended = child.process is not None and child.process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise StartFailed("The sandbox Jira did not start.") from error
        time.sleep(0.05)


def load_example_data() -> list[Link]:
    """Fill the database with example users and incidents; return one sign-in link per user."""
    status, output = run_to_end((*FLASK, "demo-data"), capture=True)
    if status != 0:
        raise StartFailed("The example data could not be loaded. The lines above say why.")
    found = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    # Log records are JSON lines on standard output too.
    return [Link(entry["role"], entry["email"], entry["link"]) for entry in found if "link" in entry]


def welcome(address: str, jira_url: str, links: list[Link]) -> str:
    """Return the block that tells a visitor where to go and what to type."""
    width = max((len(link.role) for link in links), default=0)
    signs = [f"    {link.role:<{width}}  {address if link.link.startswith('/') else ''}{link.link}" for link in links]
    fields = {
        "Service URL": jira_url,
        "User Email": ADMIN_EMAIL,
        "API Token": API_TOKEN,
        "People": ", ".join(assignable_people()[:3]) + ", ...",
    }
    return "\n".join(
        [
            "",
            f"  Patchpanel sandbox: {address}",
            "",
            "  Sign in as (each link works once):",
            *signs,
            "",
            "  Connect the sandbox Jira (Settings, Organization, Integrations, Jira, Setup):",
            *(f"    {name:<12} {value}" for name, value in fields.items()),
            "",
            "  Ctrl-C stops everything.",
            "",
        ]
    )


def main() -> None:
    """Set the sandbox up and run it until a signal ends it."""
    port = free_port()
    jira_url = f"http://127.0.0.1:{port}"
    set_environment(jira_url)
    settings = read_settings()
    require_free_port(settings.host, settings.port)
    fresh_folder()
    write_sandbox_file(FOLDER / "sandbox.json", jira_url)
    say("Starting the sandbox ...")
    with Supervisor() as supervisor:
        start_jira(supervisor, port)
        prepare(quiet=True)
        links = load_example_data()
        run(settings, supervisor, lambda: say(welcome(settings.base_url, jira_url, links)))


if __name__ == "__main__":
    arguments()
    sys.exit(guarded(main))
