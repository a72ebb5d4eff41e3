"""Delivering webhooks as a vendor does: in the background, with retries, and with the same event more than once.

Deliveries go to loopback addresses only. With one worker they are sent one after another in the order they became due;
with several they overlap, as those of a busy vendor do. Redirects are not followed.
"""

from __future__ import annotations

import heapq
import http.client
import ipaddress
import itertools
import json
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

MOST_OF_AN_ANSWER = 64 * 1024
# Assumed, not verified: what a careful sender takes for "later", besides 5xx and no answer at all.
LATER = frozenset({408, 409, 425, 429})
# Makes the headers of an attempt from the raw body and the number of the retry (0 = the first attempt): signatures
# cover the exact bytes, and some vendors count retries in a header.
HeaderMaker = Callable[[bytes, int], Mapping[str, str]]


@dataclass(frozen=True)
class Attempt:
    """One POST. `status` is None when no answer came, and `error` says why; `at` is the time it began."""

    at: float
    headers: dict[str, str]
    status: int | None = None
    body: str = ""
    error: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


@dataclass(eq=False)
class Delivery:
    """One event on its way to one address. `ended`: it was accepted, refused, or given up after the last retry."""

    number: int
    url: str
    raw: bytes
    headers: HeaderMaker
    attempts: list[Attempt] = field(default_factory=list)
    ended: bool = False

    @property
    def delivered(self) -> bool:
        """Whether the receiver took it in the end."""
        return bool(self.attempts) and self.attempts[-1].accepted


def retried(status: int | None) -> bool:
    """Whether an answer (None = none) makes the sender try again."""
    return status is None or status >= 500 or status in LATER


