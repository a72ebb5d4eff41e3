"""A client of the sandbox Jira on a real socket, its ledger, and the comparison with Atlassian's description."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import requests

from providers.addresses import Policy, parse_allow
from providers.base import ConnectionValues
from providers.http import Door
from providers.jira.client import JiraClient
from providers.values import TicketDraft
from standins.jira import ADMIN_EMAIL, API_TOKEN, JiraStandin
from tests import support_specs
from tests.standins.caller import DANA

CREATE, SEARCH, MYSELF = "POST /rest/api/3/issue", "POST /rest/api/3/search/jql", "/rest/api/3/myself"
OPS = {"project": "10000", "issue_type": "10001"}
MARKER = "pp-abcdefghijklmnopqrstuvwxyz"


@dataclass
class Ledger:
    """A recorder that keeps its rows."""

    rows: list[dict[str, Any]] = field(default_factory=list)

    def before(self, **row: Any) -> int:
        """A new row."""
        self.rows.append(row)
        return len(self.rows)

    def after(self, attempt_id: int, **closing: Any) -> None:
        """Close a row."""
        self.rows[attempt_id - 1].update(closing)


@dataclass
class Bench:
    """A sandbox Jira, clients for it, and what they did."""

    jira: JiraStandin
    url: str
    ledger: Ledger = field(default_factory=Ledger)
    exchanges: list[requests.Response] = field(default_factory=list)

    def client(self, *, token: str = API_TOKEN, email: str = ADMIN_EMAIL, url: str = "") -> JiraClient:
        """A client as the product makes it."""
        settings = {"service_url": url or self.url, "user_email": email}
        values = ConnectionValues(1, "api_token", settings, {"api_token": token})
        door = Door(
            Policy(parse_allow(self.url)),
            recorder=self.ledger,
            deadline=5.0,
            secrets=(token,),
            describe=JiraClient.describe,
            label="Jira",
        )
        client = JiraClient(values, door)
        client._session.hooks["response"].append(lambda answer, **_: self.exchanges.append(answer))
        return client

    def calls(self, what: Callable[[], Any]) -> list[str]:
        """The calls something makes, as verb and path."""
        first = len(self.jira.calls)
        what()
        return [f"{call.method} {call.path.removeprefix('/rest/api/3/')}" for call in self.jira.calls[first:]]


@contextmanager
def opened(sandbox: tuple[JiraStandin, str]) -> Iterator[Bench]:
    """A fresh sandbox; afterwards all that was said is compared with the vendor's description, where it is at hand."""
    jira, url = sandbox
    jira.reset()
    found = Bench(jira, url)
    yield found
    if (support_specs.SPECS / f"{support_specs.JIRA}.json").is_file():
        for answer in found.exchanges:
            compare(answer)


def compare(answer: requests.Response) -> None:
    """Hold an exchange against Atlassian's description; pages and cut answers of armed faults have none."""
    sent, is_json = answer.request, "json" in answer.headers.get("Content-Type", "")
    if answer.status_code in (200, 201, 204) and not is_json and answer.status_code != 204:
        return
    support_specs.check_exchange(
        support_specs.JIRA,
        sent.method or "",
        sent.url or "",
        dict(sent.headers),
        sent.body,
        answer.status_code,
        dict(answer.headers),
        answer.content if is_json or answer.status_code == 204 else None,
    )


def draft(**changes: Any) -> TicketDraft:
    """An OPS Task for Dana."""
    plain = TicketDraft(
        marker=MARKER,
        summary="Disk almost full",
        description="On db-1.\n\nSee https://example.com/alerts/1.",
        destination=OPS,
        values={},
        assignee_id=DANA,
        assignee_on_create=True,
        incident_url="http://patchpanel.example/incidents/7",
        incident_key="INC-7",
    )
    return replace(plain, **changes)
