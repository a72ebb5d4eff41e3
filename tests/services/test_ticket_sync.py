"""Reading many tickets back: in batches, shared between workers, nothing lost, nobody in another's way."""

from __future__ import annotations

import datetime as dt
import time

from sqlalchemy import func, select

from extensions import db
from models import Connection, Incident, IncidentStatus, Ticket, TicketState, TimelineEntry
from providers.base import utcnow
from services import incidents, store, ticket_care, ticket_rules, ticket_sync
from services.actors import COMMAND_LINE, SYSTEM
from standins.jira_issues import Issue
from tests import support_sync
from tests.conftest import Site

BULK = "/rest/api/3/issue/bulkfetch"


def follow(jira: Site, connection: Connection, count: int) -> list[Issue]:
    """So many issues, each the ticket of an incident, due now. The sandbox forgets earlier calls."""
    issues = support_sync.make_issues(jira.standin, count)
    support_sync.follow(db.engine, connection.id, issues)
    jira.standin.calls.clear()
    return issues


def asked(jira: Site) -> list[list[str]]:
    """Which ids each batch asked for."""
    return [call.body["issueIdsOrKeys"] for call in jira.standin.calls if call.path == BULK]


def of_issue(issue: Issue) -> Ticket:
    """Our row for an issue."""
    query = select(Ticket).where(Ticket.external_id == issue.id).execution_options(populate_existing=True)
    found = db.session.scalars(query).one()
    store.release()
    return found


def make_due(connection: Connection) -> None:
    """Everything is to be read now."""
    with store.write() as session:
        for ticket in session.query(Ticket).where(Ticket.connection_id == connection.id):
            ticket.sync_due_at = utcnow()


def wake_up(connection: Connection) -> None:
    """The rest of the connection is over."""
    with store.write() as session:
        session.get_one(Connection, connection.id).rests_until = None


def lines() -> list[str]:
    """Every line of every timeline that tells of a ticket, oldest first."""
    query = select(TimelineEntry.text).where(TimelineEntry.kind != "created").order_by(TimelineEntry.id)
    found = list(db.session.scalars(query))
    store.release()
    return found


def sync(connection: Connection) -> ticket_sync.Report:
    """One run."""
    return ticket_sync.sync_connection(SYSTEM, connection.id)


def test_a_hundred_tickets_cost_one_call(jira: Site, connected: Connection) -> None:
    follow(jira, connected, 250)
    assert sync(connected).read == 250
    assert [len(ids) for ids in asked(jira)] == [100, 100, 50]
    assert len(jira.standin.calls) == 3
    assert sync(connected).read == 0
    assert len(jira.standin.calls) == 3


def test_changes_of_many_tickets_are_written_each_to_its_own_incident(jira: Site, connected: Connection) -> None:
    issues = follow(jira, connected, 120)
    sync(connected)
    for issue in issues[::2]:
        jira.standin.set_status(issue.key, "In Progress")
    make_due(connected)
    report = sync(connected)
    assert (report.read, report.changed) == (120, 60)
    found = db.session.execute(select(TimelineEntry.incident_id, TimelineEntry.text).where(TimelineEntry.kind != "x"))
    told = {incident_id: text for incident_id, text in found}
    store.release()
    assert told == {
        of_issue(issue).incident_id: f"Ticket {issue.key} is now “In Progress” in Jira" for issue in issues[::2]
    }


def test_a_moved_issue_is_followed_under_its_new_key(jira: Site, connected: Connection) -> None:
    (issue,) = follow(jira, connected, 1)
    sync(connected)
    old = issue.key
    new = jira.standin.move_issue(old, "WEB")
    for _ in range(2):
        make_due(connected)
        sync(connected)
    ticket = of_issue(issue)
    assert (ticket.external_key, ticket.url) == (new, f"{jira.url}/browse/{new}")
    assert lines() == [f"Ticket {old} is now {new} in Jira"]


def test_a_limit_ends_the_run_the_connection_rests_and_goes_on_later(jira: Site, connected: Connection) -> None:
    follow(jira, connected, 350)
    jira.standin.fail_next(429, times=1, route=f"POST {BULK}", headers={"Retry-After": "30"})
    assert sync(connected).failed == 100
    assert len(asked(jira)) == 1
    until = store.get(Connection, connected.id).rests_until
    assert until is not None
    assert 20 < (until - utcnow()).total_seconds() <= 30
    assert sync(connected).read == 0
    assert ticket_sync.wake_due(SYSTEM) == 0
    assert len(asked(jira)) == 1
    wake_up(connected)
    assert ticket_sync.wake_due(SYSTEM) == 1
    assert sync(connected).read == 350
    assert len(asked(jira)) == 5


def test_a_batch_that_fails_does_not_stand_in_the_way_of_the_others(jira: Site, connected: Connection) -> None:
    follow(jira, connected, 300)
    jira.standin.fail_next(400, times=1, route=f"POST {BULK}")
    assert sync(connected).failed == 100
    first = set(asked(jira)[0])
    jira.standin.fail_next(400, times=1, route=f"POST {BULK}")
    assert sync(connected).failed == 100
    assert not first & set(asked(jira)[1])


