"""Which deliveries count as Jira's, and what is read out of them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

import pytest

from providers.base import ConnectionValues, ReceivesWebhooks
from providers.jira import PROVIDER
from providers.jira.client import JiraClient
from providers.values import Delivery

SECRET, OLD_SECRET = "a-secret-of-ours-4711", "the-secret-before-4710"
CLIENT_SECRET = "the-secret-of-the-oauth-app"
BODY = b'{"webhookEvent": "jira:issue_updated", "issue": {"id": "10123", "key": "OPS-1"}}'
BY_TOKEN = ConnectionValues(1, "api_token", {"service_url": "https://x.example"}, {"api_token": "token-token-token"})
BY_CONSENT = ConnectionValues(2, "oauth", {"client_id": "x"}, {"client_secret": CLIENT_SECRET, "access_token": "a"})


def signature(body: bytes = BODY, secret: str = SECRET, method: str = "sha256") -> str:
    """What Jira puts into X-Hub-Signature, made without our code."""
    return f"{method}={hmac.new(secret.encode(), body, method).hexdigest()}"


def packed(data: bytes) -> str:
    """Base64 for the web, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(
    secret: str = CLIENT_SECRET, head: Mapping[str, Any] | bytes = {"typ": "JWT", "alg": "HS256"}, **claims: Any
) -> str:
    """A token as Jira makes it, made without our library. A claim that is None is left out."""
    now = int(time.time())
    held = {"iss": "client", "iat": now, "exp": now + 86_400, **claims}
    first = head if isinstance(head, bytes) else json.dumps(head).encode()
    payload = json.dumps({name: value for name, value in held.items() if value is not None}).encode()
    return sealed(f"{packed(first)}.{packed(payload)}", secret)


def header(algorithm: str, **more: str) -> str:
    """The first part of a token."""
    return packed(json.dumps({"alg": algorithm, **more}).encode())


def sealed(text: str, secret: str, method: str = "sha256") -> str:
    """The text and its signature."""
    return f"{text}.{packed(hmac.new(secret.encode(), text.encode(), method).digest())}"


def genuine(
    headers: Mapping[str, str],
    *,
    body: bytes = BODY,
    secrets: tuple[str, ...] = (SECRET,),
    values: ConnectionValues = BY_TOKEN,
) -> bool:
    """Our judgement."""
    return JiraClient.is_genuine(Delivery(headers, body), secrets, values)


def bearer(text: str) -> dict[str, str]:
    """A token in its header."""
    return {"authorization": f"Bearer {text}"}


def test_the_provider_takes_webhooks_and_says_how_they_are_made() -> None:
    assert PROVIDER.can(ReceivesWebhooks)
    steps = " ".join(JiraClient.webhook_steps)
    assert steps.count("{address}") == steps.count("{secret}") == 1
    shown = steps.format(address="https://p.example/hook", secret="s")
    assert "{" not in shown
    assert [JiraClient.can_register(method.key) for method in PROVIDER.auth_methods] == [True, False]


# -- genuine -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [BY_TOKEN, BY_CONSENT])
@pytest.mark.parametrize("body", [BODY, b"", b"\x00\xff not json", '{"summary": "Ü"}'.encode()])
def test_a_signature_over_the_raw_body_is_genuine(values: ConnectionValues, body: bytes) -> None:
    assert genuine({"x-hub-signature": signature(body)}, body=body, values=values)


def test_while_a_secret_is_changed_both_are_good() -> None:
    both = (SECRET, OLD_SECRET)
    for secret in both:
        assert genuine({"x-hub-signature": signature(secret=secret)}, secrets=both)
        assert genuine({"x-hub-signature": signature(secret=secret)}, secrets=both[::-1])
    assert not genuine({"x-hub-signature": signature(secret=OLD_SECRET)}, secrets=(SECRET,))


def test_headers_of_a_retry_change_nothing() -> None:
    more = {"x-atlassian-webhook-identifier": "1", "x-atlassian-webhook-retry": "3", "user-agent": "Atlassian Webhook"}
    assert genuine({"x-hub-signature": signature(), **more})


@pytest.mark.parametrize("claims", [{}, {"iss": None, "iat": None}, {"sub": 7, "aud": {}, "iss": [1]}, {"nbf": 0},
                                    {"iat": "yesterday"}, {"qsh": "x", "context": {"user": 1}}])  # fmt: skip
def test_a_token_of_the_app_is_genuine_whatever_else_it_claims(claims: dict[str, Any]) -> None:
    assert genuine(bearer(token(**claims)), values=BY_CONSENT, secrets=())


def test_clocks_may_differ_a_little() -> None:
    assert genuine(bearer(token(exp=int(time.time()) - 30)), values=BY_CONSENT)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_written_in_any_case(scheme: str) -> None:
    assert genuine({"authorization": f"{scheme} {token()}"}, values=BY_CONSENT)


