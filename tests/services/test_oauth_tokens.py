"""Access tokens of connections made by consent: renewed in time, by one at a time, never lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from sqlalchemy import select, update

from extensions import db
from models import Attempt, Connection, ConnectionStatus, Incident, IntegrationUser, Lease, TicketState
from models.crypto import CannotOpen
from providers.base import utcnow
from providers.errors import NotAllowed, RateLimited, Unreachable
from providers.oauth import ACCESS_TOKEN, EXPIRES_AT, REFRESH_TOKEN, RENEWED_AT, ReconnectNeeded, WrongApp
from services import connection_health, destinations, integration_users, outbound, store, tickets, tokens
from services.actors import COMMAND_LINE
from tests.conftest import PatchpanelClient, Site
from tests.support_consent import Vendor

TOKEN = "/oauth/token"


@pytest.fixture
def vendor(jira: Site, allow: Callable[..., None]) -> Vendor:
    """The stand-in as the vendor of consents."""
    allow(atlassian_auth_url=jira.url, atlassian_api_url=jira.url)
    return Vendor(jira)


@pytest.fixture
def installed(admin: PatchpanelClient, vendor: Vendor) -> Connection:
    """A connection made by consent; the calls for it are forgotten."""
    vendor.install(admin)
    vendor.standin.calls.clear()
    return now()


def now() -> Connection:
    """The one connection, as it is stored."""
    db.session.rollback()
    found = db.session.scalars(select(Connection).execution_options(populate_existing=True)).one()
    store.release()
    return found


def age(**settings: str) -> None:
    """Change clear settings of the connection, such as the time its token ends."""
    with store.write() as session:
        connection = session.scalars(select(Connection)).one()
        connection.settings = {**connection.settings, **settings}


def expire(vendor: Vendor) -> None:
    """The access token's hour is over, here and at the vendor."""
    age(**{EXPIRES_AT: (utcnow() - dt.timedelta(seconds=1)).isoformat()})
    vendor.standin.advance(3601)


def paths(vendor: Vendor) -> list[str]:
    """What was called, in order."""
    return [f"{call.method} {call.path}" for call in vendor.standin.calls]


def test_a_good_token_costs_no_call(installed: Connection, vendor: Vendor) -> None:
    outbound.client_for(installed, COMMAND_LINE).find_people("dana.reyes@sandbox.example")
    assert paths(vendor) == ["GET /rest/api/3/user/search"]


def test_a_token_is_renewed_before_it_ends_and_stored_before_it_is_used(installed: Connection, vendor: Vendor) -> None:
    before, version = installed.for_client().credentials, installed.credentials_version
    age(**{EXPIRES_AT: (utcnow() + dt.timedelta(minutes=4)).isoformat()})
    vendor.standin.hold(route="/rest/api/3/myself", seconds=0.01)
    client = outbound.client_for(now(), COMMAND_LINE)
    after = now()
    assert vendor.standin.oauth.refreshes == 1
    assert after.for_client().credentials == client.values.credentials
    assert client.values.credentials[ACCESS_TOKEN] != before[ACCESS_TOKEN]
    assert client.values.credentials[REFRESH_TOKEN] != before[REFRESH_TOKEN]
    assert after.credentials_version == version + 1
    assert db.session.scalars(select(Lease)).all() == []
    store.release()
    assert client.check().account.name == "Alex Morgan"


def test_a_check_that_renews_on_the_way_is_noted(installed: Connection, vendor: Vendor) -> None:
    expire(vendor)
    with store.write() as session:
        session.execute(update(Connection).values(status=ConnectionStatus.NEEDS_ATTENTION))
    connection_health.check(COMMAND_LINE, now())
    assert now().status == ConnectionStatus.WORKS


def test_a_token_refused_early_is_renewed_once_and_the_read_repeated(installed: Connection, vendor: Vendor) -> None:
    vendor.standin.end_access_tokens()
    connection_health.check(COMMAND_LINE, now())
    assert now().status == ConnectionStatus.WORKS
    assert paths(vendor)[:3] == ["GET /rest/api/3/myself", f"POST {TOKEN}", "GET /rest/api/3/myself"]


