"""What the Jira client makes of webhooks the sandbox itself delivers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.jira.client import JiraClient
from providers.values import Delivery
from standins.jira import JiraStandin
from tests.providers.jira_bench import OPS, draft
from tests.providers.jira_sync_bench import SyncBench, opened
from tests.standins.caller import DANA
from tests.standins.jira_receiver import Receiver, receiving

SECRET = "a-secret-of-ours-4711"


@pytest.fixture
def bench() -> Iterator[SyncBench]:
    """A fresh sandbox. What is said in the test is held against the vendor's description."""
    jira = JiraStandin()
    with jira.serve() as server, opened((jira, server.url)) as found:
        yield found
        jira.stop_hooks()


@pytest.fixture
def client(bench: SyncBench) -> JiraClient:
    """A client by consent, with every scope."""
    return bench.app_client()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """An address on this machine that keeps what arrives."""
    with receiving() as server:
        yield server


def arrived(receiver: Receiver) -> list[Delivery]:
    """What arrived, as our own address would hand it over."""
    return [
        Delivery({name.lower(): value for name, value in headers.items()}, body) for headers, body in receiver.arrived
    ]


def judged(client: JiraClient, delivery: Delivery, *secrets: str) -> tuple[bool, list[str]]:
    """What we make of a delivery."""
    return JiraClient.is_genuine(delivery, secrets, client.values), list(JiraClient.touched(delivery))


def test_deliveries_to_an_app_are_genuine_and_name_their_ticket(
    bench: SyncBench, client: JiraClient, receiver: Receiver
) -> None:
    client.register_webhook(receiver.url, SECRET, [OPS])
    ticket = client.create_ticket(draft()).external_id
    bench.jira.set_status("OPS-1", "Done")
    client.assign_ticket(ticket, DANA)
    bench.jira.delete_issue("OPS-1")
    bench.jira.hooks.wait()
    assert [judged(client, delivery) for delivery in arrived(receiver)] == [(True, [ticket])] * 3
    bench.jira.change_client_secret("another-secret-of-the-app")
    bench.jira.replay_webhooks()
    bench.jira.hooks.wait()
    assert [judged(client, delivery)[0] for delivery in arrived(receiver)[3:]] == [False] * 3


def test_deliveries_of_an_administrators_webhook_are_genuine_by_its_secret(
    bench: SyncBench, receiver: Receiver
) -> None:
    client = bench.client()
    bench.jira.add_admin_webhook(receiver.url, SECRET)
    ticket = client.create_ticket(draft(summary="Ünï 🙂")).external_id
    bench.jira.set_status("OPS-1", "Done")
    bench.jira.hooks.wait()
    (delivery,) = arrived(receiver)
    assert judged(client, delivery, SECRET) == (True, [ticket])
    assert judged(client, delivery, "the-next-secret", SECRET) == (True, [ticket])
    assert judged(client, delivery, "the-next-secret") == (False, [ticket])
    assert judged(bench.app_client(), delivery, SECRET) == (True, [ticket])


def test_a_retry_is_as_genuine_as_the_first_try(bench: SyncBench, client: JiraClient, receiver: Receiver) -> None:
    client.register_webhook(receiver.url, SECRET, [OPS])
    ticket = client.create_ticket(draft()).external_id
    receiver.statuses = [503, 503]
    bench.jira.set_status("OPS-1", "Done")
    bench.jira.hooks.wait()
    assert [judged(client, delivery) for delivery in arrived(receiver)] == [(True, [ticket])] * 3
    assert len({delivery.headers["x-atlassian-webhook-identifier"] for delivery in arrived(receiver)}) == 1
    assert [d.headers.get("x-atlassian-webhook-retry") for d in arrived(receiver)] == [None, "1", "2"]
