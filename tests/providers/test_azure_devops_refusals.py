"""What Azure DevOps refuses, and how that is told, over real sockets."""

from __future__ import annotations

from typing import Any

import pytest

from providers.errors import (
    AuthenticationFailed,
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    ProviderError,
    RateLimited,
    UnexpectedAnswer,
    Unreachable,
)
from providers.values import DestinationFieldKind as Kind
from providers.values import FieldValue
from tests.providers.azure_bench import (
    GRACE,
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


def test_broken_rules_name_the_fields(bench: Bench) -> None:
    bad = {**TYPED, "Custom.Machines": FieldValue(Kind.TEXT, "many"), "Custom.Impact": FieldValue(Kind.SELECT, "x")}
    with pytest.raises(InvalidInput) as caught:
        bench.client().create_ticket(draft(INCIDENT, values=bad, summary=""))
    assert set(caught.value.field_errors) == {"Custom.Machines", "Custom.Impact", "summary"}
    assert "TF401320" in caught.value.field_errors["summary"]
    assert caught.value.vendor_code == "TF401320"
    assert caught.value.vendor_status == 400


@pytest.mark.parametrize("person", [GRACE, LENA, "nobody@sandbox.example"])
def test_an_unknown_identity_is_said_at_the_person(bench: Bench, person: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bench.client().create_ticket(draft(assignee_id=person))
    assert set(caught.value.field_errors) == {"integration_user"}
    assert "unknown identity" in caught.value.field_errors["integration_user"]
    assert bench.azure.work_items == {}


def test_other_refused_values_are_said_at_their_place(bench: Bench) -> None:
    area = {"System.AreaPath": FieldValue(Kind.TEXT, "Elsewhere")}
    cases = [
        (draft(values=area), "System.AreaPath"),
        (draft({"project": OPS, "work_item_type": "Nix"}), "work_item_type"),
        (draft({"project": "Secret", "work_item_type": "Task"}), "project"),
    ]
    for refused, name in cases:
        with pytest.raises(InvalidInput) as caught:
            bench.client().create_ticket(refused)
        assert set(caught.value.field_errors) == {name}


WRAPPED: list[Any] = [
    [{"fieldReferenceName": "Custom.Site", "errorMessage": "No."}],
    {"$type": "x", "$values": [{"fieldReferenceName": "Custom.Site", "errorMessage": "No."}]},
    '[{"fieldReferenceName": "Custom.Site", "errorMessage": "No."}]',
]


@pytest.mark.parametrize("listed", WRAPPED)
def test_broken_rules_are_read_however_they_are_wrapped(bench: Bench, listed: Any) -> None:
    body = {"message": "x", "typeKey": "RuleValidationException", "customProperties": {"RuleValidationErrors": listed}}
    bench.azure.fail_next(400, body=body)
    with pytest.raises(InvalidInput) as caught:
        bench.client().create_ticket(draft())
    assert caught.value.field_errors == {"Custom.Site": "No."}


@pytest.mark.parametrize("right", ["SAVE_AREA", "CREATE_TAGS"])
def test_a_missing_right_in_the_project_is_named(bench: Bench, right: str) -> None:
    bench.azure.deny(right)
    with pytest.raises(NotAllowed) as caught:
        bench.client().create_ticket(draft())
    assert caught.value.missing[0] in caught.value.cause
    assert caught.value.vendor_code in ("TF237111", "TF401289")
    assert caught.value.vendor_status == 403


def test_a_limit_is_told_with_its_end(bench: Bench) -> None:
    bench.azure.rate_limit(None, 7)
    with pytest.raises(RateLimited) as caught:
        bench.client().create_ticket(draft())
    assert (caught.value.retry_after, caught.value.vendor_code) == (7.0, "TF400733")
    bench.azure.faults.clear()
    bench.azure.rate_limit(None, None)
    with pytest.raises(RateLimited) as caught:
        bench.client().read_ticket("131")
    assert caught.value.retry_after is None


ERRORS = {400: InvalidInput, 401: AuthenticationFailed, 403: NotAllowed, 404: NotFound, 405: UnexpectedAnswer,
          409: Conflict, 412: UnexpectedAnswer, 415: UnexpectedAnswer, 422: InvalidInput, 429: RateLimited,
          500: Unreachable, 502: Unreachable, 503: Unreachable}  # fmt: skip
BODIES: tuple[Any, ...] = (
    None, "<html>x</html>", "plain words", "", [], {}, {"message": None}, {"message": 7}, "7",
    {"customProperties": "x"},
    {"customProperties": {"RuleValidationErrors": 7}}, {"customProperties": {"RuleValidationErrors": [None, {}]}},
    {"customProperties": {"RuleValidationErrors": "not json"}}, {"errorCode": "x", "typeKey": 7},
)  # fmt: skip


@pytest.mark.parametrize("status", ERRORS)
def test_every_error_is_one_of_ours_whatever_the_body(bench: Bench, status: int) -> None:
    client = bench.client()
    acts = (lambda: client.create_ticket(draft()), lambda: client.find_by_marker(MARKER, TASK))
    for body in BODIES:
        for act in acts:
            bench.azure.fail_next(status, times=None, body=body)
            with pytest.raises(ProviderError) as caught:
                act()
            bench.azure.faults.clear()
            assert type(caught.value) is ERRORS[status], (body, caught.value)
            assert caught.value.vendor_status == status
            assert caught.value.attempt_id
            assert caught.value.__cause__ is None
    bench.exchanges.clear()  # bodies nobody describes
