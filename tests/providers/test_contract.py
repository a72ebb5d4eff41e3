"""What every provider owes its users when something goes wrong: one table, run for each registered provider.

A case is one way in which the other side (or what was typed) is wrong. It is driven through the pages by each verb:
Save, Update, Test connection, Check now. Each answer begins with the provider's exact sentence, then names cause and
next step; it comes within the deadline, changes nothing that was stored, closes its attempt and holds no secret.
Connecting by consent has verbs of its own: see `test_contract_consent.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

import providers
from models import Connection
from services import connections, store
from services.actors import COMMAND_LINE
from tests.conftest import PatchpanelClient
from tests.providers.contract import CONTRACTS, TABLE, counts, report
from tests.providers.contract_cases import PERMISSION, REFUSED, UNREACHABLE, VERBS, Case, Contract
from tests.providers.contract_checks import (
    check_attempts,
    check_noted,
    check_silent,
    check_told,
    hurry,
    in_time,
    newest_attempt,
    snapshot,
)
from tests.providers.contract_world import World

PAGE = "/settings/organization/integrations"
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
    hurry(monkeypatch)


def point_at(connection_id: int, contract: Contract, address: str, values: Mapping[str, str]) -> None:
    """Let the stored connection have these values, as if they had worked when they were saved."""
    with store.write() as session:
        row = store.locked(session, Connection, connection_id)
        row.settings = {contract.address: address, **{k: v for k, v in values.items() if k not in contract.secrets}}
        secrets = {name: values[name] for name in contract.secrets if values[name]}
        row.seal(secrets, origin=providers.get(row.provider_key).origin(row.settings))


def sentence_of(case: Case, key: str) -> str:
    """How the answer begins."""
    words = providers.get(key).sentences
    return {REFUSED: words.refused, UNREACHABLE: words.unreachable, PERMISSION: words.permission}[case.kind]


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
    filled = connections.Typed(contract.method, settings, {n: typed[n] for n in contract.secrets if typed[n]})
    stored = connections.create(COMMAND_LINE, providers.get(contract.provider), filled).id
    sentence = sentence_of(case, contract.provider)
    with ExitStack() as stack:
        address = case.world(World(tmp_path, allow, stack)) if case.world else good
        values = {**contract.typed, **case.typed}
        case.arm(standin, contract.proving)
        for verb in VERBS:
            if verb == "Check now":
                point_at(stored, contract, address, values)
            before, newest, url = snapshot(), newest_attempt(), url_of(verb, contract, stored)
            with in_time(verb):
                page = admin.post_form(url, {contract.address: address, **values})
            assert page.status_code == (502 if verb == "Check now" else 422), f"{verb}: {page.status_code}"
            check_told(verb, page.get_data(as_text=True), sentence, case.cause)
            check_silent(verb, [page], [v[name] for v in (typed, values) for name in contract.secrets])
            if verb == "Check now":
                check_noted(stored, case.cause, certain=case.kind in (REFUSED, PERMISSION))
            else:
                assert snapshot() == before, verb
            check_attempts(verb, newest, case.outcome)


def url_of(verb: str, contract: Contract, stored: int) -> str:
    """Where a verb posts to."""
    return {
        "Save": f"{PAGE}/{contract.provider}/{contract.method}/new",
        "Update": f"{PAGE}/connections/{stored}/edit",
        "Test connection": f"{PAGE}/{contract.provider}/{contract.method}/test",
        "Check now": f"{PAGE}/connections/{stored}/check",
    }[verb]


def test_every_provider_and_way_to_sign_in_has_a_contract(
    capsys: pytest.CaptureFixture[str], database_kind: str
) -> None:
    typed = {(provider.key, method.key) for provider in providers.all_providers() for method in provider.auth_methods
             if method.consent is None}  # fmt: skip
    assert {(contract.provider, contract.method) for contract in CONTRACTS.values()} == typed
    assert len({(key, case.name) for key, case in TABLE}) == len(TABLE)
    assert all(cases for cases, _ in counts().values())
    with capsys.disabled():
        print(f"\n{report()}")