def test_a_withdrawn_consent_needs_attention_and_is_not_asked_for_again_and_again(
    installed: Connection, vendor: Vendor
) -> None:
    vendor.standin.revoke_consents()
    expire(vendor)
    for _ in range(3):
        with pytest.raises(ReconnectNeeded, match="no longer accepts the consent"):
            outbound.client_for(now(), COMMAND_LINE)
    assert paths(vendor) == [f"POST {TOKEN}"]
    connection = now()
    assert connection.status == ConnectionStatus.NEEDS_ATTENTION
    assert "Reconnect" in connection.last_error
    assert connection.for_client().credentials[REFRESH_TOKEN]
    age(refused_at=(utcnow() - dt.timedelta(minutes=6)).isoformat())
    with pytest.raises(ReconnectNeeded):
        outbound.client_for(now(), COMMAND_LINE)
    assert len(paths(vendor)) == 2


def test_a_changed_client_secret_is_told_apart(installed: Connection, vendor: Vendor) -> None:
    vendor.standin.change_client_secret("another")
    expire(vendor)
    with pytest.raises(WrongApp, match="Client ID or the Client Secret"):
        outbound.client_for(now(), COMMAND_LINE)
    assert now().status == ConnectionStatus.NEEDS_ATTENTION


@pytest.mark.parametrize("status", [500, 502, 503, 429])
def test_a_vendor_in_trouble_keeps_tokens_and_status(installed: Connection, vendor: Vendor, status: int) -> None:
    expire(vendor)
    before = now().for_client().credentials
    vendor.standin.fail_next(status, route=TOKEN)
    with pytest.raises(Unreachable if status >= 500 else RateLimited) as failed:
        outbound.client_for(now(), COMMAND_LINE)
    assert failed.value.sent is False
    connection = now()
    assert (connection.for_client().credentials, connection.status) == (before, ConnectionStatus.WORKS)
    with pytest.raises(Unreachable, match="a moment ago"):
        outbound.client_for(connection, COMMAND_LINE)
    with store.write() as session:
        session.execute(update(Lease).values(until=utcnow() - dt.timedelta(seconds=1)))
    outbound.client_for(now(), COMMAND_LINE).check()
    assert len([path for path in paths(vendor) if path == f"POST {TOKEN}"]) == 2


def test_while_the_vendor_is_in_trouble_a_token_that_still_counts_is_used(
    installed: Connection, vendor: Vendor
) -> None:
    age(**{EXPIRES_AT: (utcnow() + dt.timedelta(minutes=2)).isoformat()})
    vendor.standin.fail_next(503, times=None, route=TOKEN)
    for _ in range(3):
        outbound.client_for(now(), COMMAND_LINE).check()
    assert paths(vendor).count(f"POST {TOKEN}") == 1


def test_a_missing_scope_is_not_taken_for_an_old_token_for_long(installed: Connection, vendor: Vendor) -> None:
    vendor.standin.drop_scope("read:jira-user")
    with pytest.raises(NotAllowed, match="lacks a scope") as refused:
        connection_health.check(COMMAND_LINE, now())
    assert not isinstance(refused.value, ReconnectNeeded)
    assert now().status == ConnectionStatus.NEEDS_ATTENTION
    assert "Reconnect" in now().last_error


def test_a_site_that_left_the_consent_says_so(installed: Connection, vendor: Vendor) -> None:
    vendor.standin.fail_next(404, route="/rest/api/3/myself", body={"code": 404, "message": "No site"})
    with pytest.raises(NotAllowed, match="does not cover this Jira site"):
        connection_health.check(COMMAND_LINE, now())


def test_the_tokens_do_not_follow_a_changed_address(installed: Connection, vendor: Vendor) -> None:
    age(api_url="http://127.0.0.1:1")
    with pytest.raises(CannotOpen):
        outbound.client_for(now(), COMMAND_LINE)
    age(api_url=vendor.site.url, auth_url="http://127.0.0.1:1")
    with pytest.raises(CannotOpen):
        outbound.client_for(now(), COMMAND_LINE)
    assert paths(vendor) == []


def test_connections_unused_for_a_week_are_kept_alive(installed: Connection, vendor: Vendor) -> None:
    assert tokens.keep_alive(COMMAND_LINE) == 0
    week_ago = (utcnow() - dt.timedelta(days=7, minutes=1)).isoformat()
    age(**{EXPIRES_AT: week_ago, RENEWED_AT: week_ago})
    vendor.standin.advance(7 * 86400)
    assert tokens.keep_alive(COMMAND_LINE) == 1
    assert tokens.keep_alive(COMMAND_LINE) == 0
    vendor.standin.advance(89 * 86400)
    age(**{EXPIRES_AT: week_ago, RENEWED_AT: week_ago})
    assert tokens.keep_alive(COMMAND_LINE) == 1
    assert vendor.standin.oauth.refreshes == 2


