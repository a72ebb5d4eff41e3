"""Saying something in a ticket, once.

The row is written first, in the transaction of what it tells of. The call is made once, outside any transaction. While
its outcome is unknown the comment is looked for by its marker; only when it is not there for long it is sent again.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from extensions import db
from models import CommentState, Connection, Ticket, TicketComment, TicketState
from models.crypto import CannotOpen
from providers.base import TakesComments, utcnow
from providers.errors import AuthenticationFailed, Busy, NotAllowed, NotFound, ProviderError, RateLimited, Unreachable
from services import connection_health, events, outbound, store, ticket_outcomes, tickets, waking
from services.actors import Actor
from services.attempts import Ledger
from services.runtime import settings

# After the call's own deadline this much later its process is taken for dead.
MARGIN_SECONDS = 5.0
FIRST_LOOK_SECONDS = 2.0
LOOK_SECONDS = 40.0  # whoever looks holds the comment this long
# A comment may turn up this long after the call; until then, and for so many looks, it is not sent again.
QUIET_SECONDS = 60
EMPTY_LOOKS = 3
MOST_SENDS = 2
SHORTEST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 15.0, 15 * 60.0
# What could not be said for a day is not said any more: it would only confuse.
PATIENCE = dt.timedelta(days=1)
BATCH = 200
# Longest run; what is left is due already.
RUN_SECONDS = 200.0


OPEN = (CommentState.WAITING, CommentState.SENDING, CommentState.UNCLEAR)


@dataclass(frozen=True)
class _Turn:
    """A comment that is held until a moment, to be sent or looked for."""

    comment: TicketComment
    ticket: Ticket
    connection: Connection
    until: dt.datetime
    sends: bool


def request(session: Session, actor: Actor, ticket: Ticket, text: str) -> TicketComment:
    """Have something said in the ticket, within the caller's transaction. `wake` it after the commit."""
    now = utcnow()
    comment = TicketComment(
        ticket_id=ticket.id,
        marker=tickets.new_marker(),
        text=text,
        state=CommentState.WAITING,
        due_at=now,
        requested_by=actor.name[:200],
        created_at=now,
    )
    session.add(comment)
    session.flush()
    return comment


def wake(comment_ids: Iterable[int]) -> None:
    """Have the worker send these soon. Call it after the commit that wrote them."""
    for comment_id in comment_ids:
        waking.wake("comment", comment_id)


def send_due(actor: Actor, everything: bool = False) -> str:
    """Do what can be done now for every comment that is due. Returns a report in a few words.

    `everything` changes nothing: no comment is sent or looked for before its time.
    """
    query = select(TicketComment.id).where(TicketComment.state.in_(OPEN), TicketComment.due_at <= utcnow())
    ids = db.session.scalars(query.order_by(TicketComment.id).limit(BATCH)).all()
    store.release()
    found: Counter[str] = Counter()
    end = time.monotonic() + RUN_SECONDS
    for comment_id in ids:
        if time.monotonic() < end:
            found[step(actor, comment_id)] += 1
    still_open = sum(found[state] for state in OPEN)
    return f"{found[CommentState.SENT]} sent, {found[CommentState.FAILED]} not sent, {still_open} open"


def step(actor: Actor, comment_id: int) -> str:
    """Do what can be done for one comment now. Returns its state."""
    turn = _take(actor, comment_id)
    if turn is not None and turn.sends:
        _send(actor, turn)
    elif turn is not None:
        _look(actor, turn)
    comment = store.get(TicketComment, comment_id)
    state, ticket_id = comment.state, comment.ticket_id
    following = None if state in OPEN else _first_open(db.session(), ticket_id)
    store.release()
    if turn is not None and following is not None:
        wake([following])
    return state


def _first_open(session: Session, ticket_id: int) -> int | None:
    """Comments of a ticket are sent one after the other, in the order they were asked for."""
    query = select(TicketComment.id).where(TicketComment.ticket_id == ticket_id, TicketComment.state.in_(OPEN))
    first: int | None = session.scalar(query.order_by(TicketComment.id).limit(1))
    return first


