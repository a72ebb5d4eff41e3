"""The Jira client against the sandbox Jira over real sockets, through a real door with a ledger in memory.

Every exchange of this file, whatever it tests, is held against Atlassian's description of REST v3.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from providers.errors import (
    AuthenticationFailed,
    InvalidInput,
    NotAllowed,
    ProviderError,
    RateLimited,
    UnexpectedAnswer,
    Unreachable,
)
from providers.jira.client import JiraClient
from providers.values import DestinationFieldKind as Kind
from providers.values import FieldValue
from standins.jira import ADMIN_EMAIL, API_TOKEN, JiraStandin
from standins.jira_fields import Field, options
from standins.jira_people import ACCOUNT_PASSWORD, ADMIN_ID
from tests import support_specs
from tests.providers.jira_bench import MARKER, MYSELF, OPS, Bench, compare, draft, opened
from tests.standins.caller import DANA


@pytest.fixture(scope="module")
def sandbox() -> Iterator[tuple[JiraStandin, str]]:
    """One sandbox for this file."""
    jira = JiraStandin()
    with jira.serve() as server:
        yield jira, server.url


@pytest.fixture
def bench(sandbox: tuple[JiraStandin, str]) -> Iterator[Bench]:
    """A fresh sandbox. What is said in the test is held against the vendor's description."""
    with opened(sandbox) as found:
        yield found


def test_the_descriptions_are_compared_with(bench: Bench) -> None:
    support_specs.require_specs()
    bench.client().check()
    assert [answer.status_code for answer in bench.exchanges] == [200]
    wrong = bench.exchanges[0]
    wrong._content = b'{"accountId": 7}'
    with pytest.raises(support_specs.Mismatch):
        compare(wrong)
    bench.exchanges.clear()


# -- checking ------------------------------------------------------------------------------------------------------


def test_a_good_check_says_who_we_are_and_what_we_may_do(bench: Bench) -> None:
    client = bench.client()
    found = client.check()
    assert (found.account.id, found.account.name, found.account.site_url) == (ADMIN_ID, "Alex Morgan", bench.url)
    assert {permission.granted for permission in client.permissions({})} == {True}
    assert [row["purpose"] for row in bench.ledger.rows] == ["check", "check permissions"]
    sent = bench.exchanges[0].request.headers
    assert sent["Authorization"] == "Basic " + base64.b64encode(f"{ADMIN_EMAIL}:{API_TOKEN}".encode()).decode()
    assert sent["Accept"].startswith("application/json")
    assert "Cookie" not in sent


def test_missing_permissions_are_told_and_unknown_ones_do_not_spoil_the_check(bench: Bench) -> None:
    bench.jira.deny("CREATE_ISSUES")
    told = {permission.label: permission.granted for permission in bench.client().permissions({})}
    assert told["Create issues"] is False
    bench.jira.fail_next(500, times=None, route="/rest/api/3/mypermissions")
    assert {permission.granted for permission in bench.client().permissions({})} == {None}


def test_e_mail_addresses_are_compared_without_case(bench: Bench) -> None:
    assert bench.client(email=ADMIN_EMAIL.upper()).check().account.id == ADMIN_ID


ANONYMOUS = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}


@pytest.mark.parametrize(
    ("typed", "arm", "kind", "cause"),
    [
        ({"token": "wrong"}, None, AuthenticationFailed, "refused this e-mail address and API token"),
        ({"email": "nobody@sandbox.example"}, None, AuthenticationFailed, "refused this e-mail"),
        ({"token": ACCOUNT_PASSWORD}, None, AuthenticationFailed, "API tokens only"),
        ({}, lambda jira: jira.set(auth_denied=True), AuthenticationFailed, "locked this account"),
        ({}, lambda jira: jira.fail_next(200, None, MYSELF, {"a": 1}, ANONYMOUS), AuthenticationFailed, "refused"),
        ({}, lambda jira: jira.html_instead(MYSELF), UnexpectedAnswer, "a web page instead of data"),
        ({}, lambda jira: jira.fail_next(404, None, MYSELF), Unreachable, "does not answer like Jira Cloud"),
        ({}, lambda jira: jira.fail_next(404, None, MYSELF, "<html>x</html>"), Unreachable, "not answer like"),
        ({}, lambda jira: jira.fail_next(200, None, MYSELF, {"server": "x"}), UnexpectedAnswer, "not look like"),
        ({}, lambda jira: jira.fail_next(200, None, MYSELF, ["x"]), UnexpectedAnswer, "not look like Jira"),
        ({}, lambda jira: jira.set(redirect_to="http://login.example"), UnexpectedAnswer, "follows no redirects"),
        ({}, lambda jira: jira.fail_next(403, None, MYSELF), NotAllowed, "does not allow"),
        ({}, lambda jira: jira.rate_limit(None, 90), RateLimited, "limits how many calls"),
        ({}, lambda jira: jira.fail_next(503, None, MYSELF), Unreachable, "status 503"),
    ],
)  # fmt: skip
def test_a_bad_check_says_what_is_wrong(
    bench: Bench, typed: dict[str, str], arm: Any, kind: type[ProviderError], cause: str
) -> None:
    if arm:
        arm(bench.jira)
    with pytest.raises(ProviderError) as caught:
        bench.client(**typed).check()
    assert type(caught.value) is kind
    assert cause in caught.value.cause
    assert caught.value.next_step
    bench.exchanges[:] = [answer for answer in bench.exchanges if answer.status_code != 200]


