"""Webhooks over the Jira client: registering, renewing and removing them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from providers.base import utcnow
from providers.errors import InvalidInput, NotAllowed, NotFound, ProviderError, RateLimited, UnexpectedAnswer
from providers.jira.client import JiraClient
from providers.jira.oauth import JiraConsent
from providers.oauth import MissingScope
from providers.values import Registered
from standins.jira import JiraStandin
from standins.jira_oauth import SECOND_CLOUD_ID
from tests.providers.jira_bench import OPS
from tests.providers.jira_sync_bench import SCOPES, SyncBench, opened

HOOK = "https://patchpanel.example/hooks/abc"
SECRET = "a-secret-of-ours-4711"
WEB = {"project": "10200", "issue_type": "10201"}
SCOPE = "manage:jira-webhook"
WITHOUT = SCOPES.replace(SCOPE + " ", "")
ROUTE = "/rest/api/3/webhook"
TIDE = dt.timedelta(minutes=1)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[tuple[JiraStandin, str]]:
    """One sandbox for this file."""
    jira = JiraStandin()
    with jira.serve() as server:
        yield jira, server.url


@pytest.fixture
def bench(sandbox: tuple[JiraStandin, str]) -> Iterator[SyncBench]:
    """A fresh sandbox. What is said in the test is held against the vendor's description."""
    with opened(sandbox) as found:
        yield found


@pytest.fixture
def client(bench: SyncBench) -> JiraClient:
    """A client by consent, with every scope."""
    return bench.app_client()


# -- the consent ---------------------------------------------------------------------------------------------------


def test_the_scope_for_webhooks_is_asked_for_with_its_reason() -> None:
    (scope,) = [scope for scope in JiraConsent.scopes if scope.name == SCOPE]
    assert scope.reason
    settings = {"auth_url": "https://auth.example", "client_id": "x"}
    assert "manage%3Ajira-webhook" in JiraConsent().authorize_url(settings, "https://p.example/c", "s")


def test_a_consent_without_it_still_connects(bench: SyncBench) -> None:
    code = bench.jira.consent("sandbox-client-id", "http://127.0.0.1:9/c", WITHOUT.split(), [bench_site(bench)])
    values = bench.app_client(WITHOUT).values
    tokens = JiraConsent().exchange(bench.door(), values, code, "http://127.0.0.1:9/c")
    assert SCOPE not in tokens.scopes
    assert [site.id for site in JiraConsent().sites(bench.door(), values)] == [bench_site(bench)]


def bench_site(bench: SyncBench) -> str:
    """Id of the sandbox's site."""
    return str(bench.jira.oauth.sites[0].id)


@pytest.mark.parametrize("told", [None, ""])
def test_without_the_scope_people_are_told_to_reconnect(bench: SyncBench, told: str | None) -> None:
    """`told` None: we know what was granted and do not ask. Empty: the gateway says so."""
    client = bench.app_client(WITHOUT, told=told)
    kept = Registered(("1000",))
    for act in (
        lambda: client.register_webhook(HOOK, SECRET, [OPS]),
        lambda: client.renew_webhook(kept),
        lambda: client.remove_webhook(kept),
    ):
        first = len(bench.jira.calls)
        with pytest.raises(NotAllowed) as caught:
            act()
        assert isinstance(caught.value, MissingScope)
        assert caught.value.missing == (SCOPE,)
        assert SCOPE in caught.value.cause
        assert "press Reconnect" in caught.value.next_step
        assert caught.value.sent is (told == "")
        assert len(bench.jira.calls) - first == (told == "")
        assert (caught.value.attempt_id is None) is (told is None)


def test_an_api_token_registers_nothing_and_the_way_by_hand_is_named(bench: SyncBench) -> None:
    client = bench.client()
    with pytest.raises(NotAllowed, match="API token") as caught:
        client.register_webhook(HOOK, SECRET, [OPS])
    assert "by hand" in caught.value.next_step
    assert (caught.value.sent, bench.jira.calls) == (False, [])


# -- registering ---------------------------------------------------------------------------------------------------


def test_one_call_registers_a_webhook_for_the_projects_of_the_destinations(
    bench: SyncBench, client: JiraClient
) -> None:
    made: list[Registered] = []
    calls = bench.calls(lambda: made.append(client.register_webhook(HOOK, SECRET, [OPS, WEB, {**OPS, "x": "y"}])))
    assert calls == ["POST webhook"]
    (webhook,) = bench.jira.webhooks.values()
    assert made[0].ids == (str(webhook.id),)
    assert abs((made[0].until or utcnow()) - utcnow() - dt.timedelta(days=30)) < TIDE
    assert (webhook.url, webhook.jql) == (HOOK, "project in (10000, 10200)")
    assert webhook.events == ["jira:issue_updated", "jira:issue_deleted"]
    assert webhook.fields == ["summary", "status", "assignee", "project"]
    assert SECRET not in str(bench.jira.calls)


def test_a_project_that_is_no_number_is_quoted(bench: SyncBench, client: JiraClient) -> None:
    client.register_webhook(HOOK, SECRET, [{"project": "OPS"}, {"project": "WEB"}])
    assert next(iter(bench.jira.webhooks.values())).jql == 'project in ("OPS", "WEB")'
    with pytest.raises(InvalidInput):
        client.register_webhook(HOOK, SECRET, [{"project": 'OPS") or project in ("HR'}])
    assert len(bench.jira.webhooks) == 1


@pytest.mark.parametrize("destinations", [[], [{}], [{"project": ""}]])
def test_without_a_destination_nothing_is_registered(
    bench: SyncBench, client: JiraClient, destinations: list[dict[str, str]]
) -> None:
    with pytest.raises(InvalidInput, match="nothing to be told") as caught:
        client.register_webhook(HOOK, SECRET, destinations)
    assert (caught.value.sent, bench.jira.calls) == (False, [])


