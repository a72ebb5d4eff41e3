"""An installation as `make serve` runs it, with a connection to each ticket provider; the sandboxes run apart."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, text

from bench.addresses import INTEGRATIONS, PEOPLE
from bench.browser import Browser, Unexpected
from bench.plan import Plan
from bench.processes import (
    EMAIL,
    PASSWORD,
    Server,
    environment,
    install,
    module,
    run,
    start_product,
    start_standin,
)
from config import load_settings
from models import OPEN_STATES, TicketState
from supervise import start_process, stop_process
from tests.crash.vendors import PERSON, VENDORS, Vendor
from tests.support_server import Form

INCIDENTS = 400
INTEGRATION_USERS = 300
ASSIGNEE = "Dana Reyes"
# As in `make demo`: what a real provider is given minutes for.
SETTLE_SECONDS = 5
SETTLED_SECONDS = 240.0


class Sandbox:
    """A provider in a process of its own."""

    def __init__(self, vendor: Vendor, server: Server) -> None:
        self.vendor, self.server = vendor, server
        self._browser = Browser(server.url)

    def turn(self, knob: str, **values: Any) -> None:
        """Turn a knob. Raises Unexpected when it cannot be turned."""
        kind = {"Content-Type": "application/json"}
        answer = self._browser.send("POST", f"/_standin/{knob}", json.dumps(values).encode(), kind)
        if answer.status != 200:
            raise Unexpected(f"the sandbox refused {knob}: {answer.text}")

    def hang(self) -> None:
        """From now on no request is answered. In one of them a create happens all the same."""
        self.turn("hang", times=None, after=self.vendor.key == "servicenow")

    def close(self) -> None:
        """Close the connection its knobs are turned over."""
        self._browser.close()

    def things(self) -> list[str]:
        """Everything that was created there, as JSON."""
        state = json.loads(self._browser.page("/_standin/state").body)
        kinds = (state.get(kind, {}) for kind in ("issues", "records", "work_items"))
        return [json.dumps(thing) for kind in kinds for thing in kind.values()]


@dataclass
class Site:
    """The running installation. `connections` by provider; `browser` is a signed-in administrator."""

    server: Server
    browser: Browser
    sandboxes: list[Sandbox]
    engine: Engine
    connections: dict[str, int] = field(default_factory=dict)
    _chosen: dict[str, dict[str, str]] = field(default_factory=dict)

    def connect(self, sandbox: Sandbox) -> None:
        """Connect a provider and add a person, through the pages. Raises Unexpected."""
        vendor = sandbox.vendor
        self._submit(f"{INTEGRATIONS}/{vendor.key}/{vendor.method}/new", vendor.typed(sandbox.server.url))
        self.connections[vendor.key] = int(self.rows("SELECT max(id) FROM connections")[0][0])
        self._submit(f"{PEOPLE}/new", {"connection_id": str(self.connections[vendor.key]), "email": PERSON})

    def _submit(self, path: str, typed: dict[str, str]) -> None:
        form = Form(self.browser.page(path).text, path)
        answer = self.browser.post_form(path, {**form.values, **typed})
        if answer.status != 303:
            raise Unexpected(f"POST {path} answered {answer.status}: {answer.text[-2000:]}")

    def rows(self, statement: str) -> list[Any]:
        """Rows of a statement of ours, read beside the product."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(statement)))

    def dialog(self, vendor: Vendor, incident: int, browser: Browser) -> dict[str, str]:
        """The ticket dialog of an incident, filled in and ready to be sent. Raises Unexpected."""
        page = f"/incidents/{incident}/tickets"
        chosen = self._chosen.get(vendor.key)
        if chosen is None:
            chosen = {"connection": str(self.connections[vendor.key])}
            for step, wanted in [*vendor.destination.items(), ("integration_user", ASSIGNEE)]:
                asked = "&".join(f"{name}={value}" for name, value in chosen.items())
                options = Form(browser.page(f"{page}/new?{asked}").text, page).options.get(step, {})
                chosen[step] = next((value for label, value in options.items() if wanted in label and value), "")
            self._chosen[vendor.key] = chosen
        asked = "&".join(f"{name}={value}" for name, value in chosen.items())
        found = Form(browser.page(f"{page}/new?{asked}").text, page).values
        if not all(chosen.values()) or "form_key" not in found:
            raise Unexpected(f"the ticket dialog cannot be filled in: {chosen}")
        return {**found, **chosen}

    def settle(self) -> float:
        """Check each connection and wait until no ticket is under way; the providers answer again.

        Returns the seconds that took. Raises Unexpected when it takes too long.
        """
        started = time.monotonic()
        for connection in self.connections.values():
            self.check(connection)
        states = ", ".join(f"'{state}'" for state in OPEN_STATES if state != TicketState.CREATED)
        while self.rows(f"SELECT id FROM tickets WHERE state IN ({states}) LIMIT 1"):  # noqa: S608 - ours
            if time.monotonic() - started > SETTLED_SECONDS:
                left = self.rows("SELECT state, sends, reason, count(*) FROM tickets GROUP BY state, sends, reason")
                raise Unexpected(f"not settled within {SETTLED_SECONDS:.0f} s: {left}")
            time.sleep(0.2)
        return time.monotonic() - started

    def check(self, connection: int) -> None:
        """Press Check now. Raises Unexpected when the provider does not answer properly."""
        path = check_path(connection)
        answer = self.browser.post_form(path, Form(self.browser.page(INTEGRATIONS).text, path).values)
        if answer.status != 303:
            raise Unexpected(f"POST {path} answered {answer.status}: {answer.text[-2000:]}")

    def read_lists_again(self, connection: int) -> None:
        """Press Switch on once more: the lists that web processes keep for dialogs are out of date then."""
        fields = Form(self.browser.page(INTEGRATIONS).text, check_path(connection)).values
        path = f"{INTEGRATIONS}/connections/{connection}/switch"
        answer = self.browser.post_form(path, {**fields, "on": "1"})
        if answer.status != 303:
            raise Unexpected(f"POST {path} answered {answer.status}: {answer.text[-2000:]}")


