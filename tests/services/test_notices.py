"""Notices: told once, to those they are for, counted without counting everything."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from extensions import db
from models import Notice, Role, User
from services import notices, store
from services.actors import COMMAND_LINE, Actor, permissions_of
from services.errors import Refused
from services.notices import Audience, Level
from tests.test_pages import queries


def tell(**details: Any) -> bool:
    """One notice in a transaction of its own."""
    with store.write() as session:
        return notices.tell(session, **{"kind": "test", "level": Level.INFO, "title": "Something", **details})


def someone(role: str, make_user: Callable[..., User]) -> Actor:
    """A person of this role, as services know people."""
    user = make_user(role=role)
    return Actor(user.id, user.name, permissions_of(role))


def titles(actor: Actor) -> list[str]:
    """What this person is told, newest first."""
    found = [notice.title for notice in notices.page(actor).items]
    store.release()
    return found


def test_the_same_key_is_told_once_and_no_key_always(app: Flask) -> None:
    assert [tell(key="a"), tell(key="a"), tell(key="b"), tell(), tell()] == [True, False, True, True, True]
    assert db.session.scalar(select(func.count()).select_from(Notice)) == 4


def test_of_many_who_tell_the_same_at_once_one_succeeds(app: Flask) -> None:
    barrier, said = threading.Barrier(6), []

    def work() -> None:
        with app.app_context():
            barrier.wait()
            said.append(tell(key="same"))

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [False] * 5 + [True]


def test_a_notice_of_a_change_that_is_taken_back_was_never_told(app: Flask) -> None:
    def fail_after_telling() -> None:
        with store.write() as session:
            notices.tell(session, kind="test", level=Level.INFO, title="Never", key="k")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_after_telling()
    assert tell(key="k") is True


@pytest.mark.parametrize("link", ["https://elsewhere.example", "//elsewhere.example", "/\\elsewhere", "javascript:x"])
def test_a_notice_links_to_our_own_pages_only(app: Flask, link: str) -> None:
    with pytest.raises(ValueError, match="our own pages"):
        tell(link=link)


def test_a_key_that_does_not_fit_is_refused_and_a_long_title_is_cut(app: Flask) -> None:
    with pytest.raises(ValueError, match="too long"):
        tell(key="k" * 201)
    tell(title="t" * 500)
    stored = db.session.scalars(select(Notice.title)).one()
    assert (len(stored), stored[-1]) == (300, "…")


def test_everyone_is_told_what_is_for_them_and_nothing_else(app: Flask, make_user: Callable[..., User]) -> None:
    admin, responder, member = (someone(role, make_user) for role in (Role.ADMIN, Role.RESPONDER, Role.MEMBER))
    tell(title="for administrators")
    tell(title="for responders", audience=Audience.RESPONDER)
    tell(title="for the member", user_id=member.id)
    tell(title="for the responder", user_id=responder.id)
    assert titles(admin) == ["for responders", "for administrators"]
    assert titles(responder) == ["for the responder", "for responders"]
    assert titles(member) == ["for the member"]
    assert [notices.bell(actor).unseen for actor in (admin, responder, member)] == [2, 2, 1]
    assert titles(COMMAND_LINE) == ["for responders", "for administrators"]


def test_who_is_told_things_by_their_role_has_a_bell_and_others_once_they_were_told_something(
    app: Flask, make_user: Callable[..., User]
) -> None:
    admin, responder, member = (someone(role, make_user) for role in (Role.ADMIN, Role.RESPONDER, Role.MEMBER))
    tell()
    assert [notices.bell(actor).shown for actor in (admin, responder, member)] == [True, True, False]
    tell(user_id=member.id)
    notices.mark_seen(member, notices.newest(member))
    assert notices.bell(member) == notices.Bell(unseen=0, shown=True)


def test_read_is_what_was_there_to_be_read_and_never_less_than_before(
    app: Flask, make_user: Callable[..., User]
) -> None:
    admin = someone(Role.ADMIN, make_user)
    for number in range(3):
        tell(title=str(number))
    shown = notices.newest(admin)
    tell(title="came meanwhile")
    notices.mark_seen(admin, shown)
    assert notices.bell(admin).unseen == 1
    notices.mark_seen(admin, shown - 2)
    notices.mark_seen(admin, -5)
    assert notices.bell(admin).unseen == 1
    notices.mark_seen(admin, 10**30)
    assert notices.bell(admin).unseen == 0
    tell(title="new again")
    assert notices.bell(admin).unseen == 1


def test_one_persons_reading_is_not_anothers(app: Flask, make_user: Callable[..., User]) -> None:
    admin, responder = someone(Role.ADMIN, make_user), someone(Role.RESPONDER, make_user)
    tell(audience=Audience.RESPONDER)
    notices.mark_seen(admin, notices.newest(admin))
    assert (notices.bell(admin).unseen, notices.bell(responder).unseen) == (0, 1)


def test_the_bell_costs_one_query_and_stops_counting_at_a_hundred(app: Flask, make_user: Callable[..., User]) -> None:
    admin = someone(Role.ADMIN, make_user)
    with store.write() as session:
        for number in range(130):
            mine = {"user_id": admin.id} if number % 2 else {}
            notices.tell(session, kind="test", level=Level.INFO, title=str(number), **mine)  # type: ignore[arg-type]  # one of two shapes
    with queries() as sent:
        assert notices.bell(admin).unseen == 100
    assert len(sent) == 1


def test_pages_go_forth_and_back_and_keep_their_place_when_more_is_told(
    app: Flask, make_user: Callable[..., User]
) -> None:
    admin = someone(Role.ADMIN, make_user)
    for number in range(60):
        tell(title=str(number))
    first = notices.page(admin)
    tell(title="new")
    second = notices.page(admin, cursor=first.next_cursor)
    third = notices.page(admin, cursor=second.next_cursor)
    read = [notice.title for found in (first, second, third) for notice in found.items]
    assert read == [str(number) for number in reversed(range(60))]
    assert third.next_cursor is None
    assert [n.id for n in notices.page(admin, cursor=third.previous_cursor).items] == [n.id for n in second.items]
    with pytest.raises(Refused, match="not valid any more"):
        notices.page(admin, cursor="bm9uc2Vuc2U")


def test_notices_of_a_person_who_is_removed_go_with_them(app: Flask, make_user: Callable[..., User]) -> None:
    member = make_user(role=Role.MEMBER)
    tell(user_id=member.id)
    with store.write() as session:
        session.delete(session.merge(member))
    assert db.session.scalar(select(func.count()).select_from(Notice)) == 0