def test_a_refusal_inside_a_good_answer_is_a_refusal(bench: SyncBench, client: JiraClient) -> None:
    with pytest.raises(InvalidInput, match="did not take the webhook") as caught:
        client.register_webhook(HOOK, SECRET, [{"project": "999"}])
    assert (caught.value.vendor_status, bench.jira.webhooks) == (200, {})
    assert "The value '999' does not exist" in caught.value.vendor_message
    assert caught.value.attempt_id == 1
    assert bench.ledger.rows[-1]["outcome"] == "refused"
    client.register_webhook(HOOK, SECRET, [OPS])
    with pytest.raises(InvalidInput) as caught:
        client.register_webhook(HOOK + "/other", SECRET, [OPS])
    assert "Only a single URL" in caught.value.vendor_message


@pytest.mark.parametrize(
    "body",
    [{}, [], {"webhookRegistrationResult": None}, {"webhookRegistrationResult": []},
     {"webhookRegistrationResult": [7]}, {"webhookRegistrationResult": [{}]},
     {"webhookRegistrationResult": [{"createdWebhookId": "x"}]}],
)  # fmt: skip
def test_an_answer_that_names_no_webhook_is_not_taken_for_success(
    bench: SyncBench, client: JiraClient, body: Any
) -> None:
    bench.jira.fail_next(200, route=f"POST {ROUTE}", body=body)
    with pytest.raises(UnexpectedAnswer):
        client.register_webhook(HOOK, SECRET, [OPS])
    bench.exchanges.clear()  # bodies nobody describes


@pytest.mark.parametrize("errors", ["no", {"x": 1}, [7, None]])
def test_refusals_of_an_odd_form_are_refusals_too(bench: SyncBench, client: JiraClient, errors: Any) -> None:
    body = {"webhookRegistrationResult": [{"errors": errors}]}
    bench.jira.fail_next(200, route=f"POST {ROUTE}", body=body)
    with pytest.raises(InvalidInput):
        client.register_webhook(HOOK, SECRET, [OPS])
    bench.exchanges.clear()  # bodies nobody describes


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_registration_is_sent_once(bench: SyncBench, client: JiraClient, status: int) -> None:
    bench.jira.fail_next(status, route=ROUTE, headers={"Retry-After": "0"})
    with pytest.raises(ProviderError) as caught:
        client.register_webhook(HOOK, SECRET, [OPS])
    assert len(bench.jira.calls) == 1
    assert isinstance(caught.value, RateLimited) == (status == 429)


def test_a_site_that_is_gone_says_so(bench: SyncBench) -> None:
    client = bench.app_client(cloud=SECOND_CLOUD_ID)
    for act in (
        lambda: client.register_webhook(HOOK, SECRET, [OPS]),
        lambda: client.renew_webhook(Registered(("1000",))),
    ):
        with pytest.raises(NotAllowed, match="does not cover this Jira site"):
            act()


# -- renewing and removing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dates", ["text", "number"])
def test_a_webhook_is_renewed_for_thirty_days(bench: SyncBench, client: JiraClient, dates: str) -> None:
    bench.jira.set(webhook_dates=dates)
    made = client.register_webhook(HOOK, SECRET, [OPS])
    bench.jira.advance(20 * 86400)
    fresh = bench.app_client()
    renewed: list[Registered] = []
    calls = bench.calls(lambda: renewed.append(fresh.renew_webhook(made)))
    assert calls == ["GET webhook", "PUT webhook/refresh"]
    assert renewed[0].ids == made.ids
    assert abs((renewed[0].until or utcnow()) - utcnow() - dt.timedelta(days=50)) < TIDE
    bench.jira.advance(29 * 86400)
    assert len(bench.jira.webhooks_of("sandbox-client-id")) == 1


@pytest.mark.parametrize("gone", ["ended", "removed"])
def test_a_webhook_that_is_gone_cannot_be_renewed_though_jira_says_yes(
    bench: SyncBench, client: JiraClient, gone: str
) -> None:
    made = client.register_webhook(HOOK, SECRET, [OPS])
    if gone == "ended":
        bench.jira.advance(31 * 86400)
    else:
        bench.jira.remove_webhooks()
    with pytest.raises(NotFound, match="no longer has this webhook") as caught:
        bench.app_client().renew_webhook(made)
    assert "Register it again" in caught.value.next_step


@pytest.mark.parametrize("told", ["x", None, True, -1, 10**30, "2026-01-01", "2026-13-01T00:00:00.000+0000", [], {}])
def test_a_date_that_cannot_be_read_is_taken_for_thirty_days(bench: SyncBench, client: JiraClient, told: Any) -> None:
    made = client.register_webhook(HOOK, SECRET, [OPS])
    bench.jira.fail_next(200, route=f"PUT {ROUTE}/refresh", body={"expirationDate": told})
    until = client.renew_webhook(made).until
    assert until is not None
    assert told in (True, -1) or abs(until - utcnow() - dt.timedelta(days=30)) < TIDE
    bench.exchanges.clear()  # bodies nobody describes


def test_a_webhook_is_taken_back_and_one_that_is_gone_is_no_error(bench: SyncBench, client: JiraClient) -> None:
    made = client.register_webhook(HOOK, SECRET, [OPS])
    assert bench.calls(lambda: client.remove_webhook(made)) == ["DELETE webhook"]
    assert bench.jira.webhooks == {}
    client.remove_webhook(made)
    assert bench.exchanges[-1].status_code == 202
