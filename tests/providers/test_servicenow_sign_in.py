"""Signing in to ServiceNow three ways, over sockets: tokens kept, shared, dropped, given back; and each refusal."""

from __future__ import annotations

import time
from collections.abc import Iterator

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
from providers.servicenow import PROVIDER
from standins.servicenow import CLIENT_ID, USER_NAME, ServiceNowStandin
from standins.servicenow_people import INTEGRATION_ID
from tests.providers.servicenow import METHODS, TOKEN, Bench, draft, fresh

USERS = "GET table/sys_user"


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


# -- what the registry reads ---------------------------------------------------------------------------------------


def test_the_dialogs_have_the_agreed_labels() -> None:
    labels = {method.label: [field.label for field in method.fields] for method in PROVIDER.auth_methods}
    assert labels == {
        "API key": ["Service URL", "API Key", "User ID"],
        "OAuth": ["Service URL", "API Client ID", "API Client Secret", "Username", "Password"],
    }
    assert {method.opener for method in PROVIDER.auth_methods} == {"Setup"}
    assert all(field.find and field.help for method in PROVIDER.auth_methods for field in method.fields)
    assert [f.label for f in PROVIDER.auth_methods[1].fields if f.secret] == ["API Client Secret", "Password"]
    assert [f.label for f in PROVIDER.auth_methods[1].fields if not f.required] == ["Username", "Password"]


def test_a_pasted_page_address_becomes_the_instances_address() -> None:
    typed = {"service_url": " https://Acme.service-now.com/nav_to.do?uri=x ", "user_id": " dana "}
    cleaned = PROVIDER.client.clean(typed)
    assert cleaned == {"service_url": "https://acme.service-now.com", "user_id": "dana"}
    assert PROVIDER.tenant(cleaned) == "acme.service-now.com"
    assert PROVIDER.origin(cleaned) == "https://acme.service-now.com:443"


