"""Access tokens of ServiceNow: kept, shared, replaced when refused, given back; and no secret in any error."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from providers.errors import AuthenticationFailed, Busy, ProviderError
from providers.servicenow.tokens import MOST_SLOTS, Slots, Token
from standins.servicenow import API_KEY, ServiceNowStandin
from tests.providers.servicenow import METHODS, TOKEN, Bench, fresh

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


# -- tokens --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["password", "client_credentials"])
def test_one_token_serves_many_clients(bench: Bench, method: str) -> None:
    assert bench.calls(lambda: bench.client(method).find_people("a@sandbox.example")) == [TOKEN, USERS]
    assert bench.calls(lambda: bench.client(method).find_people("a@sandbox.example")) == [USERS]


def test_other_credentials_never_get_the_kept_token(bench: Bench) -> None:
    bench.client("password").check()
    for name in ("client_secret", "password", "username"):
        with pytest.raises(AuthenticationFailed):
            bench.client("password", **{name: "other"}).find_people("a@sandbox.example")


def test_a_token_with_little_life_left_is_used_nonetheless(bench: Bench) -> None:
    bench.servicenow.set(token_seconds=60)
    bench.client("password").find_people("a@sandbox.example")
    assert bench.calls(lambda: bench.client("password").find_people("a@sandbox.example")) == [USERS]


def test_tokens_end_early_but_short_ones_are_used_for_most_of_their_life() -> None:
    now = time.monotonic()
    assert Token.granted("a", "", 1799).use_until == pytest.approx(now + 1499, abs=1)
    assert Token.granted("a", "", 100).use_until == pytest.approx(now + 90, abs=1)
    assert "secret" not in repr(Token.granted("secret-a", "secret-r", 100))


def test_a_refused_token_is_replaced_once(bench: Bench) -> None:
    bench.client("password").find_people("a@sandbox.example")
    bench.servicenow.revoke_tokens()
    assert bench.calls(lambda: bench.client("password").find_people("a@b.example")) == [USERS, TOKEN, USERS]
    bench.servicenow.fail_next(401, times=None, route="GET /api/now/table/*")
    with pytest.raises(AuthenticationFailed) as caught:
        bench.client("password").find_people("a@sandbox.example")
    assert "gave a token and then refused it" in caught.value.cause


def test_twenty_threads_ask_for_one_token(bench: Bench) -> None:
    bench.servicenow.hold(0.2, TOKEN.replace(" ", " /"))
    found: list[object] = []
    # At most 4 calls at once go to one connection, so the client is asked for its token only.
    wires = [bench.client("password")._wire for _ in range(20)]
    threads = [threading.Thread(target=lambda wire=wire: found.append(wire.sign_in())) for wire in wires]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len(found) == 20
    assert len(set(map(id, found))) == 1
    assert bench.servicenow.accounts.grants == 1


def test_threads_that_wait_share_a_refusal_instead_of_locking_the_account(bench: Bench) -> None:
    bench.servicenow.hold(0.3, TOKEN.replace(" ", " /"))
    refused: list[ProviderError] = []

    def ask() -> None:
        with pytest.raises(AuthenticationFailed) as caught:
            bench.client("password", password="wrong").find_people("a@sandbox.example")
        refused.append(caught.value)

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(5)
    assert len({id(error) for error in refused}) == 10
    assert bench.servicenow.accounts.grants == 1


def test_nobody_waits_longer_than_the_deadline_for_another_threads_token(bench: Bench) -> None:
    bench.servicenow.hold(None, TOKEN.replace(" ", " /"))
    first = threading.Thread(target=lambda: bench.client("password").find_people("a@sandbox.example"))
    first.start()
    while not bench.servicenow.calls:
        time.sleep(0.01)
    started = time.monotonic()
    with pytest.raises(Busy):
        bench.client("password", deadline=0.3).find_people("a@sandbox.example")
    assert time.monotonic() - started < 1
    bench.servicenow.release()
    first.join(5)


def test_what_is_kept_is_bounded() -> None:
    many = Slots()
    for number in range(MOST_SLOTS + 20):
        many.slot((str(number),))
    assert len(many._slots) == MOST_SLOTS


# -- giving back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by_body", [True, False])
def test_farewell_revokes_the_tokens(bench: Bench, by_body: bool) -> None:
    bench.servicenow.set(revoke_by_body=by_body)
    client = bench.client("password")
    client.check()
    client.farewell()
    accounts = bench.servicenow.accounts
    assert accounts.issued == []
    assert len(accounts.revoked) >= 1
    for row in bench.ledger.rows:
        assert not any(token in str(row) for token in accounts.revoked)
    assert bench.calls(lambda: bench.client("password").find_people("a@b.example"))[0] == TOKEN


def test_farewell_of_an_api_key_makes_no_call(bench: Bench) -> None:
    assert bench.calls(bench.client().farewell) == []


def test_no_secret_is_told_even_when_servicenow_repeats_it(bench: Bench) -> None:
    for method in METHODS:
        client = bench.client(method)
        client.check()
        token = client._wire.sign_in()
        used = {token.access if token else API_KEY, *client.values.credentials.values()}
        echo = {"error": {"message": f"Refused {' '.join(used)}", "detail": None}, "status": "failure"}
        for status in (200, 400, 403, 500):
            bench.servicenow.fail_next(status, body=echo, route="GET /api/now/table/sys_user")
            with pytest.raises(ProviderError) as caught:
                client.find_people("a@sandbox.example")
            told = f"{caught.value} {vars(caught.value)} {bench.ledger.rows}"
            assert not any(secret in told for secret in used)
