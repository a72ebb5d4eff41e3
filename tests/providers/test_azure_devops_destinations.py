"""Where Azure DevOps work items can go, and who they can be given to, over real sockets."""

from __future__ import annotations

import pytest

from providers.azure_devops import use_identity_url
from providers.errors import InvalidInput, NotAllowed, NotFound, UnexpectedAnswer, Unreachable
from providers.values import DestinationFieldKind as Kind
from standins.azure_devops_people import guid
from standins.azure_devops_projects import PRIORITY, SEVERITY, Field
from tests.providers.azure_bench import BASIC, BUG, FACTORY, INCIDENT, OMAR, OPS, TASK, Bench

pytest_plugins = ("tests.providers.azure_fixtures",)
IDENTITIES = "/sandbox/_apis/identities"


# -- people --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "names"),
    [
        ("dana.reyes@sandbox.example", ["Dana Reyes"]),
        ("DANA.REYES@sandbox.example", ["Dana Reyes"]),
        ("ines.duarte@sandbox.example", ["Ines Duarte"]),
        ("tom.becker@sandbox.example", ["Thomas Becker", "Tom Becker"]),
        ("lena.fischer@sandbox.example", ["Lena Fischer"]),
        ("sam.lee@sandbox.example", ["Sam Lee"]),
        ("sam.lee@sandbox.example.org", ["Sam Lee-Ortiz"]),
        ("priya.nair@sandbox.example", ["Priya Nair"]),
        ("p.nair@login.sandbox.example", ["Priya Nair"]),
        ("on.duty@sandbox.example", []),
        ("nobody@sandbox.example", []),
        ("dana", []),
        ("x%20&y=1#@sandbox.example", []),
    ],
)
def test_people_are_found_by_exactly_their_address(bench: Bench, email: str, names: list[str]) -> None:
    found = bench.client().find_people(email)
    assert sorted(person.name for person in found) == names
    assert all(email.lower() in (person.email.lower(), person.username.lower()) for person in found)


def test_a_person_is_known_by_id_and_by_the_name_they_sign_in_with(bench: Bench) -> None:
    client = bench.client()
    (priya,) = client.find_people("priya.nair@sandbox.example")
    assert (priya.external_id, priya.username) == (guid("priya"), "p.nair@login.sandbox.example")
    assert (priya.email, priya.active) == ("priya.nair@sandbox.example", True)
    (lena,) = client.find_people("lena.fischer@sandbox.example")
    assert lena.active is False


def test_looking_for_a_person_costs_one_call_to_the_people_host(bench: Bench) -> None:
    assert bench.calls(lambda: bench.client().find_people("dana.reyes@sandbox.example")) == ["GET identities"]
    assert (bench.exchanges[-1].request.url or "").startswith(bench.people_url)


def test_without_the_scope_people_are_found_in_the_teams(bench: Bench) -> None:
    bench.azure.deny("vso.identity")
    client = bench.client()
    (dana,) = client.find_people("dana.reyes@sandbox.example")
    assert (dana.external_id, dana.username, dana.active) == (guid("dana"), "dana.reyes@sandbox.example", True)
    (lena,) = client.find_people("LENA.fischer@sandbox.example")
    assert lena.active is False
    (ines,) = client.find_people("ines.duarte@sandbox.example")
    assert ines.name == "Ines Duarte"


def test_nobody_found_for_lack_of_the_scope_is_not_nobody(bench: Bench) -> None:
    bench.azure.deny("vso.identity")
    for email in ("omar.haddad@sandbox.example", "nobody@sandbox.example", "priya.nair@sandbox.example"):
        with pytest.raises(NotAllowed) as caught:
            bench.client().find_people(email)
        assert caught.value.missing == ("Identity (Read)",)
        assert "Identity (Read)" in caught.value.next_step
        assert caught.value.attempt_id
    bench.azure.allow("vso.identity")
    (omar,) = bench.client().find_people("omar.haddad@sandbox.example")
    assert omar.external_id == OMAR


def test_a_people_host_out_of_reach_is_made_up_for_by_the_teams(bench: Bench) -> None:
    use_identity_url("")
    (dana,) = bench.client().find_people("dana.reyes@sandbox.example")
    assert dana.name == "Dana Reyes"
    with pytest.raises(Unreachable) as caught:
        bench.client().find_people("nobody@sandbox.example")
    assert "PATCHPANEL_AZURE_IDENTITY_URL" in caught.value.next_step
    use_identity_url("https://10.11.12.13")
    with pytest.raises(Unreachable, match=r"10\.11\.12\.13"):
        bench.client().find_people("nobody@sandbox.example")
    use_identity_url(bench.people_url)
    bench.azure.fail_next(200, None, IDENTITIES, {"value": "x"})
    with pytest.raises(UnexpectedAnswer):
        bench.client().find_people("nobody@sandbox.example")
    bench.exchanges.clear()  # a body nobody describes


# -- projects and types --------------------------------------------------------------------------------------------


def test_only_projects_that_are_ready_and_visible_are_offered(bench: Bench) -> None:
    offered = bench.client().choices("project", {})
    assert [(choice.value, choice.label) for choice in offered] == [
        (BASIC, "Basic Board"),
        (FACTORY, "Factory"),
        (OPS, "Ops"),
    ]


def test_long_lists_of_projects_are_read_to_their_end(bench: Bench) -> None:
    for number in range(120):
        bench.azure.add_project(f"P{number:03}")
    bench.azure.set(project_page=40)
    client = bench.client()
    assert len(client.choices("project", {})) == 123
    assert len(bench.azure.calls) == 4