@pytest.mark.parametrize("path", ["project/search", "search/jql", "issue/OPS-1", "user/search"])
def test_no_route_takes_us_for_an_anonymous_visitor_unnoticed(bench: Bench, path: str) -> None:
    client = bench.client(token="wrong")
    acts: Mapping[str, Callable[[], Any]] = {
        "project/search": lambda: client.choices("project", {}),
        "search/jql": lambda: client.find_by_marker(MARKER, OPS),
        "issue/OPS-1": lambda: client.read_ticket("OPS-1"),
        "user/search": lambda: client.find_people("dana.reyes@sandbox.example"),
    }
    with pytest.raises(AuthenticationFailed) as caught:
        acts[path]()
    assert caught.value.attempt_id == 1
    assert bench.ledger.rows[0]["outcome"] == "refused"


# -- people --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("email", "names"),
    [
        ("dana.reyes@sandbox.example", ["Dana Reyes"]),
        ("DANA.REYES@sandbox.example", ["Dana Reyes"]),
        ("ines.duarte@sandbox.example", ["Ines Duarte"]),
        ("priya.nair@sandbox.example", ["Priya Nair"]),
        ("tom.becker@sandbox.example", ["Thomas Becker", "Tom Becker"]),
        ("lena.fischer@sandbox.example", ["Lena Fischer"]),
        ("sam.lee@sandbox.example", ["Sam Lee"]),
        ("sam.lee@sandbox.example.org", ["Sam Lee-Ortiz"]),
        ("omar.haddad@sandbox.example", ["Omar Haddad"]),
        ("automation@sandbox.example", []),
        ("erika.holm@sandbox.example", []),
        ("nobody@sandbox.example", []),
        ("dana+x%20&y=1#@sandbox.example", []),
    ],
)
def test_people_are_found_by_exactly_their_address(bench: Bench, email: str, names: list[str]) -> None:
    found = bench.client().find_people(email)
    assert sorted(person.name for person in found) == names
    assert all(person.email.lower() == email.lower() for person in found)


def test_what_a_person_shows_of_themselves_is_told(bench: Bench) -> None:
    client = bench.client()
    (priya,) = client.find_people("priya.nair@sandbox.example")
    (lena,) = client.find_people("lena.fischer@sandbox.example")
    assert (priya.email_hidden, priya.active) == (True, True)
    assert (lena.email_hidden, lena.active) == (False, False)
    bench.jira.set(hide_emails=True)
    assert all(person.email_hidden for person in client.find_people("tom.becker@sandbox.example"))


def test_nobody_found_for_lack_of_permission_is_not_nobody(bench: Bench) -> None:
    bench.jira.set(deny_user_search=True)
    with pytest.raises(NotAllowed) as caught:
        bench.client().find_people("dana.reyes@sandbox.example")
    assert caught.value.missing == ("Browse users and groups",)


# -- destinations --------------------------------------------------------------------------------------------------


def test_only_projects_we_may_create_in_are_offered(bench: Bench) -> None:
    offered = [choice.label for choice in bench.client().choices("project", {})]
    assert sorted(offered) == ["Human Resources (HR)", "Operations (OPS)", "Website (WEB)"]


