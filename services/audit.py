"""Reading the audit log."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select

from extensions import db
from models import Event
from services import paging

PAGE = 50


def page(*, action: str = "", cursor: str | None = None) -> paging.Page[Event]:
    """One page of events, newest first. Raises Refused for a cursor that is not one of ours."""
    query = select(Event)
    if action:
        query = query.where(Event.action == action)
    return paging.page(query, [paging.Order(Event.id, descending=True)], cursor=cursor, limit=PAGE)


def actions() -> Sequence[str]:
    """Every action that occurs, in alphabetical order.

    Steps from one to the next along the index on (action, id): a million events cost one step per action.
    """
    first = select(func.min(Event.action).label("action")).cte("steps", recursive=True)
    following = select(func.min(Event.action)).where(Event.action > first.c.action).scalar_subquery()
    steps = first.union_all(select(following).where(first.c.action.is_not(None)))
    query = select(steps.c.action).where(steps.c.action.is_not(None))
    return list(db.session.execute(query).scalars())
