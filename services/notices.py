"""Notices: what people should know without looking for it, behind the bell.

Whoever changes something worth telling writes the notice in the same transaction, under a key that says what it tells
of: the same thing is told once, however many processes notice it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, exists, func, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from extensions import db
from models import Notice, User
from providers.base import utcnow
from services import locks, paging, store
from services.actors import Actor, Permission

# The bell counts no further.
MOST_COUNTED = 100
PER_PAGE = 25
LONGEST_TITLE = 300
# What a link and a key may hold at most.
LONGEST_LINK, LONGEST_KEY = 300, 200


class Audience(StrEnum):
    """Whom a notice is for; administrators also see what is for responders."""

    ADMIN = "admin"
    RESPONDER = "responder"


class Level(StrEnum):
    """How much a notice matters."""

    PROBLEM = "problem"
    WARNING = "warning"
    GOOD = "good"
    INFO = "info"


_AUDIENCES = {Audience.ADMIN: Permission.SYSTEM_READ, Audience.RESPONDER: Permission.TICKET_WRITE}


@dataclass(frozen=True)
class Bell:
    """The bell of one person: how many notices are new to them (at most MOST_COUNTED), and whether it is shown."""

    unseen: int
    shown: bool


def tell(
    session: Session,
    *,
    kind: str,
    level: Level,
    title: str,
    text: str = "",
    link: str = "",
    key: str | None = None,
    audience: Audience = Audience.ADMIN,
    user_id: int | None = None,
) -> bool:
    """Add a notice to the caller's transaction, as the last thing done in it.

    Args:
        kind: what it is about, for programs ("connection", "expiry", "ticket").
        link: path of the page concerned ("/incidents/7"); "" without one.
        key: what it tells of; a notice with this key is not told again. None: always told.
        audience: the role it is for; with `user_id` it is for that person alone.

    Returns False when it was told already. Raises ValueError for a link that leads elsewhere, or a key or link too
    long to be stored.
    """
    if link and (not link.startswith("/") or link[1:2] in ("/", "\\")):
        raise ValueError("a notice links to our own pages only")
    if len(link) > LONGEST_LINK or len(key or "") > LONGEST_KEY:
        raise ValueError("the link or key of a notice is too long")
    # Numbers follow the order of the commits then: whoever has seen one has had the chance to see all before it.
    locks.hold(session, "notices")
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    values = {
        "at": utcnow(),
        "audience": "" if user_id is not None else audience,
        "user_id": user_id,
        "kind": kind,
        "level": level,
        "title": title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…",
        "text": text,
        "link": link,
        "key": key,
    }
    statement = insert(Notice).values(values).on_conflict_do_nothing(index_elements=["key"]).returning(Notice.id)
    return session.execute(statement).first() is not None


def page(actor: Actor, *, cursor: str | None = None) -> paging.Page[Notice]:
    """What this person may see, newest first. Raises Refused for a cursor that is none of ours."""
    newest_first = [paging.Order(Notice.id, descending=True)]
    return paging.page(select(Notice).where(_visible(actor)), newest_first, cursor=cursor, limit=PER_PAGE)


def bell(actor: Actor) -> Bell:
    """The person's bell, with one query. Who is told things by their role always has one, others once they were told
    something.
    """
    audiences = _audiences(actor)
    mine = _unseen(actor, Notice.user_id == actor.id)
    general = _unseen(actor, Notice.audience.in_(audiences)) if audiences else literal(0)
    told = literal(True) if audiences else exists(select(Notice.id).where(Notice.user_id == actor.id))
    row = db.session.execute(select(mine, general, told)).one()
    return Bell(min(row[0] + row[1], MOST_COUNTED), bool(row[2]))


def seen_up_to(actor: Actor) -> int:
    """Number of the newest notice this person has marked as read."""
    return db.session.scalar(select(User.notices_seen_id).where(User.id == actor.id)) or 0


def newest(actor: Actor) -> int:
    """Number of the newest notice this person may see, 0 when there is none."""
    return db.session.scalar(select(func.max(Notice.id)).where(_visible(actor))) or 0


def mark_seen(actor: Actor, up_to: int) -> None:
    """Note that this person has read everything up to this notice; what came after it stays new."""
    reachable = min(max(0, up_to), store.LARGEST_ID)
    last = select(func.max(Notice.id)).where(_visible(actor), Notice.id <= reachable).scalar_subquery()
    with store.write() as session:
        session.execute(
            update(User)
            .where(User.id == actor.id, User.notices_seen_id < last)
            .values(notices_seen_id=last)
            .execution_options(synchronize_session=False)
        )


def _audiences(actor: Actor) -> Sequence[Audience]:
    return [audience for audience, permission in _AUDIENCES.items() if actor.may(permission)]


def _visible(actor: Actor) -> ColumnElement[bool]:
    audiences = _audiences(actor)
    mine = Notice.user_id == actor.id
    return or_(Notice.audience.in_(audiences), mine) if audiences else mine


def _unseen(actor: Actor, which: ColumnElement[bool]) -> ColumnElement[int]:
    """Counts in an index, and no further than is shown."""
    seen = select(User.notices_seen_id).where(User.id == actor.id).scalar_subquery()
    some = select(Notice.id).where(which, Notice.id > func.coalesce(seen, 0)).limit(MOST_COUNTED).subquery()
    return select(func.count()).select_from(some).scalar_subquery()
