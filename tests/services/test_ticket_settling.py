"""Settling: what became of a ticket is found out, and nothing is created twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from extensions import db
from models import Connection, Incident, Ticket, TicketState, TimelineEntry
from services import disconnecting, store, ticket_care, ticket_settling, tickets
from services.actors import COMMAND_LINE
from services.errors import Refused
from tests.conftest import Site
from tests.services.test_ticket_creation import again, wanted

__all__ = ["wanted"]  # the fixture is used by the tests below


@pytest.fixture(autouse=True)
def _short_quiet_time(allow: Callable[..., None]) -> None:
    allow(settle_seconds=1)


def fresh(ticket: Ticket) -> Ticket:
    """The ticket as it is now."""
    return store.get(Ticket, ticket.id)


def backdate(ticket: Ticket, seconds: float) -> None:
    """Let the time since the call have passed."""
    with store.write() as session:
        row = store.locked(session, Ticket, ticket.id)
        if row.sending_until:
            row.sending_until -= dt.timedelta(seconds=seconds)
        row.updated_at -= dt.timedelta(seconds=seconds)
        row.next_look_at = None


def look_until_settled(ticket: Ticket, most: int = 12) -> Ticket:
    """Look again and again without waiting."""
    for _ in range(most):
        ticket_settling.step(COMMAND_LINE, ticket.id)
        backdate(ticket, 0)
        if fresh(ticket).state != TicketState.UNCLEAR:
            break
    return fresh(ticket)


def test_a_ticket_that_was_made_is_found_and_adopted(jira: Site, incident: Incident, wanted: tickets.Wanted) -> None:
    jira.standin.drop_after_create()
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    report = ticket_settling.settle_all(COMMAND_LINE)
    assert report.created == 1
    assert fresh(ticket).state == TicketState.CREATED
    assert fresh(ticket).external_key in jira.standin.issues
    assert fresh(ticket).external_status == "To Do"
    assert jira.standin.creates == 1


def test_a_ticket_that_was_not_made_is_created_after_the_quiet_time_only(
    jira: Site, incident: Incident, wanted: tickets.Wanted
) -> None:
    jira.standin.drop_before_create()
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    for _ in range(8):
        ticket_settling.step(COMMAND_LINE, ticket.id)
    assert fresh(ticket).state == TicketState.UNCLEAR
    assert jira.standin.creates == 1
    backdate(ticket, 60)
    assert look_until_settled(ticket).state == TicketState.CREATED
    assert jira.standin.creates == 2
    assert len(jira.standin.issues) == 1


def test_five_empty_looks_are_needed_even_after_the_quiet_time(
    jira: Site, incident: Incident, wanted: tickets.Wanted
) -> None:
    jira.standin.drop_before_create()
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    backdate(ticket, 60)
    for _ in range(4):
        ticket_settling.step(COMMAND_LINE, ticket.id)
    assert fresh(ticket).state == TicketState.UNCLEAR
    assert jira.standin.creates == 1


def test_a_lagging_index_leads_to_no_second_ticket(jira: Site, incident: Incident, wanted: tickets.Wanted) -> None:
    jira.standin.set(index_lag=1.0)
    jira.standin.drop_after_create()
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    ticket_settling.step(COMMAND_LINE, ticket.id)
    assert fresh(ticket).state == TicketState.UNCLEAR
    ticket_settling.settle_all(COMMAND_LINE, wait_seconds=20)
    assert fresh(ticket).state == TicketState.CREATED
    assert jira.standin.creates == 1


def test_a_call_still_under_way_is_left_alone(incident: Incident, jira: Site, wanted: tickets.Wanted) -> None:
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    with store.write() as session:
        row = store.locked(session, Ticket, ticket.id)
        row.state = TicketState.SENDING
        row.sending_until = row.updated_at + dt.timedelta(seconds=30)
    ticket_settling.step(COMMAND_LINE, ticket.id)
    assert fresh(ticket).state == TicketState.SENDING


def test_a_row_whose_process_died_while_sending_is_looked_for(
    incident: Incident, jira: Site, wanted: tickets.Wanted
) -> None:
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    with store.write() as session:
        row = store.locked(session, Ticket, ticket.id)
        row.state = TicketState.SENDING
        row.sending_until = row.updated_at - dt.timedelta(seconds=1)
        row.external_id = row.external_key = ""
    ticket_settling.step(COMMAND_LINE, ticket.id)
    assert fresh(ticket).state == TicketState.CREATED
    assert jira.standin.creates == 1


def test_a_request_whose_process_died_before_sending_is_sent(
    incident: Incident, jira: Site, wanted: tickets.Wanted
) -> None:
    ticket, fresh_one = tickets._request(COMMAND_LINE, incident.id, wanted)
    assert fresh_one
    ticket_settling.step(COMMAND_LINE, ticket.id)
    assert fresh(ticket).state == TicketState.REQUESTED
    backdate(ticket, 10)
    ticket_settling.step(COMMAND_LINE, ticket.id)
    assert fresh(ticket).state == TicketState.CREATED
    assert jira.standin.creates == 1


def test_a_limited_ticket_is_sent_when_its_time_has_come(
    incident: Incident, jira: Site, wanted: tickets.Wanted
) -> None:
    jira.standin.fail_next(429, times=1, route="POST /rest/api/3/issue", headers={"Retry-After": "1"})
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    report = ticket_settling.settle_all(COMMAND_LINE, wait_seconds=5)
    assert report.created == 1
    assert fresh(ticket).state == TicketState.CREATED


def test_two_tickets_with_the_marker_show_the_oldest_and_say_so(
    incident: Incident, jira: Site, wanted: tickets.Wanted
) -> None:
    jira.standin.drop_after_create()
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    first = next(iter(jira.standin.issues))
    jira.standin.copy_issue(first)
    ticket_settling.step(COMMAND_LINE, ticket.id)
    assert fresh(ticket).external_key == first
    texts = db.session.scalars(select(TimelineEntry.text)).all()
    assert any("carry the same reference" in text for text in texts)


def test_a_search_hit_without_the_marker_is_not_adopted(incident: Incident, jira: Site, wanted: tickets.Wanted) -> None:
    jira.standin.drop_after_create()
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    issue = next(iter(jira.standin.issues.values()))
    # The search still names the issue; the issue itself has lost both label and reference.
    issue.values["labels"] = []
    issue.values["description"] = None
    hit = {"issues": [{"id": issue.id, "key": issue.key, "self": "", "fields": {}}], "isLast": True}
    jira.standin.fail_next(200, times=1, route="POST /rest/api/3/search/jql", body=hit)
    ticket_settling.step(COMMAND_LINE, ticket.id)
    assert fresh(ticket).state == TicketState.UNCLEAR


def test_refused_credentials_while_looking_keep_the_ticket_unclear(
    incident: Incident, jira: Site, wanted: tickets.Wanted
) -> None:
    jira.standin.drop_before_create()
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    jira.standin.revoke_token()
    backdate(ticket, 60)
    for _ in range(7):
        ticket_settling.step(COMMAND_LINE, ticket.id)
    assert fresh(ticket).state == TicketState.UNCLEAR
    assert jira.standin.creates == 1
    backdate(ticket, 2 * 3600)
    ticket_settling.step(COMMAND_LINE, ticket.id)
    assert fresh(ticket).state == TicketState.NEEDS_LOOK


def test_after_three_doubtful_calls_a_person_decides(incident: Incident, jira: Site, wanted: tickets.Wanted) -> None:
    ticket = None
    for _ in range(3):
        jira.standin.drop_before_create()
        if ticket is None:
            ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
        else:
            backdate(ticket, 60)
            look_until_settled(ticket)
    backdate(ticket, 60)
    assert look_until_settled(ticket).state == TicketState.NEEDS_LOOK
    assert jira.standin.creates == 3
    assert tickets.create(COMMAND_LINE, incident.id, again(wanted)).id == ticket.id


def test_a_disconnected_integration_leaves_the_decision_to_a_person(
    incident: Incident, jira: Site, wanted: tickets.Wanted, connected: Connection
) -> None:
    jira.standin.drop_after_create()
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    disconnecting.disconnect(COMMAND_LINE, connected)
    ticket_settling.step(COMMAND_LINE, ticket.id)
    assert fresh(ticket).state == TicketState.NEEDS_LOOK


def undecided(incident: Incident, jira: Site, wanted: tickets.Wanted) -> Ticket:
    """A ticket that waits for a person; its issue exists."""
    jira.standin.drop_after_create()
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    with store.write() as session:
        store.locked(session, Ticket, ticket.id).state = TicketState.NEEDS_LOOK
    return fresh(ticket)


def test_a_person_adopts_the_ticket_by_key_or_link(incident: Incident, jira: Site, wanted: tickets.Wanted) -> None:
    ticket = undecided(incident, jira, wanted)
    key = next(iter(jira.standin.issues))
    ticket_care.adopt(COMMAND_LINE, ticket, f"{jira.url}/browse/{key}?focus=1")
    assert fresh(ticket).state == TicketState.CREATED
    assert fresh(ticket).external_key == key


def test_a_person_has_it_created_again(incident: Incident, jira: Site, wanted: tickets.Wanted) -> None:
    ticket = undecided(incident, jira, wanted)
    assert ticket_care.create_again(COMMAND_LINE, ticket).state == TicketState.CREATED
    assert jira.standin.creates == 2


def test_a_person_cancels_and_may_ask_anew(incident: Incident, jira: Site, wanted: tickets.Wanted) -> None:
    ticket = undecided(incident, jira, wanted)
    ticket_care.cancel(COMMAND_LINE, ticket)
    assert fresh(ticket).state == TicketState.CANCELLED
    with pytest.raises(Refused):
        ticket_care.cancel(COMMAND_LINE, fresh(ticket))
    assert tickets.create(COMMAND_LINE, incident.id, again(wanted)).id != ticket.id


def test_refresh_follows_a_moved_ticket_and_tells_a_deleted_and_a_hidden_one(
    incident: Incident, jira: Site, wanted: tickets.Wanted
) -> None:
    ticket = tickets.create(COMMAND_LINE, incident.id, wanted)
    key = ticket.external_key
    jira.standin.set_status(key, "In Progress")
    assert ticket_care.refresh(COMMAND_LINE, fresh(ticket)).status_category == "active"
    moved = jira.standin.move_issue(key, "HR")
    assert ticket_care.refresh(COMMAND_LINE, fresh(ticket)).external_key == moved
    jira.standin.fail_next(403, times=1, route="GET /rest/api/3/issue/*")
    assert ticket_care.refresh(COMMAND_LINE, fresh(ticket)).visibility == "hidden"
    jira.standin.delete_issue(moved)
    assert ticket_care.refresh(COMMAND_LINE, fresh(ticket)).visibility == "deleted"


def test_assign_again_makes_no_second_create(incident: Incident, jira: Site, wanted: tickets.Wanted) -> None:
    jira.standin.set(assignee_not_on_create_screen=True, assign_fails=True)
    ticket = tickets.create(COMMAND_LINE, incident.id, replace(wanted, assignee_on_create=False))
    assert fresh(ticket).assignment_error
    jira.standin.set(assign_fails=False)
    ticket_care.assign(COMMAND_LINE, fresh(ticket), wanted.integration_user_id)
    assert fresh(ticket).assignment_error == ""
    assert fresh(ticket).assignee == "Dana Reyes"
    assert jira.standin.creates == 1


def test_link_and_unlink_an_existing_ticket(incident: Incident, jira: Site, wanted: tickets.Wanted) -> None:
    made = tickets.create(COMMAND_LINE, incident.id, wanted)
    with pytest.raises(Refused, match="already"):
        ticket_care.link(COMMAND_LINE, incident.id, wanted.connection_id, made.external_key)
    ticket_care.unlink(COMMAND_LINE, fresh(made))
    assert store.get(Incident, incident.id).has_ticket is False
    linked = ticket_care.link(COMMAND_LINE, incident.id, wanted.connection_id, f"see {made.external_key.lower()}")
    assert linked.external_key == made.external_key
    assert store.get(Incident, incident.id).has_ticket is True
    assert jira.standin.creates == 1
