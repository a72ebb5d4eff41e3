"""Rules between incidents and tickets: what they do, and that they never go round in circles."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

import providers
from extensions import db
from models import Connection, Event, Incident, IncidentStatus, Ticket, TicketComment, TimelineEntry
from providers.base import utcnow
from services import connections, incidents, store, ticket_care, ticket_comments, ticket_rules, ticket_sync, tickets
from services.actors import COMMAND_LINE, SYSTEM, Actor
from standins import jira_adf
from standins.jira import ADMIN_EMAIL, API_TOKEN
from standins.jira_issues import Issue
from tests import support_sync
from tests.conftest import Site
from tests.services.test_ticket_creation import wanted

__all__ = ["wanted"]  # the fixture is used by the tests below
DANA = Actor(id=None, name="Dana Reyes", permissions=COMMAND_LINE.permissions)
ALL = list(ticket_rules.LABELS)


@pytest.fixture
def ticket(incident: Incident, wanted: tickets.Wanted) -> Ticket:
    """A created ticket over the connection."""
    made = tickets.create(COMMAND_LINE, incident.id, wanted)
    assert made.external_key, made.reason
    return made


def said(jira: Site, key: str) -> list[str]:
    """The comments of an issue."""
    return [jira_adf.text(comment["body"]) for comment in jira.standin.issues[key].comments]


def reopen(incident: Incident) -> None:
    """Dana resolves it and opens it again."""
    incidents.change_status(DANA, incident.id, IncidentStatus.RESOLVED)
    incidents.change_status(DANA, incident.id, IncidentStatus.OPEN)


def test_without_a_rule_nothing_is_said(jira: Site, incident: Incident, ticket: Ticket) -> None:
    reopen(incident)
    incidents.add_note(DANA, incident.id, "Looked at it.")
    assert db.session.scalar(select(func.count(TicketComment.id))) == 0


def test_a_reopened_incident_says_who_what_and_which_with_a_link(
    jira: Site, connected: Connection, incident: Incident, ticket: Ticket
) -> None:
    ticket_rules.change(COMMAND_LINE, connected, [ticket_rules.TELL_REOPENED])
    reopen(incident)
    incidents.change_status(DANA, incident.id, IncidentStatus.IN_PROGRESS)
    incidents.add_note(DANA, incident.id, "Not copied.")
    ticket_comments.send_due(SYSTEM)
    (comment,) = said(jira, ticket.external_key)
    first, *_, last = comment.splitlines()
    link = f"http://127.0.0.1:8000/incidents/{incident.id}"
    assert first == f"Dana Reyes reopened INC-{incident.id} “Disk almost full” ({link}) in Patchpanel."
    marker = db.session.scalars(select(TicketComment.marker)).one()
    assert last.endswith(marker)


def test_a_note_is_copied_with_its_incident_in_front(
    jira: Site, connected: Connection, incident: Incident, ticket: Ticket
) -> None:
    ticket_rules.change(COMMAND_LINE, connected, [ticket_rules.TELL_NOTES])
    incidents.add_note(DANA, incident.id, "Cleared the logs.\nWatching it.")
    reopen(incident)
    ticket_comments.send_due(SYSTEM)
    (comment,) = said(jira, ticket.external_key)
    assert comment.startswith(f"Dana Reyes wrote a note on INC-{incident.id} “Disk almost full” (http://")
    assert "Cleared the logs.\nWatching it." in comment


def test_a_resolved_incident_that_goes_on_is_reopened_too(
    jira: Site, connected: Connection, incident: Incident, ticket: Ticket
) -> None:
    ticket_rules.change(COMMAND_LINE, connected, ALL)
    incidents.change_status(DANA, incident.id, IncidentStatus.RESOLVED)
    incidents.change_status(DANA, incident.id, IncidentStatus.IN_PROGRESS)
    assert db.session.scalar(select(func.count(TicketComment.id))) == 1


def test_a_note_that_is_refused_says_nothing(connected: Connection, incident: Incident, ticket: Ticket) -> None:
    ticket_rules.change(COMMAND_LINE, connected, ALL)
    with pytest.raises(Exception, match="empty"):
        incidents.add_note(DANA, incident.id, "  ")
    assert db.session.scalar(select(func.count(TicketComment.id))) == 0


def test_an_unlinked_or_vanished_ticket_is_told_nothing(
    jira: Site, connected: Connection, incident: Incident, ticket: Ticket
) -> None:
    ticket_rules.change(COMMAND_LINE, connected, ALL)
    jira.standin.delete_issue(ticket.external_key)
    ticket_care.refresh(COMMAND_LINE, store.get(Ticket, ticket.id))
    incidents.add_note(DANA, incident.id, "Nobody hears this there.")
    ticket_care.unlink(COMMAND_LINE, store.get(Ticket, ticket.id))
    incidents.add_note(DANA, incident.id, "Nor this.")
    assert db.session.scalar(select(func.count(TicketComment.id))) == 0


def test_an_incident_resolved_by_its_ticket_is_not_told_of_as_reopened(
    jira: Site, connected: Connection, incident: Incident, ticket: Ticket
) -> None:
    ticket_rules.change(COMMAND_LINE, connected, ALL)
    ticket_care.refresh(COMMAND_LINE, store.get(Ticket, ticket.id))
    jira.standin.set_status(ticket.external_key, "Done")
    ticket_care.refresh(COMMAND_LINE, store.get(Ticket, ticket.id))
    assert store.get(Incident, incident.id).status == IncidentStatus.RESOLVED
    jira.standin.set_status(ticket.external_key, "To Do")
    ticket_care.refresh(COMMAND_LINE, store.get(Ticket, ticket.id))
    assert store.get(Incident, incident.id).status == IncidentStatus.RESOLVED
    assert db.session.scalar(select(func.count(TicketComment.id))) == 0


def test_an_incident_with_another_open_ticket_is_not_resolved(
    jira: Site, connected: Connection, incident: Incident, ticket: Ticket
) -> None:
    other = second_installation(jira)
    ticket_rules.change(COMMAND_LINE, connected, ALL)
    key = support_sync.make_issues(jira.standin, 1)[0].key
    ticket_care.link(COMMAND_LINE, incident.id, other.id, key)
    jira.standin.set_status(ticket.external_key, "Done")
    ticket_care.refresh(COMMAND_LINE, store.get(Ticket, ticket.id))
    assert store.get(Incident, incident.id).status == IncidentStatus.OPEN


def second_installation(jira: Site) -> Connection:
    """Another connection to the same Jira; its incidents know nothing of those of the first."""
    settings = {"service_url": jira.url, "user_email": ADMIN_EMAIL}
    typed = connections.Typed("api_token", settings, {"api_token": API_TOKEN}, description="Another installation")
    return connections.create(COMMAND_LINE, providers.get("jira"), typed)


@dataclass
class Pair:
    """Two installations that follow the same issue, all rules on in both."""

    site: Site
    issue: Issue
    sides: list[tuple[Connection, Incident]]

    def round(self) -> None:
        """Both read back and say what they have to say."""
        for connection, _ in self.sides:
            with store.write() as session:
                session.query(Ticket).where(Ticket.connection_id == connection.id).update({"sync_due_at": utcnow()})
            ticket_sync.sync_connection(SYSTEM, connection.id)
        ticket_comments.send_due(SYSTEM)

    def statuses(self) -> list[str]:
        """Of both incidents."""
        found = [store.get(Incident, incident.id).status for _, incident in self.sides]
        store.release()
        return found


@pytest.fixture
def pair(jira: Site, connected: Connection) -> Pair:
    """One issue, linked to an incident of each installation."""
    issue = support_sync.make_issues(jira.standin, 1)[0]
    sides = []
    for connection in (connected, second_installation(jira)):
        ticket_rules.change(COMMAND_LINE, connection, ALL)
        incident = incidents.create(COMMAND_LINE, incidents.Draft(title=f"Disk, seen by {connection.id}"))
        ticket_care.link(COMMAND_LINE, incident.id, connection.id, issue.key)
        sides.append((connection, incident))
    return Pair(jira, issue, sides)


def test_two_installations_on_one_jira_do_not_answer_each_other_for_ever(pair: Pair) -> None:
    pair.round()
    pair.site.standin.set_status(pair.issue.key, "Done")
    for _ in range(3):
        pair.round()
    assert pair.statuses() == ["resolved", "resolved"]
    assert said(pair.site, pair.issue.key) == []
    incidents.change_status(DANA, pair.sides[0][1].id, IncidentStatus.OPEN)
    incidents.add_note(DANA, pair.sides[1][1].id, "Seen by the others?")
    changes = "status_changed"
    before = db.session.scalar(select(func.count(Event.id)).where(Event.action.endswith(changes)))
    for _ in range(6):
        pair.round()
    # One comment for what a person did on each side, and no status moved by itself.
    assert len(said(pair.site, pair.issue.key)) == 2
    assert pair.statuses() == ["open", "resolved"]
    assert db.session.scalar(select(func.count(Event.id)).where(Event.action.endswith(changes))) == before
    pair.site.standin.set_status(pair.issue.key, "To Do")
    pair.site.standin.set_status(pair.issue.key, "Done")
    for _ in range(6):
        pair.round()
    assert len(said(pair.site, pair.issue.key)) == 2
    notes = select(func.count(TimelineEntry.id)).where(TimelineEntry.kind == "note")
    assert db.session.scalar(notes) == 1


def test_what_people_say_at_the_provider_changes_nothing_here(pair: Pair) -> None:
    pair.round()
    before = db.session.scalar(select(func.count(TimelineEntry.id)))
    pair.site.standin.say(pair.issue.key, "Thanks!")
    for _ in range(3):
        pair.round()
    assert db.session.scalar(select(func.count(TimelineEntry.id))) == before
    assert len(said(pair.site, pair.issue.key)) == 1


def test_rules_are_saved_once_and_told_in_the_audit_log(connected: Connection) -> None:
    for _ in range(2):
        ticket_rules.change(COMMAND_LINE, connected, [ticket_rules.TELL_NOTES, "no_such_rule"])
    assert store.get(Connection, connected.id).ticket_rules == [ticket_rules.TELL_NOTES]
    events = db.session.scalars(select(Event).where(Event.action == "connection.ticket_rules_changed")).all()
    assert [event.details for event in events] == [{"on": [ticket_rules.TELL_NOTES], "off": []}]


def test_every_rule_is_offered_where_the_provider_can_do_it() -> None:
    assert list(ticket_rules.offered("jira")) == ALL
    assert all(set(ticket_rules.offered(provider.key)) <= set(ALL) for provider in providers.all_providers())


def test_the_configure_page_saves_the_rules(admin: FlaskClient, connected: Connection) -> None:
    address = f"/settings/organization/integrations/connections/{connected.id}/configure"
    page = admin.get(address).get_data(as_text=True)
    assert "When things change" in page
    assert all(label in page for label in ticket_rules.LABELS.values())
    assert " checked" not in page[page.index("When things change") :].split("</form>")[0]
    answer = admin.post_form(f"{address}/when-things-change", {"rule": [ALL[0], ALL[2]]}, follow_redirects=True)
    after = answer.get_data(as_text=True)
    assert "Saved" in after
    part = after[after.index('id="when-things-change"') :].split("</form>")[0]
    assert part.count(" checked") == 2
    assert store.get(Connection, connected.id).ticket_rules == sorted([ALL[0], ALL[2]])
    admin.post_form(f"{address}/when-things-change", {})
    assert store.get(Connection, connected.id).ticket_rules == []


def test_only_who_manages_connections_may_change_rules(responder: FlaskClient, connected: Connection) -> None:
    address = f"/settings/organization/integrations/connections/{connected.id}/configure/when-things-change"
    assert responder.post_form(address, {"rule": ALL}).status_code in (403, 404)
    assert store.get(Connection, connected.id).ticket_rules == []
