"""The one door out: every HTTP call to the outside goes through a `Door` and its `GuardedAdapter`.

The adapter enforces, for every session it is mounted on and whatever the session asks for: the address policy, verified
TLS, one total deadline, limits on answers, no redirects, no cookies, no proxies, careful retries, a cap on calls under
way, a ledger row per call, and errors of our own without secrets in them.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NoReturn

import requests
from requests.adapters import HTTPAdapter

from providers.addresses import Policy
from providers.answers import amend, error_for, outcome_of, read_json, retry_after
from providers.base import Recorder
from providers.breaker import AlwaysClosed, Breaker
from providers.bulkheads import bulkheads, set_total_limit
from providers.errors import Busy, Unreachable
from providers.exchange import Exchange, Trouble, connect, seconds, unsendable
from providers.idle_lines import MAX_IDLE_READ, MAX_IDLE_WRITE, idle_lines
from providers.redaction import Redactor, credential_of
from providers.sockets import Deadline, Line, make_line, tls_context
from providers.targets import Forbidden, Target, bad_url, place

__all__ = ["Door", "GuardedAdapter", "amend", "error_for", "read_json", "retry_after", "set_total_limit"]

Describe = Callable[[requests.Response], tuple[str, str]]

_log = logging.getLogger(__name__)
_random = random.SystemRandom()
_READS = frozenset({"GET", "HEAD"})
_TRIES = 3
_TRY_AGAIN = frozenset({429, 502, 503, 504})


class Door:
    """The way out for one use case: what all its calls share.

    Args:
        policy: which addresses may be called.
        recorder: ledger of calls; None keeps none.
        deadline: seconds for everything done through this door together, counted from the first call.
        ca_file: extra certificate authorities, in PEM form. Raises ValueError when it cannot be used.
        key: what the limit of 4 calls at once counts by (the connection); without it, the origin called.
        secrets: values that must not show up in errors or the ledger.
        describe: finds the vendor's own error code and message in an answer.
        label: the provider's name for sentences.
        breaker: asked before each call and told how it ended.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        recorder: Recorder | None,
        deadline: float = 10.0,
        ca_file: str | None = None,
        key: str = "",
        secrets: Sequence[str] = (),
        describe: Describe | None = None,
        label: str = "the provider",
        breaker: Breaker | None = None,
    ) -> None:
        self.policy = policy
        self.recorder = recorder
        self.deadline = Deadline(deadline)
        self.ca_file = ca_file
        self.context = tls_context(ca_file)
        self.key = key
        self.secrets = tuple(secrets)
        self.describe = describe
        self.label = label
        self.breaker = breaker or AlwaysClosed()
        self.purpose = ""
        self.is_creating = False

    def session(self) -> requests.Session:
        """A new session that can only go through this door."""
        session = requests.Session()
        session.headers["User-Agent"] = "Patchpanel"
        self.mount(session)
        return session

    def mount(self, session: requests.Session) -> None:
        """Harden a session that exists already, such as one a vendor's library made."""
        session.trust_env = False
        session.verify, session.cert, session.proxies = True, None, {}
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        session.adapters.clear()
        # The empty prefix takes every other scheme too, so that file: or gopher: meet our refusal.
        for prefix in ("https://", "http://", ""):
            session.mount(prefix, GuardedAdapter(self))
        prepare = session.prepare_request

        def prepare_request(request: requests.Request) -> requests.PreparedRequest:
            # The exceptions of requests quote the URL or header they dislike, secrets included.
            try:
                return prepare(request)
            except (requests.exceptions.InvalidURL, requests.exceptions.MissingSchema):
                raise bad_url() from None
            except (requests.exceptions.RequestException, ValueError):
                raise unsendable() from None

        session.prepare_request = prepare_request  # type: ignore[method-assign]

    @contextmanager
    def creating(self) -> Iterator[None]:
        """Calls inside create something at the provider: each is sent at most once, whatever its method."""
        self.is_creating = True
        try:
            yield
        finally:
            self.is_creating = False


@dataclass
class _Ending:
    """How a call ended, as the ledger wants it."""

    outcome: str = "unreachable"
    status: int | None = None
    code: str = ""
    message: str = "The call ended unexpectedly."


