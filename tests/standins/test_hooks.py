"""Webhooks of the stand-ins are delivered in the background, with retries, twice and in any order when asked to."""

from __future__ import annotations

import hashlib
import hmac
import threading
import time
from collections.abc import Iterator

import pytest
from flask import Flask, Response, request

from standins.hooks import Hooks
from standins.server import RunningServer, dropped, serve


class Receiver:
    """An address that takes webhooks; `answers` are what the next ones get, 204 when there are none left."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, dict[str, str], str]] = []
        self.answers: list[Response] = []
        self.gate = threading.Event()
        self.gate.set()
        self.app = Flask("receiver")
        self.app.add_url_rule("/<path:_>", view_func=self.take, methods=["POST"])
        self.server: RunningServer

    def take(self, _: str) -> Response:
        raw = request.get_data()
        self.got.append((raw, dict(request.headers), request.full_path))
        self.gate.wait(5)
        return self.answers.pop(0) if self.answers else Response(status=204)

    @property
    def bodies(self) -> list[bytes]:
        """Bodies in the order they came."""
        return [raw for raw, _, _ in self.got]

    @property
    def url(self) -> str:
        """Where to send."""
        return f"{self.server.url}/hooks/1"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    with serve(found.app) as found.server:
        yield found
        found.gate.set()


@pytest.fixture
def hooks() -> Iterator[Hooks]:
    with Hooks(pauses=(0.01, 0.02)) as sender:
        yield sender


def test_an_event_is_delivered_in_the_background(receiver: Receiver, hooks: Hooks) -> None:
    receiver.gate.clear()
    sent = hooks.deliver(receiver.url + "?token=a%20b", {"id": 1}, {"X-Webhook-Token": "secret"})
    assert not sent.ended
    receiver.gate.set()
    hooks.wait()
    raw, headers, path = receiver.got[0]
    assert (raw, path) == (b'{"id": 1}', "/hooks/1?token=a%20b")
    assert (headers["Content-Type"], headers["X-Webhook-Token"]) == ("application/json", "secret")
    assert sent.delivered
    assert [attempt.status for attempt in sent.attempts] == [204]


def test_headers_can_sign_the_bytes_and_count_the_retries(receiver: Receiver, hooks: Hooks) -> None:
    def signed(raw: bytes, retry: int) -> dict[str, str]:
        digest = hmac.new(b"key", raw, hashlib.sha256).hexdigest()
        return {"X-Hub-Signature": f"sha256={digest}"} | ({"X-Retry": str(retry)} if retry else {})

    receiver.answers = [Response(status=503), dropped()]
    sent = hooks.deliver(receiver.url, b'{ "exact" : 1 }', signed)
    hooks.wait()
    assert receiver.bodies == [b'{ "exact" : 1 }'] * 3
    assert [headers.get("X-Retry") for _, headers, _ in receiver.got] == [None, "1", "2"]
    expected = hmac.new(b"key", b'{ "exact" : 1 }', hashlib.sha256).hexdigest()
    assert {headers["X-Hub-Signature"] for _, headers, _ in receiver.got} == {f"sha256={expected}"}
    assert [attempt.status for attempt in sent.attempts] == [503, None, 204]
    assert sent.attempts[1].error
    assert sent.delivered


@pytest.mark.parametrize(("status", "attempts"), [(500, 3), (429, 3), (401, 1), (404, 1), (302, 1)])
def test_a_refusal_is_final_and_a_failure_is_given_up_after_the_last_retry(
    receiver: Receiver, hooks: Hooks, status: int, attempts: int
) -> None:
    receiver.answers = [Response("no", status=status, headers={"Location": "/elsewhere"}) for _ in range(5)]
    sent = hooks.deliver(receiver.url, {})
    hooks.wait()
    assert (sent.delivered, sent.ended, len(receiver.got)) == (False, True, attempts)
    assert {(attempt.status, attempt.body) for attempt in sent.attempts} == {(status, "no")}


def test_a_receiver_that_is_away_is_tried_again_until_it_is_back(receiver: Receiver) -> None:
    receiver.server.stop()
    with Hooks(pauses=(0.05,) * 60) as hooks:
        sent = hooks.deliver(receiver.url, {})
        while not sent.attempts:
            time.sleep(0.01)
        with serve(receiver.app, receiver.server.port):
            hooks.wait()
    assert sent.delivered
    assert "refused" in sent.attempts[0].error


def test_the_same_event_can_be_sent_again_to_the_byte(receiver: Receiver, hooks: Hooks) -> None:
    first = hooks.deliver(receiver.url, {"n": 1}, {"X-Id": "same"})
    hooks.wait()
    again = hooks.replay(first, times=3)
    hooks.wait()
    assert receiver.bodies == [b'{"n": 1}'] * 4
    assert {headers["X-Id"] for _, headers, _ in receiver.got} == {"same"}
    assert [delivery.number for delivery in again] == [2, 3, 4]


def test_events_kept_back_are_sent_in_the_wanted_order(receiver: Receiver, hooks: Hooks) -> None:
    hooks.hold()
    sent = [hooks.deliver(receiver.url, number) for number in range(5)]
    hooks.wait(0.1)
    assert (receiver.got, hooks.kept) == ([], sent)
    hooks.release([sent[3], sent[0]])
    hooks.wait()
    assert receiver.bodies == [b"3", b"0", b"1", b"2", b"4"]
    hooks.deliver(receiver.url, 9)
    hooks.wait()
    assert receiver.bodies[-1] == b"9"


def test_several_workers_deliver_at_the_same_time(receiver: Receiver) -> None:
    receiver.gate.clear()
    with Hooks(workers=4) as hooks:
        hooks.replay(hooks.deliver(receiver.url, {}), times=3)
        deadline = time.monotonic() + 3
        while len(receiver.got) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        with pytest.raises(TimeoutError, match=r"\[1, 2, 3, 4\]"):
            hooks.wait(0.05)
        receiver.gate.set()
        hooks.wait()


@pytest.mark.parametrize("url", ["http://203.0.113.7/x", "http://hooks.example/x", "ftp://127.0.0.1/x", "http:///x"])
def test_nothing_is_sent_beyond_this_machine(hooks: Hooks, url: str) -> None:
    with pytest.raises(ValueError, match="loopback"):
        hooks.deliver(url, {})
    assert hooks.deliveries == []


def test_a_stopped_sender_sends_nothing_more(receiver: Receiver) -> None:
    with Hooks() as hooks:
        hooks.hold()
        hooks.deliver(receiver.url, {})
    hooks.stop()
    hooks.release()
    with pytest.raises(RuntimeError):
        hooks.deliver(receiver.url, {})
    assert receiver.got == []