def check_path(connection: int) -> str:
    """Where Check now of a connection is sent."""
    return f"{INTEGRATIONS}/connections/{connection}/check"


@contextmanager
def running_site(url: str, folder: Path, plan: Plan) -> Iterator[Site]:
    """An installation with some hundred rows and one connection to each provider; everything ends afterwards."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        sandboxes = []
        for key, vendor in VENDORS.items():
            server = start_standin(key, folder / f"{key}.log")
            stack.callback(server.stop)
            sandboxes.append(Sandbox(vendor, server))
            stack.callback(sandboxes[-1].close)
        environ = _environment(url, folder, sandboxes)
        install(environ)
        server = start_product(environ, folder / "log")
        stack.callback(server.stop)
        engine = create_engine(load_settings(environ).database_url)
        stack.callback(engine.dispose)
        browser = Browser(server.url)
        stack.callback(browser.close)
        browser.sign_in(EMAIL, PASSWORD)
        site = Site(server, browser, sandboxes, engine)
        for sandbox in sandboxes:
            site.connect(sandbox)
        run(module("rows", INCIDENTS, INTEGRATION_USERS, plan.browsing), environ)
        yield site


def _environment(url: str, folder: Path, sandboxes: Sequence[Sandbox]) -> dict[str, str]:
    urls = {sandbox.vendor.key: sandbox.server.url for sandbox in sandboxes}
    environ = {
        **environment(url, folder, ",".join(urls.values())),
        "PATCHPANEL_AZURE_IDENTITY_URL": urls["azure_devops"],
        "PATCHPANEL_SETTLE_SECONDS": str(SETTLE_SECONDS),
    }
    # Otherwise as `make serve` has it by itself: several web processes, and a worker.
    return {name: value for name, value in environ.items() if name not in ("WEB_PROCESSES", "WORKER")}


@contextmanager
def browsing(site: Site, plan: Plan) -> Iterator[list[list[float]]]:
    """People browse during the block; what they met is in the list afterwards (see bench.people)."""
    command = module("people", site.server.url, plan.browsing, INCIDENTS)
    process = start_process(command, stdout=-1)
    found: list[list[float]] = []
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise Unexpected("the people who browse could not sign in")
        yield found
        process.terminate()
        found += json.loads(process.communicate()[0])
    finally:
        stop_process(process, time.monotonic() + 5)
