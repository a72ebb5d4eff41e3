"""The check of an Azure DevOps connection over real sockets: every face of a bad token, permissions, addresses."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest

from providers.errors import (
    AuthenticationFailed,
    NotAllowed,
    ProviderError,
    RateLimited,
    UnexpectedAnswer,
    Unreachable,
)
from standins.azure_devops import PAT
from standins.azure_devops_people import (
    ALL_ORGANIZATIONS_PAT,
    EXPIRED_PAT,
    OTHER_ORGANIZATION_PAT,
    REVOKED_PAT,
    guid,
)
from standins.azure_devops_wire import EXPIRED
from tests import support_specs
from tests.providers.azure_bench import BUG, CONNECTION, INCIDENT, MARKER, TASK, Bench, compare, draft

pytest_plugins = ("tests.providers.azure_fixtures",)
READ, CREATE = "Read work items", "Create and assign work items"
FIND = "Find people by e-mail (Identity (Read))"
PROJECTS = "/sandbox/_apis/projects"


def told(permissions: Any) -> dict[str, bool | None]:
    return {permission.label: permission.granted for permission in permissions}


def test_a_good_check_says_who_we_are_and_what_we_may_do(bench: Bench) -> None:
    client = bench.client()
    found = client.check()
    assert (found.account.id, found.account.name) == (guid("alex"), "Alex Morgan")
    assert (found.account.site_url, found.account.site_name) == (f"{bench.url}/sandbox", "sandbox")
    assert told(found.permissions) == {"List projects": True}
    assert told(client.permissions({})) == {READ: True, CREATE: None, FIND: True}
    sent = bench.exchanges[0].request.headers
    assert sent["Authorization"] == "Basic " + base64.b64encode(f":{PAT}".encode()).decode()
    assert sent["X-TFS-FedAuthRedirect"] == "Suppress"
    assert "Cookie" not in sent
    assert all("api-version=7.1" in (answer.request.url or "") for answer in bench.exchanges)


def test_a_check_makes_these_calls(bench: Bench) -> None:
    client = bench.client()
    assert bench.calls(client.check) == ["GET connectionData", "GET projects"]
    asked = ["GET workitems", "GET identities", "GET /profile/profiles/me"]
    assert bench.calls(lambda: client.permissions({})) == asked


def test_a_refusal_that_is_as_it_should_be_does_not_look_bad_in_the_ledger(bench: Bench) -> None:
    bench.client().permissions({})
    assert {row["outcome"] for row in bench.ledger.rows} == {"ok"}
    assert bench.ledger.rows[-1]["status"] == 401


def test_the_descriptions_are_compared_with(bench: Bench) -> None:
    support_specs.require_specs()
    bench.client().check()
    wrong = bench.exchanges[1]
    wrong._content = b'{"count": 1, "value": [{"id": 7}]}'
    with pytest.raises(support_specs.Mismatch):
        compare(wrong)
    bench.exchanges.clear()


# -- the faces of a bad token --------------------------------------------------------------------------------------

FACES: dict[str, tuple[str, dict[str, Any], str]] = {
    "plain 401": ("wrong", {}, "wrong, revoked, or made for another organization"),
    "sign-in page": ("wrong", {"refusal": "page"}, "sign-in page (status 203)"),
    "redirect": ("wrong", {"refusal": "redirect"}, "redirected the call to its sign-in page (status 302)"),
    "JSON 401": ("wrong", {"refusal": "json"}, "wrong, revoked, or made for another organization"),
    "anonymous": ("wrong", {"anonymous": True}, "anonymous visitor"),
    "expired": (EXPIRED_PAT, {}, "it has expired"),
    "expired, told by the page alone": (EXPIRED_PAT, {"error_header": False}, "it has expired"),
    "revoked": (REVOKED_PAT, {}, "it was revoked"),
    "other organization": (OTHER_ORGANIZATION_PAT, {}, "knows its owner, but not for this organization"),
}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("use", ["check", "create", "query", "people", "projects"])
def test_a_bad_token_is_told_by_its_face_whatever_it_was_used_for(bench: Bench, face: str, use: str) -> None:
    token, knobs, cause = FACES[face]
    bench.azure.set(**knobs)
    client = bench.client(token=token)
    acts: dict[str, Callable[[], Any]] = {
        "check": client.check,
        "create": lambda: client.create_ticket(draft()),
        "query": lambda: client.find_by_marker(MARKER, TASK),
        "people": lambda: client.find_people("dana.reyes@sandbox.example"),
        "projects": lambda: client.choices("project", {}),
    }
    with pytest.raises(AuthenticationFailed) as caught:
        acts[use]()
    if face != "anonymous" or use == "check":
        assert cause in caught.value.cause
    assert "refused" in caught.value.cause
    assert caught.value.next_step
    assert caught.value.attempt_id == 1
    assert bench.azure.work_items == {}


def test_the_causes_of_different_faces_differ() -> None:
    causes = [cause for _, _, cause in FACES.values()]
    assert len(set(causes)) == len(causes) - 2  # the two ways to say expired, and to say nothing


def test_words_of_the_error_header_are_told(bench: Bench) -> None:
    said = {"X-TFS-ServiceError": quote("Conditional access blocks this address.")}
    bench.azure.fail_next(401, None, CONNECTION, "", said)
    with pytest.raises(AuthenticationFailed, match="Conditional access blocks this address"):
        bench.client().check()
    bench.azure.faults.clear()
    bench.azure.fail_next(403, None, CONNECTION, "", {"X-TFS-ServiceError": quote(EXPIRED)})
    with pytest.raises(AuthenticationFailed, match="expired"):
        bench.client().check()


SCOPES = {
    "vso.project": ("Project and Team (Read)", lambda client: client.choices("project", {})),
    "vso.work": ("Work Items (Read)", lambda client: client.choices("work_item_type", TASK)),
    "vso.work_write": ("Work Items (Read & write)", lambda client: client.create_ticket(draft())),
}


@pytest.mark.parametrize("face", ["json", "html"])
@pytest.mark.parametrize("scope", SCOPES)
def test_a_missing_scope_is_not_a_bad_token(bench: Bench, scope: str, face: str) -> None:
    name, act = SCOPES[scope]
    bench.azure.set(scope_face=face)
    bench.azure.deny(scope)
    with pytest.raises(NotAllowed) as caught:
        act(bench.client())
    assert caught.value.missing == (name,)
    assert name in caught.value.cause
    assert "token is good" in caught.value.cause
    assert caught.value.vendor_status == 401
    assert caught.value.attempt_id == 1


def test_a_check_without_the_project_scope_says_so(bench: Bench) -> None:
    bench.azure.deny("vso.project")
    with pytest.raises(NotAllowed, match="Project and Team"):
        bench.client().check()
    assert len(bench.azure.calls) == 2


OTHERS: dict[str, tuple[Callable[[Any], Any], type[ProviderError], str]] = {
    "HTML": (lambda a: a.html_instead(CONNECTION), UnexpectedAnswer, "a web page instead of data"),
    "sign-in page with 200": (
        lambda a: a.fail_next(200, None, CONNECTION, "<title>Azure DevOps Services | Sign In</title>"),
        AuthenticationFailed,
        "sign-in page (status 200)",
    ),
    "404 page": (lambda a: a.fail_next(404, None, CONNECTION), Unreachable, "web server at this address"),
    "other JSON": (lambda a: a.fail_next(200, None, CONNECTION, {"ok": True}), UnexpectedAnswer, "does not look like"),
    "a list": (lambda a: a.fail_next(200, None, CONNECTION, [1]), UnexpectedAnswer, "does not look like"),
    "redirect elsewhere": (lambda a: a.set(redirect_to="http://x.example"), UnexpectedAnswer, "follows no redirects"),
    "403": (lambda a: a.fail_next(403, None, CONNECTION), NotAllowed, "does not allow"),
    "429": (lambda a: a.rate_limit(None, 90), RateLimited, "limits how many calls"),
    "503": (lambda a: a.fail_next(503, None, CONNECTION), Unreachable, "status 503"),
    "projects are no list": (lambda a: a.fail_next(200, None, PROJECTS, {}), UnexpectedAnswer, "unknown form"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_bad_check_says_what_is_wrong(bench: Bench, name: str) -> None:
    arm, kind, cause = OTHERS[name]
    arm(bench.azure)
    with pytest.raises(ProviderError) as caught:
        bench.client().check()
    assert type(caught.value) is kind
    assert cause in caught.value.cause
    assert caught.value.next_step
    bench.exchanges[:] = [answer for answer in bench.exchanges if answer.status_code != 200]


def test_another_organization_at_the_same_host_is_not_there(bench: Bench) -> None:
    with pytest.raises(Unreachable, match="no Azure DevOps organization"):
        bench.client(url=f"{bench.url}/nowhere").check()


# -- permissions ---------------------------------------------------------------------------------------------------


def test_permissions_of_a_destination_are_told_without_making_anything(bench: Bench) -> None:
    client = bench.client()
    assert told(client.permissions(TASK)) == {READ: True, CREATE: True, FIND: True}
    assert told(client.permissions(INCIDENT)) == {READ: True, CREATE: None, FIND: True}
    assert told(client.permissions({})) == {READ: True, CREATE: None, FIND: True}
    assert (bench.azure.creates, bench.azure.work_items) == (0, {})


@pytest.mark.parametrize(
    ("right", "label"), [("vso.work", READ), ("vso.work_write", CREATE), ("SAVE_AREA", CREATE), ("vso.identity", FIND)]
)
def test_a_permission_that_is_missing_is_told(bench: Bench, right: str, label: str) -> None:
    bench.azure.deny(right)
    found = told(bench.client().permissions(BUG))
    assert [name for name, granted in found.items() if granted is not True] == [label]
    assert found[label] is False


def test_what_cannot_be_told_is_unknown_and_does_not_spoil_the_check(bench: Bench) -> None:
    bench.azure.fail_next(500, None, "/sandbox/_apis/wit/*")
    bench.azure.fail_next(500, None, "/sandbox/_apis/identities")
    bench.azure.fail_next(500, None, "/_apis/profile/*")
    client = bench.client()
    assert told(client.check().permissions) == {"List projects": True}
    assert told(client.permissions({})) == {READ: None, CREATE: None, FIND: None}


def test_a_token_for_all_organizations_is_warned_about(bench: Bench) -> None:
    found = bench.client(token=ALL_ORGANIZATIONS_PAT).permissions({})
    (warning,) = [permission for permission in found if "all organizations" in permission.label]
    assert warning.granted is False
    assert "1 December 2026" in warning.label


def test_a_token_the_vendor_gives_back_is_taken_out(bench: Bench) -> None:
    basic = base64.b64encode(f":{PAT}".encode()).decode()
    said = {"message": f"Token {PAT} or {basic}", "typeKey": "X", "customProperties": {"ReferenceName": "System.Title"}}
    for status in (203, 400, 401, 403, 404, 500):
        for body in (said, f"plain {PAT} {basic}"):
            headers = {"X-TFS-ServiceError": quote(f"has {PAT} {basic}")}
            bench.azure.fail_next(status, None, body=json.loads(json.dumps(body)), headers=headers)
            for act in (bench.client().check, lambda: bench.client().create_ticket(draft())):
                with pytest.raises(ProviderError) as caught:
                    act()
                shown = f"{vars(caught.value)} {caught.value} {bench.ledger.rows}"
                assert PAT not in shown
                assert basic not in shown
            bench.azure.faults.clear()
    bench.exchanges.clear()  # bodies nobody describes
