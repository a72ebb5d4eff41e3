"""Adding, changing and listing people."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Event, Role, User
from services import links, sessions, sign_in, store, users
from services.actors import COMMAND_LINE, Actor, permissions_of
from services.errors import Missing, Refused
from services.links import LinkOver, Purpose
from services.sessions import Browser
from tests.conftest import PASSWORD

VISITOR = Actor(id=None, name="Visitor", permissions=frozenset(), address="203.0.113.5")
NEW = "another long sentence 8"


def acting(user: User) -> Actor:
    return Actor(id=user.id, name=user.name, permissions=permissions_of(user.role))


def signed_in(user: User, password: str = PASSWORD) -> sessions.Started:
    return sign_in.sign_in(VISITOR, email=user.email, password=password, browser=Browser("203.0.113.5"))


def last_event() -> Event:
    return db.session.execute(select(Event).order_by(Event.id.desc()).limit(1)).scalar_one()


def token_of(link: str) -> str:
    return link.rsplit("/", 1)[1]


def test_a_person_is_added_and_written_down(app: Flask) -> None:
    user = users.add(
        COMMAND_LINE, email=" Ada@Example.com ", name="  Ada   Lovelace ", role="responder", password=PASSWORD
    )
    assert (user.email, user.name, user.role, user.active) == ("ada@example.com", "Ada Lovelace", "responder", True)
    assert PASSWORD not in (user.password_hash or "")
    event = last_event()
    assert (event.action, event.target, event.details) == ("user.added", "ada@example.com", {"role": "responder"})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "ada"),
        ("email", "ada@"),
        ("email", "a b@example.com"),
        ("email", "a@b@example.com"),
        ("email", "<script>@example.com"),
        ("email", "a@" + "b" * 260),
        ("name", "   "),
        ("name", "n" * 201),
        ("role", "owner"),
        ("password", "too short"),
    ],
)
def test_a_value_that_may_not_be_used_is_named(app: Flask, field: str, value: str) -> None:
    values = {"email": "ada@example.com", "name": "Ada", "role": "member", "password": PASSWORD, field: value}
    with pytest.raises(Refused) as refused:
        users.add(COMMAND_LINE, **values)
    assert list(refused.value.field_errors) == [field]
    assert users.count() == 0


def test_an_address_is_taken_whatever_its_case(make_user: Callable[..., User]) -> None:
    make_user(email="ada@example.com")
    with pytest.raises(Refused, match="exists already") as refused:
        users.add(COMMAND_LINE, email="ADA@example.com", name="Other", role="member", password=PASSWORD)
    assert "email" in refused.value.field_errors
    assert users.count() == 1


def test_an_invited_person_chooses_a_password_with_the_link(app: Flask) -> None:
    user, link = users.invite(COMMAND_LINE, email="ada@example.com", name="Ada", role="member")
    assert link.startswith("http://127.0.0.1:8000/reset/")
    sign_in.reset_password(VISITOR, token_of(link), password=NEW)
    assert signed_in(user, NEW).row.user_id == user.id


def test_changing_somebody_ends_their_sessions(make_user: Callable[..., User]) -> None:
    admin, member = make_user(role=Role.ADMIN), make_user(role=Role.MEMBER)
    started = signed_in(member)
    users.change(acting(admin), member.id, role="responder", active=True)
    assert sessions.find(started.token) is None
    assert last_event().details == {
        "before": {"role": "member", "active": True},
        "after": {"role": "responder", "active": True},
    }


def test_changing_nothing_changes_nothing(make_user: Callable[..., User]) -> None:
    admin, member = make_user(role=Role.ADMIN), make_user(role=Role.MEMBER)
    started = signed_in(member)
    users.change(acting(admin), member.id, role="member", active=True)
    assert sessions.find(started.token) is not None


def test_disabling_ends_sessions_and_links_at_once(make_user: Callable[..., User]) -> None:
    admin, member = make_user(role=Role.ADMIN), make_user(role=Role.MEMBER)
    started = signed_in(member)
    _, link = users.reset_link(acting(admin), member.id)
    users.change(acting(admin), member.id, role="member", active=False)
    assert sessions.find(started.token) is None
    with pytest.raises(LinkOver):
        sign_in.reset_password(VISITOR, token_of(link), password=NEW)
    with pytest.raises(Refused, match="may not sign in"):
        users.reset_link(acting(admin), member.id)


@pytest.mark.parametrize(("role", "active"), [("admin", False), ("member", True), ("responder", False)])
def test_the_last_active_administrator_stays(make_user: Callable[..., User], role: str, active: bool) -> None:
    admin = make_user(role=Role.ADMIN)
    retired = make_user(role=Role.ADMIN, email="retired@example.com")
    users.change(COMMAND_LINE, retired.id, role="admin", active=False)
    with pytest.raises(Refused, match="last active administrator"):
        users.change(COMMAND_LINE, admin.id, role=role, active=active)
    assert users.get(admin.id).active


@pytest.mark.parametrize(("role", "active"), [("admin", False), ("member", True)])
def test_nobody_takes_their_own_rights_away(make_user: Callable[..., User], role: str, active: bool) -> None:
    admin = make_user(role=Role.ADMIN)
    make_user(role=Role.ADMIN, email="second@example.com")
    with pytest.raises(Refused, match="Ask another administrator"):
        users.change(acting(admin), admin.id, role=role, active=active)


def test_two_administrators_cannot_demote_each_other_at_once(app: Flask, make_user: Callable[..., User]) -> None:
    first, second = make_user(role=Role.ADMIN), make_user(role=Role.ADMIN, email="second@example.com")
    pairs = [(acting(first), second.id), (acting(second), first.id)]
    store.release()

    def demote(pair: tuple[Actor, int]) -> str:
        with app.app_context():
            try:
                users.change(pair[0], pair[1], role="member", active=True)
            except Refused as refused:
                return str(refused)
            return "done"

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(demote, pairs))
    assert answers.count("done") == 1


def test_a_stranger_is_missing(app: Flask) -> None:
    with pytest.raises(Missing):
        users.change(COMMAND_LINE, 4711, role="member", active=True)
    with pytest.raises(Missing):
        users.reset_link(COMMAND_LINE, 4711)


def test_a_new_link_replaces_the_earlier_one(make_user: Callable[..., User]) -> None:
    user = make_user(role=Role.MEMBER)
    _, first = users.reset_link(COMMAND_LINE, user.id)
    _, second = users.reset_link(COMMAND_LINE, user.id)
    with pytest.raises(LinkOver, match="used already or replaced"):
        links.look(token_of(first), Purpose.RESET)
    assert links.look(token_of(second), Purpose.RESET).user_id == user.id


def test_a_reset_link_works_once_and_ends_every_session(make_user: Callable[..., User]) -> None:
    user = make_user(role=Role.MEMBER)
    started = signed_in(user)
    _, link = users.reset_link(COMMAND_LINE, user.id)
    assert sign_in.reset_password(VISITOR, token_of(link), password=NEW) == user.email
    assert sessions.find(started.token) is None
    with pytest.raises(LinkOver):
        sign_in.reset_password(VISITOR, token_of(link), password=PASSWORD)
    with pytest.raises(Refused):
        signed_in(user)
    signed_in(user, NEW)


def test_a_refused_password_leaves_the_link_good(make_user: Callable[..., User]) -> None:
    _, link = users.reset_link(COMMAND_LINE, make_user(role=Role.MEMBER).id)
    with pytest.raises(Refused):
        sign_in.reset_password(VISITOR, token_of(link), password="short")
    sign_in.reset_password(VISITOR, token_of(link), password=NEW)


def test_a_link_is_used_by_one_of_many_at_once(app: Flask, make_user: Callable[..., User]) -> None:
    _, link = users.reset_link(COMMAND_LINE, make_user(role=Role.MEMBER).id)
    store.release()

    def use(number: int) -> bool:
        with app.app_context():
            try:
                sign_in.reset_password(VISITOR, token_of(link), password=f"{NEW} {number}")
            except LinkOver:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(use, range(8))).count(True) == 1


def test_a_link_for_one_purpose_does_not_serve_another(make_user: Callable[..., User]) -> None:
    _, link = users.reset_link(COMMAND_LINE, make_user(role=Role.MEMBER).id)
    for purpose in (Purpose.SETUP, Purpose.SANDBOX):
        with pytest.raises(LinkOver, match="not valid"):
            links.look(token_of(link), purpose)


def test_the_setup_link_exists_only_while_nobody_does(app: Flask) -> None:
    link = sign_in.setup_link() or ""
    assert link.startswith("http://127.0.0.1:8000/welcome/")
    other = sign_in.setup_link() or ""
    started = sign_in.set_up(
        VISITOR, token_of(link), name="Ada", email="ada@example.com", password=PASSWORD, browser=Browser("203.0.113.5")
    )
    assert started.row.user.role == Role.ADMIN
    assert sign_in.setup_link() is None
    for used in (link, other):
        with pytest.raises(LinkOver, match="set up already"):
            sign_in.set_up(
                VISITOR, token_of(used), name="Eve", email="eve@example.com", password=PASSWORD, browser=Browser()
            )
    assert users.count() == 1


def test_two_setup_links_at_once_make_one_administrator(app: Flask) -> None:
    tokens = [token_of(sign_in.setup_link() or "") for _ in range(4)]

    def use(number: int) -> bool:
        with app.app_context():
            try:
                sign_in.set_up(
                    VISITOR,
                    tokens[number],
                    name="Ada",
                    email=f"ada{number}@example.com",
                    password=PASSWORD,
                    browser=Browser(),
                )
            except LinkOver:
                return False
            return True

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, range(4))).count(True) == 1
    assert users.count() == 1


def test_a_search_finds_parts_of_name_and_address(make_user: Callable[..., User]) -> None:
    make_user(role=Role.MEMBER, email="ada@example.com", name="Ada Lovelace")
    make_user(role=Role.MEMBER, email="grace_h@example.com", name="Grace Hopper")

    def found(search: str) -> list[str]:
        return [user.name for user in users.page(search=search).items]

    assert found("") == ["Ada Lovelace", "Grace Hopper"]
    assert found("LOVE") == ["Ada Lovelace"]
    assert found("_h@") == ["Grace Hopper"]
    assert found("a_a") == []
    assert found("%") == []


def test_pages_follow_one_another(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "PAGE", 2)
    with store.write() as session:
        for number in range(5):
            users.insert(
                session, COMMAND_LINE, email=f"p{number}@example.com", name="Same Name", role="member", password_hash=""
            )
    first = users.page()
    second = users.page(cursor=first.next_cursor)
    third = users.page(cursor=second.next_cursor)
    seen = [user.email for page in (first, second, third) for user in page.items]
    assert seen == [f"p{number}@example.com" for number in range(5)]
    assert third.next_cursor is None
    assert [user.id for user in users.page(cursor=third.previous_cursor).items] == [user.id for user in second.items]
