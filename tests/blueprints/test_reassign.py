"""Reassign: the tickets of somebody who left go to somebody else, and what happens when one does not."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from extensions import db
from models import Connection, Event, IntegrationUser
from services import connections, integration_users, person_tickets, store, ticket_care
from services.actors import COMMAND_LINE
from services.integration_users import PersonStatus
from tests.conftest import Site
from tests.support_people import fill
from tests.support_person_tickets import INES, fresh, give, leave
from tests.test_pages import check

pytest_plugins = ("tests.person_ticket_fixtures",)


@pytest.mark.parametrize("scripted", [True, False], ids=["htmx", "no JavaScript"])
def test_a_responder_gives_the_chosen_tickets_to_somebody_else_with_one_call_each(
    connected: Connection,
    person: IntegrationUser,
    ines: IntegrationUser,
    jira: Site,
    responder: FlaskClient,
    scripted: bool,
) -> None:
    given, also, kept = (give(connected, person, f"Incident {number}") for number in range(3))
    address = leave(person)
    page = responder.get(address).get_data(as_text=True)
    assert page.count('type="checkbox" name="ticket"') == page.count(" checked>") == 3
    assert f'<option value="{ines.id}">' in page
    assert f'<option value="{person.id}">' not in page
    jira.standin.calls.clear()
    send = responder.post_htmx if scripted else responder.post_form
    answer = send(address, {"ticket": [given.id, also.id], "integration_user": ines.id})
    assert [call.method for call in jira.standin.calls] == ["PUT", "PUT"]
    if not scripted:
        assert answer.status_code == 303
        answer = responder.get(answer.headers["Location"])
    text = answer.get_data(as_text=True)
    assert "2 tickets were reassigned to Ines Duarte" in text
    assert "1 open ticket<" in text
    assert [fresh(t).integration_user_id for t in (given, also, kept)] == [ines.id, ines.id, person.id]
    assert fresh(given).assignee == "Ines Duarte"
    assert jira.standin.issues[given.external_key].assignee == ines.external_id
    event = db.session.scalars(select(Event).where(Event.action == "ticket.assigned")).first()
    assert event is not None
    assert event.actor == "Responder Example"


def test_a_ticket_that_cannot_be_given_away_stays_with_the_person_and_says_why(
    connected: Connection, person: IntegrationUser, ines: IntegrationUser, jira: Site, admin: FlaskClient
) -> None:
    first, second, third = (give(connected, person, f"Incident {number}") for number in range(3))
    address = leave(person)
    route = f"PUT /rest/api/3/issue/{second.external_id}/assignee"
    jira.standin.fail_next(400, route=route, body={"errorMessages": ["Ines is on leave"], "errors": {}})
    data = {"ticket": [first.id, second.id, third.id], "integration_user": ines.id}
    answer = admin.post_htmx(address, data)
    text = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "1 ticket was not reassigned" in text
    assert "2 tickets were reassigned to Ines Duarte" in text
    assert "Ines is on leave" in text
    assert text.count('type="checkbox" name="ticket"') == 1
    assert 'id="people" hx-swap-oob="true"' in text
    stayed = fresh(second)
    assert (stayed.integration_user_id, stayed.assignee, stayed.assignment_error) == (person.id, "Dana Reyes", "")
    assert stayed.draft["assignee_id"] == person.external_id
    assert admin.post_form(address, data).status_code == 303
    assert [fresh(t).integration_user_id for t in (first, second, third)] == [ines.id] * 3


def test_after_a_failure_of_the_provider_the_rest_is_not_tried(
    connected: Connection, person: IntegrationUser, ines: IntegrationUser, jira: Site, admin: FlaskClient
) -> None:
    found = [give(connected, person, f"Incident {number}") for number in range(3)]
    address = leave(person)
    jira.standin.revoke_token()
    jira.standin.calls.clear()
    answer = admin.post_form(address, {"ticket": [t.id for t in found], "integration_user": ines.id})
    assert answer.status_code == 422
    check(answer, address)
    text = answer.get_data(as_text=True)
    assert "3 tickets were not reassigned" in text
    assert (text.count("Not tried"), len(jira.standin.calls)) == (2, 1)
    assert {fresh(t).integration_user_id for t in found} == {person.id}


def test_what_somebody_else_gave_away_meanwhile_is_left_alone(
    connected: Connection, person: IntegrationUser, ines: IntegrationUser, jira: Site, admin: FlaskClient
) -> None:
    sam = integration_users.add(COMMAND_LINE, connected.id, "sam.lee@sandbox.example")
    ticket = give(connected, person)
    address = leave(person)
    ticket_care.assign(COMMAND_LINE, fresh(ticket), sam.id)
    jira.standin.calls.clear()
    answer = admin.post_htmx(address, {"ticket": ticket.id, "integration_user": ines.id})
    assert "Nothing was left to do" in answer.get_data(as_text=True)
    assert (jira.standin.calls, fresh(ticket).integration_user_id) == ([], sam.id)


@pytest.mark.parametrize("who", ["nobody", "inactive", "elsewhere", "unknown", "the same"])
def test_only_active_people_of_the_same_integration_can_take_them(
    connected: Connection, person: IntegrationUser, ines: IntegrationUser, jira: Site, admin: FlaskClient, who: str
) -> None:
    ticket = give(connected, person)
    address = leave(person)
    other = connections.create(
        COMMAND_LINE,
        connections.providers_or_missing("jira"),
        connections.Typed("api_token", jira.typed(), {"api_token": jira.typed()["api_token"]}, description="Other"),
    )
    elsewhere = integration_users.add(COMMAND_LINE, other.id, INES)
    leave(ines, PersonStatus.GONE if who == "inactive" else PersonStatus.ACTIVE)
    chosen = {"nobody": "", "inactive": ines.id, "elsewhere": elsewhere.id, "unknown": 10**6, "the same": person.id}
    jira.standin.calls.clear()
    answer = admin.post_htmx(address, {"ticket": ticket.id, "integration_user": chosen[who]})
    assert (answer.status_code, jira.standin.calls) == (422, [])
    assert fresh(ticket).integration_user_id == person.id


def test_without_a_ticket_nothing_is_sent(
    connected: Connection, person: IntegrationUser, ines: IntegrationUser, admin: FlaskClient
) -> None:
    give(connected, person)
    answer = admin.post_htmx(leave(person), {"integration_user": ines.id})
    assert answer.status_code == 422
    assert "Choose at least one ticket." in answer.get_data(as_text=True)


def test_a_connection_that_is_off_offers_nothing_to_press(
    connected: Connection, person: IntegrationUser, ines: IntegrationUser, admin: FlaskClient
) -> None:
    give(connected, person)
    address = leave(person)
    connections.switch(COMMAND_LINE, store.get(Connection, connected.id), on=False)
    page = admin.get(address).get_data(as_text=True)
    assert "This integration makes no calls." in page
    assert "Reassign</button>" not in page


def test_with_many_people_they_are_searched_for(
    connected: Connection, person: IntegrationUser, ines: IntegrationUser, admin: FlaskClient
) -> None:
    ticket = give(connected, person)
    address = leave(person)
    fill(connected, 210)
    page = admin.get(address).get_data(as_text=True)
    assert "Find person" in page
    data = {"ticket": ticket.id, "person_search": "00205", "find": "1"}
    found = admin.post_form(address, data).get_data(as_text=True)
    assert re.findall(r'<option value="\d+">(Person[^<(]+) ', found) == ["Person 00205"]
    assert fresh(ticket).integration_user_id == person.id


def test_many_tickets_come_in_pages(
    connected: Connection, person: IntegrationUser, ines: IntegrationUser, admin: FlaskClient, monkeypatch: Any
) -> None:
    monkeypatch.setattr(person_tickets, "PER_PAGE", 2)
    for number in range(3):
        give(connected, person, f"Incident {number}")
    address = leave(person)
    first = admin.get(address).get_data(as_text=True)
    following = re.search(r'rel="next" href="([^"]+)"', first)
    assert following
    second = admin.get(following.group(1)).get_data(as_text=True)
    assert (first.count('name="ticket"'), second.count('name="ticket"')) == (2, 1)
    assert admin.get(f"{address}?cursor=nonsense").status_code == 422
