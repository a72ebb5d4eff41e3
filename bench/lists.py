"""Whether lists grow slower with the table: the same page at every size, in turns."""

from __future__ import annotations

from collections.abc import Callable

from bench import addresses
from bench.browser import Browser
from bench.figures import Figure
from bench.installations import Bench
from bench.timing import in_turns

MOST_GROWTH = 1.3


def growth(bench: Bench) -> list[Figure]:
    """p50 of each list at the largest size against the smallest comparable one; the others stand in the note."""
    by_size = {size: addresses.lists(bench.cursors[size]) for size in bench.installations}
    return [_one(bench, name, {size: paths[name] for size, paths in by_size.items()}) for name in by_size[max(by_size)]]


def _one(bench: Bench, name: str, paths: dict[int, str]) -> Figure:
    actions = {str(size): _fetch(bench.installations[size].browser, path) for size, path in paths.items()}
    times = in_turns(actions, bench.plan.lists)
    rows = _rows(bench, paths)
    large, base = max(paths), _comparable(rows)
    fewer = [] if rows[base] == rows[large] else ["that page has fewer rows"]
    others = [f"at {size:,}: {times[str(size)].p50:.2f} ms" for size in paths if size not in (base, large)]
    return Figure(
        f"{name}, at {large:,}",
        bench.database,
        times[str(large)].p50,
        "ms",
        times[str(base)].p50,
        f"at {base:,}",
        most=MOST_GROWTH,
        note="; ".join([f"p99 {times[str(large)].p99:.1f} ms", *fewer, *others]),
    )


def _rows(bench: Bench, paths: dict[int, str]) -> dict[int, int]:
    """Rows on the page at each size."""
    return {size: bench.installations[size].browser.page(path).text.count("<tr") for size, path in paths.items()}


def _comparable(rows: dict[int, int]) -> int:
    """The smallest size whose page has as many rows as the largest's: fewer rows would be cheaper to draw."""
    return next((size for size in sorted(rows)[:-1] if rows[size] == rows[max(rows)]), min(rows))


def _fetch(browser: Browser, path: str) -> Callable[[], object]:
    return lambda: browser.page(path)
