"""Every known behaviour of the vendors is proven somewhere, for every way to sign in that can meet it.

The table stands in `contract_rows.py` and `contract_behaviours.py`. Nothing in it may be without proof, point to a
case or test that is gone, or leave out a way to sign in. Rows of providers that are not there yet become due with the
provider, those of an ability with the ability.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

import providers
from providers import capabilities
from tests.providers import contract, contract_consent
from tests.providers.contract_behaviours import ROWS
from tests.providers.contract_rows import ALL, BEHAVIOURS, CALLS, CLASSES, NO, TOKEN, WAYS, Row

TESTS = Path(__file__).parents[1]
CASE = "case: "


@cache
def cases_of(way: str) -> frozenset[str]:
    """Names of the cases of a way to sign in. One that holds at several places of it also counts by its short name."""
    if way != contract_consent.KEY:
        return frozenset(case.name for key, case in contract.TABLE if key == way)
    names = {case.name for case in contract_consent.TABLE}
    return frozenset(names | {name.partition(": ")[2] for name in names})


@cache
def functions_of(file: str) -> frozenset[str]:
    """Names of the tests in a file below `tests/`; none when there is no such file."""
    path = TESTS / f"{file}.py"
    if not path.exists():
        return frozenset()
    return frozenset(node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef))


def is_due(row: Row, registered: Iterable[str]) -> bool:
    """Whether a provider that can meet the fact is there."""
    keys = [key for key in row.providers or registered if key in registered]
    if not row.capability:
        return bool(keys)
    ability = getattr(capabilities, row.capability)
    return any(providers.get(key).can(ability) for key in keys)


def problems(row: Row, registered: Iterable[str]) -> list[str]:
    """What is wrong with a row, in words."""
    if not is_due(row, registered):
        return [] if not row.proof else ["is not due, but has proofs"]
    if not row.proof:
        return ["has no proof"]
    ways = [way for key in row.providers or registered for way in WAYS.get(key, ())]
    found = [f"names an unknown way: {way}" for way in row.proof if way not in (ALL, *ways)]
    return found + [f"{way}: {problem}" for way in ways for problem in _uncovered(row, way)]


def _uncovered(row: Row, way: str) -> list[str]:
    own, common = row.proof.get(way, ()), row.proof.get(ALL, ())
    if any(proof.startswith(NO) for proof in own):
        return [] if len(own) == 1 and not common else ["has a reason and proofs"]
    by_way = own or [proof for proof in common if proof.startswith(CASE)]
    found = [] if (by_way if row.sign_in else (*own, *common)) else ["is not covered"]
    return found + [f"{proof} is not there" for proof in (*own, *common) if not _exists(proof, way)]


def _exists(proof: str, way: str) -> bool:
    if proof.startswith(CASE):
        return proof.removeprefix(CASE) in cases_of(way)
    file, _, function = proof.partition("::")
    return function.startswith("test_") and function in functions_of(file)


def present() -> tuple[str, ...]:
    """Keys of the providers there are."""
    return tuple(provider.key for provider in providers.all_providers())


@pytest.mark.parametrize("row", ROWS, ids=[f"{'+'.join(row.providers) or 'all'}: {row.text}" for row in ROWS])
def test_every_row_is_proven(row: Row) -> None:
    assert problems(row, present()) == []


def test_every_provider_and_way_to_sign_in_is_in_the_table() -> None:
    assert set(present()) == set(WAYS)
    ways = {key: made.provider for key, made in contract.CONTRACTS.items()}
    ways[contract_consent.KEY] = contract_consent.PROVIDER
    assert {way: key for key, all_ways in WAYS.items() for way in all_ways} == ways
    for section in (CALLS, BEHAVIOURS):
        named = {key for row in ROWS if row.section == section for key in row.providers}
        assert set(present()) <= named, section


def test_no_row_was_lost() -> None:
    assert len({(row.section, row.providers, row.text) for row in ROWS}) == len(ROWS)
    found = Counter((row.section, row.providers) for row in ROWS)
    assert found == {
        (CALLS, ("jira",)): 1,  # two lines: by token and by consent
        (CALLS, ("servicenow",)): 1,  # two lines: by key and by OAuth
        (CALLS, ("azure_devops",)): 1,
        (CALLS, ("entra",)): 1,
        (CALLS, ("auth0", "oidc")): 1,
        (CALLS, ("smtp",)): 1,
        (CLASSES, ()): 8,  # the classes for everybody, and the rule about the status
        (CLASSES, ("entra", "auth0", "oidc")): 1,
        (CLASSES, ("smtp",)): 1,
        (BEHAVIOURS, ("jira",)): 17,
        (BEHAVIOURS, ("servicenow",)): 15,
        (BEHAVIOURS, ("azure_devops",)): 15,
        (BEHAVIOURS, ("entra",)): 13,
        (BEHAVIOURS, ("auth0", "oidc")): 9,
        (BEHAVIOURS, ("smtp",)): 13,
    }


GOOD = next(row for row in ROWS if row.section == CLASSES and row.text.startswith("limited"))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (replace(GOOD, proof={}), "has no proof"),
        (replace(GOOD, proof={TOKEN: ("case: 500",)}), "is not covered"),
        (replace(GOOD, proof={ALL: ("test_config::test_no_such_test",)}), "test_no_such_test is not there"),
        (replace(GOOD, proof={ALL: ("test_no_such_file::test_x",)}), "test_no_such_file::test_x is not there"),
        (replace(GOOD, proof={ALL: ("case: no such case",)}), "case: no such case is not there"),
        (replace(GOOD, proof={ALL: ("test_config::test_no_environment",)}), "is not covered"),
        (replace(GOOD, proof={"jira by fax": ("case: 500",)}), "unknown way: jira by fax"),
    ],
)
def test_a_bad_row_is_found(row: Row, words: str) -> None:
    assert words in "; ".join(problems(row, present()))


@pytest.mark.parametrize("key", ["entra", "auth0", "oidc", "smtp"])
def test_rows_of_a_provider_become_due_with_it(key: str) -> None:
    waiting = [row for row in ROWS if key in row.providers]
    assert waiting
    assert {tuple(problems(row, present())) for row in waiting} == {()}
    assert {tuple(problems(row, (*present(), key))) for row in waiting} == {("has no proof",)}