def test_one_good_proof_is_enough() -> None:
    wrong = {"x-hub-signature": signature(secret="another")}
    assert genuine({**wrong, **bearer(token())}, values=BY_CONSENT)


# -- not genuine ---------------------------------------------------------------------------------------------------

GOOD = signature()
BAD_SIGNATURES = {
    "none": {},
    "empty": {"x-hub-signature": ""},
    "method alone": {"x-hub-signature": "sha256="},
    "digest alone": {"x-hub-signature": GOOD.removeprefix("sha256=")},
    "other secret": {"x-hub-signature": signature(secret=SECRET + "x")},
    "secret in capitals": {"x-hub-signature": signature(secret=SECRET.upper())},
    "empty secret": {"x-hub-signature": signature(secret="")},
    "body with a space more": {"x-hub-signature": signature(BODY + b" ")},
    "body written anew": {"x-hub-signature": signature(json.dumps(json.loads(BODY), separators=(",", ":")).encode())},
    "no body": {"x-hub-signature": signature(b"")},
    "cut": {"x-hub-signature": GOOD[:-1]},
    "longer": {"x-hub-signature": GOOD + "0"},
    "twice": {"x-hub-signature": f"{GOOD},{GOOD}"},
    "space before": {"x-hub-signature": " " + GOOD},
    "one digit off": {"x-hub-signature": GOOD[:-1] + ("0" if GOOD[-1] != "0" else "1")},
    "method in capitals": {"x-hub-signature": GOOD.replace("sha256", "SHA256")},
    "sha1": {"x-hub-signature": signature(method="sha1")},
    "sha512": {"x-hub-signature": signature(method="sha512")},
    "sha1 under the name of sha256": {"x-hub-signature": signature(method="sha1").replace("sha1", "sha256")},
    "plain hash": {"x-hub-signature": "sha256=" + hashlib.sha256(BODY).hexdigest()},
    "hash of secret and body": {"x-hub-signature": "sha256=" + hashlib.sha256(SECRET.encode() + BODY).hexdigest()},
    "secret and body exchanged": {"x-hub-signature": signature(SECRET.encode(), BODY.decode())},
    "base64": {"x-hub-signature": "sha256=" + packed(bytes.fromhex(GOOD.removeprefix("sha256=")))},
    "not ASCII": {"x-hub-signature": "sha256=\xfc\u20ac\ud800"},
    "other header": {"x-hub-signature-256": GOOD},
    "in authorization": {"authorization": GOOD},
    "the secret itself": {"x-hub-signature": SECRET, "authorization": f"Bearer {SECRET}"},
    "a token for a connection without an app": bearer(token()),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SIGNATURES)
def test_a_delivery_wrong_in_one_respect_is_not_genuine(name: str) -> None:
    assert not genuine(BAD_SIGNATURES[name])


@pytest.mark.parametrize("secrets", [(), ("",)])
def test_without_a_secret_nothing_is_genuine(secrets: tuple[str, ...]) -> None:
    assert not genuine({"x-hub-signature": signature(secret="")}, secrets=secrets)
    assert not genuine({"x-hub-signature": signature()}, secrets=secrets)


HOUR_AGO, HOUR_AHEAD = int(time.time()) - 3600, int(time.time()) + 3600
PARTS = token().split(".")
BAD_TOKENS = {
    "other secret": token(secret=CLIENT_SECRET + "x"),
    "the webhook's secret": token(secret=SECRET),
    "empty secret": token(secret=""),
    "ended": token(exp=HOUR_AGO),
    "just ended": token(exp=int(time.time()) - 61),
    "never ends": token(exp=None),
    "end is text": token(exp=str(HOUR_AHEAD)),
    "end is true": token(exp=True),
    "end is a list": token(exp=[HOUR_AHEAD]),
    "not yet": token(nbf=HOUR_AHEAD),
    "no algorithm": f"{header('none')}.{PARTS[1]}.",
    "no algorithm, signed": token(head={"alg": "none"}),
    "no algorithm named": token(head={"typ": "JWT"}),
    "algorithm in small letters": token(head={"alg": "hs256"}),
    "HS512": sealed(f"{header('HS512')}.{PARTS[1]}", CLIENT_SECRET, "sha512"),
    "HS384": sealed(f"{header('HS384')}.{PARTS[1]}", CLIENT_SECRET, "sha384"),
    "RS256 signed as HS256": token(head={"alg": "RS256"}),
    "key in the header": token("x" * 20, {"alg": "HS256", "jwk": {"kty": "oct", "k": packed(b"x" * 20)}}),
    "critical header": token(head={"alg": "HS256", "crit": ["b64"], "b64": False}),
    "unknown critical header": token(head={"alg": "HS256", "crit": ["x"], "x": 1}),
    "header is no object": token(head=b"[]"),
    "header is no JSON": token(head=b"{alg:HS256}"),
    "header is nested deeply": token(head=b"[" * 480),
    "huge header": token(head={"alg": "HS256", "x": "y" * 100_000}),
    "huge claims": token(x="y" * 100_000),
    "claims are a list": sealed(f"{PARTS[0]}.{packed(b'[]')}", CLIENT_SECRET),
    "claims are no JSON": sealed(f"{PARTS[0]}.{packed(b'exp')}", CLIENT_SECRET),
    "claims nested deeply": sealed(f"{PARTS[0]}.{packed(b'[' * 5000)}", CLIENT_SECRET),
    "claims of another token": f"{PARTS[0]}.{token(exp=HOUR_AHEAD).split('.')[1]}.{PARTS[2]}",
    "signature cut": ".".join(PARTS)[:-2],
    "signature missing": ".".join(PARTS[:2]) + ".",
    "two parts": ".".join(PARTS[:2]),
    "four parts": ".".join(PARTS) + ".x",
    "five parts": f"{header('dir', enc='A128GCM')}..x.x.x",
    "empty": "",
    "dots": "..",
    "not ASCII": "\xfc.\u20ac.\ud800",
    "not base64": "!.!.!",
    "two tokens": f"{token()} {token()}",
    "the secret itself": CLIENT_SECRET,
}