@pytest.mark.parametrize("address", ["acme", "ftp://acme", "https://", "https://u:p@acme.example", "https://[x"])
def test_an_unusable_address_is_refused_at_its_field(address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        PROVIDER.client.clean({"service_url": address})
    assert list(caught.value.field_errors) == ["service_url"]


@pytest.mark.parametrize("name", ["a^b", "a\nb", "javascript:gs.getUserName()", " JavaScript : x"])
def test_a_user_id_that_would_change_the_query_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        PROVIDER.client.clean({"service_url": "https://acme.example", "user_id": name})
    assert list(caught.value.field_errors) == ["user_id"]


def test_a_username_without_password_is_refused_before_any_call(bench: Bench) -> None:
    with pytest.raises(InvalidInput) as caught:
        bench.client("password", password="")
    assert list(caught.value.field_errors) == ["password"]
    assert bench.servicenow.calls == []


# -- checking ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_good_check_says_who_we_are_and_what_we_may_do(bench: Bench, method: str) -> None:
    client = bench.client(method)
    found = client.check()
    assert (found.account.id, found.account.name) == (INTEGRATION_ID, "Patchpanel Integration")
    assert found.account.site_name == bench.url.removeprefix("http://")
    assert [(p.label, p.granted) for p in client.permissions({})] == [
        ("Read records (incident)", True),
        ("Create records (incident)", True),
        ("Assign records", True),
        ("Find people (sys_user)", True),
    ]


def test_a_check_creates_nothing_and_makes_few_calls(bench: Bench) -> None:
    made = bench.calls(bench.client("password").check)
    assert made == [TOKEN, USERS]
    assert bench.servicenow.creates == 0


def test_a_check_never_trusts_a_kept_token(bench: Bench) -> None:
    bench.client("password").check()
    bench.servicenow.set_password("changed")
    with pytest.raises(AuthenticationFailed):
        bench.client("password").check()


WRONG = [
    ("api_key", "api_key"),
    ("password", "client_id"),
    ("password", "client_secret"),
    ("password", "username"),
    ("password", "password"),
    ("client_credentials", "client_secret"),
]


@pytest.mark.parametrize(("method", "name"), WRONG)
def test_wrong_credentials_are_refused_once_and_not_repeated(bench: Bench, method: str, name: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        bench.client(method, **{name: "wrong-4711"}).check()
    assert len(bench.servicenow.calls) == 1
    assert caught.value.vendor_status == 401
    assert "wrong-4711" not in repr(vars(caught.value)) + str(bench.ledger.rows)


def test_the_four_oauth_causes_cannot_be_told_apart_and_the_sentence_says_so(bench: Bench) -> None:
    told = set()
    for name in ("client_id", "client_secret", "username", "password"):
        with pytest.raises(AuthenticationFailed) as caught:
            bench.client("password", **{name: "wrong"}).check()
        told.add((caught.value.cause, caught.value.next_step, caught.value.vendor_message))
    ((cause, step, message),) = told
    assert "does not say whether" in cause
    assert "locks the user for 15 minutes" in step
    assert message == "access_denied"


def test_five_wrong_passwords_lock_even_the_right_one(bench: Bench) -> None:
    for _ in range(5):
        with pytest.raises(AuthenticationFailed):
            bench.client("password", password="wrong").check()
    with pytest.raises(AuthenticationFailed):
        bench.client("password").check()


def test_a_switched_off_grant_names_the_grant_that_was_used(bench: Bench) -> None:
    bench.servicenow.set(client_credentials=False)
    with pytest.raises(AuthenticationFailed) as caught:
        bench.client("client_credentials").check()
    assert "client credentials grant was used" in caught.value.cause


def test_a_key_without_an_access_policy_is_explained(bench: Bench) -> None:
    bench.servicenow.set(api_key_policy=False)
    with pytest.raises(AuthenticationFailed) as caught:
        bench.client().check()
    assert "access policy" in caught.value.next_step


@pytest.mark.parametrize("method", ["api_key", "password", "client_credentials"])
def test_a_deactivated_user_is_refused(bench: Bench, method: str) -> None:
    bench.servicenow.set_active(USER_NAME, False)
    with pytest.raises(AuthenticationFailed):
        bench.client(method).check()


def test_a_user_id_nobody_has_is_refused(bench: Bench) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        bench.client(user_id="nobody").check()
    assert "nobody" in caught.value.cause


def test_an_account_that_may_not_read_users_is_told_what_is_missing(bench: Bench) -> None:
    bench.servicenow.deny("sys_user.read")
    with pytest.raises(NotAllowed) as caught:
        bench.client().check()
    assert caught.value.missing == ("read sys_user",)


def test_a_dropped_search_term_never_makes_us_somebody_else(bench: Bench) -> None:
    bench.servicenow.set(ignored_terms=["user_name"])
    with pytest.raises(NotAllowed):
        bench.client(user_id="sam.lee").check()


def test_client_credentials_work_where_the_instance_hides_who_they_act_as(bench: Bench) -> None:
    bench.servicenow.set(show_token_owner=False)
    account = bench.client("client_credentials").check().account
    assert (account.id, account.name) == ("", f"the user of OAuth client {CLIENT_ID}")
    bench.client("client_credentials").create_ticket(draft())
    assert bench.only().get("caller_id", "") == ""


@pytest.mark.parametrize("method", METHODS)
def test_a_sleeping_instance_is_recognised(bench: Bench, method: str) -> None:
    bench.servicenow.set(hibernating=True)
    with pytest.raises(Unreachable) as caught:
        bench.client(method).check()
    assert "asleep" in caught.value.cause
    assert "developer.servicenow.com" in caught.value.next_step
    assert bench.ledger.rows[-1]["outcome"] == "bad_answer"


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("status", [200, 401, 403, 404, 500])
def test_a_web_page_is_never_taken_for_an_answer(bench: Bench, method: str, status: int) -> None:
    bench.servicenow.html_instead(status=status, times=None)
    with pytest.raises(ProviderError) as caught:
        bench.client(method).check()
    assert caught.value.next_step
    if status == 200:
        assert isinstance(caught.value, UnexpectedAnswer)
        assert "a web page instead of data" in caught.value.cause
    if status == 404:
        assert isinstance(caught.value, Unreachable)
        assert "There is a web server at this address" in caught.value.cause


@pytest.mark.parametrize("method", METHODS)
def test_an_error_under_status_200_is_no_success(bench: Bench, method: str) -> None:
    bench.servicenow.error_with_200("GET /api/now/table/*", times=None)
    with pytest.raises(Unreachable) as caught:
        bench.client(method).check()
    assert "maximum execution time" in caught.value.vendor_message


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("body", [{"ok": True}, [1]])
def test_other_json_is_not_servicenow(bench: Bench, method: str, body: object) -> None:
    bench.servicenow.fail_next(200, times=None, body=body)
    with pytest.raises(UnexpectedAnswer) as caught:
        bench.client(method).check()
    assert "does not look like ServiceNow" in caught.value.cause


def test_limits_say_how_long_to_wait(bench: Bench) -> None:
    bench.servicenow.rate_limit(times=None, retry_after=30)
    with pytest.raises(RateLimited) as caught:
        bench.client().check()
    assert caught.value.retry_after == 30
    bench.servicenow.faults.clear()
    bench.servicenow.rate_limit(times=None, retry_after=None, reset=int(time.time()) + 90)
    with pytest.raises(RateLimited) as again:
        bench.client().check()
    assert again.value.retry_after == pytest.approx(90, abs=3)