def _take(actor: Actor, comment_id: int) -> _Turn | None:
    """Hold the comment for its next call; None when there is none to make now."""
    now = utcnow()
    with store.write() as session:
        comment = store.locked(session, TicketComment, comment_id)
        if comment.state not in OPEN or comment.due_at is None or comment.due_at > now:
            return None
        if comment.state == CommentState.SENDING:
            _unclear(comment, "The call was cut off before its outcome was known.", now)
        if _first_open(session, comment.ticket_id) != comment.id:
            return None
        ticket = session.get_one(Ticket, comment.ticket_id, populate_existing=True)
        connection = session.get(Connection, ticket.connection_id or 0, populate_existing=True)
        obstacle = _obstacle(comment, ticket, now)
        if connection is None or obstacle:
            _failed(session, actor, comment, ticket, obstacle or "The integration was disconnected.")
            return None
        if not connection.enabled:
            _wait(comment, "The integration is switched off.", None)
            return None
        return _hold(comment, ticket, connection, now)


def _obstacle(comment: TicketComment, ticket: Ticket, now: dt.datetime) -> str:
    if ticket.state != TicketState.CREATED:
        return "The ticket was unlinked from the incident."
    if now - comment.created_at > PATIENCE:
        return comment.reason or "No worker was running for a day."
    return ""


def _hold(comment: TicketComment, ticket: Ticket, connection: Connection, now: dt.datetime) -> _Turn:
    sends = comment.state == CommentState.WAITING
    seconds = outbound.WORKER_SECONDS + MARGIN_SECONDS if sends else LOOK_SECONDS
    comment.due_at = now + dt.timedelta(seconds=seconds)
    if sends:
        comment.state, comment.sending_until = CommentState.SENDING, comment.due_at
        comment.tries += 1
        comment.empty_looks = 0
    return _Turn(comment, ticket, connection, comment.due_at, sends)


class _LateLedger(Ledger):
    """Refuses the first byte once the time we promised to be done in has passed: somebody else may be looking
    already.
    """

    until: dt.datetime

    def before(self, *, purpose: str, method: str, target: str) -> int | None:
        if utcnow() >= self.until:
            raise Busy("The comment waited too long before it could be sent.")
        return super().before(purpose=purpose, method=method, target=target)


def _send(actor: Actor, turn: _Turn) -> None:
    problem: Exception | None = RuntimeError("Patchpanel failed while it waited for the answer.")
    try:
        ledger = _LateLedger(outbound.caller(actor, turn.connection))
        ledger.until = turn.until
        client: TakesComments = outbound.client_for(
            turn.connection, actor, seconds=outbound.WORKER_SECONDS, ledger=ledger
        )
        client.add_comment(turn.ticket.external_id, turn.comment.text, turn.comment.marker)
        problem = None
    except (ProviderError, CannotOpen) as error:
        problem = error
    finally:
        # Also on an error nobody foresaw: a row left in `sending` is taken for a dead process, which it then is not.
        _conclude(actor, turn, problem)
    if isinstance(problem, AuthenticationFailed):
        connection_health.note(turn.connection.id, turn.connection.credentials_version, problem)


def _conclude(actor: Actor, turn: _Turn, problem: Exception | None) -> None:
    with store.write() as session:
        comment = store.locked(session, TicketComment, turn.comment.id)
        ours = comment.state == CommentState.SENDING and comment.sending_until == turn.until
        if problem is None and comment.state != CommentState.SENT:
            _sent(session, actor, comment, turn.ticket)
        elif problem is None or not ours:
            # We were gone for so long that the comment is being looked for already; that goes on.
            pass
        elif isinstance(problem, RateLimited | Busy) or (isinstance(problem, Unreachable) and not problem.sent):
            comment.tries -= 1
            _wait(comment, problem.cause, getattr(problem, "retry_after", None))
        elif _refused(problem):
            _failed(session, actor, comment, turn.ticket, _reason(problem))
        else:
            _unclear(comment, _reason(problem), utcnow())


def _refused(problem: Exception) -> bool:
    """Whether it is certain that nothing was said."""
    if isinstance(problem, CannotOpen):
        return True
    return isinstance(problem, ProviderError) and (not problem.sent or ticket_outcomes.definite(problem))


