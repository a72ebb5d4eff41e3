"""Comments on tickets: said once, whatever the network does; and said in the timeline."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Attempt, CommentState, Connection, Incident, Ticket, TicketComment
from providers.base import utcnow
from services import connections, disconnecting, schedule, store, ticket_care, ticket_comments, tickets
from services.actors import COMMAND_LINE, SYSTEM, Actor
from standins import jira_adf
from tests.services.test_every_ticket_provider import Ready, ready
from tests.services.test_ticket_sync_providers import lines

__all__ = ["ready"]  # the fixture is used by the tests below
DANA = Actor(id=None, name="Dana Reyes", permissions=COMMAND_LINE.permissions)
# How each sandbox names the route of a comment, and what its ticket says.
ROUTES = {
    "jira": "POST /rest/api/3/issue/*/comment",
    "servicenow": "PATCH /api/now/*table/*",
    "azure_devops": "PATCH /sandbox/_apis/wit/workitems/*",
}


@dataclass
class Talk:
    """A created ticket, and what was said in it."""

    ready: Ready
    ticket: Ticket

    @property
    def route(self) -> str:
        """The call that writes a comment, as the sandbox's faults name it."""
        return ROUTES[self.ready.connection.provider_key]

    def said(self) -> list[str]:
        """The comments the ticket holds at the provider, oldest first."""
        key, standin = self.ready.connection.provider_key, self.ready.standin
        if key == "jira":
            issue = standin.find(self.ticket.external_key)
            return [jira_adf.text(comment["body"]) for comment in issue.comments]
        if key == "azure_devops":
            return [comment.text for comment in standin.by_id[int(self.ticket.external_id)].comments]
        rows = standin.rows("sys_journal_field")
        return [row["value"] for row in rows if row["element"] == "work_notes"]

    def ask(self, text: str = "Reopened.") -> int:
        """Have something said. Returns the comment's number."""
        with store.write() as session:
            ticket = store.locked(session, Ticket, self.ticket.id)
            return ticket_comments.request(session, DANA, ticket, text).id


@pytest.fixture
def talk(ready: Ready, incident: Incident) -> Iterator[Talk]:
    """A created ticket that nobody has said anything in."""
    ticket = tickets.create(COMMAND_LINE, incident.id, ready.wanted)
    assert ticket.external_key, ticket.reason
    ready.standin.calls.clear()
    yield Talk(ready, ticket)
    ready.standin.release()


def row(comment_id: int) -> TicketComment:
    """The comment as it is now."""
    found = store.get(TicketComment, comment_id)
    store.release()
    return found


def let_time_pass(comment_id: int, seconds: float = 0.0) -> None:
    """Its next step is due; so many seconds have gone by since the call."""
    with store.write() as session:
        comment = store.locked(session, TicketComment, comment_id)
        comment.due_at = utcnow()
        if comment.sending_until:
            comment.sending_until -= dt.timedelta(seconds=seconds)


def look(comment_id: int, times: int, seconds: float = 0.0) -> list[str]:
    """Look so many times. Returns the state after each."""
    states = []
    for _ in range(times):
        let_time_pass(comment_id, seconds)
        states.append(ticket_comments.step(SYSTEM, comment_id))
    return states


def told(talk: Talk) -> list[str]:
    """What the timeline says of comments."""
    return [line for line in lines(talk.ticket.incident_id) if line.startswith("Comment")]


def test_a_comment_is_sent_once_with_its_marker_last_and_told(talk: Talk) -> None:
    number = talk.ask("Dana Reyes reopened INC-1.")
    assert ticket_comments.send_due(SYSTEM) == "1 sent, 0 not sent, 0 open"
    assert ticket_comments.send_due(SYSTEM) == "0 sent, 0 not sent, 0 open"
    (said,) = talk.said()
    assert "Dana Reyes reopened INC-1." in said
    assert said.strip().removesuffix("</p>").endswith(row(number).marker)
    assert told(talk) == [f"Comment sent to {talk.ticket.external_key}"]
    purposes = db.session.execute(select(Attempt.purpose, Attempt.outcome).order_by(Attempt.id.desc()).limit(1)).one()
    store.release()
    assert "comment" in purposes.purpose
    assert purposes.outcome == "ok"


