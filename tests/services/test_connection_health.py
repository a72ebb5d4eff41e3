"""What a check remembers of a connection, and the permissions it asks for where tickets go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

import providers
from extensions import db
from models import Attempt, Connection, ConnectionStatus
from providers.azure_devops import use_identity_url
from providers.errors import ProviderError
from services import connection_health, connections, destinations, routing, store
from services.actors import COMMAND_LINE
from services.errors import Refused
from standins import azure_devops, azure_devops_people
from tests.conftest import Site
from tests.services.test_every_ticket_provider import SYSTEMS, System

OPERATIONS = {"project": "10000", "issue_type": "10001"}
NAMES = {"project": "Operations (OPS)", "issue_type": "Task"}


def now(connection: Connection) -> Connection:
    """The row as it is stored."""
    return store.get(Connection, connection.id)


def calls() -> int:
    """How many calls were made so far."""
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(Attempt)) or 0


def send_to(connection: Connection, destination: dict[str, str], names: dict[str, str]) -> None:
    """Give the connection a default rule."""
    routing.save(COMMAND_LINE, connection, routing.Draft({}, destination, names))


def answers(found: connection_health.Found) -> dict[str, bool | None]:
    """The permissions by their labels."""
    assert found.told is not None
    return {permission.label: permission.granted for permission in found.told.permissions}


@pytest.fixture(params=SYSTEMS, ids=list(SYSTEMS))
def system(request: pytest.FixtureRequest) -> System:
    """Each provider and way to sign in."""
    return SYSTEMS[request.param]


@pytest.fixture
def standin(system: System, app: Flask, allow: Callable[..., None]) -> Iterator[tuple[Any, Connection]]:
    """Its stand-in and a connection to it."""
    standin = system.standin()
    with standin.serve() as server:
        allow(server.url)
        use_identity_url(server.url)
        destinations.forget_all()
        typed = connections.Typed(system.method, system.settings(server.url), system.credentials)
        yield standin, connections.create(COMMAND_LINE, providers.get(system.key), typed)
        use_identity_url("")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_every_provider_tells_who_it_is_and_what_it_may_do_and_makes_nothing(
    system: System, standin: tuple[Any, Connection]
) -> None:
    server, connection = standin
    destination: dict[str, str] = {}
    for step, wanted in system.destination.items():
        choices = destinations.choices(COMMAND_LINE, connection, step, dict(destination))
        destination[step] = next(choice.value for choice in choices if wanted in choice.label)
    send_to(connection, destination, system.destination)
    before = calls()
    connection_health.check(COMMAND_LINE, connection)
    cheap = calls() - before
    found = connection_health.check(COMMAND_LINE, connection, permissions=True)
    assert found.result.account.name
    assert found.connection.status == ConnectionStatus.WORKS
    told = answers(found)
    for right in ("find people", "create", "assign"):
        assert any(right in label.lower() for label in told), right
    assert any(word in label.lower() for label in told for word in ("read", "browse"))
    assert set(told.values()) <= {True, None}
    assert connection_health.last_told(now(connection)) == found.told
    assert found.told
    assert found.told.title == f"Permissions in {' / '.join(system.destination.values())}"
    assert calls() - before - cheap > cheap
    assert server.creates == 0


def test_without_being_asked_a_check_asks_for_no_permissions(connected: Connection, jira: Site) -> None:
    before = calls()
    found = connection_health.check(COMMAND_LINE, connected)
    assert found.told is None
    assert calls() - before == 1


def test_a_cheap_check_keeps_what_was_told_before(connected: Connection, jira: Site) -> None:
    jira.standin.deny("ASSIGN_ISSUES")
    told = connection_health.check(COMMAND_LINE, connected, permissions=True).told
    connection_health.check(COMMAND_LINE, connected)
    assert connection_health.last_told(now(connected)) == told


def test_what_was_told_of_another_account_is_forgotten(connected: Connection) -> None:
    connection_health.check(COMMAND_LINE, connected, permissions=True)
    with store.write() as session:
        row = store.locked(session, Connection, connected.id)
        row.external_account = {**row.external_account, "id": "somebody-else"}
    connection_health.check(COMMAND_LINE, connected)
    assert connection_health.last_told(now(connected)) is None


def test_the_destination_used_last_counts_before_the_default_rule(connected: Connection, jira: Site) -> None:
    send_to(connected, OPERATIONS, NAMES)
    place = connection_health.usual_place(connected)
    assert (place.destination, place.name) == (OPERATIONS, "Operations (OPS) / Task")
    with store.write() as session:
        store.locked(session, Connection, connected.id).destination = {"project": "10001", "issue_type": "10001"}
    place = connection_health.usual_place(now(connected))
    assert (place.destination, place.name) == ({"project": "10001", "issue_type": "10001"}, "")
    told = connection_health.check(COMMAND_LINE, now(connected), permissions=True).told
    assert told
    assert told.title == "Permissions where the last ticket went"
    asked = [call for call in jira.standin.calls if "mypermissions" in call.path]
    assert "projectId=10001" in str(asked[-1])


def test_a_permission_known_to_be_missing_is_told_and_the_badge_stays(connected: Connection, jira: Site) -> None:
    send_to(connected, OPERATIONS, NAMES)
    jira.standin.deny("CREATE_ISSUES", "ASSIGN_ISSUES")
    found = connection_health.check(COMMAND_LINE, connected, permissions=True)
    assert found.told
    assert found.told.missing == ["Create issues", "Assign issues"]
    assert found.told.complaint == ("Missing permissions in Operations (OPS) / Task: Create issues, Assign issues.")
    assert now(connected).status == ConnectionStatus.WORKS


def test_permissions_that_cannot_be_asked_for_do_not_spoil_the_check(connected: Connection, jira: Site) -> None:
    jira.standin.fail_next(500, times=None, route="/rest/api/3/mypermissions")
    found = connection_health.check(COMMAND_LINE, connected, permissions=True)
    assert set(answers(found).values()) == {None}
    assert (now(connected).status, now(connected).failures) == (ConnectionStatus.WORKS, 0)


def test_a_check_that_fails_is_remembered_and_asks_for_no_permissions(connected: Connection, jira: Site) -> None:
    jira.standin.fail_next(500, times=None, route="/rest/api/3/myself")
    before = calls()
    with pytest.raises(ProviderError):
        connection_health.check(COMMAND_LINE, connected, permissions=True)
    assert now(connected).failures == 1
    assert calls() - before == 1


def test_a_connection_that_is_switched_off_makes_no_call(connected: Connection) -> None:
    connections.switch(COMMAND_LINE, connected, on=False)
    before = calls()
    with pytest.raises(Refused, match="switched off"):
        connection_health.check(COMMAND_LINE, now(connected), permissions=True)
    assert calls() == before


def test_what_the_check_itself_warns_of_is_not_lost(app: Flask, allow: Callable[..., None]) -> None:
    system = SYSTEMS["Azure DevOps"]
    with azure_devops.AzureDevOpsStandin().serve() as server:
        allow(server.url)
        use_identity_url(server.url)
        secret = {"personal_access_token": azure_devops_people.ALL_ORGANIZATIONS_PAT}
        typed = connections.Typed(system.method, system.settings(server.url), secret)
        found = connections.try_out(COMMAND_LINE, providers.get(system.key), typed)
        use_identity_url("")
    assert found.told
    assert len(found.told.missing) == 1
    assert "this one is for all organizations" in found.told.complaint
    assert db.session.scalars(select(Connection)).all() == []
