"""Making Azure DevOps work items as tickets, over real sockets."""

from __future__ import annotations

import time

import pytest

from providers.azure_devops import memory
from providers.errors import (
    InvalidInput,
    Unreachable,
)
from providers.values import DestinationFieldKind as Kind
from providers.values import FieldValue
from tests.providers.azure_bench import (
    BASIC,
    BUG,
    DANA,
    FACTORY,
    INCIDENT,
    LENA,
    MARKER,
    OMAR,
    OPS,
    TASK,
    Bench,
    draft,
)

pytest_plugins = ("tests.providers.azure_fixtures",)
CHECKLIST = {"project": FACTORY, "work_item_type": "Checklist"}
DESCRIPTION, REPRO_STEPS, HISTORY = "System.Description", "Microsoft.VSTS.TCM.ReproSteps", "System.History"


def test_creating_is_exactly_one_call_whatever_was_read_before(bench: Bench) -> None:
    client = bench.client()
    assert bench.calls(lambda: client.create_ticket(draft())) == ["POST Ops/workitems/$Task"]
    story = {"project": OPS, "work_item_type": "User Story"}
    assert bench.calls(lambda: client.create_ticket(draft(story))) == ["POST Ops/workitems/$User Story"]
    client.schema(BUG)
    assert bench.calls(lambda: client.create_ticket(draft(BUG))) == ["POST Ops/workitems/$Bug"]
    assert bench.azure.creates == 3
    sent = bench.exchanges[0].request
    assert sent.headers["Content-Type"] == "application/json-patch+json"
    assert "/workitems/$Task?" in (sent.url or "")
    assert "/workitems/$User%20Story?" in (bench.exchanges[1].request.url or "")


def test_a_created_ticket_carries_marker_assignee_and_the_way_back(bench: Bench) -> None:
    made = bench.client().create_ticket(draft(summary="  Disk \n almost full " + "x" * 300))
    assert (made.external_id, made.external_key, made.assignment_error) == ("131", "#131", "")
    assert made.url == f"{bench.url}/sandbox/Ops/_workitems/edit/131"
    item = bench.azure.work_items[131]
    assert item.tags == ["Patchpanel", MARKER]
    assert item.assignee == DANA
    assert (item.title[:16], len(item.title)) == ("Disk almost full", 255)
    (link,) = item.relations
    assert (link["rel"], link["url"]) == ("Hyperlink", "http://patchpanel.example/incidents/7")
    now = bench.client().read_ticket("131")
    assert (now.status, now.category, now.assignee_name) == ("New", "new", "Dana Reyes")
    assert (now.external_key, now.url, now.assignee_id) == ("#131", made.url, DANA)


def test_the_link_of_a_project_with_a_blank_in_its_name_works(bench: Bench) -> None:
    made = bench.client().create_ticket(draft({"project": BASIC, "work_item_type": "Issue"}))
    assert made.url == f"{bench.url}/sandbox/Basic%20Board/_workitems/edit/131"


def test_nothing_typed_becomes_mark_up(bench: Bench) -> None:
    bench.client().create_ticket(draft(incident_key="<i>7</i>"))
    text = bench.azure.work_items[131].values[DESCRIPTION]
    link = '<a href="https://example.com/alerts/1?a=1&amp;b=2">https://example.com/alerts/1?a=1&amp;b=2</a>'
    assert text == (
        "<p>On db-1 &amp; &lt;b&gt;db-2&lt;/b&gt;.<br>Second line.</p>"
        f"<p>See {link}.</p>"
        '<p><a href="http://patchpanel.example/incidents/7">&lt;i&gt;7&lt;/i&gt;</a>'
        f"<br>Reference: {MARKER}</p>"
    )


def test_a_bug_shows_its_text_where_bugs_show_it(bench: Bench) -> None:
    bench.client().create_ticket(draft(BUG))
    values = bench.azure.work_items[131].values
    assert values[REPRO_STEPS] == values[DESCRIPTION] != ""


def test_a_type_without_a_description_gets_the_text_as_a_comment(bench: Bench) -> None:
    client = bench.client()
    client.schema(CHECKLIST)
    assert bench.calls(lambda: client.create_ticket(draft(CHECKLIST))) == ["POST Factory/workitems/$Checklist"]
    assert MARKER in bench.azure.work_items[131].values[HISTORY]