@pytest.mark.parametrize(
    ("project", "names"),
    [(OPS, ["Bug", "Task", "User Story", "Issue"]), (BASIC, ["Epic", "Issue", "Task"]),
     (FACTORY, ["Incident", "Checklist", "Audit"]), ("Basic Board", ["Epic", "Issue", "Task"])],
)  # fmt: skip
def test_types_are_those_of_the_projects_own_process(bench: Bench, project: str, names: list[str]) -> None:
    offered = bench.client().choices("work_item_type", {"project": project})
    assert [choice.value for choice in offered] == names


def test_a_project_out_of_sight_is_said_at_the_project(bench: Bench) -> None:
    with pytest.raises(InvalidInput) as caught:
        bench.client().choices("work_item_type", {"project": "Secret"})
    assert set(caught.value.field_errors) == {"project"}
    assert caught.value.vendor_code == "TF200016"
    with pytest.raises(InvalidInput) as caught:
        bench.client().schema({"project": OPS, "work_item_type": "Nothing"})
    assert set(caught.value.field_errors) == {"work_item_type"}
    assert not isinstance(caught.value, NotFound)


# -- fields --------------------------------------------------------------------------------------------------------


def test_a_type_that_demands_nothing_of_its_own_asks_for_nothing(bench: Bench) -> None:
    schema = bench.client().schema(BUG)
    assert schema.fields == ()
    assert schema.assignee_on_create
    assert schema.severity_fields == (PRIORITY, SEVERITY)
    optional = {field.id: field for field in schema.optional}
    assert set(optional) == {"System.AreaPath", PRIORITY, SEVERITY, "Microsoft.VSTS.Common.ValueArea"}
    assert [choice.value for choice in optional[PRIORITY].choices] == ["1", "2", "3", "4"]
    assert [choice.value for choice in optional["System.AreaPath"].choices] == [
        "Ops", "Ops\\Web", "Ops\\Database", "Ops\\Database\\Primary",
    ]  # fmt: skip
    assert all(field.kind is Kind.SELECT and not field.required for field in schema.optional)
    assert bench.client().schema(TASK).severity_fields == (PRIORITY,)


def test_a_field_of_every_kind_is_drawn(bench: Bench) -> None:
    schema = bench.client().schema(INCIDENT)
    kinds = {field.id: field.kind for field in schema.fields}
    assert kinds == {
        "Custom.Impact": Kind.SELECT,
        "Custom.Cause": Kind.TEXTAREA,
        "Custom.Machines": Kind.NUMBER,
        "Custom.Due": Kind.DATE,
        "Custom.Owner": Kind.USER,
        "Custom.Confirmed": Kind.SELECT,
        "Custom.Site": Kind.TEXT,
    }
    drawn = {field.id: field for field in schema.fields}
    assert [choice.label for choice in drawn["Custom.Impact"].choices] == ["One team", "Everybody"]
    assert [choice.value for choice in drawn["Custom.Confirmed"].choices] == ["True", "False"]
    assert drawn["Custom.Cause"].label == "Probable cause"
    assert all(field.required for field in schema.fields)


def test_a_field_that_cannot_be_drawn_is_named(bench: Bench) -> None:
    (place,) = bench.client().schema({"project": FACTORY, "work_item_type": "Audit"}).fields
    assert (place.label, place.kind, place.vendor_kind) == ("Place", Kind.UNSUPPORTED, "treePath")


def test_a_required_priority_without_default_is_asked_for(bench: Bench) -> None:
    kind = bench.azure.projects["Ops"].type("Task")
    assert kind is not None
    kind.fields = [field for field in kind.fields if field.name != PRIORITY]
    bench.azure.add_required_field("Ops", "Task", Field(PRIORITY, "Priority", "integer", allowed=["1", "2"]))
    bench.azure.add_required_field("Ops", "Task", {"name": "Custom.Plain", "label": "Plain", "kind": "plainText"})
    schema = bench.client().schema(TASK)
    assert [(field.id, field.kind) for field in schema.fields] == [(PRIORITY, Kind.SELECT), ("Custom.Plain", Kind.TEXT)]
    assert schema.severity_fields == (PRIORITY,)


def test_fields_are_read_one_by_one_where_their_list_is_too_long(bench: Bench) -> None:
    expected = bench.client().schema(INCIDENT)
    bench.azure.set(long_field_list=True)
    assert bench.client().schema(INCIDENT) == expected


def test_the_area_is_typed_where_its_tree_cannot_be_read(bench: Bench) -> None:
    bench.azure.fail_next(403, None, "*/classificationnodes/Areas")
    (area,) = [field for field in bench.client().schema(BUG).optional if field.id == "System.AreaPath"]
    assert area.kind is Kind.TEXT


def test_each_list_costs_few_calls(bench: Bench) -> None:
    client = bench.client()
    assert bench.calls(lambda: client.choices("project", {})) == ["GET projects"]
    assert bench.calls(lambda: client.choices("work_item_type", {"project": OPS})) == [
        "GET Ops/workitemtypes",
        "GET Ops/workitemtypecategories/Microsoft.HiddenCategory",
    ]
    assert bench.calls(lambda: client.schema(TASK)) == [
        "GET Ops/workitemtypes/Task/fields",
        "GET Ops/classificationnodes/Areas",
    ]
    assert bench.calls(lambda: client.schema(INCIDENT)) == [
        "GET Factory/workitemtypes/Incident/fields",
        "GET Factory/fields",
        "GET Factory/classificationnodes/Areas",
    ]
