"""Where ServiceNow tickets can go, and what each table wants, as far as the account may read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.errors import AuthenticationFailed, Unreachable
from providers.values import Choice, DestinationField, DestinationSchema
from providers.values import DestinationFieldKind as Kind
from standins.servicenow import ServiceNowStandin
from standins.servicenow_people import NETWORK_ID, SERVICE_DESK_ID
from tests.providers.servicenow import Bench, draft, fresh

INCIDENT = {"table": "incident"}
STANDARD = ["incident", "change_request", "problem", "sc_task"]
CLOSED = ["sys_dictionary", "sys_db_object", "sys_choice", "sys_data_policy_rule", "sys_user_group"]


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


def schema(bench: Bench, table: str = "incident") -> DestinationSchema:
    """What a table wants."""
    return bench.client().schema({"table": table})


def by_id(fields: tuple[DestinationField, ...]) -> dict[str, DestinationField]:
    """Fields by name."""
    return {field.id: field for field in fields}


def required(bench: Bench, **column: str) -> DestinationField:
    """How a mandatory incident column with these properties is asked for."""
    bench.servicenow.add_required_field("incident", **{"element": "u_x", "label": "X", **column})
    return by_id(schema(bench).fields)["u_x"]


def test_incident_comes_first_and_sealed_tables_are_left_out(bench: Bench) -> None:
    found = bench.client().choices("table", {})
    assert [choice.value for choice in found] == [*STANDARD, "u_facilities_request"]
    assert found[-1] == Choice("u_facilities_request", "Facilities Request")


@pytest.mark.parametrize("how", ["deny", "refuse"])
def test_the_delivered_tables_are_offered_when_the_list_is_closed(bench: Bench, how: str) -> None:
    if how == "deny":
        bench.servicenow.deny("sys_db_object.read")
    else:
        bench.servicenow.set(refuse_reads=["sys_db_object"])
    assert [choice.value for choice in bench.client().choices("table", {})] == STANDARD


def test_a_dropped_term_does_not_offer_other_tables(bench: Bench) -> None:
    bench.servicenow.set(ignored_terms=["super_class.name"])
    assert "sys_user" not in [choice.value for choice in bench.client().choices("table", {})]


def test_an_incident_wants_nothing_beyond_ours_and_offers_defaults(bench: Bench) -> None:
    found = schema(bench)
    assert (found.fields, found.assignee_on_create) == ((), True)
    assert found.severity_fields == ("urgency", "impact")
    offered = by_id(found.optional)
    assert list(offered) == ["assignment_group", "urgency", "impact", "category"]
    assert offered["urgency"].choices == (Choice("1", "1 - High"), Choice("2", "2 - Medium"), Choice("3", "3 - Low"))
    assert [c.value for c in offered["assignment_group"].choices] == [NETWORK_ID, SERVICE_DESK_ID]
    assert [c.value for c in offered["category"].choices] == ["inquiry", "network", "database"]
    assert not any(field.required for field in found.optional)


def test_the_lists_cost_few_calls(bench: Bench) -> None:
    names = ("sys_db_object", "sys_data_policy_rule", "sys_dictionary", "sys_choice", "sys_user_group")
    assert bench.calls(lambda: schema(bench)) == [f"GET table/{name}" for name in names]


def test_other_tables_want_their_own_fields(bench: Bench) -> None:
    change = schema(bench, "change_request")
    assert {f.id: f.kind for f in change.fields} == {"justification": Kind.TEXTAREA, "start_date": Kind.DATETIME}
    assert change.severity_fields == ("impact", "priority")
    assert {f.id: f.kind for f in schema(bench, "problem").fields} == {"u_review_on": Kind.DATE}
    assert {f.id: f.kind for f in schema(bench, "sc_task").fields} == {"u_effort": Kind.NUMBER}
    (place,) = schema(bench, "u_facilities_request").fields
    assert (place.kind, [choice.label for choice in place.choices]) == (Kind.SELECT, ["Lisbon", "Porto"])


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        ({}, Kind.TEXT),
        ({"max_length": 4000}, Kind.TEXTAREA),
        ({"type": "html"}, Kind.TEXTAREA),
        ({"type": "decimal"}, Kind.NUMBER),
        ({"type": "glide_date"}, Kind.DATE),
        ({"type": "due_date"}, Kind.DATETIME),
        ({"type": "boolean"}, Kind.SELECT),
        ({"type": "reference", "reference": "sys_user"}, Kind.USER),
        ({"type": "reference", "reference": "cmn_location"}, Kind.SELECT),
        ({"type": "reference", "reference": "cmdb_ci"}, Kind.UNSUPPORTED),
        ({"type": "reference", "reference": "x_gone"}, Kind.UNSUPPORTED),
        ({"type": "choice", "choice": "1"}, Kind.UNSUPPORTED),
        ({"type": "glide_list"}, Kind.UNSUPPORTED),
    ],
)
def test_each_kind_of_column_is_drawn_or_named(bench: Bench, column: dict[str, str], kind: Kind) -> None:
    found = required(bench, **column)
    assert (found.kind, found.label, found.required) == (kind, "X", True)
    assert bool(found.choices) == (kind is Kind.SELECT)
    if column.get("reference"):
        assert found.vendor_kind == f"reference to {column['reference']}"


def test_a_field_with_a_default_is_not_asked_for(bench: Bench) -> None:
    bench.servicenow.add_required_field("incident", element="u_x", label="X", default="7")
    assert schema(bench).fields == ()


def test_a_data_policy_without_condition_makes_its_fields_required(bench: Bench) -> None:
    bench.servicenow.add_data_policy("incident", ["u_notes", "category"])
    bench.servicenow.add_data_policy("task", ["urgency"])
    bench.servicenow.add_data_policy("incident", ["close_code"], condition="state=6^EQ")
    bench.servicenow.add_data_policy("incident", ["close_notes"], active=False)
    found = schema(bench)
    assert [f.id for f in found.fields] == ["category", "u_notes", "urgency"]
    assert [f.id for f in found.optional] == ["assignment_group", "impact"]
    assert found.severity_fields == ("urgency", "impact")


@pytest.mark.parametrize("how", ["deny", "refuse"])
def test_an_account_that_may_read_nothing_still_gets_the_delivered_lists(bench: Bench, how: str) -> None:
    if how == "deny":
        bench.servicenow.deny(*(f"{table}.read" for table in CLOSED))
    else:
        bench.servicenow.set(refuse_reads=CLOSED)
    found = schema(bench)
    assert found.fields == ()
    assert [f.id for f in found.optional] == ["urgency", "impact"]
    assert [c.value for c in by_id(found.optional)["impact"].choices] == ["1", "2", "3"]


def test_dropped_terms_do_not_mix_in_columns_and_choices_of_other_tables(bench: Bench) -> None:
    usual = schema(bench)
    bench.servicenow.set(ignored_terms=["name", "element", "mandatory", "inactive", "language", "table"])
    found = schema(bench)
    assert found.fields == usual.fields
    assert [f.id for f in found.optional] == [f.id for f in usual.optional]
    assert "Former level" not in [c.label for c in by_id(found.optional)["urgency"].choices]


def test_at_most_200_groups_are_offered_and_short_pages_are_no_end(bench: Bench) -> None:
    bench.servicenow.add_groups(300)
    groups = by_id(schema(bench).optional)["assignment_group"].choices
    assert len(groups) == 200
    # More columns than a page: the first page comes back short because some rows are hidden.
    for number in range(250):
        bench.servicenow.add_required_field("incident", element=f"u_{number:03}", label=f"F {number:03}")
    rows = bench.servicenow.rows("sys_dictionary")
    bench.servicenow.store.hidden.update(row["sys_id"] for row in rows if row["element"] == "u_000")
    found = {field.id for field in schema(bench).fields}
    assert ("u_249" in found, "u_000" in found, len(found)) == (True, False, 249)


def test_trouble_that_is_no_missing_permission_is_told(bench: Bench) -> None:
    bench.servicenow.fail_next(500, times=None)
    for ask in (lambda: bench.client().choices("table", {}), lambda: schema(bench)):
        with pytest.raises(Unreachable):
            ask()
    bench.servicenow.faults.clear()
    bench.servicenow.revoke_key()
    with pytest.raises(AuthenticationFailed):
        schema(bench)


def test_permissions_are_told_for_the_chosen_table(bench: Bench) -> None:
    client = bench.client()
    client.check()
    granted = {p.label: p.granted for p in client.permissions({"table": "problem"})}
    assert granted == {
        "Read records (problem)": True,
        "Create records (problem)": True,
        "Assign records": True,
        "Find people (sys_user)": True,
    }
    client.create_ticket(draft(destination={"table": "problem"}))
    bench.servicenow.deny("problem.read", "sys_user_has_role.read", "sys_user.read")
    assert [p.granted for p in client.permissions({"table": "problem"})] == [False, None, None, False]
    bench.servicenow.fail_next(500, times=None)
    assert [p.granted for p in client.permissions({"table": "problem"})] == [None] * 4
    assert bench.servicenow.creates == 1
