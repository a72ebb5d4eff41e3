"""People who left, on the list and wherever somebody is chosen: their state, their open tickets, who sees them."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from flask.testing import FlaskClient

from extensions import db
from models import Connection, Incident, IntegrationUser
from providers.base import utcnow
from services import integration_users, person_tickets, routing, store
from services.actors import COMMAND_LINE
from services.errors import Missing
from services.integration_users import PersonStatus
from tests.support_people import MEMBER, PAGE, fill
from tests.support_person_tickets import DESTINATION, change, fresh, give, leave
from tests.test_pages import MOST_QUERIES, queries

pytest_plugins = ("tests.person_ticket_fixtures",)


def asked(browser: FlaskClient, url: str) -> int:
    """How often a page asks the database, once everything that is kept in memory for a while is there."""
    seen = []
    for _ in range(3):
        db.session.remove()
        with queries() as sent:
            assert browser.get(url).status_code == 200
        seen.append(len(sent))
    return min(seen)


# -- the list


@pytest.mark.parametrize(("status", "label"), [("active", "Active"), ("inactive", "Inactive"), ("gone", "Not found")])
def test_the_list_says_how_people_stand_and_when_that_was_asked(
    connected: Connection, person: IntegrationUser, admin: FlaskClient, status: str, label: str
) -> None:
    with store.write() as session:
        row = store.locked(session, IntegrationUser, person.id)
        row.status, row.checked_at = status, utcnow() - dt.timedelta(hours=3)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", admin.get(PAGE).get_data(as_text=True)))
    assert f"{label} checked 3 hours ago" in text


def test_the_list_can_be_narrowed_to_a_status(connected: Connection, admin: FlaskClient) -> None:
    for status in ("active", "inactive", "gone"):
        fill(connected, 2, status=status)
    counts = {
        status: admin.get(f"{PAGE}?status={status}").get_data(as_text=True).count('<tr id="person-')
        for status in ("", "active", "inactive", "gone", "attention", "nonsense")
    }
    assert counts == {"": 6, "active": 2, "inactive": 2, "gone": 2, "attention": 4, "nonsense": 6}
    page = admin.get(f"{PAGE}?status=attention").get_data(as_text=True)
    assert '<option value="attention" selected>Needs attention</option>' in page
    with store.write() as session:
        session.execute(IntegrationUser.__table__.delete())
    assert "Nobody found" in admin.get(f"{PAGE}?status=gone").get_data(as_text=True)


def test_open_tickets_are_counted_for_people_who_are_not_active(
    connected: Connection, person: IntegrationUser, responder: FlaskClient
) -> None:
    first, second, done, deleted = (give(connected, person, f"Incident {number}") for number in range(4))
    change(done, status_category="done")
    change(deleted, visibility="deleted")
    assert "open ticket" not in responder.get(PAGE).get_data(as_text=True)
    address = leave(person)
    page = responder.get(PAGE).get_data(as_text=True)
    assert f'href="{address}"' in page
    assert "2 open tickets" in page
    assert integration_users.one(integration_users.sources(), person.id).open_tickets == 2  # type: ignore[union-attr]  # the person is there
    found = responder.get(address).get_data(as_text=True)
    for ticket in (first, second):
        assert f'href="{ticket.url}"' in found
        assert f"INC-{ticket.incident_id}" in found
    assert done.external_key not in found
    assert deleted.external_key not in found


def test_a_ticket_given_away_at_the_provider_is_not_theirs_any_more(
    connected: Connection, person: IntegrationUser, ines: IntegrationUser
) -> None:
    ticket = give(connected, person)
    leave(person)
    change(ticket, assignee="Ines Duarte")
    assert person_tickets.counts([person.id]) == {}
    change(ticket, assignee="Former user")
    assert person_tickets.counts([person.id]) == {person.id: 1}


def test_a_namesake_who_is_active_does_not_hide_them(
    connected: Connection, person: IntegrationUser, ines: IntegrationUser
) -> None:
    give(connected, person)
    leave(person)
    with store.write() as session:
        store.locked(session, IntegrationUser, ines.id).name = "Dana Reyes"
    assert person_tickets.counts([person.id]) == {person.id: 1}


def test_members_and_visitors_are_kept_out(
    connected: Connection, person: IntegrationUser, ines: IntegrationUser, member: FlaskClient, client: FlaskClient
) -> None:
    ticket = give(connected, person)
    address = leave(person)
    data = {"ticket": ticket.id, "integration_user": ines.id}
    assert (member.get(address).status_code, member.post_form(address, data).status_code) == (403, 403)
    assert client.get(address).status_code in (302, 303)
    with pytest.raises(Missing):
        person_tickets.reassign(MEMBER, person.id, [ticket.id], ines.id)
    assert fresh(ticket).integration_user_id == person.id


@pytest.mark.parametrize("number", ["0", "999999", "99999999999999999999"])
def test_absent_people_have_no_tickets(admin: FlaskClient, number: str) -> None:
    assert admin.get(f"{PAGE}/{number}/tickets").status_code == 404


def test_the_number_of_queries_does_not_grow_with_people_and_tickets(
    connected: Connection, person: IntegrationUser, ines: IntegrationUser, admin: FlaskClient
) -> None:
    counts = []
    for size in (1, 6):
        for number in range(size):
            give(connected, person, f"Incident {size} {number}")
        address = leave(person)
        fill(connected, size, status=f"{'in' * (size > 1)}active")
        counts += [asked(admin, url) for url in (PAGE, address)]
        with store.write() as session:
            store.locked(session, IntegrationUser, person.id).status = "active"
    assert counts[:2] == counts[2:]
    assert max(counts) <= MOST_QUERIES


# -- where people are chosen


@pytest.mark.parametrize("status", [PersonStatus.INACTIVE, PersonStatus.GONE])
def test_people_who_left_are_offered_nowhere_and_a_rule_that_names_them_is_a_problem(
    connected: Connection,
    person: IntegrationUser,
    ines: IntegrationUser,
    incident: Incident,
    admin: FlaskClient,
    status: PersonStatus,
) -> None:
    draft = routing.Draft({}, DESTINATION, {"project": "OPS", "issue_type": "Task"}, integration_user_id=person.id)
    rule = routing.save(COMMAND_LINE, connected, draft)
    ticket = give(connected, ines)
    configure = f"/settings/organization/integrations/connections/{connected.id}/configure"
    dialog = f"/incidents/{incident.id}/tickets/new"
    assert f'<option selected value="{person.id}">' in admin.get(dialog).get_data(as_text=True)
    assert "cannot be given tickets any more" not in admin.get(configure).get_data(as_text=True)
    integration_users.add(COMMAND_LINE, connected.id, "sam.lee@sandbox.example")
    leave(person, status)
    assign = f"/incidents/{ticket.incident_id}/tickets/{ticket.id}/assign"
    for address in (dialog, assign, f"{configure}/rules/{rule.id}"):
        page = admin.get(address).get_data(as_text=True)
        assert "Ines Duarte (" in page, address
        assert "Dana Reyes (" not in page, address
    offered = re.search(
        r'<select[^>]*id="integration_user".*?</select>', admin.get(dialog).get_data(as_text=True), re.S
    )
    assert offered
    assert re.findall(r'<option selected value="(\d+)"', offered.group(0)) == []
    assert "Dana Reyes cannot be given tickets any more" in admin.get(configure).get_data(as_text=True)
    answer = admin.post_htmx(assign, {"integration_user": person.id})
    assert "Choose a person who is active in this integration." in answer.get_data(as_text=True)