def test_a_type_that_turns_out_to_have_no_description_is_learned(bench: Bench) -> None:
    client = bench.client()
    assert len(bench.calls(lambda: client.create_ticket(draft(CHECKLIST)))) == 2
    assert len(bench.azure.work_items) == 1
    assert len(bench.calls(lambda: bench.client().create_ticket(draft(CHECKLIST)))) == 1
    memory.type_fields.clear()


TYPED = {
    "Custom.Impact": FieldValue(Kind.SELECT, "Everybody"),
    "Custom.Cause": FieldValue(Kind.TEXTAREA, "Line <one>\n\nLine three"),
    "Custom.Machines": FieldValue(Kind.NUMBER, "3"),
    "Custom.Due": FieldValue(Kind.DATE, "2027-02-01"),
    "Custom.Owner": FieldValue(Kind.USER, OMAR),
    "Custom.Confirmed": FieldValue(Kind.SELECT, "True"),
    "Custom.Site": FieldValue(Kind.TEXT, "R&D"),
    "Microsoft.VSTS.Common.Priority": FieldValue(Kind.SELECT, "1"),
    "System.AreaPath": FieldValue(Kind.SELECT, "Factory"),
}


def test_typed_values_arrive_in_the_form_of_their_field(bench: Bench) -> None:
    bench.client().create_ticket(draft(INCIDENT, values=TYPED))
    stored = bench.azure.work_items[131].values
    assert stored["Custom.Cause"] == "<p>Line &lt;one&gt;</p><p>Line three</p>"
    assert stored["Custom.Machines"] == 3
    assert stored["Custom.Due"] == "2027-02-01T12:00:00Z"
    assert stored["Custom.Owner"] == OMAR
    assert (stored["Custom.Site"], stored["Microsoft.VSTS.Common.Priority"]) == ("R&D", "1")


def test_a_dry_run_tells_the_vendors_reasons_and_saves_nothing(bench: Bench) -> None:
    client = bench.client()
    assert client.dry_run(draft()) is True
    assert client.dry_run(draft(INCIDENT, values=TYPED)) is True
    with pytest.raises(InvalidInput) as caught:
        client.dry_run(draft(INCIDENT))
    assert set(caught.value.field_errors) == set(TYPED) - {"Microsoft.VSTS.Common.Priority", "System.AreaPath"}
    assert (bench.azure.creates, bench.azure.work_items) == (0, {})
    assert all("validateOnly=true" in (answer.request.url or "") for answer in bench.exchanges)


def test_created_but_not_assigned_says_so(bench: Bench) -> None:
    bench.azure.set(ignore_assignee=True)
    assert "nobody" in bench.client().create_ticket(draft()).assignment_error
    bench.azure.set(ignore_assignee=False)
    later = draft(assignee_on_create=False, assignee_id=LENA)
    made = bench.client().create_ticket(later)
    assert "unknown identity" in made.assignment_error
    assert bench.calls(lambda: bench.client().assign_ticket(made.external_id, DANA)) == ["PATCH workitems/132"]
    assert bench.azure.work_items[132].assignee == DANA


@pytest.mark.parametrize("delay", [0.6])
def test_a_delayed_200_with_retry_after_is_a_success(bench: Bench, delay: float) -> None:
    bench.azure.set(delay=delay)
    made = bench.client().create_ticket(draft())
    assert made.external_id == "131"
    assert bench.exchanges[0].headers["Retry-After"] == "30"
    assert bench.azure.creates == 1
    assert bench.client().read_ticket("131").status == "New"


def test_a_delay_beyond_the_deadline_leaves_the_outcome_open(bench: Bench) -> None:
    bench.azure.set(delay=0.8)
    with pytest.raises(Unreachable) as caught:
        bench.client(deadline=0.4).create_ticket(draft())
    assert caught.value.sent
    time.sleep(0.6)
    bench.azure.set(delay=0.0)
    assert [found.external_id for found in bench.client().find_by_marker(MARKER, TASK)] == ["131"]
    assert bench.azure.creates == 1
