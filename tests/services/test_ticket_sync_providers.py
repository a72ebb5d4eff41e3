"""Reading back, for every ticket provider: what changed there is noted here, once, and on the incident's page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from extensions import db
from models import Connection, Incident, Ticket, TicketState, TimelineEntry
from providers.base import utcnow
from services import connections, outbound, store, ticket_care, ticket_sync, tickets
from services.actors import COMMAND_LINE, SYSTEM
from tests.services.test_every_ticket_provider import Ready, fresh, ready

__all__ = ["ready"]  # the fixture is used by the tests below


@dataclass(frozen=True)
class Outside:
    """What people do to a ticket at the provider. `reference` is what its sandbox calls the ticket by."""

    reference: Callable[[Ticket], Any]
    finish: Callable[[Any, Any], None]
    finished: str
    unassign: Callable[[Any, Any], None]
    delete: Callable[[Any, Any], None]
    hide: Callable[[Any, Any, bool], None]
    tells_hidden: bool


OUTSIDE = {
    "jira": Outside(
        lambda ticket: ticket.external_key,
        lambda standin, key: standin.set_status(key, "Done"),
        "Done",
        lambda standin, key: standin.give_issue(standin.find(key), None),
        lambda standin, key: standin.delete_issue(key),
        lambda standin, key, hidden: standin.hide_issue(key, hidden),
        tells_hidden=False,
    ),
    "servicenow": Outside(
        lambda ticket: ticket.external_key,
        lambda standin, number: standin.set_state(number, "7"),
        "Closed",
        lambda standin, number: standin.change(number, assigned_to=""),
        lambda standin, number: standin.delete_record(number),
        lambda standin, number, hidden: standin.hide_record(number, hidden),
        tells_hidden=True,
    ),
    "azure_devops": Outside(
        lambda ticket: int(ticket.external_id),
        lambda standin, number: standin.set_state(number, "Closed"),
        "Closed",
        lambda standin, number: setattr(standin.by_id[number], "assignee", None),
        lambda standin, number: standin.delete_item(number),
        lambda standin, number, hidden: standin.hide_item(number, hidden),
        tells_hidden=True,
    ),
}


@dataclass
class Followed:
    """A ticket that was read back once, and what can be done to it outside."""

    ready: Ready
    ticket: Ticket
    outside: Outside

    @property
    def reference(self) -> Any:
        """What the sandbox calls it by."""
        return self.outside.reference(self.ticket)

    def sync(self) -> ticket_sync.Report:
        """Read back what is due, after making the ticket due."""
        make_due(self.ticket)
        return ticket_sync.sync_connection(SYSTEM, self.ready.connection.id)

    def lines(self) -> list[str]:
        """What the timeline says of the ticket since it was followed."""
        return lines(self.ticket.incident_id)


@pytest.fixture
def followed(ready: Ready, incident: Incident) -> Followed:
    """A ticket that was created and read back."""
    ticket = tickets.create(COMMAND_LINE, incident.id, ready.wanted)
    assert ticket.state == TicketState.CREATED, ticket.reason
    found = Followed(ready, ticket, OUTSIDE[ready.connection.provider_key])
    assert found.sync().read == 1
    with store.write() as session:
        session.query(TimelineEntry).delete()
    ready.standin.calls.clear()
    return found


def make_due(ticket: Ticket) -> None:
    """Its time to be read has come."""
    with store.write() as session:
        store.locked(session, Ticket, ticket.id).sync_due_at = utcnow()


def lines(incident_id: int) -> list[str]:
    """The timeline of an incident, oldest first."""
    query = select(TimelineEntry.text).where(TimelineEntry.incident_id == incident_id).order_by(TimelineEntry.id)
    found = list(db.session.scalars(query))
    store.release()
    return found


def test_a_new_ticket_is_read_back_soon_and_that_is_no_news(ready: Ready, incident: Incident) -> None:
    ticket = tickets.create(COMMAND_LINE, incident.id, ready.wanted)
    before = lines(incident.id)
    assert ticket_sync.wake_due(SYSTEM) == 1
    assert ticket_sync.sync_connection(SYSTEM, ready.connection.id).read == 1
    now = fresh(ticket)
    assert now.external_status
    assert now.synced_at is not None
    assert (now.status_category, now.assignee) == ("new", "Dana Reyes")
    assert lines(incident.id) == before
    assert ticket_sync.wake_due(SYSTEM) == 0
    due = now.sync_due_at
    assert due is not None
    assert 100 < (due - utcnow()).total_seconds() <= 120


def test_a_status_that_changed_is_noted_once_and_shown(followed: Followed, admin: FlaskClient) -> None:
    followed.outside.finish(followed.ready.standin, followed.reference)
    reports = [followed.sync() for _ in range(3)]
    assert [report.changed for report in reports] == [1, 0, 0]
    label = "is now “" + followed.outside.finished
    assert [label in line for line in followed.lines()] == [True]
    assert fresh(followed.ticket).status_category == "done"
    page = admin.get(f"/incidents/{followed.ticket.incident_id}").get_data(as_text=True)
    assert followed.outside.finished in page
    assert label in page


def test_an_assignee_that_changed_is_noted_once(followed: Followed) -> None:
    followed.outside.unassign(followed.ready.standin, followed.reference)
    followed.sync()
    followed.sync()
    assert ["nobody's" in line for line in followed.lines()] == [True]
    assert fresh(followed.ticket).assignee == ""


def test_what_we_do_ourselves_never_comes_back_as_news(followed: Followed) -> None:
    person = followed.ready.wanted.integration_user_id
    followed.outside.unassign(followed.ready.standin, followed.reference)
    followed.sync()
    ticket_care.assign(COMMAND_LINE, fresh(followed.ticket), person)
    followed.sync()
    assert [line.split()[-2:] for line in followed.lines()][1:] == [["Dana", "Reyes"]]
    assert "assigned to Dana Reyes" in followed.lines()[-1]
    assert len(followed.lines()) == 2


def test_an_assignment_that_is_read_back_before_it_is_written_here_is_no_news(followed: Followed) -> None:
    person = followed.ready.wanted.integration_user_id
    followed.outside.unassign(followed.ready.standin, followed.reference)
    followed.sync()
    assert ticket_care.assign(COMMAND_LINE, fresh(followed.ticket), person).assignee == "Dana Reyes"
    with store.write() as session:
        # As it was while the call was under way.
        row = store.locked(session, Ticket, followed.ticket.id)
        row.assignee = ""
        row.draft = {**row.draft, "assigning_id": row.draft["assignee_id"]}
    followed.sync()
    assert len(followed.lines()) == 2
    assert fresh(followed.ticket).assignee == "Dana Reyes"


def test_a_deleted_ticket_is_said_to_be_gone_once(followed: Followed, admin: FlaskClient) -> None:
    followed.outside.delete(followed.ready.standin, followed.reference)
    assert followed.sync().gone == 1
    followed.sync()
    assert fresh(followed.ticket).visibility == "deleted"
    assert [line.split(" in ")[0].split(" ", 2)[2] for line in followed.lines()] == ["was deleted"]
    assert "Deleted in" in admin.get(f"/incidents/{followed.ticket.incident_id}").get_data(as_text=True)


def test_a_ticket_out_of_sight_is_said_and_so_is_its_return(followed: Followed, admin: FlaskClient) -> None:
    standin = followed.ready.standin
    followed.outside.hide(standin, followed.reference, True)
    assert followed.sync().gone == 1
    page = admin.get(f"/incidents/{followed.ticket.incident_id}").get_data(as_text=True)
    if followed.outside.tells_hidden:
        assert fresh(followed.ticket).visibility == "hidden"
        assert "No longer visible" in page
        assert "no longer visible" in followed.lines()[0]
    else:
        assert fresh(followed.ticket).visibility == "deleted"
        assert "or is hidden from the account" in followed.lines()[0]
    followed.outside.hide(standin, followed.reference, False)
    followed.sync()
    followed.sync()
    assert fresh(followed.ticket).visibility == ""
    assert ["visible again" in line for line in followed.lines()] == [False, True]


def test_a_provider_that_is_down_loses_nothing(followed: Followed) -> None:
    followed.outside.finish(followed.ready.standin, followed.reference)
    followed.ready.standin.fail_next(503, times=None)
    report = followed.sync()
    assert (report.read, report.failed) == (0, 1)
    assert fresh(followed.ticket).status_category == "new"
    followed.ready.standin.faults.clear()
    with store.write() as session:
        session.get_one(Connection, followed.ready.connection.id).rests_until = None
    assert ticket_sync.sync_connection(SYSTEM, followed.ready.connection.id).changed == 1
    assert fresh(followed.ticket).status_category == "done"


def test_a_connection_that_is_switched_off_makes_no_call(followed: Followed) -> None:
    connections.switch(COMMAND_LINE, followed.ready.connection, on=False)
    assert followed.sync().read == 0
    assert ticket_sync.wake_due(SYSTEM) == 0
    assert ticket_sync.sync_all(SYSTEM).read == 0
    assert followed.ready.standin.calls == []
    connections.switch(COMMAND_LINE, store.get(Connection, followed.ready.connection.id), on=True)
    assert ticket_sync.sync_connection(SYSTEM, followed.ready.connection.id).read == 1


def test_what_a_person_refreshed_meanwhile_is_not_overwritten_by_an_older_look(followed: Followed) -> None:
    make_due(followed.ticket)
    batch = ticket_sync._claim(followed.ready.connection.id, 10)
    look = ticket_sync._look(SYSTEM, store.get(Connection, followed.ready.connection.id), batch.tickets)
    followed.outside.finish(followed.ready.standin, followed.reference)
    ticket_care.refresh(COMMAND_LINE, fresh(followed.ticket))
    look.found = {key: replaced(status) for key, status in look.found.items()}
    ticket_sync._write(SYSTEM, batch, look, ticket_sync.Report())
    now = fresh(followed.ticket)
    assert (now.status_category, now.assignee) == ("done", "Dana Reyes")
    assert now.sync_due_at is not None
    assert now.sync_due_at - utcnow() < dt.timedelta(seconds=3)


def replaced(status: Any) -> Any:
    """The look with another assignee, so that it differs from what is stored."""
    return replace(status, assignee_name="Somebody Else")


def test_the_tickets_of_a_batch_cost_one_call(followed: Followed) -> None:
    followed.sync()
    reads = [call for call in followed.ready.standin.calls if "token" not in call.path]
    assert len(reads) == 1, [(call.method, call.path) for call in reads]
    client = outbound.client_for(store.get(Connection, followed.ready.connection.id), SYSTEM)
    assert client.batch_size >= 100