def test_comments_of_a_ticket_are_sent_in_their_order(talk: Talk) -> None:
    numbers = [talk.ask(f"Word {number}.") for number in range(3)]
    assert ticket_comments.step(SYSTEM, numbers[2]) == CommentState.WAITING
    assert talk.said() == []
    ticket_comments.send_due(SYSTEM)
    assert [f"Word {n}." in said for n, said in enumerate(talk.said())] == [True] * 3


def test_workers_at_once_send_it_once(app: Flask, talk: Talk) -> None:
    number = talk.ask()
    barrier = threading.Barrier(5)

    def work() -> None:
        with app.app_context():
            barrier.wait()
            ticket_comments.step(SYSTEM, number)

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(talk.said()) == 1


def test_a_provider_that_asks_for_patience_gets_it_and_nothing_is_lost(talk: Talk) -> None:
    number = talk.ask()
    talk.ready.standin.rate_limit(times=None, retry_after=30, route=talk.route)
    assert ticket_comments.step(SYSTEM, number) == CommentState.WAITING
    due, tries = row(number).due_at, row(number).tries
    assert due is not None
    assert 20 < (due - utcnow()).total_seconds() <= 30
    assert tries == 0
    talk.ready.standin.faults.clear()
    let_time_pass(number)
    # The connection rests: no call is made.
    calls = len(talk.ready.standin.calls)
    assert ticket_comments.step(SYSTEM, number) == CommentState.WAITING
    assert len(talk.ready.standin.calls) == calls
    with store.write() as session:
        session.get_one(Connection, talk.ready.connection.id).rests_until = None
    assert look(number, 1) == [CommentState.SENT]
    assert len(talk.said()) == 1
    assert len(told(talk)) == 1


def test_a_lost_answer_is_looked_for_and_nothing_is_said_twice(talk: Talk) -> None:
    number = talk.ask()
    talk.ready.standin.hang(seconds=0.05, route=talk.route, after=True)
    assert ticket_comments.step(SYSTEM, number) == CommentState.UNCLEAR
    assert told(talk) == []
    assert look(number, 1) == [CommentState.SENT]
    assert len(talk.said()) == 1
    assert told(talk) == [f"Comment sent to {talk.ticket.external_key}"]


def test_what_did_not_arrive_is_sent_again_after_three_looks_and_the_quiet_time_only(talk: Talk) -> None:
    number = talk.ask()
    marker = row(number).marker
    talk.ready.standin.hang(seconds=0.05, route=talk.route)
    assert ticket_comments.step(SYSTEM, number) == CommentState.UNCLEAR
    assert look(number, 2, seconds=100) == [CommentState.UNCLEAR] * 2
    assert look(number, 1) == [CommentState.WAITING]
    assert talk.said() == []
    assert look(number, 1) == [CommentState.SENT]
    assert [marker in said for said in talk.said()] == [True]


def test_looks_before_the_quiet_time_is_over_do_not_lead_to_a_second_comment(
    talk: Talk, allow: Callable[..., None]
) -> None:
    allow(settle_seconds=0)
    number = talk.ask()
    talk.ready.standin.hang(seconds=0.05, route=talk.route)
    ticket_comments.step(SYSTEM, number)
    assert set(look(number, 5)) == {CommentState.UNCLEAR}
    due = row(number).due_at
    assert due is not None
    assert 15 < (due - utcnow()).total_seconds() <= 20
    assert look(number, 1, seconds=61) == [CommentState.WAITING]


def test_after_two_tries_people_are_told(talk: Talk) -> None:
    number = talk.ask()
    talk.ready.standin.hang(seconds=0.05, route=talk.route, times=2)
    states = [ticket_comments.step(SYSTEM, number), *look(number, 4, seconds=100), *look(number, 3, seconds=100)]
    assert states[-1] == CommentState.FAILED
    assert row(number).tries == 2
    (line,) = told(talk)
    assert line.startswith(f"Comment to {talk.ticket.external_key} may not have arrived: 2 tries had no clear outcome")
    assert row(number).marker in line
    assert look(number, 1) == [CommentState.FAILED]


