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
from standins import azure_devops_people as azure_standin
from standins import jira_oauth
from standins import jira_people as jira_standin
from standins import servicenow as servicenow_standin
from supervise import ROOT, Child, StartFailed, Supervisor, arguments, guarded, run_to_end, say

FOLDER = ROOT / "instance" / "demo"
KEPT = ("HOST", "PORT", "WEB_PROCESSES", "WEB_THREADS", "WORKER")  # settings of the caller that count here too
STANDIN_SECONDS = 20.0
DANA = "dana.reyes@sandbox.example"  # known in every practice system
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


@dataclass(frozen=True)
class Practice:
    """One outside system of the sandbox: where it runs and what to type into its dialog."""

    name: str
    label: str
    url: str
    values: tuple[tuple[str, str], ...]
    people: tuple[str, ...]


def practices() -> list[Practice]:
    """The outside systems of this run, each at a free port."""
    return [_jira(_address()), _servicenow(_address()), _azure_devops(_address())]


def _address() -> str:
    return f"http://127.0.0.1:{free_port()}"


def _jira(url: str) -> Practice:
    people = dict.fromkeys(person.email for person in jira_standin.people().values() if person.can_be_assigned())
    values = (
        ("Service URL", url),
        ("User Email", jira_standin.ADMIN_EMAIL),
        ("API Token", jira_standin.API_TOKEN),
        ("Client ID", jira_oauth.CLIENT_ID),
        ("Client Secret", jira_oauth.CLIENT_SECRET),
    )
    return Practice("jira", "Jira", url, values, tuple(people)[1:4])


def _servicenow(url: str) -> Practice:
    values = (
        ("Service URL", url),
        ("API Key", servicenow_standin.API_KEY),
        ("User ID", servicenow_standin.USER_NAME),
    )
    return Practice("servicenow", "ServiceNow", url, values, (DANA,))


def _azure_devops(url: str) -> Practice:
    values = (
        ("Organization URL", f"{url}/sandbox"),
        ("Personal Access Token (PAT)", azure_standin.PAT),
    )
    return Practice("azure_devops", "Azure DevOps", url, values, (DANA,))


def write_sandbox_file(path: Path, systems: list[Practice]) -> None:
    """Write down what to type into the dialogs; the pages show it."""
    entries = [{"label": s.label, "typed": s.values, "people": s.people} for s in systems]
    path.write_text(json.dumps({"providers": entries}, indent=2) + "\n", encoding="utf-8")


def set_environment(systems: list[Practice]) -> None:
    """Give this process and its children the sandbox's settings instead of the caller's, except those in KEPT."""
    urls = {system.name: system.url for system in systems}
    for setting in SETTINGS:
        if setting.name not in KEPT:
            os.environ.pop(setting.name, None)
    os.environ.update(
        DATABASE_URL=f"sqlite:///{FOLDER / 'patchpanel.sqlite3'}",
        PATCHPANEL_KEYRING_FILE=str(FOLDER / "keyring"),
        PATCHPANEL_SECRET_KEY_FILE=str(FOLDER / "secret_key"),
        PATCHPANEL_OUTBOUND_ALLOW=",".join(system.url for system in systems),
        PATCHPANEL_ATLASSIAN_AUTH_URL=urls["jira"],
        PATCHPANEL_ATLASSIAN_API_URL=urls["jira"],
        PATCHPANEL_AZURE_IDENTITY_URL=urls["azure_devops"],
        PATCHPANEL_SETTLE_SECONDS=str(SETTLE_SECONDS),
        PATCHPANEL_SANDBOX_FILE=str(FOLDER / "sandbox.json"),
    )


def start(supervisor: Supervisor, system: Practice) -> None:
    """Start a stand-in and wait until it takes connections; StartFailed when it does not."""
    port = int(system.url.rpartition(":")[2])
    command = (sys.executable, "-m", "standins", system.name, "--port", str(port))
    # What it would say stands in the welcome.
    child = Child(f"sandbox {system.label}", command, vital=True, quiet=True)
    supervisor.add(child)
    deadline = time.monotonic() + STANDIN_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError as error:
            ended = child.process is not None and child.process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise StartFailed(f"The sandbox {system.label} did not start.") from error
        time.sleep(0.05)


def load_example_data() -> list[Link]:
    """Fill the database with example users and incidents; return one sign-in link per user."""
    status, output = run_to_end((*FLASK, "demo-data"), capture=True)
    if status != 0:
        raise StartFailed("The example data could not be loaded. The lines above say why.")
    found = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    # Log records are JSON lines on standard output too.
    return [Link(entry["role"], entry["email"], entry["link"]) for entry in found if "link" in entry]


def welcome(address: str, systems: list[Practice], links: list[Link]) -> str:
    """Return the block that tells a visitor where to go and what to type."""
    width = max((len(link.role) for link in links), default=0)
    signs = [f"    {link.role:<{width}}  {address if link.link.startswith('/') else ''}{link.link}" for link in links]
    typed: list[str] = []
    for system in systems:
        typed += [f"  {system.label} (Settings, Organization, Integrations, {system.label}, Setup):"]
        typed += [f"    {name:<12} {value}" for name, value in system.values]
        typed += [f"    {'People':<12} {', '.join(system.people)}", ""]
    return "\n".join(
        [
            "",
            f"  Patchpanel sandbox: {address}",
            "",
            "  Sign in as (each link works once):",
            *signs,
            "",
            "  What to type to connect the practice systems:",
            "",
            *typed,
            "  Ctrl-C stops everything.",
            "",
        ]
    )


def main() -> None:
    """Set the sandbox up and run it until a signal ends it."""
    systems = practices()
    set_environment(systems)
    settings = read_settings()
    require_free_port(settings.host, settings.port)
    fresh_folder()
    write_sandbox_file(FOLDER / "sandbox.json", systems)
    say("Starting the sandbox ...")
    with Supervisor() as supervisor:
        for system in systems:
            start(supervisor, system)
        prepare(quiet=True)
        links = load_example_data()
        run(settings, supervisor, lambda: say(welcome(settings.base_url, systems, links)))


if __name__ == "__main__":
    arguments()
    sys.exit(guarded(main))
