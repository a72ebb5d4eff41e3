"""What the tests of the ServiceNow client share: a sandbox, clients for it, and a ledger in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from providers.addresses import Policy, parse_allow
from providers.base import ConnectionValues
from providers.http import Door
from providers.servicenow.client import ServiceNowClient
from providers.servicenow.tokens import slots
from providers.values import TicketDraft
from standins.servicenow import API_KEY, CLIENT_ID, CLIENT_SECRET, PASSWORD, USER_NAME, ServiceNowStandin
from standins.servicenow_people import DANA_ID
from tests.providers.door import Ledger

METHODS = ("api_key", "password", "client_credentials")
MARKER = "pp-abcdefghijklmnopqrstuvwxyz"
CREATE = "POST table/incident"
TOKEN = "POST oauth_token.do"


@dataclass
class Bench:
    """A sandbox ServiceNow, clients for it, and what they did."""

    servicenow: ServiceNowStandin
    url: str
    ledger: Ledger = field(default_factory=Ledger)

    def client(self, method: str = "api_key", *, deadline: float = 5.0, **typed: str) -> ServiceNowClient:
        """A client as the product makes it; `typed` replaces good values."""
        settings = {"service_url": self.url}
        secrets: dict[str, str] = {}
        if method == "api_key":
            settings["user_id"], secrets["api_key"] = typed.get("user_id", USER_NAME), typed.get("api_key", API_KEY)
        else:
            settings["client_id"] = typed.get("client_id", CLIENT_ID)
            settings["username"] = ""
            secrets["client_secret"] = typed.get("client_secret", CLIENT_SECRET)
        if method == "password":
            settings["username"] = typed.get("username", USER_NAME)
            secrets["password"] = typed.get("password", PASSWORD)
        values = ConnectionValues(1, "api_key" if method == "api_key" else "oauth", settings, secrets)
        door = Door(
            Policy(parse_allow(self.url)),
            recorder=self.ledger,
            deadline=deadline,
            secrets=tuple(secrets.values()),
            describe=ServiceNowClient.describe,
            label="ServiceNow",
        )
        return ServiceNowClient(values, door)

    def calls(self, what: Callable[[], Any]) -> list[str]:
        """The calls something makes, as verb and path."""
        first = len(self.servicenow.calls)
        what()
        return [f"{c.method} {c.path.lstrip('/').removeprefix('api/now/')}" for c in self.servicenow.calls[first:]]

    def make(self, count: int = 1, table: str = "incident") -> list[str]:
        """External ids of new records."""
        client, first = self.client(), len(self.servicenow.records)
        drafts = [draft(marker=f"pp-{table}-{first + n}", destination={"table": table}) for n in range(count)]
        return [client.create_ticket(each).external_id for each in drafts]

    def number(self, external_id: str) -> str:
        """The number of a record."""
        sys_id = external_id.rpartition("/")[2]
        return next(n for n, record in self.servicenow.records.items() if record["sys_id"] == sys_id)

    def notes(self, number: str = "INC0010001") -> list[str]:
        """The texts of a record's work notes, oldest first."""
        return [each["value"] for each in self.servicenow.notes(number) if each["element"] == "work_notes"]

    def only(self) -> dict[str, str]:
        """The one record there is."""
        (record,) = self.servicenow.records.values()
        return record


@contextmanager
def fresh(shared: tuple[ServiceNowStandin, str]) -> Iterator[Bench]:
    """A bench on a sandbox in its first state; this process knows no token yet."""
    standin, url = shared
    standin.reset()
    slots.clear()
    yield Bench(standin, url)
    standin.release()
    slots.clear()


def draft(**changes: Any) -> TicketDraft:
    """An incident for Dana."""
    plain = TicketDraft(
        marker=MARKER,
        summary="Disk almost full",
        description="On db-1.\n\nSee https://example.com/alerts/1.",
        destination={"table": "incident"},
        values={},
        assignee_id=DANA_ID,
        assignee_on_create=True,
        incident_url="http://patchpanel.example/incidents/7",
        incident_key="INC-7",
    )
    return replace(plain, **changes)
