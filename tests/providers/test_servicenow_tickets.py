"""Tickets in ServiceNow over real sockets: one create call, nothing dropped unnoticed, found again by the marker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.errors import (
    InvalidInput,
    NotAllowed,
    RateLimited,
)
from providers.servicenow.tokens import slots
from providers.values import DestinationFieldKind as Kind
from providers.values import FieldValue
from standins.servicenow import ServiceNowStandin
from standins.servicenow_people import DANA_ID, INTEGRATION_ID, NETWORK_ID, TOM_ID
from tests.providers.servicenow import CREATE, MARKER, METHODS, TOKEN, Bench, draft, fresh

INCIDENT = {"table": "incident"}
TABLES = ("incident", "change_request", "problem", "sc_task", "u_facilities_request")


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[ServiceNowStandin, str]]:
    """One sandbox for this file."""
    standin = ServiceNowStandin()
    with standin.serve() as server:
        yield standin, server.url


@pytest.fixture
def bench(shared: tuple[ServiceNowStandin, str]) -> Iterator[Bench]:
    """A fresh sandbox."""
    with fresh(shared) as found:
        yield found


def text(value: str, kind: Kind = Kind.SELECT) -> FieldValue:
    """What was typed."""
    return FieldValue(kind, value)


# -- creating ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_an_incident_is_made_as_asked(bench: Bench, method: str) -> None:
    client = bench.client(method)
    client.check()
    values = {"urgency": text("1"), "impact": text("2"), "assignment_group": text(NETWORK_ID)}
    made = client.create_ticket(draft(values=values))
    record = bench.only()
    assert (made.external_id, made.external_key) == (record["sys_id"], "INC0010001")
    assert made.url == f"{bench.url}/nav_to.do?uri=incident.do%3Fsys_id%3D{record['sys_id']}"
    assert (made.assignment_error, made.warnings) == ("", ())
    assert record["caller_id"] == INTEGRATION_ID
    assert (record["assigned_to"], record["assignment_group"]) == (DANA_ID, NETWORK_ID)
    assert (record["urgency"], record["impact"], record["priority"]) == ("1", "2", "2")
    assert (record["correlation_id"], record["correlation_display"]) == (MARKER, "Patchpanel")
    assert record["description"].endswith(f"INC-7: http://patchpanel.example/incidents/7\nReference: {MARKER}")


@pytest.mark.parametrize("method", METHODS)
def test_creating_costs_one_call_with_what_the_process_knows(bench: Bench, method: str) -> None:
    bench.client(method).check()
    assert bench.calls(lambda: bench.client(method).create_ticket(draft())) == [CREATE]


def test_a_cold_token_costs_one_call_more(bench: Bench) -> None:
    bench.client("password").check()
    (slot,) = slots._slots.values()
    slot.token = None
    assert bench.calls(lambda: bench.client("password").create_ticket(draft())) == [TOKEN, CREATE]


def test_a_process_that_never_checked_asks_once_who_the_caller_is(bench: Bench) -> None:
    assert bench.calls(lambda: bench.client().create_ticket(draft())) == ["GET table/sys_user", CREATE]
    assert bench.calls(lambda: bench.client().create_ticket(draft())) == [CREATE]
    assert {record["caller_id"] for record in bench.servicenow.records.values()} == {INTEGRATION_ID}


@pytest.mark.parametrize("table", TABLES)
def test_each_table_takes_tickets(bench: Bench, table: str) -> None:
    client = bench.client()
    made = client.create_ticket(draft(destination={"table": table}))
    assert (made.assignment_error, made.warnings) == ("", ())
    assert f"uri={table}.do%3F" in made.url
    status = client.read_ticket(made.external_id)
    assert (status.external_id, status.category, status.assignee_name) == (made.external_id, "new", "Dana Reyes")
    assert client.read_ticket(made.external_key).external_id == made.external_id
    (found,) = client.find_by_marker(MARKER, {"table": table})
    assert found.external_id == made.external_id
    client.assign_ticket(made.external_id, TOM_ID)
    assert bench.only()["assigned_to"] == TOM_ID


def test_long_texts_are_cut_before_the_reference(bench: Bench) -> None:
    made = bench.client().create_ticket(draft(summary="s" * 250, description="d" * 9000))
    record = bench.only()
    assert (len(record["short_description"]), len(record["description"])) == (160, 4000)
    assert record["description"].endswith(MARKER)
    assert made.warnings == ()


def test_values_travel_as_texts_in_servicenows_form(bench: Bench) -> None:
    when = text("2026-11-20T15:04", Kind.DATETIME)
    change = {"justification": text("Because", Kind.TEXTAREA), "start_date": when}
    made = bench.client().create_ticket(draft(destination={"table": "change_request"}, values=change))
    record = bench.only()
    assert (record["start_date"], record["requested_by"]) == ("2026-11-20 15:04:00", INTEGRATION_ID)
    assert made.warnings == ()
    body = bench.servicenow.calls[-1].body
    assert all(isinstance(value, str) for value in body.values())
    assert "caller_id" not in body


# -- what ServiceNow drops -----------------------------------------------------------------------------------------


def test_values_left_out_are_told(bench: Bench) -> None:
    values = {"u_nobody_knows": text("x"), "assignment_group": text("f" * 32), "urgency": text("77")}
    made = bench.client().create_ticket(draft(values=values))
    assert made.assignment_error == ""
    assert len(made.warnings) == 3
    told = " ".join(made.warnings)
    assert "U nobody knows: ServiceNow did not confirm" in told
    assert "Assignment group: ServiceNow left the value out" in told
    assert "Urgency: ServiceNow stored “3” instead" in told


def test_a_person_servicenow_does_not_take_is_told(bench: Bench) -> None:
    made = bench.client().create_ticket(draft(assignee_id="e" * 32))
    assert "did not assign" in made.assignment_error
    assert made.external_key == "INC0010001"


@pytest.mark.parametrize("knob", ["ignored_fields", "hidden_fields"])
def test_an_ignored_or_hidden_assignee_is_told(bench: Bench, knob: str) -> None:
    bench.servicenow.set(**{knob: ["incident.assigned_to"]})
    assert bench.client().create_ticket(draft()).assignment_error


def test_a_lost_marker_is_told(bench: Bench) -> None:
    bench.servicenow.set(ignored_fields=["incident.correlation_id"])
    (warning,) = bench.client().create_ticket(draft()).warnings
    assert warning.startswith("Correlation id")


@pytest.mark.parametrize("names", [["sys_id"], ["number"], ["sys_id", "number"]])
def test_hidden_names_of_the_record_are_found_elsewhere(bench: Bench, names: list[str]) -> None:
    bench.servicenow.set(hidden_fields=[f"incident.{name}" for name in names])
    made = bench.client().create_ticket(draft())
    record = bench.only()
    assert made.external_id == record["sys_id"]
    assert made.external_key == (record["sys_id"] if "number" in names else record["number"])


def test_an_assignment_that_did_not_stick_is_an_error(bench: Bench) -> None:
    client = bench.client()
    made = client.create_ticket(draft())
    bench.servicenow.set(ignored_fields=["incident.assigned_to"])
    with pytest.raises(InvalidInput) as caught:
        client.assign_ticket(made.external_id, TOM_ID)
    assert list(caught.value.field_errors) == ["integration_user"]


# -- refusals ------------------------------------------------------------------------------------------------------


def test_a_data_policy_names_the_fields_as_the_dialog_does(bench: Bench) -> None:
    wanted = ["close_code", "close_notes", "u_notes", "short_description", "assigned_to"]
    bench.servicenow.add_data_policy("incident", wanted, told=False)
    with pytest.raises(InvalidInput) as caught:
        bench.client().create_ticket(draft(summary="", assignee_id=""))
    assert set(caught.value.field_errors) == {"close_code", "close_notes", "u_notes", "summary", "integration_user"}
    assert (caught.value.vendor_status, caught.value.sent) == (403, True)
    assert "Data Policy Exception" in caught.value.vendor_message
    assert (bench.servicenow.records, bench.servicenow.creates) == ({}, 1)


def test_a_data_policy_is_told_even_when_the_dictionary_is_closed(bench: Bench) -> None:
    bench.servicenow.add_data_policy("incident", ["u_notes"], told=False)
    bench.servicenow.set(refuse_reads=["sys_dictionary", "sys_db_object"])
    with pytest.raises(InvalidInput) as caught:
        bench.client().create_ticket(draft())
    assert list(caught.value.field_errors) == ["internal_notes"]


def test_no_right_to_create_is_a_definite_refusal(bench: Bench) -> None:
    bench.servicenow.deny("incident.create")
    with pytest.raises(NotAllowed) as caught:
        bench.client().create_ticket(draft())
    assert caught.value.missing == ("create in incident",)
    assert caught.value.vendor_status == 403


@pytest.mark.parametrize("table", ["u_gone", "Incident", "incident/x", "../sys_user", "incident?x"])
def test_an_unknown_table_is_refused_at_its_step(bench: Bench, table: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bench.client().create_ticket(draft(destination={"table": table}))
    assert list(caught.value.field_errors) == ["table"]
    assert bench.servicenow.records == {}


def test_a_limit_means_not_taken(bench: Bench) -> None:
    bench.client().check()
    bench.servicenow.rate_limit(retry_after=7, route=f"POST /api/now/{CREATE.partition(' ')[2]}")
    with pytest.raises(RateLimited) as caught:
        bench.client().create_ticket(draft())
    assert caught.value.retry_after == 7
    assert bench.servicenow.creates == 1