class Hooks:
    """A sender of webhooks; also a context manager that stops its threads.

    Args:
        pauses: seconds before each retry; as many retries as pauses.
        timeout: seconds each step of an attempt (connecting, sending, reading) may take.
        workers: how many deliveries may be under way at once; with 1 they keep their order.
        ssl_context: for https addresses.
    """

    def __init__(
        self,
        pauses: Sequence[float] = (0.05, 0.1, 0.2),
        timeout: float = 10.0,
        workers: int = 1,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.pauses, self.timeout, self.ssl_context = tuple(pauses), timeout, ssl_context
        self.deliveries: list[Delivery] = []
        self._changed = threading.Condition()
        self._due: list[tuple[float, int, Delivery]] = []
        self._turns = itertools.count()
        self._kept: list[Delivery] | None = None
        self._stopped = False
        self._threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self._threads:
            thread.start()

    # -- for tests and stand-ins --------------------------------------------------------------------------------------

    def deliver(self, url: str, body: Any, headers: Mapping[str, str] | HeaderMaker | None = None) -> Delivery:
        """Send an event in the background and return at once.

        Args:
            url: http or https address on loopback.
            body: bytes as they are, anything else as JSON.
            headers: further headers, or what makes them for each attempt.

        Raises:
            ValueError: the address is not on loopback.
            RuntimeError: the sender was stopped.
        """
        _on_loopback(url)
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        maker = headers if callable(headers) else _always(headers or {})
        return self._add(url, raw, maker)

    def replay(self, old: Delivery, times: int = 1) -> list[Delivery]:
        """Send the same bytes with the same headers again, as vendors and attackers do."""
        return [self._add(old.url, old.raw, old.headers) for _ in range(times)]

    def hold(self) -> None:
        """Keep new deliveries back until `release`."""
        with self._changed:
            self._kept = self._kept or []

    @property
    def kept(self) -> list[Delivery]:
        """What is kept back, in the order it came (a copy)."""
        with self._changed:
            return list(self._kept or [])

    def release(self, order: Sequence[Delivery] = ()) -> None:
        """Send what was kept back: first those in `order`, then the rest as it came. Keeps no further ones back."""
        with self._changed:
            kept, self._kept = self._kept or [], None
            first = [delivery for delivery in order if delivery in kept]
            for delivery in first + [delivery for delivery in kept if delivery not in first]:
                self._schedule(delivery, 0.0)

    def wait(self, seconds: float = 10.0) -> None:
        """Return once every delivery that is not kept back has ended. Raises TimeoutError when some have not."""
        with self._changed:
            if not self._changed.wait_for(lambda: not self._open(), seconds):
                raise TimeoutError(f"webhooks still on their way: {[delivery.number for delivery in self._open()]}")

    def stop(self) -> None:
        """Send nothing more. An attempt under way ends within its timeout. May be called twice."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(self.timeout)

    def __enter__(self) -> Hooks:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- sending ------------------------------------------------------------------------------------------------------

    def _open(self) -> list[Delivery]:
        kept = set(self._kept or [])
        return [delivery for delivery in self.deliveries if not delivery.ended and delivery not in kept]

    def _add(self, url: str, raw: bytes, headers: HeaderMaker) -> Delivery:
        with self._changed:
            if self._stopped:
                raise RuntimeError("the sender of webhooks was stopped")
            delivery = Delivery(len(self.deliveries) + 1, url, raw, headers)
            self.deliveries.append(delivery)
            if self._kept is None:
                self._schedule(delivery, 0.0)
            else:
                self._kept.append(delivery)
            return delivery

    def _schedule(self, delivery: Delivery, pause: float) -> None:
        heapq.heappush(self._due, (time.monotonic() + pause, next(self._turns), delivery))
        self._changed.notify_all()

    def _work(self) -> None:
        while (delivery := self._next()) is not None:
            attempt = self._post(delivery)
            with self._changed:
                self._note(delivery, attempt)

    def _next(self) -> Delivery | None:
        """The delivery whose time has come; waits for one. None once stopped."""
        with self._changed:
            while not self._stopped:
                pause = self._due[0][0] - time.monotonic() if self._due else None
                if pause is not None and pause <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(pause)
        return None

    def _note(self, delivery: Delivery, attempt: Attempt) -> None:
        retries = len(delivery.attempts)
        delivery.attempts.append(attempt)
        if not attempt.accepted and retried(attempt.status) and retries < len(self.pauses):
            self._schedule(delivery, self.pauses[retries])
            return
        delivery.ended = True
        self._changed.notify_all()

    def _post(self, delivery: Delivery) -> Attempt:
        began = time.time()
        headers = {"Content-Type": "application/json", **delivery.headers(delivery.raw, len(delivery.attempts))}
        address = urlsplit(delivery.url)
        connection = self._connection(address)
        try:
            target = (address.path or "/") + (f"?{address.query}" if address.query else "")
            connection.request("POST", target, delivery.raw, headers)
            answer = connection.getresponse()
            text = answer.read(MOST_OF_AN_ANSWER).decode(errors="replace")
            return Attempt(began, headers, answer.status, text)
        except (OSError, http.client.HTTPException) as error:
            return Attempt(began, headers, error=f"{type(error).__name__}: {error}")
        finally:
            connection.close()

    def _connection(self, address: SplitResult) -> http.client.HTTPConnection:
        host = address.hostname or ""
        if address.scheme == "https":
            return http.client.HTTPSConnection(host, address.port, timeout=self.timeout, context=self.ssl_context)
        return http.client.HTTPConnection(host, address.port, timeout=self.timeout)


def _always(headers: Mapping[str, str]) -> HeaderMaker:
    fixed = dict(headers)
    return lambda raw, retry: fixed


def _on_loopback(url: str) -> None:
    """Raise ValueError unless the address is on this machine."""
    address = urlsplit(url)
    host = address.hostname or ""
    try:
        local = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        local = False
    if address.scheme not in ("http", "https") or not local:
        raise ValueError(f"webhooks of a sandbox go to loopback addresses only, not to {url}")
