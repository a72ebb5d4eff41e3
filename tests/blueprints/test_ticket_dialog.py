"""Creating and following a ticket through the pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import select

from blueprints.incidents import ticket_dialog
from extensions import db
from models import Connection, Incident, IntegrationUser, Ticket, TicketState
from services import store
from tests.conftest import PatchpanelClient, Site
from tests.support_html import inputs, visible_text


def dialog_values(page: str) -> dict[str, str]:
    """What the dialog's fields hold, as a browser would send them."""
    return inputs(page)


@pytest.fixture
def base(incident: Incident) -> str:
    """Address of the incident."""
    return f"/incidents/{incident.id}"


@pytest.fixture
def values(responder: PatchpanelClient, base: str, person: IntegrationUser, connected: Connection) -> dict[str, str]:
    """A filled dialog for OPS / Task."""
    page = responder.get(f"{base}/tickets/new").get_data(as_text=True)
    filled = dialog_values(page)
    filled |= {"integration_user": str(person.id), "project": "10000"}
    page = responder.post_form(f"{base}/tickets/new", filled).get_data(as_text=True)
    return {**dialog_values(page), "issue_type": "10001"}


def only_ticket() -> Ticket:
    """The one ticket, as it is now."""
    db.session.rollback()
    return db.session.scalars(select(Ticket).execution_options(populate_existing=True)).one()


def test_the_dialog_is_filled_from_the_incident(
    responder: PatchpanelClient, base: str, person: IntegrationUser
) -> None:
    page = responder.get(f"{base}/tickets/new").get_data(as_text=True)
    filled = dialog_values(page)
    assert filled["summary"] == "Disk almost full"
    assert "On db-1." in page
    assert filled["integration_user"] == str(person.id)
    assert "Dana Reyes" in page
    for label in ("Integration", "Integration User", "Summary", "Description", "Project"):
        assert re.search(rf"<label[^>]*>{label}</label>", page), label


def test_continue_draws_what_follows_and_keeps_what_was_typed(
    responder: PatchpanelClient, base: str, values: dict[str, str]
) -> None:
    changed = {**values, "summary": "My own words", "issue_type": "10003"}
    page = responder.post_form(f"{base}/tickets/new", changed).get_data(as_text=True)
    assert dialog_values(page)["summary"] == "My own words"
    assert "Severity" in page
    assert 'name="field_customfield_10042"' in page
    assert "<textarea" in page
    assert 'name="field_customfield_10043"' in page


def test_create_shows_the_key_as_a_link_and_the_assignee(
    responder: PatchpanelClient, base: str, values: dict[str, str], jira: Site
) -> None:
    answer = responder.post_form(f"{base}/tickets", values)
    assert answer.status_code == 303
    page = responder.get(base).get_data(as_text=True)
    key = only_ticket().external_key
    assert f'href="{jira.url}/browse/{key}"' in page
    assert f"Ticket {key} created" in page
    assert "Dana Reyes" in visible_text(page)
    assert jira.standin.creates == 1


def test_refresh_shows_status_assignee_and_age(
    responder: PatchpanelClient, base: str, values: dict[str, str], jira: Site
) -> None:
    responder.post_form(f"{base}/tickets", values)
    ticket = only_ticket()
    jira.standin.set_status(ticket.external_key, "In Progress")
    answer = responder.post_htmx(f"{base}/tickets/{ticket.id}/refresh")
    text = visible_text(answer.get_data(as_text=True))
    assert "In Progress" in text
    assert "as of just now" in text


def test_required_fields_of_the_destination_are_demanded_before_anything_is_sent(
    responder: PatchpanelClient, base: str, values: dict[str, str], jira: Site
) -> None:
    answer = responder.post_form(f"{base}/tickets", {**values, "issue_type": "10003"})
    assert answer.status_code == 422
    assert "Severity is required" in answer.get_data(as_text=True)
    assert jira.standin.creates == 0


def test_required_fields_are_sent_in_the_vendors_form(
    responder: PatchpanelClient, base: str, values: dict[str, str], jira: Site
) -> None:
    extra = {"field_customfield_10042": "10", "field_customfield_10043": "Everybody waits"}
    answer = responder.post_form(f"{base}/tickets", {**values, "issue_type": "10003", **extra})
    assert answer.status_code == 303, visible_text(answer.get_data(as_text=True))
    sent = next(call.body for call in jira.standin.calls if call.method == "POST" and call.path.endswith("/issue"))
    assert sent["fields"]["customfield_10042"] == {"id": "10"}
    assert sent["fields"]["customfield_10043"]["type"] == "doc"


def test_the_destination_is_remembered(
    responder: PatchpanelClient, base: str, values: dict[str, str], connected: Connection
) -> None:
    responder.post_form(f"{base}/tickets", values)
    responder.post_form("/incidents/new", {"title": "Next", "severity": "low", "description": ""})
    other = db.session.scalars(select(Incident.id).order_by(Incident.id.desc())).first()
    filled = dialog_values(responder.get(f"/incidents/{other}/tickets/new").get_data(as_text=True))
    assert (filled["project"], filled["issue_type"]) == ("10000", "10001")


