"""Known people of ServiceNow, read again by their ids: renamed, inactive, gone, and never mistaken for gone."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs

import pytest

from providers.errors import NotAllowed, RateLimited, UnexpectedAnswer, Unreachable
from standins.servicenow import ServiceNowStandin
from standins.servicenow_people import DANA_ID, LENA_ID, THOMAS_ID, TOM_ID
from tests.providers.servicenow import METHODS, TOKEN, Bench, fresh

GONE_ID = "0" * 32
PEOPLE = [DANA_ID, TOM_ID, THOMAS_ID, LENA_ID]


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


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_of_people_is_one_call_with_a_limit(bench: Bench, method: str) -> None:
    made = bench.calls(lambda: bench.client(method).read_people(PEOPLE))
    assert made == [*([TOKEN] if method != "api_key" else []), "GET table/sys_user"]
    parameters = parse_qs(bench.servicenow.calls[-1].query)
    assert parameters["sysparm_query"] == [f"sys_idIN{','.join(PEOPLE)}"]
    assert parameters["sysparm_limit"] == ["4"]
    found = bench.client(method).read_people(PEOPLE)
    assert {each: person.external_id for each, person in found.items()} == {each: each for each in PEOPLE}


def test_inactive_people_come_back_as_such_and_gone_ones_are_missing(bench: Bench) -> None:
    found = bench.client().read_people([DANA_ID, LENA_ID, GONE_ID])
    assert {each: person.active for each, person in found.items()} == {DANA_ID: True, LENA_ID: False}
    bench.servicenow.set_active("dana.reyes", False)
    assert not bench.client().read_people([DANA_ID])[DANA_ID].active


def test_nothing_asked_and_what_is_no_id_make_no_call(bench: Bench) -> None:
    odd = ["", "x", "a^b", f"{DANA_ID},{TOM_ID}", "javascript:x", DANA_ID.upper()]
    assert bench.calls(lambda: bench.client().read_people([])) == []
    assert bench.calls(lambda: bench.client().read_people(odd)) == []
    assert list(bench.client().read_people([*odd, DANA_ID])) == [DANA_ID]


@pytest.mark.parametrize("name", ["sys_id", "name", "user_name", "active"])
def test_what_may_not_be_seen_is_told_and_not_taken_for_a_change(bench: Bench, name: str) -> None:
    bench.servicenow.set(hidden_fields=[f"sys_user.{name}"])
    with pytest.raises(NotAllowed):
        bench.client().read_people(PEOPLE)


def test_a_hidden_address_is_marked_as_hidden(bench: Bench) -> None:
    bench.servicenow.set(hidden_fields=["sys_user.email"])
    dana = bench.client().read_people([DANA_ID])[DANA_ID]
    assert (dana.name, dana.email, dana.email_hidden) == ("Dana Reyes", "", True)


@pytest.mark.parametrize("how", ["hidden", "refused"])
def test_people_who_may_not_be_seen_are_not_gone(bench: Bench, how: str) -> None:
    if how == "hidden":
        bench.servicenow.deny("sys_user.read")
    else:
        bench.servicenow.set(refuse_reads=["sys_user"])
    with pytest.raises(NotAllowed) as caught:
        bench.client().read_people(PEOPLE)
    assert caught.value.missing == ("read sys_user",)


def test_without_a_count_missing_people_are_not_gone(bench: Bench) -> None:
    bench.servicenow.set(total_count=False)
    assert set(bench.client().read_people(PEOPLE)) == set(PEOPLE)
    with pytest.raises(UnexpectedAnswer):
        bench.client().read_people([*PEOPLE, GONE_ID])


def test_people_nobody_asked_for_are_not_taken_for_those_asked_for(bench: Bench) -> None:
    bench.servicenow.set(ignored_terms=["sys_id"])
    with pytest.raises(UnexpectedAnswer):
        bench.client().read_people([LENA_ID, GONE_ID])


def test_an_error_body_and_a_limit_are_told(bench: Bench) -> None:
    bench.servicenow.error_with_200("GET /api/now/table/sys_user")
    with pytest.raises(Unreachable):
        bench.client().read_people(PEOPLE)
    bench.servicenow.rate_limit(times=None, retry_after=30)
    with pytest.raises(RateLimited) as caught:
        bench.client().read_people(PEOPLE)
    assert caught.value.retry_after == 30


def test_a_new_name_comes_through_and_a_removed_person_is_missing(bench: Bench) -> None:
    bench.servicenow.rename_person("dana.reyes", "Dana Novak")
    bench.servicenow.remove_person("tom.becker")
    found = bench.client().read_people([DANA_ID, TOM_ID, THOMAS_ID])
    assert {each: person.name for each, person in found.items()} == {DANA_ID: "Dana Novak", THOMAS_ID: "Thomas Becker"}
