"""Who is not marked as gone: answers that are empty, short or hide something, with every ticket provider."""

from __future__ import annotations

import pytest
from flask import Flask

from models import IntegrationUser
from services import integration_users, people_care, store
from services.actors import COMMAND_LINE, SYSTEM
from standins.jira import ADMIN_EMAIL
from standins.servicenow import ServiceNowStandin
from tests.conftest import Site
from tests.services.people_world import DANA, WAYS, World, age, connect, events, only, populate, told

pytest_plugins = ("tests.services.people_fixtures",)


def test_an_empty_answer_for_people_who_are_there_is_not_believed(world: World) -> None:
    age()
    world.standin.fail_next(200, times=1, route=f"GET {world.ways.read}", body=world.ways.empty)
    report = people_care.recheck(SYSTEM)
    assert set(world.state().values()) == {"active"}
    assert (events(), told(), report.gone) == ([], [], 0)
    assert report.doubtful or report.no_answer
    assert people_care.recheck(SYSTEM).read == 3


def test_the_only_person_is_marked_when_the_search_does_not_find_them_either(world: World) -> None:
    only(world, DANA)
    world.ways.remove(world.standin, DANA)
    world.standin.calls.clear()
    report = people_care.recheck(SYSTEM)
    assert (report.gone, report.doubtful, world.state()) == (1, [], {"Dana Reyes": "gone"})
    assert len(world.standin.calls) <= 3


def test_an_account_that_may_not_search_proves_nothing_with_an_empty_answer(app: Flask, jira: Site) -> None:
    connection = connect(jira)
    integration_users.add(COMMAND_LINE, connection.id, DANA)
    jira.standin.remove_person(DANA)
    jira.standin.deny("USER_PICKER")
    jira.standin.set(deny_user_search=True)
    report = people_care.recheck(SYSTEM)
    assert (report.gone, report.doubtful) == (0, ["Jira: Ops"])
    assert "not believed in Jira: Ops" in str(report)
    assert integration_users.choices(connection.id)


def test_our_own_account_alone_in_the_answer_is_no_proof(app: Flask, jira: Site) -> None:
    connection = connect(jira)
    for email in (ADMIN_EMAIL, DANA):
        integration_users.add(COMMAND_LINE, connection.id, email)
    own = jira.standin.people[connection.external_account["id"]].as_json(jira.url)
    body = {"values": [own], "total": 1, "isLast": True, "maxResults": 50, "startAt": 0}
    jira.standin.fail_next(200, route=f"GET {WAYS['jira'].read}", body=body)
    report = people_care.recheck(SYSTEM)
    assert (report.read, report.gone, report.doubtful) == (1, 0, ["Jira: Ops"])
    assert {user.name for user in integration_users.choices(connection.id)} == {"Alex Morgan", "Dana Reyes"}


def test_pages_shorter_than_asked_for_lose_nobody(app: Flask, jira: Site) -> None:
    connection = connect(jira)
    populate(WAYS["jira"], jira.standin, connection, 25)
    jira.standin.set(people_page_limit=10)
    report = people_care.recheck(SYSTEM)
    assert (report.read, report.gone) == (25, 0)


def test_a_hidden_address_does_not_overwrite_the_known_one(app: Flask, jira: Site) -> None:
    connection = connect(jira)
    dana = integration_users.add(COMMAND_LINE, connection.id, DANA)
    jira.standin.rename_person(DANA, "Dana Novak", "dana.novak@sandbox.example")
    jira.standin.set(hide_emails=True)
    people_care.recheck(SYSTEM)
    hidden = store.get(IntegrationUser, dana.id)
    assert (hidden.name, hidden.email, hidden.external_username) == ("Dana Novak", DANA, DANA)
    jira.standin.set(hide_emails=False)
    people_care.recheck(SYSTEM)
    shown = store.get(IntegrationUser, dana.id)
    assert (shown.email, shown.external_username) == ("dana.novak@sandbox.example",) * 2


@pytest.mark.parametrize("world", ["ServiceNow by API key", "Azure DevOps"], indirect=True)
def test_people_nobody_may_be_asked_about_stay_as_they_are_and_this_is_said_once(world: World) -> None:
    right = "sys_user.read" if isinstance(world.standin, ServiceNowStandin) else "vso.identity"
    populate(world.ways, world.standin, world.connection, 120)
    world.standin.deny(right)
    report = people_care.recheck(SYSTEM)
    name = "ServiceNow: Ops" if isinstance(world.standin, ServiceNowStandin) else "Azure DevOps: Ops"
    assert (report.read, report.not_allowed) == (0, [name])
    assert f"the account may not read people in {name}" in str(report)
    assert (set(world.state().values()), told()) == ({"active"}, [])
