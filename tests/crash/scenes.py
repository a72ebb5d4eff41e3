"""A product with its sandboxes: one connection for each scene, and an incident for each time it is played."""

from __future__ import annotations

import contextlib
import fnmatch
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from standins.azure_devops import AzureDevOpsStandin
from standins.server import RunningServer
from tests.crash.database import Database, Postgres, Sqlite
from tests.crash.gate import Gate
from tests.crash.vendors import PERSON, Standin, Vendor
from tests.support_server import Browser, Form, Product, last_number, wait_until

INTEGRATIONS = "/settings/organization/integrations"
ADMIN = "ada@patchpanel.example"
# Many calls are held at once: half of the threads may be out, and others must be free to draw pages.
THREADS = 120
DOUBLED = re.compile(r"also holds|carry the same reference")
UNSETTLED = frozenset({"Creating", "Waiting", "Being confirmed", "Needs a look"})
_BADGE = re.compile(r'<span class="badge[^"]*">([^<]+)<')
_LINK = re.compile(r'<strong><a href="([^"]+)"[^>]*>([^<]+)<')

# werkzeug compiles its routes by ast.parse, which CPython 3.11 cannot do in several threads at once (gh-106905).
_BUILDING = threading.Lock()


@dataclass
class Scene:
    """A connection to a sandbox of its own, and what is tried there: an incident, a filled-in dialog, a press."""

    vendor: Vendor
    name: str
    standin: Standin
    server: RunningServer
    gate: Gate
    connection: int = 0
    incident: int = 0
    form: dict[str, Any] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)
    stored_before: set[str] = field(default_factory=set)
    creates_before: int = 0
    calls_before: int = 0

    @property
    def address(self) -> str:
        """The Ticket section of the incident."""
        return f"/incidents/{self.incident}/tickets"

    @property
    def stored(self) -> set[str]:
        """Keys of the tickets the sandbox made for this incident."""
        return set(self.vendor.stored(self.standin)) - self.stored_before

    @property
    def creates(self) -> int:
        """Create calls the sandbox saw for this incident."""
        return int(self.standin.creates) - self.creates_before

    @property
    def looks(self) -> list[Any]:
        """Searches for a ticket that arrived since the incident was opened."""
        verb, _, path = self.vendor.search.partition(" ")
        calls = self.standin.calls[self.calls_before :]
        return [call for call in calls if call.method == verb and fnmatch.fnmatchcase(call.path, path)]

    def begin(self, incident: int) -> None:
        """Play with a new incident."""
        self.incident, self.answers, self.threads = incident, [], []
        self.stored_before, self.creates_before = set(self.vendor.stored(self.standin)), int(self.standin.creates)
        self.calls_before = len(self.standin.calls)

    def stop(self) -> None:
        """Close the sandbox."""
        self.standin.release()
        self.gate.stop()
        self.server.stop()


def new_scene(vendor: Vendor, name: str) -> Scene:
    """A scene with a running sandbox behind a gate."""
    with _BUILDING:
        standin = vendor.standin()
    server = standin.serve()
    return Scene(vendor, name, standin, server, Gate(server.port))


@dataclass(frozen=True)
class Section:
    """What the Ticket section says: the keys it links to, and the badges beside them."""

    keys: list[str]
    badges: list[str]

    @property
    def settled(self) -> bool:
        """Whether a ticket stands there and nothing is under way or waits for a person."""
        return bool(self.keys) and UNSETTLED.isdisjoint(self.badges)


