"""Adding, removing, listing and offering integration users, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from sqlalchemy import select

from extensions import db
from models import Event, IntegrationUser
from services import integration_users, store
from services.errors import Missing
from services.integration_users import NotAdded
from tests.support_people import ADMIN, MEMBER, PhoneBook, book_connection, fill, person, phone_book


@pytest.fixture
def book(app: Flask) -> Iterator[type[PhoneBook]]:
    """The made-up provider."""
    with phone_book() as found:
        yield found


# -- adding


def test_adding_stores_what_the_provider_says_with_its_event(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person()]
    user = integration_users.add(ADMIN, book_connection().id, "dana@book.example", "d-1")
    stored = db.session.get(IntegrationUser, user.id)
    assert stored is not None
    assert (stored.name, stored.email, stored.external_username) == ("Dana Reyes", "dana@book.example", "user-d-1")
    event = db.session.scalars(select(Event)).one()
    assert (event.action, event.target, event.actor) == ("integration_user.added", "Dana Reyes", "Ada Admin")


def test_the_only_person_needs_no_choice(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person()]
    assert integration_users.add(ADMIN, book_connection().id, "dana@book.example").external_id == "d-1"


def test_somebody_who_is_not_in_the_answer_is_never_added(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person()]
    with pytest.raises(NotAdded) as refused:
        integration_users.add(ADMIN, book_connection().id, "dana@book.example", "somebody-else")
    assert [p.name for p in refused.value.look_up.acceptable] == ["Dana Reyes"]
    assert _everybody() == []


def test_among_several_people_one_must_be_chosen(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person(), person("Dana Rey", external_id="d-2")]
    connection = book_connection()
    with pytest.raises(NotAdded, match="Several people"):
        integration_users.add(ADMIN, connection.id, "dana@book.example")
    integration_users.add(ADMIN, connection.id, "dana@book.example", "d-2")
    assert _everybody() == ["Dana Rey"]


def test_a_hidden_address_is_added_only_after_the_person_was_shown(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person(email="", email_hidden=True)]
    connection = book_connection()
    with pytest.raises(NotAdded, match="Check the name"):
        integration_users.add(ADMIN, connection.id, "dana@book.example")
    user = integration_users.add(ADMIN, connection.id, "dana@book.example", "d-1")
    assert user.email == "dana@book.example"


def test_a_deactivated_person_is_not_added_even_when_named(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person(active=False)]
    with pytest.raises(NotAdded, match="deactivated"):
        integration_users.add(ADMIN, book_connection().id, "dana@book.example", "d-1")
    assert _everybody() == []


def test_adding_twice_says_that_the_person_is_in_the_list(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person()]
    connection = book_connection()
    integration_users.add(ADMIN, connection.id, "dana@book.example")
    with pytest.raises(NotAdded, match="Dana Reyes is in the list already"):
        integration_users.add(ADMIN, connection.id, "dana@book.example")
    assert _everybody() == ["Dana Reyes"]


def test_the_same_person_may_be_added_for_another_connection(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person()]
    for site in ("one.example", "two.example"):
        integration_users.add(ADMIN, book_connection(site).id, "dana@book.example")
    assert _everybody() == ["Dana Reyes", "Dana Reyes"]


def test_four_adds_at_once_leave_one_row(app: Flask, book: type[PhoneBook], monkeypatch: pytest.MonkeyPatch) -> None:
    connection_id = book_connection().id
    together = threading.Barrier(4, timeout=20)
    outcomes: list[str] = []

    def find(_self: PhoneBook, _email: str) -> list[object]:
        return [person()]

    def meet(found: integration_users.LookUp, _chosen: str) -> object:
        together.wait()  # everybody has looked and found the list empty
        return found.acceptable[0]

    def add() -> None:
        with app.app_context():
            try:
                integration_users.add(ADMIN, connection_id, "dana@book.example")
                outcomes.append("added")
            except NotAdded as error:
                outcomes.append(str(error))

    monkeypatch.setattr(PhoneBook, "find_people", find)
    monkeypatch.setattr("services.person_look_up.chosen", meet)
    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["Dana Reyes is in the list already"] * 3 + ["added"]
    assert _everybody() == ["Dana Reyes"]


def test_control_characters_in_a_name_are_left_out_and_long_names_shortened(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person("Da\x00na\x1b " + "R" * 400)]
    user = integration_users.add(ADMIN, book_connection().id, "dana@book.example")
    assert user.name == "Dana " + "R" * 195


# -- removing, listing, choosing


def test_removing_leaves_an_event(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person()]
    user = integration_users.add(ADMIN, book_connection().id, "dana@book.example")
    assert integration_users.remove(ADMIN, user.id) == "Dana Reyes"
    assert _everybody() == []
    actions = db.session.scalars(select(Event.action).order_by(Event.id)).all()
    assert actions == ["integration_user.added", "integration_user.removed"]
    with pytest.raises(Missing):
        integration_users.remove(ADMIN, user.id)


def test_a_member_cannot_load_an_integration_user(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person()]
    user = integration_users.add(ADMIN, book_connection().id, "dana@book.example")
    assert integration_users.get(ADMIN, user.id).id == user.id
    with pytest.raises(Missing):
        integration_users.get(MEMBER, user.id)


def test_pages_follow_each_other_forwards_and_backwards(book: type[PhoneBook]) -> None:
    fill(book_connection(), 25)
    known = integration_users.sources()
    first = integration_users.page(known=known, limit=10)
    second = integration_users.page(known=known, limit=10, cursor=first.next_cursor)
    back = integration_users.page(known=known, limit=10, cursor=second.previous_cursor)
    assert [row.name for row in second.items] == [f"Person {number:05}" for number in range(10, 20)]
    assert [row.id for row in back.items] == [row.id for row in first.items]
    assert first.items[0].source is not None
    assert first.items[0].source.tenant == "book.example"


def test_search_and_connection_narrow_the_list(book: type[PhoneBook]) -> None:
    one, two = book_connection("one.example"), book_connection("two.example")
    fill(one, 12)
    fill(two, 3)
    known = integration_users.sources()
    by_mail = integration_users.page(known=known, query="PERSON00011@fill")
    by_both = integration_users.page(known=known, query="person 00001", connection_id=two.id)
    assert [row.name for row in by_mail.items] == ["Person 00011"]
    assert [(row.name, row.source and row.source.id) for row in by_both.items] == [("Person 00001", two.id)]


def test_pick_lists_offer_the_first_active_people_only(book: type[PhoneBook]) -> None:
    connection = book_connection()
    fill(connection, 25)
    fill(book_connection("other.example"), 2)
    sleeping = db.session.scalars(select(IntegrationUser).order_by(IntegrationUser.name)).first()
    assert sleeping is not None
    with store.write() as session:
        session.get_one(IntegrationUser, sleeping.id).status = "inactive"
    offered = integration_users.choices(connection.id)
    assert [choice.name for choice in offered] == [f"Person {number:05}" for number in range(1, 21)]
    assert [c.name for c in integration_users.choices(connection.id, "00007")] == ["Person 00007"]
    assert integration_users.choices(connection.id, "00000") == []
    assert not integration_users.get_choice(sleeping.id).active
    with pytest.raises(Missing):
        integration_users.get_choice(10**9)


def test_connections_that_find_no_people_are_no_source(book: type[PhoneBook]) -> None:
    book_connection("two.example", description="Second", enabled=False)
    book_connection("one.example")
    known = integration_users.sources()
    assert [(s.label, s.enabled) for s in known] == [("one.example", True), ("two.example (Second)", False)]


def _everybody() -> list[str]:
    return list(db.session.scalars(select(IntegrationUser.name).order_by(IntegrationUser.name)))
