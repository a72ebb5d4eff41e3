"""Looking people up: what each answer of a ticket system means, on both databases."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from providers.errors import AuthenticationFailed, NotAllowed, Unreachable
from services import integration_users, store
from services.errors import Missing, Refused
from standins.jira import JiraStandin
from tests.support_people import ADMIN, PhoneBook, book_connection, jira_connection, person, phone_book, sandbox_jira


@pytest.fixture
def book(app: Flask) -> Iterator[type[PhoneBook]]:
    """The made-up provider."""
    with phone_book() as found:
        yield found


@pytest.fixture
def jira(app: Flask) -> Iterator[tuple[JiraStandin, str]]:
    """The sandbox Jira."""
    with sandbox_jira(app) as found:
        yield found


# -- look-up ----------------------------------------------------------------------------------------------------------


def test_looking_up_one_person_finds_name_and_user_name(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person()]
    found = integration_users.look_up(ADMIN, book_connection().id, "  dana@book.example ")
    assert [(p.name, p.username) for p in found.acceptable] == [("Dana Reyes", "user-d-1")]
    assert (found.sentence, found.note) == ("", "")


def test_an_unknown_address_says_so_with_the_integration(book: type[PhoneBook]) -> None:
    found = integration_users.look_up(ADMIN, book_connection().id, "nobody@book.example")
    assert found.acceptable == ()
    assert found.sentence == "No user with this email in book.example"


def test_a_deactivated_person_is_refused_with_the_reason(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person(active=False)]
    found = integration_users.look_up(ADMIN, book_connection().id, "dana@book.example")
    assert found.acceptable == ()
    assert found.sentence == "Dana Reyes is deactivated in book.example"


def test_a_dead_left_over_beside_a_live_account_does_not_stop_the_live_one(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person("Dana Old", external_id="d-0", active=False), person()]
    found = integration_users.look_up(ADMIN, book_connection().id, "dana@book.example")
    assert [p.name for p in found.acceptable] == ["Dana Reyes"]
    assert "Dana Old is deactivated in book.example" in found.note


def test_a_hidden_address_asks_to_check_the_name(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = [person(email_hidden=True)]
    found = integration_users.look_up(ADMIN, book_connection().id, "dana@book.example")
    assert len(found.acceptable) == 1
    assert "check that the name is the person you mean" in found.note


@pytest.mark.parametrize(
    "typed", ["", "dana", "dana@", "dana@book", "a b@book.example", "a@b@c.example", "dana@book.example\x00", "x" * 260]
)
def test_a_malformed_address_is_refused_at_its_field_without_a_call(book: type[PhoneBook], typed: str) -> None:
    with pytest.raises(Refused) as refused:
        integration_users.look_up(ADMIN, book_connection().id, typed)
    assert list(refused.value.field_errors) == ["email"]
    assert book.asked == []


def test_a_connection_that_is_switched_off_makes_no_call(book: type[PhoneBook]) -> None:
    connection = book_connection(enabled=False)
    with pytest.raises(Refused, match="switched off") as refused:
        integration_users.look_up(ADMIN, connection.id, "dana@book.example")
    assert list(refused.value.field_errors) == ["connection_id"]
    assert book.asked == []


def test_a_providers_error_passes_through_and_names_its_provider(book: type[PhoneBook]) -> None:
    book.entries["dana@book.example"] = Unreachable("It is shut.")
    with pytest.raises(Unreachable) as error:
        integration_users.look_up(ADMIN, book_connection().id, "dana@book.example")
    assert error.value.provider_key == "phone_book"


def test_an_absent_connection_is_missing(book: type[PhoneBook]) -> None:
    with pytest.raises(Missing):
        integration_users.look_up(ADMIN, 4711, "dana@book.example")


def test_no_transaction_is_open_while_the_provider_is_asked(
    book: type[PhoneBook], monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(_self: PhoneBook, _email: str) -> list[object]:
        store.assert_free()
        return []

    monkeypatch.setattr(PhoneBook, "find_people", find)
    integration_users.look_up(ADMIN, book_connection().id, "dana@book.example")


# -- the sandbox Jira


@pytest.mark.parametrize(
    ("typed", "names", "sentence"),
    [
        ("dana.reyes@sandbox.example", ["Dana Reyes"], ""),
        ("INES.duarte@sandbox.example", ["Ines Duarte"], ""),
        ("priya.nair@sandbox.example", ["Priya Nair"], ""),
        ("tom.becker@sandbox.example", ["Tom Becker", "Thomas Becker"], ""),
        ("lena.fischer@sandbox.example", [], "Lena Fischer is deactivated in"),
        ("sam.lee@sandbox.example", ["Sam Lee"], ""),
        ("omar.haddad@sandbox.example", ["Omar Haddad"], ""),
        ("automation@sandbox.example", [], "No user with this email in"),
        ("nobody@sandbox.example", [], "No user with this email in"),
    ],
)
def test_jira_people_are_found_by_exact_address(
    jira: tuple[JiraStandin, str], typed: str, names: list[str], sentence: str
) -> None:
    found = integration_users.look_up(ADMIN, jira_connection(jira[1]).id, typed)
    assert sorted(p.name for p in found.acceptable) == sorted(names)
    assert found.sentence.startswith(sentence)
    assert bool(found.sentence) == bool(sentence)


def test_a_jira_account_that_may_not_look_for_people_is_told_what_is_missing(jira: tuple[JiraStandin, str]) -> None:
    jira[0].knobs.deny_user_search = True
    with pytest.raises(NotAllowed) as error:
        integration_users.look_up(ADMIN, jira_connection(jira[1]).id, "dana.reyes@sandbox.example")
    assert error.value.provider_key == "jira"
    assert error.value.missing == ("Browse users and groups",)


def test_a_refused_token_is_an_authentication_failure_not_an_empty_answer(jira: tuple[JiraStandin, str]) -> None:
    with pytest.raises(AuthenticationFailed):
        integration_users.look_up(ADMIN, jira_connection(jira[1], token="wrong").id, "dana.reyes@sandbox.example")
