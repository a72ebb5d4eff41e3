"""What every provider owes its users when something goes wrong: one table, run for each registered provider.

A case is one way in which the other side (or what was typed) is wrong. It is driven through the pages by each verb:
Save, Update, Test connection, Check now. Each answer begins with the provider's exact sentence, then names cause and
next step; it comes within the deadline, changes nothing that was stored, closes its attempt and holds no secret.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

import providers
from extensions import db
from models import Attempt, Connection, ConnectionStatus
from services import connections, outbound, store
from services.actors import COMMAND_LINE
from tests.conftest import PatchpanelClient
from tests.providers.contract import CASES, CONTRACTS, DEADLINE, PERMISSION, REFUSED, UNREACHABLE, Case, Contract, World

PAGE = "/settings/organization/integrations"
# What a busy machine may need besides. A server that drips for ever would outlive any of it.
GRACE = 2.5
VERBS = ("Save", "Update", "Test connection", "Check now")


TABLE = [(key, case) for key, contract in CONTRACTS.items() for case in (*CASES, *contract.own)]
# The database decides nothing here.
pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@pytest.fixture(scope="module")
def standins() -> Iterator[dict[str, tuple[Any, str]]]:
    """The stand-in of each provider and its address."""
    with ExitStack() as stack:
        made = {}
        for key, contract in CONTRACTS.items():
            standin = contract.standin()
            made[key] = (standin, stack.enter_context(standin.serve()).url)
        yield made


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short deadline for what people wait for."""
    monkeypatch.setattr(outbound, "INTERACTIVE_SECONDS", DEADLINE)
    # The value before is the default argument of these.
    for function in (outbound.client_for, outbound.open_client):
        monkeypatch.setitem(function.__kwdefaults__, "seconds", DEADLINE)


def snapshot() -> list[Any]:
    """Everything stored about connections."""
    db.session.rollback()
    return [tuple(row) for row in db.session.execute(select(Connection.__table__).order_by(Connection.id))]


def point_at(connection_id: int, contract: Contract, address: str, values: Mapping[str, str]) -> None:
    """Let the stored connection have these values, as if they had worked when they were saved."""
    with store.write() as session:
        row = store.locked(session, Connection, connection_id)
        row.settings = {contract.address: address, **{k: v for k, v in values.items() if k not in contract.secrets}}
        secrets = {name: values[name] for name in contract.secrets}
        row.seal(secrets, origin=providers.get(row.provider_key).origin(row.settings))


@dataclass
class Told:
    """The alert of an answer."""

    sentence: str
    detail: str


def told(page: str) -> Told:
    """What the first alert of a page says."""
    found = re.search(r'role="alert">\s*<p[^>]*><strong>(.*?)</strong>(?:\s*<span>(.*?)</span>)?', page, re.DOTALL)
    assert found, "no alert"
    return Told(html.unescape(found.group(1)), html.unescape(found.group(2) or ""))


@contextmanager
def in_time(verb: str) -> Iterator[None]:
    """What happens inside ends within the deadline and the grace."""
    started = time.monotonic()
    yield
    took = time.monotonic() - started
    assert took <= DEADLINE + GRACE, f"{verb} took {took:.2f} s"


def check_told(verb: str, case: Case, key: str, page: str, secrets: list[str]) -> None:
    """Sentence, cause, next step; no secret."""
    sentences, alert = providers.get(key).sentences, told(page)
    wanted = {REFUSED: sentences.refused, UNREACHABLE: sentences.unreachable, PERMISSION: sentences.permission}
    assert alert.sentence == wanted[case.kind], f"{verb}: {alert}"
    assert case.cause in alert.detail, f"{verb}: {alert}"
    # A cause and a next step are a sentence each.
    assert len(re.findall(r"[.](?=\s|$)", alert.detail)) >= 2, f"{verb}: {alert}"
    assert re.search(r'<a href="/settings/activity/\d+">See what happened</a>', page), f"{verb}: no link to the attempt"
    for secret in secrets:
        assert secret not in page, verb


def check_stored(verb: str, case: Case, before: list[Any], connection_id: int) -> None:
    """Save, Update and Test change nothing; Check now turns the badge only when that is certain."""
    if verb != "Check now":
        assert snapshot() == before, verb
        return
    db.session.rollback()
    row = store.get(Connection, connection_id)
    certain = case.kind in (REFUSED, PERMISSION)
    assert row.status == (ConnectionStatus.NEEDS_ATTENTION if certain else ConnectionStatus.WORKS)
    assert row.failures == 1
    assert case.cause in row.last_error


def check_attempts(verb: str, newest: int) -> int:
    """At least one new row, and all of them closed. Returns the newest id."""
    rows = db.session.scalars(select(Attempt).where(Attempt.id > newest).order_by(Attempt.id)).all()
    assert rows, f"{verb}: no attempt"
    assert all(row.outcome and row.duration_ms is not None for row in rows), verb
    assert rows[-1].outcome != "ok", f"{verb}: {rows[-1].message}"
    return rows[-1].id


@pytest.mark.parametrize(("key", "case"), TABLE, ids=[f"{key}: {case.name}" for key, case in TABLE])
@pytest.mark.usefixtures("quick")
def test_every_failure_is_told_in_the_agreed_words(
    app: Flask,
    admin: PatchpanelClient,
    standins: dict[str, tuple[Any, str]],
    allow: Callable[..., None],
    tmp_path: Path,
    key: str,
    case: Case,
) -> None:
    contract, (standin, good) = CONTRACTS[key], standins[key]
    standin.reset()
    allow(good)
    good += contract.path
    typed = {contract.address: good, **contract.typed}
    settings = {name: value for name, value in typed.items() if name not in contract.secrets}
    filled = connections.Typed(contract.method, settings, {name: typed[name] for name in contract.secrets})
    stored = connections.create(COMMAND_LINE, providers.get(contract.provider), filled).id
    newest = db.session.scalars(select(Attempt.id).order_by(Attempt.id.desc())).first() or 0
    with ExitStack() as stack:
        address = case.world(World(tmp_path, allow, stack)) if case.world else good
        values = {**contract.typed, **case.typed}
        case.arm(standin, contract.proving)
        for verb in VERBS:
            if verb == "Check now":
                point_at(stored, contract, address, values)
            before, url = snapshot(), url_of(verb, contract, stored)
            with in_time(verb):
                page = admin.post_form(url, {contract.address: address, **values})
            assert page.status_code == (502 if verb == "Check now" else 422), f"{verb}: {page.status_code}"
            check_told(
                verb, case, contract.provider, page.get_data(as_text=True), [values[n] for n in contract.secrets]
            )
            check_stored(verb, case, before, stored)
            newest = check_attempts(verb, newest)


def url_of(verb: str, contract: Contract, stored: int) -> str:
    """Where a verb posts to."""
    return {
        "Save": f"{PAGE}/{contract.provider}/{contract.method}/new",
        "Update": f"{PAGE}/connections/{stored}/edit",
        "Test connection": f"{PAGE}/{contract.provider}/{contract.method}/test",
        "Check now": f"{PAGE}/connections/{stored}/check",
    }[verb]


def test_every_provider_has_a_contract(capsys: pytest.CaptureFixture[str], database_kind: str) -> None:
    assert {contract.provider for contract in CONTRACTS.values()} == {p.key for p in providers.all_providers()}
    with capsys.disabled():
        print(f" [provider contract: {len(TABLE)} cases × {len(VERBS)} verbs = {len(TABLE) * len(VERBS)}]", end=" ")