def test_a_process_that_died_while_sending_is_taken_over(talk: Talk) -> None:
    number = talk.ask()
    assert ticket_comments._take(SYSTEM, number) is not None
    assert ticket_comments.step(SYSTEM, number) == CommentState.SENDING
    with store.write() as session:
        comment = store.locked(session, TicketComment, number)
        comment.sending_until = comment.due_at = utcnow() - dt.timedelta(seconds=100)
    assert ticket_comments.step(SYSTEM, number) == CommentState.UNCLEAR
    assert look(number, 3, seconds=100)[-2:] == [CommentState.WAITING, CommentState.SENT]
    assert len(talk.said()) == 1


def test_a_process_that_slept_too_long_sends_nothing(talk: Talk) -> None:
    number = talk.ask()
    turn = ticket_comments._take(SYSTEM, number)
    assert turn is not None
    late = ticket_comments._Turn(turn.comment, turn.ticket, turn.connection, utcnow(), sends=True)
    ticket_comments._send(SYSTEM, late)
    assert talk.said() == []
    assert row(number).state == CommentState.SENDING


def test_a_ticket_that_is_gone_is_told(talk: Talk) -> None:
    number = talk.ask()
    talk.ready.standin.fail_next(404, route=talk.route)
    assert ticket_comments.step(SYSTEM, number) == CommentState.FAILED
    (line,) = told(talk)
    assert line.startswith(f"Comment not sent to {talk.ticket.external_key}: ")


def test_an_unlinked_ticket_gets_no_comment(talk: Talk) -> None:
    number = talk.ask()
    ticket_care.unlink(COMMAND_LINE, store.get(Ticket, talk.ticket.id))
    assert ticket_comments.step(SYSTEM, number) == CommentState.FAILED
    assert talk.ready.standin.calls == []
    assert "was unlinked" in told(talk)[0]


def test_a_connection_that_is_switched_off_makes_no_call_and_the_comment_waits(talk: Talk) -> None:
    number = talk.ask()
    connections.switch(COMMAND_LINE, talk.ready.connection, on=False)
    assert ticket_comments.step(SYSTEM, number) == CommentState.WAITING
    assert talk.ready.standin.calls == []
    connections.switch(COMMAND_LINE, store.get(Connection, talk.ready.connection.id), on=True)
    assert look(number, 1) == [CommentState.SENT]


def test_what_could_not_be_said_for_a_day_is_given_up_and_told(talk: Talk) -> None:
    number = talk.ask()
    connections.switch(COMMAND_LINE, talk.ready.connection, on=False)
    ticket_comments.step(SYSTEM, number)
    with store.write() as session:
        store.locked(session, TicketComment, number).created_at -= dt.timedelta(days=2)
    assert look(number, 1) == [CommentState.FAILED]
    assert told(talk) == [f"Comment not sent to {talk.ticket.external_key}: The integration is switched off."]


def test_a_disconnected_integration_ends_it(talk: Talk) -> None:
    number = talk.ask()
    disconnecting.disconnect(COMMAND_LINE, talk.ready.connection)
    assert ticket_comments.step(SYSTEM, number) == CommentState.FAILED
    assert "disconnected" in told(talk)[0]


def test_refused_credentials_are_told_and_turn_the_badge(talk: Talk) -> None:
    number = talk.ask()
    with store.write() as session:
        connection = store.locked(session, Connection, talk.ready.connection.id)
        wrong = {name: "wrong-secret-value" for name in connection.credentials}
        connection.seal(wrong, origin=connection.origin)
    assert ticket_comments.step(SYSTEM, number) == CommentState.FAILED
    assert talk.said() == []
    assert store.get(Connection, talk.ready.connection.id).status == "needs_attention"


def test_the_periodic_task_sends_what_no_message_was_sent_for(talk: Talk) -> None:
    talk.ask()
    schedule.prepare()
    schedule.run("comments")
    assert len(talk.said()) == 1


def test_a_note_about_html_stays_text(talk: Talk) -> None:
    talk.ask("<script>alert(1)</script> [code]<b>bold</b>[/code] & {color:red}")
    ticket_comments.send_due(SYSTEM)
    (said,) = talk.said()
    assert "<script>" not in said or talk.ready.connection.provider_key != "azure_devops"
    assert "alert(1)" in said
