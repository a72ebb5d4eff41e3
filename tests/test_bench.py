"""The benchmarks run, count right and say so; at sizes that take seconds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench import bare, data, figures
from bench.__main__ import PARTS, run_all
from bench.figures import Figure
from bench.plan import Plan

ONE = Plan(sizes=(60,), users=60, pages=3, lists=1, tickets=1)
TWO = Plan(
    sizes=(60, 120), users=120, pages=3, lists=1, tickets=1, imported=20, starts=1, browsing=4, calm=2.0, hanging=4.0
)
# What takes no further start of the product.
QUICK_PARTS = {
    name: part
    for name, part in PARTS.items()
    if name not in ("import", "start", "reading tickets back", "providers that hang")
}


@pytest.fixture(scope="module")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> list[Figure]:
    """Every figure of a tiny run on SQLite."""
    found, _ = run_all(("sqlite",), ONE, tmp_path_factory.mktemp("bench"), lambda _: None, QUICK_PARTS)
    return found


def test_a_run_measures_every_kind_of_figure_and_keeps_the_exact_aims(tiny_run: list[Figure]) -> None:
    kinds = {figure.name.split(":")[0].split(",")[0] for figure in tiny_run}
    assert {"page integrations", "incidents", "first visit of integrations", "ticket creation", "SQL queries"} <= kinds
    assert all(figure.ours >= 0 for figure in tiny_run)
    counted = [figure for figure in tiny_run if figure.unit in ("queries", "calls")]
    assert len(counted) == 7
    assert figures.failures(counted) == []


@pytest.mark.long
def test_a_whole_run_works_on_both_databases(tmp_path: Path) -> None:
    found, version = run_all(("sqlite", "postgresql"), TWO, tmp_path, lambda _: None)
    assert version is not None
    names = {database: [f.name for f in found if f.database == database] for database in ("sqlite", "postgresql")}
    assert names["sqlite"] == names["postgresql"]
    assert {"import of 20 incidents", "start to first answer"} <= set(names["sqlite"])


def test_the_figures_of_a_run_are_a_table_and_a_file(tiny_run: list[Figure], tmp_path: Path) -> None:
    lines = figures.table(tiny_run).splitlines()
    assert lines[0].split() == ["Figure", "Database", "Ours", "Baseline", "Ratio", "Aim", "or", "note"]
    assert len(lines) == len(tiny_run) + 2
    figures.write(tmp_path / "run.json", tiny_run, {"processors": 2, "postgresql": None, "quick": True})
    stored = json.loads((tmp_path / "run.json").read_text())
    assert [each["name"] for each in stored["figures"]] == [figure.name for figure in tiny_run]
    assert str(tmp_path.parent) not in json.dumps(stored)


def test_a_ratio_decides_where_there_is_a_baseline_and_only_exact_figures_fail() -> None:
    slow = Figure("slow", "sqlite", 30, "ms", 10, "bare page", most=2)
    many = Figure("many", "sqlite", 13, "queries", most=12, exact=True)
    assert (slow.ratio, slow.met, many.met) == (3, False, False)
    assert Figure("fine", "sqlite", 19, "ms", 10, "bare page", most=2).met is True
    assert Figure("shown", "sqlite", 19, "ms").met is None
    assert figures.failures([slow, many]) == ["many (sqlite): 13 queries, ≤ 12 MISSED"]


def test_a_bare_page_has_the_rows_and_about_the_bytes_of_ours() -> None:
    rows = "".join(
        f'<tr><td class="mono">INC-{n}</td><td><a href="/incidents/{n}">A &amp; B</a></td></tr>' for n in range(50)
    )
    page = f"<!doctype html><main><h1>Incidents</h1><table><tbody>{rows}</tbody></table></main>"
    shape = bare.shape(page)
    assert shape["rows"][7] == ["INC-7", "A & B"]
    answer = bare.make_app({"list": shape}).test_client().get("/list").get_data(as_text=True)
    assert answer.count("<tr>") == 50
    assert 0.9 < len(answer) / len(page) < 1.1


def test_generated_rows_are_the_same_in_every_run_and_hold_the_words_searched_for() -> None:
    first = list(data.incidents(400))
    assert first == list(data.incidents(400))
    text = [f"{row['title']} {row['description']}".lower() for row in first]
    assert sum(data.RARE in each for each in text) == 3
    assert not any(data.ABSENT in each or data.ABSENT_HARD in each for each in text)
    assert sum(data.FREQUENT in each for each in text) > 200
    assert sum(data.PHRASE.strip('"') in each for each in text) > 200
