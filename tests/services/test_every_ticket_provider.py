"""The promise of one ticket, and the way there, for every ticket provider and way to sign in."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask

import providers
from models import Connection, Incident, Ticket, TicketState
from providers.azure_devops import use_identity_url
from providers.errors import ProviderError
from services import (
    connection_health,
    connections,
    destinations,
    integration_users,
    outbound,
    store,
    ticket_care,
    ticket_settling,
    tickets,
)
from services.actors import COMMAND_LINE
from standins import azure_devops, azure_devops_people, jira, servicenow

PERSON = "dana.reyes@sandbox.example"


@dataclass(frozen=True)
class System:
    """What the tests need to know of a provider: its stand-in, what to type, where tickets go."""

    key: str
    method: str
    standin: Callable[[], Any]
    settings: Callable[[str], dict[str, str]]
    credentials: dict[str, str]
    destination: dict[str, str]
    drop_after: Callable[[Any], None] = lambda standin: standin.drop_after_create()
    drop_before: Callable[[Any], None] = lambda standin: standin.drop_before_create()
    fail_after: Callable[[Any], None] = lambda standin: standin.fail_after_create(502)


SYSTEMS = {
    "Jira": System(
        "jira",
        "api_token",
        jira.JiraStandin,
        lambda url: {"service_url": url, "user_email": jira.ADMIN_EMAIL},
        {"api_token": jira.API_TOKEN},
        {"project": "(OPS)", "issue_type": "Task"},
    ),
    "ServiceNow by API key": System(
        "servicenow",
        "api_key",
        servicenow.ServiceNowStandin,
        lambda url: {"service_url": url, "user_id": servicenow.USER_NAME},
        {"api_key": servicenow.API_KEY},
        {"table": "Incident"},
        lambda standin: standin.spoil_create("drop_after"),
        lambda standin: standin.spoil_create("drop_before"),
        lambda standin: standin.spoil_create("fail_after"),
    ),
    "ServiceNow by OAuth": System(
        "servicenow",
        "oauth",
        servicenow.ServiceNowStandin,
        lambda url: {"service_url": url, "client_id": servicenow.CLIENT_ID, "username": servicenow.USER_NAME},
        {"client_secret": servicenow.CLIENT_SECRET, "password": servicenow.PASSWORD},
        {"table": "Incident"},
        lambda standin: standin.spoil_create("drop_after"),
        lambda standin: standin.spoil_create("drop_before"),
        lambda standin: standin.spoil_create("fail_after"),
    ),
    "Azure DevOps": System(
        "azure_devops",
        "pat",
        azure_devops.AzureDevOpsStandin,
        lambda url: {"organization_url": f"{url}/sandbox"},
        {"personal_access_token": azure_devops_people.PAT},
        {"project": "Ops", "work_item_type": "Task"},
    ),
}


@dataclass
class Ready:
    """A connected system, and a ticket to ask for."""

    standin: Any
    connection: Connection
    wanted: tickets.Wanted

    def things(self) -> list[Any]:
        """What was opened at the provider."""
        for name in ("issues", "work_items", "records"):
            if hasattr(self.standin, name):
                return opened(getattr(self.standin, name))
        raise AssertionError("the stand-in shows nothing")


def opened(found: Any) -> list[Any]:
    """The entries of a stand-in's store."""
    return list(found.values()) if isinstance(found, dict) else list(found)


@pytest.fixture(params=SYSTEMS, ids=list(SYSTEMS))
def ready(request: pytest.FixtureRequest, app: Flask, allow: Callable[..., None]) -> Iterator[Ready]:
    """Each provider in turn, connected, with a person and a chosen destination."""
    system = SYSTEMS[request.param]
    standin = system.standin()
    with standin.serve() as server:
        allow(server.url, settle_seconds=1)
        use_identity_url(server.url)
        destinations.forget_all()
        typed = connections.Typed(system.method, system.settings(server.url), system.credentials)
        connection = connections.create(COMMAND_LINE, providers.get(system.key), typed)
        person = integration_users.add(COMMAND_LINE, connection.id, PERSON)
        wanted = _wanted(system, connection, person.id)
        standin.calls.clear()
        yield Ready(standin, connection, wanted)
        use_identity_url("")


def _wanted(system: System, connection: Connection, person_id: int) -> tickets.Wanted:
    chosen: dict[str, str] = {}
    for step in destinations.steps(connection):
        choices = destinations.choices(COMMAND_LINE, connection, step.key, dict(chosen))
        found = [c.value for c in choices if system.destination[step.key] in c.label]
        assert found, [c.label for c in choices]
        chosen[step.key] = found[0]
    schema = destinations.schema(COMMAND_LINE, connection, chosen)
    assert schema.fields == (), [f.label for f in schema.fields]
    return tickets.Wanted(
        form_key=tickets.new_form_key(),
        connection_id=connection.id,
        integration_user_id=person_id,
        summary="Disk almost full",
        description="On db-1.\nSee https://example.com/alerts/1",
        destination=chosen,
        values={},
        assignee_on_create=schema.assignee_on_create,
    )


