"""The Integration Users page: who may see it, the list, Remove; with htmx and without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select

from extensions import db
from models import IntegrationUser
from services import store
from tests.support_people import LOOK_UP, NEW, PAGE, PhoneBook, book_connection, fill, phone_book, typed


@pytest.fixture
def book(app: Flask) -> Iterator[type[PhoneBook]]:
    """The made-up provider."""
    with phone_book() as found:
        yield found


# -- who may


def test_a_visitor_is_sent_to_the_sign_in_page(client: FlaskClient) -> None:
    assert client.get(PAGE).status_code in (302, 303)


def test_a_member_is_refused_and_sees_no_entry(member: FlaskClient) -> None:
    assert member.get(PAGE).status_code == 403
    assert member.get(NEW).status_code == 403
    assert "Integration Users" not in member.get("/incidents", follow_redirects=True).get_data(as_text=True)


def test_a_responder_sees_the_list_but_changes_nothing(book: type[PhoneBook], responder: FlaskClient) -> None:
    connection = book_connection()
    fill(connection, 1)
    page = responder.get(PAGE).get_data(as_text=True)
    assert "Person 00000" in page
    assert "Add More" not in page
    assert "/remove" not in page
    user_id = db.session.scalars(select(IntegrationUser.id)).one()
    assert responder.get(NEW).status_code == 403
    assert responder.post_form(NEW, typed(connection)).status_code == 403
    assert responder.post_form(LOOK_UP, typed(connection)).status_code == 403
    assert responder.post_form(f"{PAGE}/{user_id}/remove").status_code == 403
    assert book.asked == []


# -- the list


def test_the_list_has_its_five_columns(book: type[PhoneBook], admin: FlaskClient) -> None:
    fill(book_connection(), 1)
    page = admin.get(PAGE).get_data(as_text=True)
    heads = re.findall(r'<th scope="col">([^<]+)</th>', page)
    assert heads == ["Name", "Email ID", "Integration Type", "Integration", "Status"]
    for text in ("Person 00000", "person00000@fill.example", "PhoneBook", "book.example", "Active"):
        assert text in page


def test_a_deactivated_person_is_marked(book: type[PhoneBook], admin: FlaskClient) -> None:
    fill(book_connection(), 1, status="inactive")
    assert "Inactive" in admin.get(PAGE).get_data(as_text=True).split("<tbody", 1)[1]


def test_without_a_ticket_system_page_and_dialog_say_what_to_do(admin: FlaskClient) -> None:
    for url in (PAGE, NEW):
        page = admin.get(url).get_data(as_text=True)
        assert "Connect a ticket system first" in page
        assert 'href="/settings/organization/integrations"' in page.split("<main", 1)[1] + page.split("<dialog", 1)[-1]


def test_an_empty_list_offers_to_add_the_first_person(book: type[PhoneBook], admin: FlaskClient) -> None:
    book_connection()
    assert "Add the first person" in admin.get(PAGE).get_data(as_text=True)


def test_search_filter_and_paging_work_together(book: type[PhoneBook], admin: FlaskClient) -> None:
    one, two = book_connection("one.example"), book_connection("two.example")
    fill(one, 60)
    fill(two, 1)
    first = admin.get(f"{PAGE}?connection={one.id}").get_data(as_text=True)
    assert first.count('<tr id="person-') == 50
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = admin.get(following.group(1).replace("&amp;", "&")).get_data(as_text=True)
    assert second.count('<tr id="person-') == 10
    assert "two.example</td>" not in second
    found = admin.get(f"{PAGE}?q=person+00000&connection={two.id}").get_data(as_text=True)
    assert found.count('<tr id="person-') == 1
    assert "Nobody found" in admin.get(f"{PAGE}?q=zebra").get_data(as_text=True)


def test_htmx_gets_the_list_without_the_page(book: type[PhoneBook], admin: FlaskClient) -> None:
    fill(book_connection(), 1)
    answer = admin.get(f"{PAGE}?q=person", headers={"HX-Request": "true"})
    text = answer.get_data(as_text=True).strip()
    assert text.startswith('<div id="people"')
    assert "HX-Request" in answer.headers["Vary"]


@pytest.mark.parametrize("query", ["connection=x", "connection=99999999999999999999", "added=99999999999999999999"])
def test_values_nobody_could_have_chosen_are_ignored(book: type[PhoneBook], admin: FlaskClient, query: str) -> None:
    fill(book_connection(), 1)
    assert "Person 00000" in admin.get(f"{PAGE}?{query}").get_data(as_text=True)


def test_the_number_of_queries_does_not_grow_with_the_list(book: type[PhoneBook], admin: FlaskClient) -> None:
    connection = book_connection()
    fill(connection, 3)
    few = _queries(admin)
    with store.write() as session:
        session.execute(IntegrationUser.__table__.delete())
    fill(connection, 300)
    assert _queries(admin) == few <= 12


# -- removing


def test_removing_asks_first_and_says_what_stops_and_stays(book: type[PhoneBook], admin: FlaskClient) -> None:
    fill(book_connection(), 2)
    url = f"{PAGE}/{_id_of('Person 00000')}/remove"
    page = admin.get(url).get_data(as_text=True)
    assert "<dialog open" in page
    assert "What stops:" in page
    assert "What stays:" in page
    assert re.search(r"<button[^>]*>Remove</button>", page)
    answer = admin.post_htmx(url)
    text = answer.get_data(as_text=True)
    assert "Person 00000 was removed" in text
    assert '<tr id="person-' in text
    assert ">Person 00000<" not in text
    assert admin.get(url).status_code == 404
    assert admin.post_form(url).status_code == 404


def test_removing_without_javascript_returns_to_the_list(book: type[PhoneBook], admin: FlaskClient) -> None:
    fill(book_connection(), 1)
    answer = admin.post_form(f"{PAGE}/{_id_of('Person 00000')}/remove")
    assert answer.status_code == 303
    assert "Person 00000 was removed" in admin.get(answer.headers["Location"]).get_data(as_text=True)


@pytest.mark.parametrize("number", ["0", "999999", "99999999999999999999"])
def test_absent_people_are_not_found(admin: FlaskClient, number: str) -> None:
    assert admin.get(f"{PAGE}/{number}/remove").status_code == 404


def _queries(browser: FlaskClient) -> int:
    """How many statements one view of the list takes, once everything that is kept in memory for a while is there."""
    browser.get(PAGE)
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(db.engine, "before_cursor_execute", note)
    try:
        assert browser.get(PAGE).status_code == 200
    finally:
        event.remove(db.engine, "before_cursor_execute", note)
    return len(seen)


def _id_of(name: str) -> int:
    return db.session.scalars(select(IntegrationUser.id).where(IntegrationUser.name == name)).one()
