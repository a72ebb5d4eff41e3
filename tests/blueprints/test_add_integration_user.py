"""The dialog Add User: look-up while typing, choices, adding; with htmx and without JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from extensions import db
from models import IntegrationUser
from providers.errors import Unreachable
from tests.support_people import (
    LOOK_UP,
    NEW,
    PAGE,
    TYPING,
    Controls,
    PhoneBook,
    book_connection,
    fill,
    person,
    phone_book,
    typed,
)


@pytest.fixture
def book(app: Flask) -> Iterator[type[PhoneBook]]:
    """The made-up provider, with one person."""
    with phone_book() as found:
        found.entries["dana@book.example"] = [person()]
        yield found


# -- adding with htmx


def test_the_dialog_has_its_labels_and_the_only_integration_is_chosen(
    book: type[PhoneBook], admin: FlaskClient
) -> None:
    connection = book_connection()
    dialog = admin.get(NEW, headers={"HX-Request": "true"}).get_data(as_text=True)
    labels = Controls(dialog).labels
    assert set(labels.values()) == {"Integration", "Email"}
    assert re.search(rf'<option selected value="{connection.id}">book.example</option>', dialog)
    assert re.search(r'<button[^>]*id="add-user-submit"[^>]*disabled>Add User</button>', dialog)
    assert "Look up" not in re.sub(r"Looking up", "", dialog)
    assert 'hx-trigger="input changed delay:400ms"' in dialog
    assert 'hx-sync="#person:replace"' in dialog


def test_with_several_integrations_one_must_be_chosen(book: type[PhoneBook], admin: FlaskClient) -> None:
    book_connection("one.example")
    book_connection("two.example", enabled=False)
    dialog = admin.get(NEW, headers={"HX-Request": "true"}).get_data(as_text=True)
    assert "Choose …" in dialog
    assert "two.example: switched off" in dialog
    answer = admin.post_htmx(NEW, {"connection_id": "", "email": "dana@book.example"})
    assert answer.status_code == 422
    assert "Choose the integration." in answer.get_data(as_text=True)


def test_typing_an_address_brings_name_and_username_and_frees_the_button(
    book: type[PhoneBook], admin: FlaskClient
) -> None:
    answer = admin.post_htmx(LOOK_UP, typed(book_connection()), headers=TYPING)
    text = answer.get_data(as_text=True)
    shown = Controls(text)
    assert answer.status_code == 200
    assert (shown.value("Name"), shown.value("Username")) == ("Dana Reyes", "user-d-1")
    assert all("readonly" in control for control in shown.controls)
    assert "<dialog" not in text
    assert re.search(r'id="add-user-submit" hx-swap-oob="true">Add User', text)


def test_an_unknown_address_says_so_and_keeps_the_button_locked(book: type[PhoneBook], admin: FlaskClient) -> None:
    answer = admin.post_htmx(LOOK_UP, typed(book_connection(), "no@book.example"), headers=TYPING)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert 'role="alert"' in text
    assert "No user with this email in book.example" in text
    assert re.search(r'id="add-user-submit" hx-swap-oob="true" disabled>', text)


def test_an_unfinished_address_gets_a_hint_and_no_alarm(book: type[PhoneBook], admin: FlaskClient) -> None:
    text = admin.post_htmx(LOOK_UP, typed(book_connection(), "dana@"), headers=TYPING).get_data(as_text=True)
    assert "Enter a whole e-mail address" in text
    assert 'role="alert"' not in text
    assert " disabled>" in text
    assert book.asked == []


def test_an_emptied_address_is_answered_with_nothing(book: type[PhoneBook], admin: FlaskClient) -> None:
    answer = admin.post_htmx(LOOK_UP, typed(book_connection(), ""), headers=TYPING)
    assert answer.status_code == 200
    assert re.sub(r"<button.*?</button>", "", answer.get_data(as_text=True)).strip() == ""


def test_several_people_are_choices_that_carry_their_names(book: type[PhoneBook], admin: FlaskClient) -> None:
    book.entries["dana@book.example"] = [person(), person("Dana Rey", external_id="d-2")]
    text = admin.post_htmx(LOOK_UP, typed(book_connection()), headers=TYPING).get_data(as_text=True)
    choices = [control for control in Controls(text).controls if control.get("type") == "radio"]
    assert [choice["value"] for choice in choices] == ["d-1", "d-2"]
    assert all(choice["labelled"] for choice in choices)
    assert "<strong>Dana Rey</strong>" in text


def test_adding_closes_the_dialog_and_refreshes_the_list(book: type[PhoneBook], admin: FlaskClient) -> None:
    answer = admin.post_htmx(NEW, typed(book_connection(), external_id="d-1"))
    text = answer.get_data(as_text=True)
    assert answer.status_code == 200
    assert "Dana Reyes was added" in text
    assert re.search(r'<div id="people" hx-swap-oob="true">', text)
    assert "<dialog" not in text


def test_whoever_was_added_is_seen_in_a_long_list_under_a_search(book: type[PhoneBook], admin: FlaskClient) -> None:
    book.entries["zoe@book.example"] = [person("Zoe Last", "zoe@book.example", "z-1")]
    connection = book_connection()
    fill(connection, 60)
    text = admin.post_htmx(NEW, {**typed(connection, "zoe@book.example"), "q": "person"}).get_data(as_text=True)
    assert text.index("Zoe Last") < text.index("Person 00000")
    zoe = db.session.scalars(select(IntegrationUser.id).where(IntegrationUser.name == "Zoe Last")).one()
    plain = admin.get(f"{PAGE}?added={zoe}").get_data(as_text=True)
    assert plain.index("Zoe Last") < plain.index("Person 00000")


def test_a_posted_name_or_id_counts_for_nothing(book: type[PhoneBook], admin: FlaskClient) -> None:
    answer = admin.post_htmx(NEW, typed(book_connection(), external_id="boss", name="The Boss"))
    assert answer.status_code == 422
    assert "does not have this e-mail address" in answer.get_data(as_text=True)
    assert db.session.scalars(select(IntegrationUser)).all() == []


def test_adding_twice_is_told_in_the_dialog(book: type[PhoneBook], admin: FlaskClient) -> None:
    connection = book_connection()
    admin.post_htmx(NEW, typed(connection))
    again = admin.post_htmx(NEW, typed(connection))
    assert again.status_code == 422
    assert "Dana Reyes is in the list already" in again.get_data(as_text=True)


def test_a_malformed_address_marks_its_field(book: type[PhoneBook], admin: FlaskClient) -> None:
    text = admin.post_htmx(NEW, typed(book_connection(), "dana")).get_data(as_text=True)
    email = next(control for control in Controls(text).controls if control.get("name") == "email")
    assert email["aria-invalid"] == "true"
    assert email["value"] == "dana"
    assert "email-error" in str(email["aria-describedby"])


def test_a_switched_off_integration_says_so(book: type[PhoneBook], admin: FlaskClient) -> None:
    text = admin.post_htmx(LOOK_UP, typed(book_connection(enabled=False)), headers=TYPING).get_data(as_text=True)
    assert "switched off and makes no calls" in text
    assert book.asked == []


def test_a_provider_that_fails_is_named_in_the_dialog_and_the_typed_address_stays(
    book: type[PhoneBook], admin: FlaskClient
) -> None:
    book.entries["dana@book.example"] = Unreachable("It is shut.", next_step="Open it.")
    answer = admin.post_htmx(NEW, typed(book_connection()))
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "The book does not open" in text
    assert "It is shut. Open it." in text
    assert Controls(text).value("Email") == "dana@book.example"


# -- without JavaScript


def test_without_javascript_look_up_fills_the_open_dialog(book: type[PhoneBook], admin: FlaskClient) -> None:
    connection = book_connection()
    opened = admin.get(NEW).get_data(as_text=True)
    assert re.search(rf'<noscript>.*formaction="{LOOK_UP}">Look up</button>.*</noscript>', opened)
    assert re.search(r'id="add-user-submit">Add User', opened)
    page = admin.post_form(LOOK_UP, typed(connection)).get_data(as_text=True)
    shown = Controls(page)
    assert "<dialog open" in page
    assert "<main" in page
    assert [shown.value(label) for label in ("Email", "Name", "Username")] == [
        "dana@book.example",
        "Dana Reyes",
        "user-d-1",
    ]


def test_without_javascript_add_user_works_right_away(book: type[PhoneBook], admin: FlaskClient) -> None:
    answer = admin.post_form(NEW, typed(book_connection()))
    assert answer.status_code == 303
    page = admin.get(answer.headers["Location"]).get_data(as_text=True)
    assert "Dana Reyes was added" in page
    assert "dana@book.example" in page


def test_without_javascript_a_choice_among_several_is_kept(book: type[PhoneBook], admin: FlaskClient) -> None:
    book.entries["dana@book.example"] = [person(), person("Dana Rey", external_id="d-2")]
    connection = book_connection()
    page = admin.post_form(NEW, typed(connection))
    assert page.status_code == 422
    assert "Several people have this e-mail address" in page.get_data(as_text=True)
    assert admin.post_form(NEW, typed(connection, external_id="d-2")).status_code == 303
    assert db.session.scalars(select(IntegrationUser.name)).all() == ["Dana Rey"]


def test_without_javascript_an_unknown_address_shows_the_page_with_the_dialog(
    book: type[PhoneBook], admin: FlaskClient
) -> None:
    answer = admin.post_form(LOOK_UP, typed(book_connection(), "no@book.example"))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "<dialog open" in page
    assert "No user with this email in book.example" in page
    assert admin.get(LOOK_UP).headers["Location"].endswith(NEW)


def test_every_control_has_a_label_and_every_id_is_used_once(book: type[PhoneBook], admin: FlaskClient) -> None:
    book_connection("two.example")
    connection = book_connection()
    fill(connection, 3)
    for page in (admin.get(PAGE), admin.get(NEW), admin.post_form(LOOK_UP, typed(connection))):
        found = Controls(page.get_data(as_text=True))
        unlabelled = [c for c in found.controls if not c["labelled"] and c.get("id") not in found.labels]
        assert unlabelled == []
        assert len(found.ids) == len(set(found.ids))


def test_a_form_without_its_token_changes_nothing(book: type[PhoneBook], admin: FlaskClient) -> None:
    connection = book_connection()
    assert admin.post(NEW, data=typed(connection)).status_code == 400
    assert book.asked == []


# -- escaping


def test_hostile_names_are_shown_as_text(book: type[PhoneBook], admin: FlaskClient) -> None:
    name = "<script>alert(1)</script> \"'{{7*191}}"
    book.entries["dana@book.example"] = [person(name)]
    connection = book_connection("<b>book</b>.example", description="<i>x</i>")
    looked = admin.post_htmx(LOOK_UP, typed(connection), headers=TYPING).get_data(as_text=True)
    added = admin.post_htmx(NEW, typed(connection)).get_data(as_text=True)
    for page in (looked, added, admin.get(PAGE).get_data(as_text=True), admin.get(NEW).get_data(as_text=True)):
        for harm in ("<script>alert", "<b>book", "<i>x"):
            assert harm not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &#34;&#39;{{7*191}}" in looked
