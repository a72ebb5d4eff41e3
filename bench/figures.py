"""What was measured, as one table for people and as JSON for programs."""

from __future__ import annotations

import json
import platform
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HEADINGS = ("Figure", "Database", "Ours", "Baseline", "Ratio", "Aim or note")


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Args:
        ours, baseline: in `unit`; the baseline is absent where a figure stands for itself.
        against: what the baseline is.
        most: the aim: the ratio (without a baseline: our value) is at most this. None: shown only.
        exact: the figure does not depend on the machine, so missing the aim fails the run.
    """

    name: str
    database: str
    ours: float
    unit: str
    baseline: float | None = None
    against: str = ""
    most: float | None = None
    least: float | None = None
    exact: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the baseline."""
        return self.ours / self.baseline if self.baseline else None

    @property
    def met(self) -> bool | None:
        """Whether the aim is met; None without an aim."""
        value = self.ours if self.baseline is None else self.ratio
        if value is None or (self.most is None and self.least is None):
            return None
        return (self.most is None or value <= self.most) and (self.least is None or value >= self.least)

    def as_json(self) -> dict[str, Any]:
        """All of it, with what follows from it."""
        ratio = self.ratio
        return {**asdict(self), "ratio": None if ratio is None else round(ratio, 3), "met": self.met}


def table(figures: Sequence[Figure]) -> str:
    """The figures as text, columns aligned."""
    lines = [HEADINGS, *(_cells(figure) for figure in figures)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADINGS))]
    rule = "  ".join("-" * width for width in widths)
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([text[0], rule, *text[1:]])


def _cells(figure: Figure) -> tuple[str, ...]:
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f} ×"
    baseline = "" if figure.baseline is None else f"{_number(figure.baseline)} {figure.unit} ({figure.against})"
    return figure.name, figure.database, f"{_number(figure.ours)} {figure.unit}", baseline, ratio, _aim(figure)


def _aim(figure: Figure) -> str:
    sign = "" if figure.baseline is None else " ×"
    limits = [f"≤ {figure.most:g}{sign}"] if figure.most is not None else []
    limits += [f"≥ {figure.least:g}{sign}"] if figure.least is not None else []
    verdict = {True: "met", False: "MISSED", None: ""}[figure.met]
    return "; ".join(part for part in (" ".join([*limits, verdict]).strip(), figure.note) if part)


def _number(value: float) -> str:
    if value == int(value) or value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 100 else f"{value:.2f}"


def failures(figures: Iterable[Figure]) -> list[str]:
    """Sentences about the figures that fail a run wherever it runs."""
    return [f"{f.name} ({f.database}): {_cells(f)[2]}, {_aim(f)}" for f in figures if f.exact and f.met is False]


def write(path: Path, figures: Sequence[Figure], run: dict[str, Any]) -> None:
    """Store a run: when, on what (no names of machines or people), how large, and each figure."""
    machine = {
        "processors": run.pop("processors"),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "granian": version("granian"),
        "sqlite": sqlite3.sqlite_version,
        "postgresql": run.pop("postgresql"),
    }
    head = {"finished_at": datetime.now(UTC).isoformat(timespec="seconds"), "machine": machine, **run}
    path.parent.mkdir(parents=True, exist_ok=True)
    body = {**head, "figures": [figure.as_json() for figure in figures]}
    path.write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
