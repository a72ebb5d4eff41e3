"""The circuit breaker of a connection: opens, rests, lets one call find out, closes; nothing is lost meanwhile."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

import pytest
from flask import Flask

from extensions import db
from models import Attempt, Connection, Incident, IntegrationUser, TicketState
from providers.base import utcnow
from providers.breaker import Resting
from providers.errors import ProviderError, RateLimited, Unreachable
from services import breakers, connection_health, outbound, store, ticket_settling, tickets
from services.actors import COMMAND_LINE
from tests.conftest import Site


def row(connection: Connection) -> Connection:
    """The connection as it is now."""
    found = store.get(Connection, connection.id)
    store.release()
    return found


def ask(connection: Connection) -> None:
    """One harmless call."""
    outbound.client_for(row(connection), COMMAND_LINE).check()


def fail(jira: Site, connection: Connection, times: int, status: int = 500) -> None:
    """So many calls that the provider answers with an error of its own."""
    for _ in range(times):
        jira.standin.fail_next(status)
        with pytest.raises(ProviderError):
            ask(connection)


def rest_is_over(connection: Connection) -> None:
    """Move the end of the rest into the past."""
    with store.write() as session:
        session.get(Connection, connection.id).rests_until = utcnow() - dt.timedelta(seconds=1)  # type: ignore[union-attr]  # it exists


def test_five_failures_in_a_row_open_it_and_no_call_is_made_then(jira: Site, connected: Connection) -> None:
    fail(jira, connected, 4)
    assert row(connected).rests_until is None
    fail(jira, connected, 1)
    until = row(connected).rests_until
    assert until is not None
    assert 25 < (until - utcnow()).total_seconds() <= 30
    calls = len(jira.standin.calls)
    with pytest.raises(Resting) as resting:
        ask(connected)
    assert len(jira.standin.calls) == calls
    assert "did not answer properly several times in a row" in str(resting.value)
    assert "tries again in" in resting.value.next_step
    assert resting.value.sent is False


def test_a_success_in_between_starts_the_count_anew(jira: Site, connected: Connection) -> None:
    fail(jira, connected, 4)
    ask(connected)
    fail(jira, connected, 4)
    assert row(connected).rests_until is None


def test_half_of_twenty_open_it_too(jira: Site, connected: Connection) -> None:
    for _ in range(9):
        fail(jira, connected, 1)
        ask(connected)
    fail(jira, connected, 1)
    assert row(connected).rests_until is None
    ask(connected)
    assert row(connected).rests_until is not None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
def test_refusals_are_no_sign_of_trouble(jira: Site, connected: Connection, status: int) -> None:
    fail(jira, connected, 8, status)
    assert row(connected).rests_until is None


def test_after_the_rest_one_call_goes_and_its_success_closes_it(jira: Site, connected: Connection) -> None:
    fail(jira, connected, 5)
    rest_is_over(connected)
    ask(connected)
    after = row(connected)
    assert (after.rests_until, after.rest_level, after.rest_reason) == (None, 0, "")


def test_each_failure_to_come_back_doubles_the_rest_up_to_a_quarter_of_an_hour(
    jira: Site, connected: Connection
) -> None:
    fail(jira, connected, 5)
    seen = []
    for _ in range(7):
        rest_is_over(connected)
        fail(jira, connected, 1)
        until = row(connected).rests_until
        assert until is not None
        seen.append(round((until - utcnow()).total_seconds()))
    assert seen == [60, 120, 240, 480, 900, 900, 900]


def test_only_one_of_many_finds_out_whether_it_is_back(app: Flask, jira: Site, connected: Connection) -> None:
    fail(jira, connected, 5)
    rest_is_over(connected)
    calls = len(jira.standin.calls)
    found: list[str] = []
    barrier = threading.Barrier(6)
    jira.standin.hold(route="GET /rest/api/3/myself")

    def work() -> None:
        with app.app_context():
            connection = row(connected)
            barrier.wait()
            try:
                outbound.client_for(connection, COMMAND_LINE).check()
                found.append("answered")
            except Resting:
                found.append("resting")
                if found.count("resting") == 5:
                    jira.standin.release()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(found) == ["answered"] + ["resting"] * 5
    assert len(jira.standin.calls) == calls + 1


def test_a_person_may_always_check_and_a_good_answer_closes_it(jira: Site, connected: Connection) -> None:
    fail(jira, connected, 5)
    connection_health.check(COMMAND_LINE, row(connected))
    assert row(connected).rests_until is None


def test_patience_the_provider_asks_for_is_kept_up_to_a_quarter_of_an_hour(jira: Site, connected: Connection) -> None:
    jira.standin.rate_limit(retry_after=3600)
    with pytest.raises(RateLimited):
        ask(connected)
    until = row(connected).rests_until
    assert until is not None
    assert round((until - utcnow()).total_seconds()) == 900
    assert row(connected).rest_reason == "Jira asked for patience."


def test_another_connection_is_not_touched(jira: Site, connected: Connection) -> None:
    fail(jira, connected, 5)
    with store.write() as session:
        again = session.get(Connection, connected.id)
        assert again is not None
        other_uid = again.uid
    assert breakers.is_over(row(connected)) is False
    assert other_uid


def wanted(connection: Connection, person: IntegrationUser) -> tickets.Wanted:
    """A ticket in OPS."""
    destination = {"project": "10000", "issue_type": "10001"}
    return tickets.Wanted(tickets.new_form_key(), connection.id, person.id, "Disk full", "", destination, {})


def test_a_ticket_asked_for_meanwhile_waits_and_is_created_once_when_the_provider_is_back(
    jira: Site, connected: Connection, person: IntegrationUser, incident: Incident
) -> None:
    fail(jira, connected, 5)
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted(connected, person))
    assert ticket.state == TicketState.REQUESTED
    assert "It is sent again in" in ticket.reason
    assert jira.standin.creates == 0
    rest_is_over(connected)
    with store.write() as session:
        session.get(type(ticket), ticket.id).next_look_at = utcnow()  # type: ignore[union-attr]  # it exists
    assert ticket_settling.step(COMMAND_LINE, ticket.id) == TicketState.CREATED
    assert jira.standin.creates == 1
    assert row(connected).rests_until is None


def test_a_create_is_never_the_call_that_finds_out(
    jira: Site, connected: Connection, person: IntegrationUser, incident: Incident
) -> None:
    fail(jira, connected, 5)
    rest_is_over(connected)
    jira.standin.fail_next(500)
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted(connected, person))
    assert ticket.state == TicketState.REQUESTED
    assert jira.standin.creates == 0
    assert row(connected).rest_level == 1


def test_what_was_held_back_stands_in_the_ledger(jira: Site, connected: Connection) -> None:
    fail(jira, connected, 5)
    with pytest.raises(Resting):
        ask(connected)
    last = db.session.query(Attempt).order_by(Attempt.id.desc()).first()
    assert last is not None
    assert (last.outcome, last.status) == ("busy", None)


def test_a_provider_that_refuses_connections_opens_it(
    jira: Site, connected: Connection, allow: Callable[..., None]
) -> None:
    closed = "http://127.0.0.1:9"
    allow(closed)
    with store.write() as session:
        current = session.get(Connection, connected.id)
        assert current is not None
        kept = current.for_client().credentials
        current.settings = {**current.settings, "service_url": closed}
        current.seal(dict(kept), origin=closed)
    for _ in range(5):
        with pytest.raises(Unreachable):
            ask(connected)
    with pytest.raises(Resting):
        ask(connected)