class Lab:
    """A product in a folder of its own, and its scenes. Everything ends with `stop`.

    Args:
        folder: for the product's files.
        vendors, names: a scene is made for each vendor and name.
        database_url: PostgreSQL; SQLite without it.
        settings: further settings of the product.
    """

    def __init__(
        self, folder: Path, vendors: Sequence[Vendor], names: Sequence[str], database_url: str = "", **settings: str
    ) -> None:
        self.scenes = [new_scene(vendor, name) for name in names for vendor in vendors]
        # Azure DevOps looks people up on one host for all organizations.
        with _BUILDING:
            self._directory = AzureDevOpsStandin().serve()
        urls = [scene.gate.url for scene in self.scenes]
        usual = {"WORKER": "1", "WEB_THREADS": str(THREADS), "PATCHPANEL_INTERVALS": "settle=1"}
        self.product = Product(
            folder,
            allow=",".join([*urls, self._directory.url]),
            database_url=database_url,
            **{**usual, "PATCHPANEL_AZURE_IDENTITY_URL": self._directory.url, **settings},
        )
        self.database: Database = Postgres(database_url) if database_url else Sqlite(folder / "patchpanel.sqlite3")
        self.browser = Browser(self.product.url)
        self.started_at = 0.0

    def stop(self) -> None:
        """End the product and the sandboxes."""
        self.product.kill()
        self._directory.stop()
        for scene in self.scenes:
            scene.stop()

    def start(self) -> None:
        """Start the product; the time for settling counts from the moment it answers."""
        self.product.start()
        self.started_at = time.monotonic()

    def set_up(self) -> None:
        """A signed-in administrator and, for each scene, a connection with one person."""
        self.product.add_user(ADMIN)
        self.browser = self.product.browser(ADMIN)
        for scene in self.scenes:
            vendor, said = scene.vendor, f"{scene.vendor.key}: {scene.name}"
            page = f"{INTEGRATIONS}/{vendor.key}/{vendor.method}/new"
            made = self.browser.submit(page, {**vendor.typed(scene.gate.url), "description": said})
            assert made.status_code == 303, made.text
            scene.connection = self.database.query("SELECT max(id) FROM connections")[0][0]
            person = {"connection_id": str(scene.connection), "email": PERSON}
            added = self.browser.submit("/setup/integration-users/new", person)
            assert added.status_code == 303, added.text

    def open_incident(self, scene: Scene) -> None:
        """A new incident with the ticket dialog filled in."""
        made = self.browser.submit("/incidents/new", {"title": scene.name, "severity": "high"})
        assert made.status_code == 303, made.text
        scene.begin(last_number(made.headers["Location"]))
        scene.form = self._filled(scene)

    def _filled(self, scene: Scene) -> dict[str, Any]:
        chosen = {"connection": str(scene.connection)}
        for step, wanted in [*scene.vendor.destination.items(), ("integration_user", "Dana Reyes")]:
            asked = "&".join(f"{name}={value}" for name, value in chosen.items() if name != "integration_user")
            form = Form(self.browser.get(f"{scene.address}/new?{asked}").text, scene.address)
            found = [value for text, value in form.options[step].items() if wanted in text and value]
            assert found, (step, form.options[step])
            chosen[step] = found[0]
        return {**form.values, **chosen}

    def press(self, scene: Scene) -> None:
        """Press Create Ticket in a thread; the death of the server ends it."""
        self._post(scene, scene.address, scene.form)

    def look_now(self, scene: Scene) -> None:
        """Press Look now in a thread."""
        page = self.browser.get(scene.address, {"HX-Request": "true"}).text
        found = re.search(rf"{scene.address}/[0-9]+/look", page)
        assert found is not None, page
        self._post(scene, found[0], Form(page, found[0]).values)

    def _post(self, scene: Scene, address: str, form: dict[str, Any]) -> None:
        def press() -> None:
            # A session of requests is not made for many threads at once.
            with contextlib.suppress(requests.RequestException):
                answer = requests.post(
                    self.product.url + address,
                    data=form,
                    cookies=self.browser.session.cookies,
                    timeout=90,
                    allow_redirects=False,
                )
                scene.answers.append(answer.status_code)

        scene.threads.append(threading.Thread(target=press, daemon=True))
        scene.threads[-1].start()

    def kill(self) -> None:
        """SIGKILL for the whole process group, then wait until every press has noticed."""
        self.product.kill()
        for scene in self.scenes:
            for thread in scene.threads:
                thread.join(15)
                assert not thread.is_alive(), f"a press of {scene.name} outlived the product"

    def row(self, scene: Scene) -> tuple[str, int] | None:
        """State and number of create calls of the incident's newest ticket row, None without one."""
        rows = self.database.query(
            f"SELECT state, sends FROM tickets WHERE incident_id = {scene.incident} ORDER BY id DESC"  # noqa: S608 - ours
        )
        return (rows[0][0], rows[0][1]) if rows else None

    def section(self, scene: Scene) -> Section:
        """The Ticket section as a responder sees it now."""
        page = self.browser.get(scene.address, {"HX-Request": "true"}).text
        keys = [key.strip().lstrip("#") for _, key in _LINK.findall(page)]
        return Section(keys, [text.strip() for text in _BADGE.findall(page)])

    def flagged(self, scene: Scene) -> bool:
        """Whether the incident's page says that there is a second ticket."""
        return DOUBLED.search(self.browser.get(f"/incidents/{scene.incident}").text) is not None


def wait_for(scenes: Sequence[Scene], what: str, check: Any, seconds: float = 30.0) -> None:
    """Wait until `check(scene)` holds for each of these. Raises AssertionError."""
    for scene in scenes:
        wait_until(f"{scene.vendor.key}, {scene.name}: {what}", lambda scene=scene: check(scene), seconds)