def test_long_lists_are_read_to_their_end(bench: Bench) -> None:
    for number in range(120):
        bench.jira.add_project(f"P{number}", f"Project {number:03}")
    client = bench.client()
    assert len(client.choices("project", {})) == 123
    assert len(client.choices("issue_type", {"project": "10200"})) == 64
    (budget,) = client.schema({"project": "10200", "issue_type": "10299"}).fields
    assert (budget.label, [choice.label for choice in budget.choices]) == ("Budget class", ["A", "B"])


@pytest.mark.parametrize("names", ["named", "twins", "both"])
def test_lists_are_read_under_each_of_their_documented_names(bench: Bench, names: str) -> None:
    bench.jira.set(createmeta_names=names)
    client = bench.client()
    assert [choice.label for choice in client.choices("issue_type", {"project": "10000"})] == [
        "Task",
        "Bug",
        "Incident",
    ]
    assert [f.label for f in client.schema({"project": "10000", "issue_type": "10003"}).fields] == [
        "Severity",
        "Impact statement",
    ]
    if names != "named":
        bench.exchanges.clear()  # the description calls the twins write-only, yet Jira was seen to answer with them


TYPED = {
    "customfield_10050": (Kind.TEXT, "R&D"),
    "customfield_10051": (Kind.NUMBER, "3"),
    "customfield_10052": (Kind.DATE, "2027-02-01"),
    "customfield_10053": (Kind.DATETIME, "2027-02-01T09:30"),
    "customfield_10054": (Kind.MULTI_SELECT, ["50", "52"]),
    "customfield_10055": (Kind.USER, DANA),
    "customfield_10058": (Kind.TEXTAREA, "Line one\n\nLine three"),
    "customfield_10059": (Kind.SELECT, "81"),
}


def test_a_field_of_every_kind_is_drawn_and_its_value_taken(bench: Bench) -> None:
    request = {"project": "10100", "issue_type": "10102"}
    bench.jira.add_required_field("HR", "Request", Field("customfield_10058", "Reason", "textarea"))
    bench.jira.add_required_field(
        "HR", "Request", Field("customfield_10059", "Level", "select", options=options(80, "One", "Two"))
    )
    client = bench.client()
    schema = client.schema(request)
    assert {f.id: f.kind for f in schema.fields} == {name: kind for name, (kind, _) in TYPED.items()}
    values = {name: FieldValue(kind, value) for name, (kind, value) in TYPED.items()}
    made = client.create_ticket(draft(destination=request, values=values))
    stored = bench.jira.issues[made.external_key].values
    assert stored["customfield_10051"] == 3
    assert stored["customfield_10053"].startswith("2027-02-01T09:30:00.000+00")
    assert stored["customfield_10054"] == [{"id": "50"}, {"id": "52"}]
    assert stored["customfield_10058"]["type"] == "doc"
    half = {**values, "customfield_10051": FieldValue(Kind.NUMBER, "2.5")}
    made = client.create_ticket(draft(destination=request, values=half))
    assert bench.jira.issues[made.external_key].values["customfield_10051"] == 2.5


def test_a_field_that_cannot_be_drawn_is_named(bench: Bench) -> None:
    (place,) = bench.client().schema({"project": "10100", "issue_type": "10103"}).fields
    assert (place.label, place.kind, place.vendor_kind) == ("Location", Kind.UNSUPPORTED, "cascadingselect")


def test_the_create_screen_says_whether_it_takes_an_assignee(bench: Bench) -> None:
    assert bench.client().schema(OPS).assignee_on_create is True
    bench.jira.set(assignee_not_on_create_screen=True)
    assert bench.client().schema(OPS).assignee_on_create is False


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("https://acme.atlassian.net", "https://acme.atlassian.net"),
        (" https://ACME.atlassian.net/ ", "https://acme.atlassian.net"),
        ("https://acme.atlassian.net/jira/your-work?x=1#y", "https://acme.atlassian.net"),
        ("https://acme.atlassian.net:8443/x", "https://acme.atlassian.net:8443"),
    ],
)
def test_a_pasted_address_is_brought_to_the_site(typed: str, stored: str) -> None:
    assert JiraClient.clean({"service_url": typed})["service_url"] == stored


@pytest.mark.parametrize(
    "typed",
    ["", "acme", "acme.atlassian.net", "ftp://acme.atlassian.net", "https://", "https://a@acme.atlassian.net",
     "https://[acme]", "https://[::1", "https://acme.atlassian.net:port", "https://acme.atlassian.net:99999"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_at_its_field(typed: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        JiraClient.clean({"service_url": typed})
    assert set(caught.value.field_errors) == {"service_url"}