def again(wanted: tickets.Wanted) -> tickets.Wanted:
    """The same wish from another form."""
    return replace(wanted, form_key=tickets.new_form_key())


def fresh(ticket: Ticket) -> Ticket:
    """The ticket as it is now."""
    return store.get(Ticket, ticket.id)


def let_time_pass(ticket: Ticket) -> None:
    """The quiet time is over."""
    with store.write() as session:
        row = store.locked(session, Ticket, ticket.id)
        if row.sending_until:
            row.sending_until -= dt.timedelta(minutes=20)
        row.next_look_at = None


def test_a_ticket_costs_one_call_and_can_be_followed(ready: Ready, incident: Incident) -> None:
    ticket = tickets.create(COMMAND_LINE, incident.id, ready.wanted)
    assert ticket.state == TicketState.CREATED, ticket.reason
    assert len(ready.standin.calls) == 1
    assert ready.standin.creates == 1
    found = ticket_care.refresh(COMMAND_LINE, fresh(ticket))
    assert found.external_status
    assert found.status_category == "new"
    assert found.assignee == "Dana Reyes"
    assert found.url.startswith("http")
    linked = outbound.client_for(ready.connection, COMMAND_LINE).ticket_reference(found.url)
    assert outbound.client_for(ready.connection, COMMAND_LINE).read_ticket(linked).external_id == found.external_id


@pytest.mark.parametrize("one_key", [True, False], ids=["one form key", "a form key each"])
def test_parallel_posts_make_one_call(app: Flask, ready: Ready, incident: Incident, one_key: bool) -> None:
    seen: list[Any] = []

    def post() -> None:
        with app.app_context():
            try:
                wanted = ready.wanted if one_key else again(ready.wanted)
                seen.append(tickets.create(COMMAND_LINE, incident.id, wanted).id)
            except Exception as error:
                seen.append(error)

    threads = [threading.Thread(target=post) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1, seen
    assert ready.standin.creates == 1


@pytest.mark.parametrize("fault", ["drop_after", "fail_after"])
def test_work_done_without_an_answer_is_found_and_not_repeated(
    request: pytest.FixtureRequest, ready: Ready, incident: Incident, fault: str
) -> None:
    getattr(_system(ready), fault)(ready.standin)
    ticket = tickets.create(COMMAND_LINE, incident.id, ready.wanted)
    assert ticket.state == TicketState.UNCLEAR
    assert tickets.create(COMMAND_LINE, incident.id, again(ready.wanted)).id == ticket.id
    ticket_settling.settle_all(COMMAND_LINE)
    assert fresh(ticket).state == TicketState.CREATED, fresh(ticket).reason
    assert ready.standin.creates == 1


def test_work_not_done_is_done_once_after_the_quiet_time(ready: Ready, incident: Incident) -> None:
    _system(ready).drop_before(ready.standin)
    ticket = tickets.create(COMMAND_LINE, incident.id, ready.wanted)
    assert ticket.state == TicketState.UNCLEAR
    ticket_settling.step(COMMAND_LINE, ticket.id)
    assert ready.standin.creates == 1
    for _ in range(8):
        let_time_pass(ticket)
        ticket_settling.step(COMMAND_LINE, ticket.id)
        if fresh(ticket).state != TicketState.UNCLEAR:
            break
    assert fresh(ticket).state == TicketState.CREATED, fresh(ticket).reason
    assert ready.standin.creates == 2


def test_refused_credentials_are_told_and_turn_the_badge(ready: Ready, incident: Incident) -> None:
    with store.write() as session:
        row = store.locked(session, Connection, ready.connection.id)
        wrong = {name: "wrong-secret-value" for name in row.credentials}
        row.seal(wrong, origin=row.origin)
    ticket = tickets.create(COMMAND_LINE, incident.id, ready.wanted)
    assert ticket.state in (TicketState.REJECTED, TicketState.FAILED), ticket.reason
    assert ready.standin.creates <= 1
    assert "wrong-secret-value" not in ticket.reason
    with pytest.raises(ProviderError):
        connection_health.check(COMMAND_LINE, store.get(Connection, ready.connection.id))
    assert store.get(Connection, ready.connection.id).status == "needs_attention"


def _system(ready: Ready) -> System:
    found = [s for s in SYSTEMS.values() if s.key == ready.connection.provider_key]
    return next(s for s in found if s.method == ready.connection.auth_method)
