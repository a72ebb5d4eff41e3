"""People of ServiceNow by exact e-mail address: never guessed, inactive ones marked, hidden ones told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.errors import InvalidInput, NotAllowed
from standins.servicenow import ServiceNowStandin
from standins.servicenow_people import DANA_ID, LENA_ID
from tests.providers.servicenow import METHODS, TOKEN, Bench, fresh


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[ServiceNowStandin, str]]:
    """One sandbox for this file."""
    standin = ServiceNowStandin()
    with standin.serve() as server:
        yield standin, server.url


@pytest.fixture
def bench(shared: tuple[ServiceNowStandin, str]) -> Iterator[Bench]:
    """A fresh sandbox."""
    with fresh(shared) as found:
        yield found


def names(bench: Bench, email: str) -> list[str]:
    """Who is found."""
    return [person.name for person in bench.client().find_people(email)]


@pytest.mark.parametrize("method", METHODS)
def test_a_person_is_found_with_one_call(bench: Bench, method: str) -> None:
    client = bench.client(method)
    (dana,) = client.find_people("dana.reyes@sandbox.example")
    assert (dana.external_id, dana.name, dana.username) == (DANA_ID, "Dana Reyes", "dana.reyes")
    assert (dana.email, dana.active, dana.email_hidden) == ("dana.reyes@sandbox.example", True, False)
    made = [f"{call.method} {call.path.lstrip('/')}" for call in bench.servicenow.calls]
    assert made == [*([TOKEN] if method != "api_key" else []), "GET api/now/table/sys_user"]


def test_case_does_not_count_but_the_whole_address_does(bench: Bench) -> None:
    assert names(bench, "ines.duarte@sandbox.example") == ["Ines Duarte"]
    assert names(bench, "SAM.LEE@sandbox.example") == ["Sam Lee"]
    assert names(bench, "sam.lee") == []
    assert names(bench, "nobody@sandbox.example") == []


def test_two_people_with_one_address_are_both_shown(bench: Bench) -> None:
    assert names(bench, "tom.becker@sandbox.example") == ["Tom Becker", "Thomas Becker"]


def test_an_inactive_person_is_shown_as_such(bench: Bench) -> None:
    (lena,) = bench.client().find_people("lena.fischer@sandbox.example")
    assert (lena.external_id, lena.active) == (LENA_ID, False)


def test_a_dropped_search_term_finds_nobody_else(bench: Bench) -> None:
    bench.servicenow.set(ignored_terms=["email"])
    assert names(bench, "dana.reyes@sandbox.example") == ["Dana Reyes"]
    assert names(bench, "nobody@sandbox.example") == []


@pytest.mark.parametrize("how", ["rows", "addresses", "refused"])
def test_an_account_that_may_not_see_people_is_told(bench: Bench, how: str) -> None:
    if how == "rows":
        bench.servicenow.deny("sys_user.read")
    elif how == "addresses":
        bench.servicenow.set(hidden_fields=["sys_user.email"])
    else:
        bench.servicenow.set(refuse_reads=["sys_user"])
    with pytest.raises(NotAllowed) as caught:
        bench.client().find_people("dana.reyes@sandbox.example")
    assert caught.value.missing == ("read sys_user",)


@pytest.mark.parametrize(
    "email",
    [
        "a@b.example^ORactive=true",
        "a@b.example\n^active=true",
        "javascript:gs.getUserName()@b.example",
        "",
    ],
)
def test_an_address_cannot_change_what_is_asked(bench: Bench, email: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bench.client().find_people(email)
    assert list(caught.value.field_errors) == ["email"]
    assert bench.servicenow.calls == []


def test_other_special_signs_are_sent_as_they_are(bench: Bench) -> None:
    assert names(bench, "o'hara+x=1&sysparm_query=active%3Dtrue@b.example") == []
    assert "sysparm_query=email%3Do%27hara%2Bx%3D1%26sysparm_query" in bench.servicenow.calls[-1].query


def test_no_session_cookie_is_kept(bench: Bench) -> None:
    client = bench.client()
    bench.servicenow.set(api_key_policy=False)
    with pytest.raises(Exception, match="refused this API key"):
        client.find_people("a@b.example")
    bench.servicenow.set(api_key_policy=True)
    client.find_people("a@b.example")
    assert not client._wire._session.cookies
