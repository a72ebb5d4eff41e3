"""The page of one incident: reading, editing, status, notes."""

from __future__ import annotations

import re

import pytest
from flask.testing import FlaskClient

from models import Incident
from services import incidents
from services.actors import COMMAND_LINE
from services.incidents import Draft


@pytest.fixture
def incident(app: object) -> Incident:
    draft = Draft(
        title="Disk full", description="a\nb", severity="high", source="P", labels=["db"], url="https://p.example/1"
    )
    return incidents.create(COMMAND_LINE, draft)


def now(incident: Incident) -> Incident:
    return incidents.get(COMMAND_LINE, incident.id)


def edit_data(**changes: str) -> dict[str, str]:
    data = {
        "title": "Disk full",
        "description": "a\nb",
        "severity": "high",
        "source": "P",
        "labels": "db",
        "version": "1",
    }
    return {**data, **changes}


def test_it_has_its_three_sections(member: FlaskClient, incident: Incident) -> None:
    page = member.get(f"/incidents/{incident.id}").get_data(as_text=True)
    for heading in ("Overview", "Ticket", "Timeline"):
        assert re.search(rf"<h2[^>]*>{heading}</h2>", page)
    assert "<h1>Disk full</h1>" in page
    assert incident.key in page
    assert "a<br>b" in page
    assert 'href="https://p.example/1"' in page
    assert "Incident created" in page


def test_members_get_no_buttons_and_may_not_write(member: FlaskClient, incident: Incident) -> None:
    page = member.get(f"/incidents/{incident.id}").get_data(as_text=True)
    for word in ("Resolve", "Start work", "Add note", ">Edit<"):
        assert word not in page
    for path, data in (
        ("edit", edit_data(title="x")),
        ("status", {"status": "resolved"}),
        ("notes", {"text": "x"}),
    ):
        assert member.post_form(f"/incidents/{incident.id}/{path}", data).status_code == 403
    assert now(incident).version == 1


@pytest.mark.parametrize("number", [0, 4711, 2**40, 10**25])
def test_absent_incidents_are_404(member: FlaskClient, number: int) -> None:
    assert member.get(f"/incidents/{number}").status_code == 404


def test_status_moves_with_the_buttons(responder: FlaskClient, incident: Incident) -> None:
    url = f"/incidents/{incident.id}"
    for button, status, sentence in (
        ("Start work", "in_progress", "Work started"),
        ("Resolve", "resolved", "Incident resolved"),
        ("Reopen", "open", "Incident reopened"),
    ):
        assert f">{button}</button>" in responder.get(url).get_data(as_text=True)
        answer = responder.post_form(f"{url}/status", {"status": status})
        assert answer.status_code == 303
        assert sentence in responder.get(answer.headers["Location"]).get_data(as_text=True)
        assert now(incident).status == status


def test_htmx_gets_the_parts_that_changed(responder: FlaskClient, incident: Incident) -> None:
    answer = responder.post_htmx(f"/incidents/{incident.id}/status", {"status": "resolved"})
    page = answer.get_data(as_text=True)
    for part in ("incident-head", "incident-overview", "incident-timeline"):
        assert re.search(rf'id="{part}"[^>]* hx-swap-oob="true"', page)
    assert "Incident resolved" in page
    assert "<html" not in page


def test_an_unknown_status_is_answered_in_words(responder: FlaskClient, incident: Incident) -> None:
    answer = responder.post_form(f"/incidents/{incident.id}/status", {"status": "lost"})
    assert answer.status_code == 422
    assert now(incident).status == "open"


def test_a_note_appears_on_the_timeline(responder: FlaskClient, incident: Incident) -> None:
    answer = responder.post_htmx(f"/incidents/{incident.id}/notes", {"text": "First <line>\nsecond"})
    page = answer.get_data(as_text=True)
    assert "First &lt;line&gt;<br>second" in page
    assert 'id="note-form"' in page
    assert "First &lt;line&gt;</textarea>" not in page


def test_an_empty_note_is_refused_at_its_field(responder: FlaskClient, incident: Incident) -> None:
    url = f"/incidents/{incident.id}/notes"
    partial, page = responder.post_htmx(url, {"text": " "}), responder.post_form(url, {"text": " "})
    assert partial.status_code == page.status_code == 422
    assert 'aria-invalid="true"' in partial.get_data(as_text=True)
    assert "<h1>Disk full</h1>" in page.get_data(as_text=True)


def test_the_edit_dialog_holds_the_stored_values(responder: FlaskClient, incident: Incident) -> None:
    page = responder.get(f"/incidents/{incident.id}/edit").get_data(as_text=True)
    assert "<dialog open" in page
    assert "<h2" in page
    assert 'value="Disk full"' in page
    assert '<option selected value="high">' in page
    assert ">Save changes</button>" in page


def test_save_changes_stores_them(responder: FlaskClient, incident: Incident) -> None:
    answer = responder.post_form(
        f"/incidents/{incident.id}/edit?status=open", edit_data(title="Disk empty", labels="x, y")
    )
    assert answer.status_code == 303
    assert answer.headers["Location"].endswith(f"/incidents/{incident.id}?status=open")
    assert (now(incident).title, now(incident).labels) == ("Disk empty", ["x", "y"])


def test_a_refused_edit_keeps_what_was_typed(responder: FlaskClient, incident: Incident) -> None:
    answer = responder.post_form(f"/incidents/{incident.id}/edit", edit_data(title="", description="keep me"))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Title is missing." in page
    assert "keep me" in page
    assert now(incident).title == "Disk full"


@pytest.mark.parametrize("version", ["1", "", "abc", "-1", "9" * 40])
def test_an_edit_of_an_old_state_loses_nothing(responder: FlaskClient, incident: Incident, version: str) -> None:
    incidents.update(COMMAND_LINE, incident.id, Draft(title="Theirs", source="P"), version=1)
    url = f"/incidents/{incident.id}/edit"
    answer = responder.post_form(url, edit_data(title="Mine", version=version))
    page = answer.get_data(as_text=True)
    assert answer.status_code == 422
    assert "Somebody changed this incident while you were editing" in page
    assert 'value="Mine"' in page
    assert "<dt>Title now</dt><dd>Theirs</dd>" in page
    assert now(incident).title == "Theirs"
    assert 'name="version" type="hidden" value="2"' in page
    assert responder.post_form(url, edit_data(title="Mine", version="2")).status_code == 303
    assert now(incident).title == "Mine"


def test_previous_and_next_follow_the_filters(member: FlaskClient) -> None:
    numbers = [
        incidents.create(COMMAND_LINE, Draft(title=f"Problem {n}", severity="low" if n == 1 else "high")).id
        for n in range(4)
    ]
    page = member.get(f"/incidents/{numbers[2]}?severity=high").get_data(as_text=True)
    assert re.search(rf'href="/incidents/{numbers[3]}\?severity=high">Previous incident<', page)
    assert re.search(rf'href="/incidents/{numbers[0]}\?severity=high">Next incident<', page)
    first = member.get(f"/incidents/{numbers[3]}").get_data(as_text=True)
    assert "Previous incident" not in first
    assert "Next incident" in first


def test_a_long_timeline_can_be_shown_whole(member: FlaskClient, incident: Incident) -> None:
    for number in range(31):
        incidents.add_note(COMMAND_LINE, incident.id, f"Note {number}")
    page = member.get(f"/incidents/{incident.id}").get_data(as_text=True)
    assert "Incident created" not in page
    assert "Show all" in page
    assert "Incident created" in member.get(f"/incidents/{incident.id}?timeline=all").get_data(as_text=True)