def test_a_refusal_of_the_provider_stands_at_its_field_and_nothing_typed_is_lost(
    responder: PatchpanelClient, base: str, values: dict[str, str], jira: Site
) -> None:
    refusal = {"errorMessages": [], "errors": {"summary": "Not today."}}
    jira.standin.fail_next(400, times=1, route="POST /rest/api/3/issue", body=refusal)
    answer = responder.post_form(f"{base}/tickets", {**values, "summary": "Kept words"})
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Not created" in page
    assert "Not today." in page
    again = dialog_values(page)
    assert again["summary"] == "Kept words"
    assert again["form_key"] != values["form_key"]
    assert responder.post_form(f"{base}/tickets", {**again}).status_code == 303
    assert len(jira.standin.issues) == 1


def test_the_same_form_posted_twice_makes_one_ticket(
    responder: PatchpanelClient, base: str, values: dict[str, str], jira: Site
) -> None:
    for _ in range(2):
        assert responder.post_form(f"{base}/tickets", values).status_code == 303
    assert jira.standin.creates == 1


def test_a_doubtful_answer_is_shown_as_being_confirmed_and_settles_on_look_now(
    responder: PatchpanelClient, base: str, values: dict[str, str], jira: Site
) -> None:
    jira.standin.drop_after_create()
    assert responder.post_form(f"{base}/tickets", values).status_code == 303
    page = responder.get(base).get_data(as_text=True)
    assert "Being confirmed" in page
    assert "every 3s" in page
    assert "Create Ticket" not in visible_text(page)
    answer = responder.post_htmx(f"{base}/tickets/{only_ticket().id}/look")
    assert only_ticket().state == TicketState.CREATED
    assert only_ticket().external_key in answer.get_data(as_text=True)


def test_an_unreachable_jira_opens_the_dialog_with_the_reason(
    responder: PatchpanelClient, base: str, person: IntegrationUser, jira: Site
) -> None:
    jira.standin.fail_next(500, times=9, route="/rest/api/3/project/search")
    answer = responder.get(f"{base}/tickets/new")
    assert answer.status_code == 200
    assert "Unable to connect to the Jira instance" in answer.get_data(as_text=True)


def test_without_a_connection_the_section_says_what_to_do(
    admin: PatchpanelClient, responder: PatchpanelClient, base: str
) -> None:
    assert "Connect one" in admin.get(base).get_data(as_text=True)
    assert "Ask an administrator" in responder.get(base).get_data(as_text=True)


def test_without_people_the_dialog_says_what_to_do(
    responder: PatchpanelClient, base: str, connected: Connection
) -> None:
    page = responder.get(f"{base}/tickets/new").get_data(as_text=True)
    assert "Nobody is known in this integration yet" in page


def test_link_unlink_and_the_wrong_key(
    responder: PatchpanelClient, base: str, values: dict[str, str], connected: Connection, jira: Site
) -> None:
    responder.post_form(f"{base}/tickets", values)
    key = only_ticket().external_key
    responder.post_form(f"{base}/tickets/{only_ticket().id}/unlink")
    assert "No ticket yet" in responder.get(base).get_data(as_text=True)
    link: dict[str, Any] = {"connection": connected.id, "reference": "nonsense"}
    wrong = responder.post_form(f"{base}/tickets/link", link)
    assert wrong.status_code == 422
    assert "Enter an issue key such as OPS-45" in wrong.get_data(as_text=True)
    assert responder.post_form(f"{base}/tickets/link", {**link, "reference": key}).status_code == 303
    assert key in responder.get(base).get_data(as_text=True)


def test_members_see_tickets_but_no_buttons(
    responder: PatchpanelClient, member: PatchpanelClient, base: str, values: dict[str, str]
) -> None:
    responder.post_form(f"{base}/tickets", values)
    page = visible_text(member.get(base).get_data(as_text=True))
    assert only_ticket().external_key in page
    assert "Refresh" not in page
    assert member.get(f"{base}/tickets/new").status_code == 403
    assert member.post_form(f"{base}/tickets", values).status_code == 403


def test_opening_the_dialog_a_second_time_costs_no_call(
    responder: PatchpanelClient, base: str, values: dict[str, str], jira: Site
) -> None:
    responder.post_form(f"{base}/tickets/new", values)
    calls = len(jira.standin.calls)
    responder.post_form(f"{base}/tickets/new", values)
    assert len(jira.standin.calls) == calls


def test_with_many_people_they_are_searched_for_and_the_chosen_one_stays(
    responder: PatchpanelClient, base: str, person: IntegrationUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ticket_dialog, "PEOPLE_IN_LIST", 2)
    with store.write() as session:
        for number in range(5):
            session.add(
                IntegrationUser(
                    connection_id=person.connection_id,
                    email=f"somebody{number}@example.com",
                    name=f"Aaron {number}",
                    external_username=f"somebody{number}",
                    external_id=f"id-{number}",
                    checked_at=person.checked_at,
                    created_at=person.created_at,
                )
            )
    page = responder.get(f"{base}/tickets/new").get_data(as_text=True)
    assert "Find person" in page
    assert "Dana Reyes" not in page
    found = responder.post_form(f"{base}/tickets/new", {**inputs(page), "person_search": "dana"}).get_data(as_text=True)
    assert "Dana Reyes" in found
    chosen = {**inputs(found), "person_search": "aaron", "integration_user": str(person.id)}
    again = responder.post_form(f"{base}/tickets/new", chosen).get_data(as_text=True)
    assert inputs(again)["integration_user"] == str(person.id)
