"""Creating tickets through the page while the provider is 50 ms away, against one raw pooled POST to it."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from bench.browser import Browser, Unexpected
from bench.dialog import filled
from bench.figures import Figure
from bench.installations import Bench
from bench.timing import Times, milliseconds, quiet
from standins.jira_people import ADMIN_EMAIL, API_TOKEN

CREATE = "/rest/api/3/issue"
HOLD_SECONDS = 0.05
MOST_TIME = 1.3
_CREATED = re.compile(r"Ticket \S+ created")


class Provider:
    """The sandbox Jira: its knobs, its record of calls, and a raw client."""

    def __init__(self, url: str) -> None:
        self._browser = Browser(url)
        secret = base64.b64encode(f"{ADMIN_EMAIL}:{API_TOKEN}".encode()).decode()
        self._headers = {"Authorization": f"Basic {secret}", "Content-Type": "application/json"}
        self.body = b""

    def turn(self, knob: str, **values: Any) -> None:
        """Turn a knob. Raises Unexpected when it cannot be turned."""
        kind = {"Content-Type": "application/json"}
        answer = self._browser.send("POST", f"/_standin/{knob}", json.dumps(values).encode(), kind)
        if answer.status != 200:
            raise Unexpected(f"the sandbox Jira refused {knob}: {answer.text}")

    def calls(self) -> list[dict[str, Any]]:
        """Every call so far."""
        found: list[dict[str, Any]] = json.loads(self._browser.page("/_standin/state").body)["calls"]
        return found

    def create(self) -> None:
        """One raw POST over the kept connection, with the body the product sent."""
        answer = self._browser.send("POST", CREATE, self.body, self._headers)
        if answer.status != 201:
            raise Unexpected(f"the sandbox Jira answered {answer.status}: {answer.text[:300]}")


def press(browser: Browser, incident_id: int, fields: dict[str, str]) -> None:
    """Press Create Ticket in a dialog that is filled in. Raises Unexpected when no ticket came of it."""
    answer = browser.post_form(f"/incidents/{incident_id}/tickets", fields, {"HX-Request": "true"})
    if answer.status != 200 or not _CREATED.search(answer.text):
        raise Unexpected(f"no ticket: {answer.status} {answer.text[:1000]}")


def creation(bench: Bench) -> list[Figure]:
    """Time of a ticket creation against the raw call, and provider calls per creation."""
    browser, provider = bench.largest.browser, Provider(bench.jira.url)
    # Destination and fields are remembered from now on, as for every ticket of a day but the first.
    press(browser, 1, filled(browser, 1))
    fields = filled(browser, 2)
    before = len(provider.calls())
    press(browser, 2, fields)
    made = provider.calls()[before:]
    provider.body = json.dumps(next(call["body"] for call in made if call["path"] == CREATE)).encode()
    provider.turn("hold", seconds=HOLD_SECONDS, route=f"POST {CREATE}", times=None)
    try:
        ours, raw = _in_turns(browser, provider, range(3, 3 + bench.plan.tickets))
    finally:
        provider.turn("release")
    away = f"ticket creation, provider {HOLD_SECONDS * 1000:.0f} ms away"
    note = f"p99 {ours.p99:.1f} ms"
    return [
        Figure(away, bench.database, ours.p50, "ms", raw.p50, "raw POST", most=MOST_TIME, note=note),
        Figure("ticket creation, provider calls", bench.database, len(made), "calls", most=1, exact=True),
    ]


def _in_turns(browser: Browser, provider: Provider, incident_ids: range) -> tuple[Times, Times]:
    """A ticket, a raw call, a ticket, … Getting the dialog is not part of the time."""
    ours, raw = [], []
    provider.create()
    with quiet():
        for incident_id in incident_ids:
            fields = filled(browser, incident_id)
            ours.append(milliseconds(lambda i=incident_id, f=fields: press(browser, i, f)))
            raw.append(milliseconds(provider.create))
    return Times(tuple(sorted(ours))), Times(tuple(sorted(raw)))