class GuardedAdapter(HTTPAdapter):
    """The choke point: every request of a mounted session passes through `send`."""

    def __init__(self, door: Door) -> None:
        super().__init__()
        self._door = door

    def send(self, request: requests.PreparedRequest, *_: object, **__: object) -> requests.Response:
        """Make one call, with its retries, and return the whole answer.

        What requests hands over besides the request (stream, timeout, verify, cert, proxies) is ignored on purpose.
        Raises ProviderError and nothing of requests or urllib3; the error and the response carry `attempt_id`.
        """
        door, started, ending = self._door, time.monotonic(), _Ending()
        redactor = Redactor((*door.secrets, credential_of(request)))
        attempt = self._before(request, redactor)
        door.deadline.begin()
        try:
            response = self._call(request)
            ending = self._finish(response, redactor)
            door.breaker.told(ending.outcome, retry_after(response))
            response.attempt_id = attempt  # type: ignore[attr-defined]  # read by error_for and by the clients
            response.amend = partial(self._amend, attempt, ending, started, redactor)  # type: ignore[attr-defined]  # read by `amend`
            return response
        except Trouble as trouble:
            error = trouble.error
            door.breaker.told(trouble.outcome, None)
            error.attempt_id = attempt
            error.cause = redactor(error.cause)
            error.args = (error.cause,)
            ending = _Ending(trouble.outcome, error.vendor_status, "", redactor.shorten(error.cause))
            raise error from None
        finally:
            self._after(attempt, ending, started)

    def _before(self, request: requests.PreparedRequest, redactor: Redactor) -> int | None:
        if self._door.recorder is None:
            return None
        target = redactor.shorten(place(request.url or ""))
        return self._door.recorder.before(purpose=self._door.purpose, method=request.method or "GET", target=target)

    def _after(self, attempt: int | None, ending: _Ending, started: float) -> None:
        if self._door.recorder is not None:
            self._door.recorder.after(
                attempt,
                outcome=ending.outcome,
                status=ending.status,
                code=ending.code,
                message=ending.message,
                duration_ms=round((time.monotonic() - started) * 1000),
            )

    def _amend(
        self, attempt: int | None, ending: _Ending, started: float, redactor: Redactor, outcome: str, message: str
    ) -> None:
        """Correct the ledger: a status alone is not success, and only the reader of the body knows."""
        self._after(attempt, replace(ending, outcome=outcome, message=redactor.shorten(message)), started)

    def _finish(self, response: requests.Response, redactor: Redactor) -> _Ending:
        """Attach what `error_for` needs, and say how the call ended."""
        status, code, message = response.status_code, "", ""
        if status >= 400 and self._door.describe is not None:
            try:
                code, message = self._door.describe(response)
            except Exception:
                # A vendor's answer in an odd shape must not hide that it refused; its body stays out of the log.
                _log.warning("The error answer of %s could not be described.", self._door.label)
        code, message = redactor.shorten(str(code)), redactor.shorten(str(message))
        extras: Mapping[str, Any] = {"vendor_code": code, "vendor_message": message, "shorten": redactor.shorten}
        for name, value in extras.items():
            setattr(response, name, value)
        return _Ending(outcome_of(status), status, code, message)

    def _call(self, request: requests.PreparedRequest) -> requests.Response:
        door = self._door
        try:
            target = door.policy.check_url(request.url or "")
            door.breaker.admit()
            with bulkheads.slot(door.key or target.authority, door.label):
                return self._persist(request, target)
        except Forbidden as error:
            raise Trouble(error, "forbidden") from None
        except Busy as error:
            raise Trouble(error, "busy") from None

    def _persist(self, request: requests.PreparedRequest, target: Target) -> requests.Response:
        """Try once, and for reads up to two times more where that may help."""
        again = _TRIES - 1 if request.method in _READS and not self._door.is_creating else 0
        while True:
            try:
                response = self._once(request, target)
                if not again or not self._worthwhile(response):
                    return response
            except Trouble as trouble:
                if not again or not trouble.retry or not self._pause(None):
                    raise
            again -= 1

    def _worthwhile(self, response: requests.Response) -> bool:
        """Whether to ask again after this answer; when so, the wait is already over."""
        asked = retry_after(response)
        if response.status_code not in _TRY_AGAIN or (response.status_code == 429 and asked is None):
            return False
        return self._pause(asked)

    def _pause(self, asked: float | None) -> bool:
        """Wait as long as the provider asked for, else a moment. False, at once, when the deadline leaves no room."""
        wait = _random.uniform(0.05, 0.3) if asked is None else asked
        try:
            room = self._door.deadline.left()
        except TimeoutError:
            return False
        if wait >= room:
            return False
        time.sleep(wait)
        return True

    def _once(self, request: requests.PreparedRequest, target: Target) -> requests.Response:
        door = self._door
        self._refuse_when_late(target)
        # All that decided about the address and the certificate: a line is never lent to a call with other rules.
        key = (target, door.policy.key, door.ca_file)
        line = idle_lines.take(key, MAX_IDLE_READ if request.method in _READS else MAX_IDLE_WRITE)
        if line is None:
            line = make_line(target)
            connect(line, door.policy, door.context, door.deadline)
        try:
            raw, body = Exchange(line, label=door.label, deadline=door.deadline).run(request)
        except Trouble as trouble:
            if trouble.retry:
                idle_lines.drop(key)
            raise
        _put_back(key, line)
        response = self.build_response(request, raw)
        response._content = body  # already unpacked and within the limit; requests would read the raw answer again
        response._content_consumed = True  # type: ignore[attr-defined]
        return response

    def _refuse_when_late(self, target: Target) -> None:
        deadline = self._door.deadline
        try:
            deadline.left()
        except TimeoutError:
            cause = f"{target.host} did not answer within {seconds(deadline.seconds)}."
            error = Unreachable(cause, next_step="Try again later.", sent=False)
            raise Trouble(error, "timeout") from None

    def get_connection_with_tls_context(self, *_: object, **__: object) -> NoReturn:
        """Refused: the pools of requests know nothing of the address policy."""
        raise RuntimeError("outbound connections are opened in send()")

    get_connection = get_connection_with_tls_context


def _put_back(key: tuple[object, ...], line: Line) -> None:
    if line.clean:
        idle_lines.give(key, line)
    else:
        line.close()
