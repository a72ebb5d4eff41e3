"""Reading known people of Azure DevOps again, over real sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from providers.azure_devops import use_identity_url
from providers.errors import AuthenticationFailed, NotAllowed, RateLimited, UnexpectedAnswer, Unreachable
from standins.azure_devops_people import guid
from tests.providers.azure_bench import DANA, LENA, OMAR, Bench

pytest_plugins = ("tests.providers.azure_fixtures",)

IDENTITIES = "/sandbox/_apis/identities"


def test_known_people_cost_one_call(bench: Bench) -> None:
    client = bench.client()
    assert client.people_batch_size == 50
    asked = [DANA, LENA, OMAR, *(guid(f"nobody {number}") for number in range(47))]
    assert bench.calls(lambda: client.read_people(asked)) == ["GET identities"]
    found = client.read_people(asked)
    assert list(found) == [DANA, LENA, OMAR]
    assert (found[DANA].name, found[DANA].email) == ("Dana Reyes", "dana.reyes@sandbox.example")
    assert found[DANA].username == "dana.reyes@sandbox.example"


def test_the_inactive_come_back_as_such_and_the_gone_do_not(bench: Bench) -> None:
    assert [bench.client().read_people([each])[each].active for each in (DANA, LENA)] == [True, False]
    bench.azure.set_active("dana.reyes@sandbox.example", False)
    bench.azure.remove_person("omar.haddad@sandbox.example")
    found = bench.client().read_people([DANA, OMAR])
    assert {each: person.active for each, person in found.items()} == {DANA: False}


def test_a_new_name_and_address_are_read(bench: Bench) -> None:
    bench.azure.rename_person("dana.reyes@sandbox.example", "Dana Reyes-Holt", "dana.holt@sandbox.example")
    found = bench.client().read_people([DANA])[DANA]
    assert (found.external_id, found.name, found.email) == (DANA, "Dana Reyes-Holt", "dana.holt@sandbox.example")


def test_somebody_found_by_mail_address_reads_the_same_again(bench: Bench) -> None:
    found = bench.client().find_people("priya.nair@sandbox.example")[0]
    assert bench.client().read_people([found.external_id]) == {found.external_id: found}


def test_ids_come_back_as_they_were_asked_for_and_what_is_none_is_not_sent(bench: Bench) -> None:
    """One odd id must not spoil the answer for all others: Azure DevOps refuses the whole call."""
    found = bench.client().read_people([DANA.upper(), "7", "", f"{OMAR},x"])
    assert (list(found), found[DANA.upper()].external_id) == ([DANA.upper()], DANA.upper())
    assert bench.calls(lambda: bench.client().read_people(["", "7"])) == []


def test_a_group_is_nobody(bench: Bench) -> None:
    assert bench.client().read_people([guid("duty")]) == {}


def test_a_token_without_the_scope_tells_nothing_about_anybody(bench: Bench) -> None:
    """The teams could still be read, but whoever is in none would look gone."""
    bench.azure.deny("vso.identity")
    with pytest.raises(NotAllowed, match="Identity") as caught:
        bench.client().read_people([DANA])
    assert caught.value.missing == ("Identity (Read)",)


@pytest.mark.parametrize(
    ("arm", "kind"),
    [
        (lambda azure: azure.revoke_token(), AuthenticationFailed),
        (lambda azure: azure.rate_limit(None, 60), RateLimited),
        (lambda azure: azure.fail_next(503, None), Unreachable),
        (lambda azure: azure.html_instead(IDENTITIES), UnexpectedAnswer),
        (lambda azure: azure.fail_next(200, route=IDENTITIES, body={"count": 0}), UnexpectedAnswer),
    ],
)
def test_a_failure_is_told_and_never_taken_for_everybody_gone(
    bench: Bench, arm: Callable[[Any], Any], kind: type[Exception]
) -> None:
    arm(bench.azure)
    with pytest.raises(kind):
        bench.client().read_people([DANA])
    bench.exchanges.clear()  # bodies nobody describes


def test_without_a_people_host_nothing_is_asked(bench: Bench) -> None:
    use_identity_url("")
    with pytest.raises(Unreachable, match="was not told"):
        bench.client().read_people([DANA])