def _reason(problem: Exception) -> str:
    if isinstance(problem, CannotOpen):
        return "The stored secret of the integration cannot be opened."
    if isinstance(problem, ProviderError):
        return f"{problem.vendor_message or problem.cause} {problem.next_step}".strip()
    return str(problem)


def _look(actor: Actor, turn: _Turn) -> None:
    found, problem = False, None
    try:
        client: TakesComments = outbound.client_for(turn.connection, actor, seconds=outbound.WORKER_SECONDS)
        found = client.has_comment(turn.ticket.external_id, turn.comment.marker)
    except (ProviderError, CannotOpen) as error:
        problem = error
    with store.write() as session:
        comment = store.locked(session, TicketComment, turn.comment.id)
        if comment.state != CommentState.UNCLEAR or comment.due_at != turn.until:
            return
        if found:
            _sent(session, actor, comment, turn.ticket)
        elif isinstance(problem, NotFound | NotAllowed | CannotOpen):
            _failed(session, actor, comment, turn.ticket, _reason(problem))
        elif problem is not None:
            comment.due_at = utcnow() + _pause(comment, getattr(problem, "retry_after", None))
        else:
            _not_there(session, actor, comment, turn.ticket)


def _not_there(session: Session, actor: Actor, comment: TicketComment, ticket: Ticket) -> None:
    now, quiet = utcnow(), dt.timedelta(seconds=settings().settle_seconds or QUIET_SECONDS)
    comment.empty_looks += 1
    over = (comment.sending_until or comment.created_at) + quiet
    if comment.empty_looks < EMPTY_LOOKS or now < over:
        comment.due_at = now + max(quiet / EMPTY_LOOKS, dt.timedelta(seconds=0.3))
    elif comment.tries < MOST_SENDS:
        comment.state, comment.due_at = CommentState.WAITING, now
    else:
        reason = f"{comment.tries} tries had no clear outcome, and no comment carries the reference {comment.marker}."
        _failed(session, actor, comment, ticket, reason)


def _wait(comment: TicketComment, reason: str, seconds: float | None) -> None:
    """Nothing was sent: later, the longer it has waited already the later."""
    comment.state, comment.reason = CommentState.WAITING, reason
    comment.sending_until = None
    comment.due_at = utcnow() + _pause(comment, seconds)


def _pause(comment: TicketComment, asked: float | None) -> dt.timedelta:
    age = (utcnow() - comment.created_at).total_seconds()
    seconds = asked if asked is not None else max(age / 2, SHORTEST_WAIT_SECONDS)
    return dt.timedelta(seconds=min(seconds, LONGEST_WAIT_SECONDS))


def _unclear(comment: TicketComment, reason: str, now: dt.datetime) -> None:
    """It may or may not be there. Our own call is over; what the provider still does is what the quiet time is for."""
    comment.state, comment.reason = CommentState.UNCLEAR, reason
    comment.sending_until = now
    comment.due_at = now + dt.timedelta(seconds=FIRST_LOOK_SECONDS)


def _sent(session: Session, actor: Actor, comment: TicketComment, ticket: Ticket) -> None:
    comment.state, comment.reason, comment.due_at = CommentState.SENT, "", None
    _tell(session, actor, ticket, "ticket.commented", f"Comment sent to {ticket.external_key}")


def _failed(session: Session, actor: Actor, comment: TicketComment, ticket: Ticket, reason: str) -> None:
    """It ends here; people are told whether it is certain that nothing was said."""
    what = f"Comment to {ticket.external_key} may not have arrived" if comment.state == CommentState.UNCLEAR else ""
    comment.state, comment.reason, comment.due_at = CommentState.FAILED, reason, None
    text = f"{what or f'Comment not sent to {ticket.external_key}'}: {reason}"
    _tell(session, actor, ticket, "ticket.comment_failed", text)


def _tell(session: Session, actor: Actor, ticket: Ticket, action: str, text: str) -> None:
    ticket_outcomes.note_timeline(session, ticket, actor, text)
    target = f"INC-{ticket.incident_id} {ticket.external_key}".strip()
    events.record(session, actor, action, kind="ticket", target_id=ticket.id, target=target)