def test_a_provider_that_stops_answering_halfway_keeps_what_it_said(jira: Site, connected: Connection) -> None:
    issues = follow(jira, connected, 10)
    jira.standin.delete_issue(issues[3].key)
    jira.standin.fail_next(500, times=None, route="GET /rest/api/3/issue/*")
    report = sync(connected)
    assert (report.read, report.failed, report.gone) == (9, 1, 0)
    jira.standin.faults.clear()
    wake_up(connected)
    assert sync(connected).gone == 1


def test_many_vanished_tickets_are_asked_for_a_few_at_a_time(jira: Site, connected: Connection) -> None:
    for issue in follow(jira, connected, 30):
        jira.standin.delete_issue(issue.key)
    assert sync(connected).gone == ticket_sync.MOST_SINGLE
    assert len([call for call in jira.standin.calls if call.method == "GET"]) <= 2 * ticket_sync.MOST_SINGLE
    for _ in range(5):
        with store.write() as session:
            session.query(Ticket).where(Ticket.visibility == "").update({"sync_due_at": utcnow()})
        sync(connected)
    assert db.session.scalar(select(func.count()).where(Ticket.visibility == "deleted")) == 30


def test_what_a_dead_worker_claimed_is_taken_over(jira: Site, connected: Connection) -> None:
    follow(jira, connected, 150)
    assert len(ticket_sync._claim(connected.id, 100).tickets) == 100
    assert sync(connected).read == 50
    assert sync(connected).read == 0
    with store.write() as session:
        for ticket in session.query(Ticket).where(Ticket.sync_due_at <= utcnow() + ticket_sync.CLAIM):
            ticket.sync_due_at = (ticket.sync_due_at or utcnow()) - ticket_sync.CLAIM
    assert sync(connected).read == 100


def test_many_hints_about_one_ticket_make_one_read_back_in_two_seconds(jira: Site, connected: Connection) -> None:
    (issue,) = follow(jira, connected, 1)
    began = time.monotonic()
    for _ in range(60):
        assert ticket_sync.ask_for(connected.id, [issue.id, "99999"]) == 1
        sync(connected)
    assert 1 <= len(asked(jira)) <= 1 + (time.monotonic() - began) / 2
    due = of_issue(issue).sync_due_at
    assert due is not None
    assert due - utcnow() <= ticket_sync.CLOSEST


def test_a_hint_about_a_ticket_that_may_be_under_way_waits_two_seconds(jira: Site, connected: Connection) -> None:
    (issue,) = follow(jira, connected, 1)
    ticket_sync._claim(connected.id, 1)
    ticket_sync.ask_for(connected.id, [issue.id])
    assert sync(connected).read == 0
    due = of_issue(issue).sync_due_at
    assert due is not None
    assert due - utcnow() <= ticket_sync.CLOSEST


def test_a_ticket_unlinked_while_it_is_read_stays_unlinked(jira: Site, connected: Connection) -> None:
    (issue,) = follow(jira, connected, 1)
    batch = ticket_sync._claim(connected.id, 1)
    look = ticket_sync._look(SYSTEM, store.get(Connection, connected.id), batch.tickets)
    ticket_care.unlink(COMMAND_LINE, of_issue(issue))
    before = lines()
    ticket_sync._write(SYSTEM, batch, look, ticket_sync.Report())
    assert of_issue(issue).state == TicketState.CANCELLED
    assert lines() == before


def test_done_tickets_are_read_less_often_and_quiet_ones_once_a_day(jira: Site, connected: Connection) -> None:
    issues = follow(jira, connected, 3)
    jira.standin.set_status(issues[1].key, "Done")
    jira.standin.set_status(issues[2].key, "Done")
    sync(connected)
    with store.write() as session:
        row = store.locked(session, Ticket, of_issue(issues[2]).id)
        row.updated_at -= dt.timedelta(days=8)
    make_due(connected)
    sync(connected)
    waits = [round((of_issue(issue).sync_due_at - utcnow()).total_seconds(), -2) for issue in issues]  # type: ignore[operator]  # they are due some time
    assert waits == [100, 3600, 86400]


def test_a_done_ticket_resolves_its_incident_once_where_the_rule_is_on(jira: Site, connected: Connection) -> None:
    issues = follow(jira, connected, 2)
    ticket_rules.change(COMMAND_LINE, connected, [ticket_rules.RESOLVE_WHEN_DONE])
    sync(connected)
    jira.standin.set_status(issues[0].key, "Done")
    make_due(connected)
    sync(connected)
    first, second = (store.get(Incident, of_issue(issue).incident_id) for issue in issues)
    assert (first.status, second.status) == (IncidentStatus.RESOLVED, IncidentStatus.OPEN)
    assert lines()[-1] == f"Resolved: {issues[0].key} is done in Jira"
    incidents.change_status(COMMAND_LINE, first.id, IncidentStatus.OPEN)
    make_due(connected)
    sync(connected)
    assert store.get(Incident, first.id).status == IncidentStatus.OPEN
