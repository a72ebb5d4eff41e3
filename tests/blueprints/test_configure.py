"""Configure: routing rules through the pages, and what they do to the ticket dialog."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from extensions import db
from models import Connection, Event, Incident, IntegrationUser, RoutingRule, Ticket
from services import incidents, routing
from services.actors import COMMAND_LINE
from tests.conftest import PatchpanelClient, Site
from tests.support_html import inputs, visible_text


@pytest.fixture
def base(connected: Connection) -> str:
    """Address of the connection's Configure page."""
    return f"/settings/organization/integrations/connections/{connected.id}/configure"


def add_rule(browser: PatchpanelClient, base: str, **values: Any) -> Any:
    """Fill the dialog as a browser does, step by step, and save."""
    page = browser.get(f"{base}/rules/new").get_data(as_text=True)
    filled: dict[str, Any] = inputs(page)
    for step in ("project", "issue_type"):
        filled[step] = values[step]
        filled = inputs(browser.post_form(f"{base}/rules/new", filled).get_data(as_text=True)) | {step: values[step]}
    filled.pop("save", None)
    return browser.post_form(f"{base}/rules/new", {**filled, **values, "save": "1"})


def rules() -> list[RoutingRule]:
    """All rules as they are now."""
    db.session.rollback()
    return list(db.session.scalars(select(RoutingRule).order_by(RoutingRule.position)))


def test_without_rules_the_page_says_what_happens(admin: PatchpanelClient, base: str) -> None:
    page = visible_text(admin.get(base).get_data(as_text=True))
    assert "Add Rule" in page
    assert "No rules yet" in page
    assert "Which rule would this incident take?" in page


def test_a_rule_is_added_with_conditions_and_destination(admin: PatchpanelClient, base: str) -> None:
    answer = add_rule(admin, base, project="10000", issue_type="10001", source="Prometheus, Nessus")
    assert answer.status_code == 303, visible_text(answer.get_data(as_text=True))
    rule = rules()[0]
    assert rule.conditions == {"source": ["Prometheus", "Nessus"]}
    assert rule.destination == {"project": "10000", "issue_type": "10001"}
    page = visible_text(admin.get(base).get_data(as_text=True))
    assert "Operations (OPS) / Task" in page
    assert "source is “Prometheus” or “Nessus”" in page


def test_a_second_default_is_refused(admin: PatchpanelClient, base: str) -> None:
    add_rule(admin, base, project="10000", issue_type="10001")
    answer = add_rule(admin, base, project="10000", issue_type="10002")
    assert answer.status_code == 422
    assert "There is a default rule already" in answer.get_data(as_text=True)
    assert len(rules()) == 1


def test_fields_nobody_fills_are_named_and_a_default_silences_it(admin: PatchpanelClient, base: str) -> None:
    add_rule(admin, base, project="10000", issue_type="10003")
    page = visible_text(admin.get(base).get_data(as_text=True))
    assert "Nobody fills “Severity”, “Impact statement”" in page
    edit = f"{base}/rules/{rules()[0].id}"
    filled = inputs(admin.get(edit).get_data(as_text=True))
    filled |= {"field_customfield_10042": "10", "field_customfield_10043": "See the incident", "save": "1"}
    assert admin.post_form(edit, filled).status_code == 303
    assert "Nobody fills" not in visible_text(admin.get(base).get_data(as_text=True))


def test_a_field_added_at_the_provider_is_warned_about(
    admin: PatchpanelClient, base: str, jira: Site, connected: Connection
) -> None:
    add_rule(admin, base, project="10000", issue_type="10001")
    assert "Nobody fills" not in visible_text(admin.get(base).get_data(as_text=True))
    new = {"id": "customfield_10050", "name": "Cost centre", "kind": "text"}
    jira.standin.add_required_field("OPS", "Task", new)
    from services import destinations

    destinations.forget(connected.id)
    assert "Nobody fills" in visible_text(admin.get(base).get_data(as_text=True))


def test_which_rule_an_incident_would_take_is_explained(admin: PatchpanelClient, base: str, incident: Incident) -> None:
    add_rule(admin, base, project="10000", issue_type="10002", source="Nessus")
    add_rule(admin, base, project="10000", issue_type="10001")
    page = visible_text(admin.get(f"{base}?incident={incident.key}").get_data(as_text=True))
    assert "Operations (OPS) / Bug : does not fit" in page
    assert "no: source is “Nessus”" in page
    assert "Operations (OPS) / Task : taken" in page
    assert "There is no incident INC-99999" in admin.get(f"{base}?incident=INC-99999").get_data(as_text=True)


