"""Making and changing incidents."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from extensions import db
from models import Event, Incident
from services import incidents
from services.actors import Actor, permissions_of
from services.errors import Missing, Refused
from services.incidents import ChangedMeanwhile, Draft

pytestmark = pytest.mark.usefixtures("app")

ADA = Actor(id=None, name="Ada", permissions=permissions_of("responder"), address="192.0.2.1", request_id="r1")
NOBODY = Actor(id=None, name="Visitor", permissions=frozenset())


def story(incident: Incident) -> list[str]:
    return [entry.text for entry in incidents.timeline(incident.id).entries]


def actions() -> list[str]:
    return list(db.session.scalars(select(Event.action).order_by(Event.id)))


def test_creating_leaves_a_timeline_entry_and_an_event() -> None:
    incident = incidents.create(ADA, Draft(title="  Disk   full ", labels=["db", "", "db", " prod "], severity="High"))
    assert (incident.title, incident.labels, incident.severity, incident.severity_rank) == (
        "Disk full",
        ["db", "prod"],
        "high",
        3,
    )
    assert (incident.source, incident.source_key, incident.status) == ("Manual", None, "open")
    assert story(incident) == ["Incident created"]
    event = db.session.scalars(select(Event)).one()
    assert (event.action, event.actor, event.target_id) == ("incident.created", "Ada", str(incident.id))


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (Draft(title=" "), "title"),
        (Draft(title="x" * 301), "title"),
        (Draft(title="x", severity="awful"), "severity"),
        (Draft(title="x", url="javascript:alert(1)"), "url"),
        (Draft(title="x", labels=["y" * 61]), "labels"),
        (Draft(title="x", labels=[str(n) for n in range(21)]), "labels"),
        (Draft(title="x", description="y" * 100_001), "description"),
    ],
)
def test_what_cannot_be_used_is_refused_at_its_field(draft: Draft, field: str) -> None:
    with pytest.raises(Refused) as refusal:
        incidents.create(ADA, draft)
    assert list(refusal.value.field_errors) == [field]
    assert actions() == []


def test_characters_no_database_takes_are_left_out() -> None:
    incident = incidents.create(ADA, Draft(title="a\x00b \ud800", description="one\r\ntwo"))
    assert (incident.title, incident.description) == ("ab ?", "one\ntwo")


def test_an_edit_says_what_changed() -> None:
    incident = incidents.create(ADA, Draft(title="One"))
    edited = incidents.update(ADA, incident.id, Draft(title="Two", severity="critical"), version=1)
    assert (edited.title, edited.severity_rank, edited.version) == ("Two", 4, 2)
    assert story(edited)[0] == "Changed title, severity"
    assert actions() == ["incident.created", "incident.updated"]


def test_an_edit_that_changes_nothing_leaves_no_trace() -> None:
    incident = incidents.create(ADA, Draft(title="One"))
    assert incidents.update(ADA, incident.id, Draft(title="One"), version=1).version == 1
    assert actions() == ["incident.created"]


def test_an_edit_of_an_old_state_is_refused_and_writes_nothing() -> None:
    incident = incidents.create(ADA, Draft(title="One"))
    incidents.update(ADA, incident.id, Draft(title="Two"), version=1)
    with pytest.raises(ChangedMeanwhile):
        incidents.update(ADA, incident.id, Draft(title="Three"), version=1)
    assert incidents.get(ADA, incident.id).title == "Two"


def test_status_goes_forth_and_back_and_a_double_click_counts_once() -> None:
    incident = incidents.create(ADA, Draft(title="One"))
    for status in ("in_progress", "resolved", "resolved", "open"):
        assert incidents.change_status(ADA, incident.id, status).status == status
    assert story(incident) == ["Reopened", "Resolved", "Work started", "Incident created"]
    assert actions().count("incident.status_changed") == 3


def test_an_unknown_status_is_refused() -> None:
    incident = incidents.create(ADA, Draft(title="One"))
    with pytest.raises(Refused):
        incidents.change_status(ADA, incident.id, "lost")


def test_a_note_stands_on_the_timeline() -> None:
    incident = incidents.create(ADA, Draft(title="One"))
    incidents.add_note(ADA, incident.id, " I look into it.\r\nSince 9. ")
    assert story(incident)[0] == "I look into it.\nSince 9."
    assert actions()[-1] == "incident.note_added"


@pytest.mark.parametrize("text", ["", " \n ", "x" * 10_001])
def test_empty_and_endless_notes_are_refused(text: str) -> None:
    incident = incidents.create(ADA, Draft(title="One"))
    with pytest.raises(Refused):
        incidents.add_note(ADA, incident.id, text)


def test_a_long_timeline_is_cut_and_can_be_shown_whole() -> None:
    incident = incidents.create(ADA, Draft(title="One"))
    for number in range(35):
        incidents.add_note(ADA, incident.id, f"Note {number}")
    short, whole = incidents.timeline(incident.id), incidents.timeline(incident.id, everything=True)
    assert (len(short.entries), short.more, short.entries[0].text) == (30, True, "Note 34")
    assert (len(whole.entries), whole.more) == (36, False)


@pytest.mark.parametrize("number", [0, -1, 4711, 2**31, 10**30])
def test_absent_incidents_are_missing(number: int) -> None:
    with pytest.raises(Missing):
        incidents.get(ADA, number)
    with pytest.raises(Missing):
        incidents.change_status(ADA, number, "resolved")


def test_who_may_not_read_sees_nothing() -> None:
    incident = incidents.create(ADA, Draft(title="One"))
    with pytest.raises(Missing):
        incidents.get(NOBODY, incident.id)