def wanted(connection: Connection, person: IntegrationUser, incident: Incident) -> tickets.Wanted:
    """A ticket in the sandbox's first project."""
    projects = destinations.choices(COMMAND_LINE, connection, "project", {})
    project = next(choice.value for choice in projects if "(OPS)" in choice.label)
    kinds = destinations.choices(COMMAND_LINE, connection, "issue_type", {"project": project})
    kind = next(choice.value for choice in kinds if choice.label == "Task")
    return tickets.Wanted(
        form_key=tickets.new_form_key(),
        connection_id=connection.id,
        integration_user_id=person.id,
        summary=incident.title,
        description=incident.description,
        destination={"project": project, "issue_type": kind},
        values={},
    )


@pytest.fixture
def draft(installed: Connection, incident: Incident, vendor: Vendor) -> tickets.Wanted:
    """A ticket for Dana; the calls to prepare it are forgotten."""
    found = outbound.client_for(installed, COMMAND_LINE).find_people("dana.reyes@sandbox.example")[0]
    person = integration_users.add(COMMAND_LINE, installed.id, found.email, found.external_id)
    made = wanted(installed, person, incident)
    vendor.standin.calls.clear()
    return made


def test_creating_a_ticket_costs_one_call(draft: tickets.Wanted, incident: Incident, vendor: Vendor) -> None:
    ticket = tickets.create(COMMAND_LINE, incident.id, draft)
    assert ticket.state == TicketState.CREATED
    assert ticket.url == f"{vendor.site.url}/browse/{ticket.external_key}"
    assert paths(vendor) == ["POST /rest/api/3/issue"]


def test_creating_a_ticket_with_an_expired_token_costs_one_more(
    draft: tickets.Wanted, incident: Incident, vendor: Vendor
) -> None:
    expire(vendor)
    assert tickets.create(COMMAND_LINE, incident.id, draft).state == TicketState.CREATED
    assert paths(vendor) == [f"POST {TOKEN}", "POST /rest/api/3/issue"]


def test_a_create_refused_at_the_gateway_is_sent_once_more_with_a_new_token(
    draft: tickets.Wanted, incident: Incident, vendor: Vendor
) -> None:
    vendor.standin.end_access_tokens()
    assert tickets.create(COMMAND_LINE, incident.id, draft).state == TicketState.CREATED
    assert paths(vendor) == ["POST /rest/api/3/issue", f"POST {TOKEN}", "POST /rest/api/3/issue"]
    assert len(vendor.standin.issues) == 1
    unfinished = db.session.scalars(select(Attempt).where(Attempt.outcome == "")).all()
    assert unfinished == []


def test_a_create_refused_twice_is_not_sent_a_third_time(
    draft: tickets.Wanted, incident: Incident, vendor: Vendor
) -> None:
    refusal = {"code": 401, "message": "Unauthorized"}
    vendor.standin.fail_next(401, times=None, route="/rest/api/3/issue", body=refusal)
    assert tickets.create(COMMAND_LINE, incident.id, draft).state == TicketState.REJECTED
    assert paths(vendor).count("POST /rest/api/3/issue") == 2
    assert vendor.standin.issues == {}


def test_a_create_whose_token_cannot_be_renewed_was_not_sent(
    draft: tickets.Wanted, incident: Incident, vendor: Vendor
) -> None:
    expire(vendor)
    vendor.standin.fail_next(503, times=None, route=TOKEN)
    assert tickets.create(COMMAND_LINE, incident.id, draft).state == TicketState.FAILED
    assert paths(vendor) == [f"POST {TOKEN}"]


def test_a_dead_holder_stops_nobody_for_long(installed: Connection, vendor: Vendor) -> None:
    expire(vendor)
    with store.write() as session:
        lease = Lease(name=f"tokens:{installed.id}", holder="dead", until=utcnow() + dt.timedelta(seconds=0.5))
        session.add(lease)
    outbound.client_for(now(), COMMAND_LINE).check()
    assert vendor.standin.oauth.refreshes == 1