def test_the_default_stays_last_and_the_others_are_moved(admin: PatchpanelClient, base: str) -> None:
    add_rule(admin, base, project="10000", issue_type="10001")
    add_rule(admin, base, project="10000", issue_type="10002", source="A")
    add_rule(admin, base, project="10000", issue_type="10002", source="B")
    connection_id = rules()[0].connection_id
    order = [routing.words(rule) for rule in routing.of_connection(connection_id)]
    assert order == ["source is “A”", "source is “B”", "every other incident"]
    second = routing.of_connection(connection_id)[1]
    admin.post_form(f"{base}/rules/{second.id}/move", {"to": "up"})
    db.session.rollback()
    order = [routing.words(rule) for rule in routing.of_connection(connection_id)]
    assert order == ["source is “B”", "source is “A”", "every other incident"]


def test_a_rule_is_removed(admin: PatchpanelClient, base: str) -> None:
    add_rule(admin, base, project="10000", issue_type="10001")
    assert admin.post_form(f"{base}/rules/{rules()[0].id}/remove").status_code == 303
    assert rules() == []


def test_the_ticket_dialog_follows_the_rule(
    admin: PatchpanelClient,
    responder: PatchpanelClient,
    base: str,
    person: IntegrationUser,
    incident: Incident,
    jira: Site,
) -> None:
    add_rule(
        admin,
        base,
        project="10000",
        issue_type="10003",
        severities="high",
        integration_user=str(person.id),
        field_customfield_10042="12",
        field_customfield_10043="From the rule",
        severity_high_customfield_10042="10",
    )
    dialog = inputs(responder.get(f"/incidents/{incident.id}/tickets/new").get_data(as_text=True))
    assert (dialog["project"], dialog["issue_type"]) == ("10000", "10003")
    assert dialog["integration_user"] == str(person.id)
    assert dialog["field_customfield_10042"] == "10"
    assert dialog["field_customfield_10043"] == "From the rule"
    assert responder.post_form(f"/incidents/{incident.id}/tickets", dialog).status_code == 303
    db.session.rollback()
    assert db.session.scalars(select(Ticket)).one().state == "created"
    assert jira.standin.creates == 1


def test_an_incident_that_fits_no_rule_is_left_to_the_responder(
    admin: PatchpanelClient, responder: PatchpanelClient, base: str, person: IntegrationUser
) -> None:
    add_rule(admin, base, project="10000", issue_type="10003", severities="critical")
    other = incidents.create(COMMAND_LINE, incidents.Draft(title="Small", severity="low"))
    dialog = inputs(responder.get(f"/incidents/{other.id}/tickets/new").get_data(as_text=True))
    assert dialog["project"] == ""


@pytest.mark.parametrize(
    ("conditions", "taken"),
    [
        ({"source": ["prometheus"]}, True),
        ({"source": ["Nessus"]}, False),
        ({"severity": ["high", "critical"]}, True),
        ({"label": ["DB"]}, True),
        ({"label": ["web"]}, False),
        ({"resource": "db-*"}, True),
        ({"resource": "web-*"}, False),
        ({"source": ["Prometheus"], "resource": "web-*"}, False),
        ({}, True),
    ],
)
def test_conditions(connected: Connection, conditions: dict[str, Any], taken: bool) -> None:
    incident = incidents.create(
        COMMAND_LINE,
        incidents.Draft(title="T", severity="high", source="Prometheus", labels=["db", "prod"], resource="db-1"),
    )
    draft = routing.Draft(conditions, {"project": "1"}, {"project": "One"})
    routing.save(COMMAND_LINE, connected, draft)
    assert (routing.route(connected.id, incident) is not None) is taken


def test_every_change_leaves_an_event(admin: PatchpanelClient, base: str) -> None:
    add_rule(admin, base, project="10000", issue_type="10001", source="A")
    add_rule(admin, base, project="10000", issue_type="10001", source="B")
    admin.post_form(f"{base}/rules/{rules()[1].id}/move", {"to": "up"})
    admin.post_form(f"{base}/rules/{rules()[0].id}/remove")
    actions = db.session.scalars(
        select(Event.action).where(Event.target_kind == "routing_rule").order_by(Event.id)
    ).all()
    assert actions == ["routing_rule.saved", "routing_rule.saved", "routing_rule.moved", "routing_rule.removed"]


def test_only_admins_configure(responder: PatchpanelClient, base: str) -> None:
    assert responder.get(base).status_code == 403
    assert responder.post_form(f"{base}/rules/new", {}).status_code == 403


def test_a_dry_run_says_plainly_that_jira_cannot(
    admin: PatchpanelClient, base: str, incident: Incident, jira: Site
) -> None:
    add_rule(admin, base, project="10000", issue_type="10003")
    page = visible_text(admin.post_form(f"{base}/dry-run", {"incident": incident.key}).get_data(as_text=True))
    assert "Jira has no way to check a ticket without creating it." in page
    assert "Left to responders: Severity, Impact statement." in page
    assert jira.standin.creates == 0


def test_a_dry_run_without_a_fitting_rule_says_so(admin: PatchpanelClient, base: str, incident: Incident) -> None:
    add_rule(admin, base, project="10000", issue_type="10001", source="Elsewhere")
    page = admin.post_form(f"{base}/dry-run", {"incident": incident.key}).get_data(as_text=True)
    assert "No rule takes this incident" in page
