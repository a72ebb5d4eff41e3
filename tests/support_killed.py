"""Scenes of a sudden death: how the product is brought to a point around a create call, killed there, and settled."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from standins.jira import ADMIN_EMAIL, API_TOKEN, JiraStandin
from standins.server import RunningServer
from tests.support_server import Browser, Form, Product, last_number, wait_until

CREATE = "POST /rest/api/3/issue"
SEARCH = "POST /rest/api/3/search/jql"
INTEGRATIONS = "/settings/organization/integrations"
ADMIN = "ada@patchpanel.example"
Arm = Callable[[JiraStandin], Any]
Reached = Callable[[JiraStandin], bool]


@dataclass(frozen=True)
class Point:
    """Where the product dies: how the sandbox is armed, when that place is reached, and what must come out.

    `creates`: how many create calls the sandbox may have seen in the end. `afterwards` happens after the kill.
    """

    arm: Arm
    reached: Reached
    creates: int
    afterwards: Arm = lambda jira: jira.release()


def _called(jira: JiraStandin) -> bool:
    return jira.creates == 1


def stored(jira: JiraStandin) -> bool:
    """Whether the sandbox holds the issue."""
    return len(jira.issues) == 1


def _lost(jira: JiraStandin) -> None:
    """The request arrives and is held; once let go it is dropped without any effect."""
    jira.drop_before_create()
    jira.hold(route=CREATE)


POINTS = {
    "request received, never processed": Point(_lost, _called, creates=2),
    "request received, processed after the death": Point(lambda j: j.hold(route=CREATE), _called, creates=1),
    "processed, answer not sent": Point(lambda j: j.hold(route=CREATE, after=True), stored, creates=1),
    "processed, answer half sent": Point(lambda j: j.drip(0.5, route=CREATE), stored, creates=1),
    "not taken (429), waiting to be sent": Point(lambda j: j.rate_limit(retry_after=4, route=CREATE), _called, 2),
}
LAST = "processed, answer read, not committed"


@dataclass
class Scene:
    """One crash point of one product: its sandbox, its connection and its incident."""

    jira: JiraStandin
    server: RunningServer
    connection: int = 0
    incident: int = 0
    poster: threading.Thread | None = None
    answers: list[requests.Response] = field(default_factory=list)

    def post(self, browser: Browser) -> None:
        """Press Create Ticket in a thread; the death of the server ends it."""
        form = self.filled(browser)

        def press() -> None:
            with contextlib.suppress(requests.ConnectionError):
                self.answers.append(browser.post(f"/incidents/{self.incident}/tickets", form))

        self.poster = threading.Thread(target=press)
        self.poster.start()

    def filled(self, browser: Browser) -> dict[str, Any]:
        """The ticket dialog as it is sent: an OPS Task for the only person known."""
        address = f"/incidents/{self.incident}/tickets"
        answer = browser.get(f"{address}/new?connection={self.connection}&project=10000&issue_type=10001")
        form = Form(answer.text, address)
        assert form.values["connection"] == str(self.connection), answer.text
        people = {text: value for text, value in form.options["integration_user"].items() if value}
        return {
            **form.values,
            "project": "10000",
            "issue_type": "10001",
            "integration_user": next(iter(people.values())),
        }


@dataclass
class Outcome:
    """What one database went through: the scenes after everything, what settling printed, and ticket rows."""

    scenes: dict[str, Scene]
    printed: str
    states: dict[str, tuple[str, str]]


def play(folder: Path, names: list[str], database_url: str = "") -> Outcome:
    """Set everything up, kill the product when all points are reached, start it again and settle."""
    scenes = {name: new_scene() for name in names}
    allow = ",".join(scene.server.url for scene in scenes.values())
    product = Product(folder, allow=allow, database_url=database_url)
    try:
        with product:
            browser = set_up(product, scenes)
            for name in names:
                go_to(product, browser, name, scenes[name])
            # Held answers are only a moment from being read: nothing may happen between the last point and this.
        after_death(product, scenes)
        with product:
            printed = product.flask("tickets", "settle")
            return Outcome(scenes, printed, _states(product.browser(ADMIN), scenes))
    finally:
        product.kill()
        for scene in scenes.values():
            scene.jira.release()
            scene.server.stop()


def new_scene() -> Scene:
    """A scene with a running sandbox."""
    jira = JiraStandin()
    return Scene(jira, jira.serve())


def set_up(product: Product, scenes: dict[str, Scene]) -> Browser:
    """A signed-in administrator, and for each scene a connection with one person and an incident."""
    product.add_user(ADMIN)
    browser = product.browser(ADMIN)
    for number, (name, scene) in enumerate(scenes.items(), start=1):
        typed = {"service_url": scene.server.url, "user_email": ADMIN_EMAIL, "api_token": API_TOKEN}
        assert browser.submit(f"{INTEGRATIONS}/jira/api_token/new", {**typed, "description": name}).status_code == 303
        person = {"connection_id": str(number), "email": "dana.reyes@sandbox.example"}
        added = browser.submit("/setup/integration-users/new", person)
        assert added.status_code == 303, added.text
        made = browser.submit("/incidents/new", {"title": name, "severity": "high"})
        assert made.status_code == 303, made.text
        scene.connection, scene.incident = number, last_number(made.headers["Location"])
    return browser


def go_to(product: Product, browser: Browser, name: str, scene: Scene) -> None:
    """Press Create Ticket and wait until the product stands at this point."""
    point = POINTS.get(name)
    if point is None:
        slow_down(product, "created")
    else:
        point.arm(scene.jira)
    scene.post(browser)
    wait_until(name, lambda: (point.reached if point else stored)(scene.jira))


def after_death(product: Product, scenes: dict[str, Scene]) -> None:
    """The outside world goes on: held requests are processed or dropped. Every ticket row must still be there."""
    for name, scene in scenes.items():
        (POINTS[name].afterwards if name in POINTS else JiraStandin.release)(scene.jira)
        assert scene.poster is not None
        scene.poster.join(15)
        assert not scene.poster.is_alive()
    if LAST in scenes:
        full_speed(product)


def slow_down(product: Product, state: str) -> None:
    """Let the commit that would write this ticket state take for ever, as on a disk that hangs (SQLite only)."""
    with contextlib.closing(sqlite3.connect(product.folder / "patchpanel.sqlite3", timeout=10)) as database:
        database.execute(
            "CREATE VIEW hang AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 4000000000)"
            " SELECT x FROM n"
        )
        database.execute(
            f"CREATE TRIGGER hang_on AFTER UPDATE OF state ON tickets WHEN NEW.state = '{state}'"  # noqa: S608 - ours
            " BEGIN SELECT count(*) FROM hang; END"
        )
        database.commit()


def full_speed(product: Product) -> None:
    """Take the hanging disk away again."""
    with contextlib.closing(sqlite3.connect(product.folder / "patchpanel.sqlite3", timeout=10)) as database:
        database.executescript("DROP TRIGGER hang_on; DROP VIEW hang")


def _states(browser: Browser, scenes: dict[str, Scene]) -> dict[str, tuple[str, str]]:
    """For each scene the issue keys its Ticket section links to, and the section's text."""
    found = {}
    for name, scene in scenes.items():
        page = browser.get(f"/incidents/{scene.incident}/tickets", {"HX-Request": "true"}).text
        keys = [key for key in scene.jira.issues if f"{scene.server.url}/browse/{key}" in page]
        found[name] = (",".join(keys), page)
    return found


def press(browser: Browser, scene: Scene, form: dict[str, Any]) -> None:
    """Send a filled-in ticket dialog; the death of the server ends it."""
    with contextlib.suppress(requests.ConnectionError):
        browser.post(f"/incidents/{scene.incident}/tickets", form)


def rows(product: Product) -> list[tuple[str, int]]:
    """State and number of create calls of every ticket (SQLite only)."""
    with contextlib.closing(sqlite3.connect(product.folder / "patchpanel.sqlite3", timeout=10)) as database:
        return database.execute("SELECT state, sends FROM tickets").fetchall()