@pytest.mark.parametrize("name", BAD_TOKENS)
def test_a_token_wrong_in_one_respect_is_not_genuine(name: str) -> None:
    assert not genuine(bearer(BAD_TOKENS[name]), values=BY_CONSENT)


@pytest.mark.parametrize("header", [token(), f"JWT {token()}", f"Basic {token()}", f"Bearer  {token()}", "Bearer", ""])
def test_a_token_under_another_scheme_is_not_genuine(header: str) -> None:
    assert not genuine({"authorization": header}, values=BY_CONSENT)


def test_a_token_counts_for_connections_made_by_consent_only() -> None:
    by_token = ConnectionValues(1, "api_token", {}, {"client_secret": CLIENT_SECRET})
    assert genuine(bearer(token()), values=BY_CONSENT)
    assert not genuine(bearer(token()), values=by_token)


@pytest.mark.parametrize("secret", ["", "short", "x" * 13])
def test_a_client_secret_that_could_be_guessed_proves_nothing(secret: str) -> None:
    values = ConnectionValues(2, "oauth", {}, {"client_secret": secret})
    assert not genuine(bearer(token(secret=secret)), values=values)
    assert not genuine(bearer(token(secret=secret)), values=ConnectionValues(2, "oauth", {}, {}))


# -- what it speaks of ---------------------------------------------------------------------------------------------


def touched(told: Any) -> list[str]:
    """Ids out of a body, given as bytes or as what is to be written as JSON."""
    body = told if isinstance(told, bytes) else json.dumps(told).encode()
    return list(JiraClient.touched(Delivery({}, body)))


@pytest.mark.parametrize(
    "event", ["jira:issue_updated", "jira:issue_deleted", "jira:issue_created", "comment_created", "unheard_of"]
)
def test_the_issue_of_an_event_is_named_by_its_id(event: str) -> None:
    told = {"timestamp": 1, "webhookEvent": event, "issue": {"id": "10123", "key": "OPS-1", "fields": {"x": []}}}
    assert touched(told) == ["10123"]
    assert touched({**told, "issue": {"id": 10123}}) == ["10123"]


@pytest.mark.parametrize(
    "told",
    [{}, {"webhookEvent": "sprint_started"}, {"issue": None}, {"issue": []}, {"issue": "10123"}, {"issue": 7},
     {"issue": {}}, {"issue": {"key": "OPS-1"}}, {"issue": {"id": None}}, {"issue": {"id": True}},
     {"issue": {"id": {}}}, {"issue": {"id": ["1"]}}, {"issue": {"id": 1.5}}, {"issue": {"id": -5}},
     {"issue": {"id": ""}}, {"issue": {"id": "OPS-1"}}, {"issue": {"id": "1 OR 1=1"}}, {"issue": {"id": "../1"}},
     {"issue": {"id": "1" * 20}}, {"issue": {"id": 10**30}}, {"issue": {"id": "\u0661\u0662"}},
     {"issue": {"id": "12\n"}}, {"issue": {"id": "²"}}],
)  # fmt: skip
def test_anything_else_speaks_of_no_issue(told: Any) -> None:
    assert touched(told) == []


@pytest.mark.parametrize(
    "body",
    [b"", b" ", b"null", b"[]", b'"x"', b"7", b"true", b"{", b"{'a': 1}", b"<html>", b"\xff\xfe", b"\x80{}", b"{}{}",
     b'{"a": NaN}', b'{"a": Infinity}', b'{"issue": {"id": ' + b"9" * 5000 + b"}}", b"[" * 100_000,
     b'{"a":' * 100_000, b"x=1&y=2"],
)  # fmt: skip
def test_what_cannot_be_read_is_said_to_be_so(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any kind of it is promised
        touched(body)
