"""Encoded queries of the sandbox ServiceNow, with ServiceNow's habit of dropping what it does not understand.

Source: the encoded query pages. `^` joins terms, `^OR` adds an alternative to the term before, `ORDERBY` sorts. A term
with an unknown field is dropped without a word, so that the query finds more than was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection

Row = dict[str, str]
_TERM = re.compile(r"([a-z_][a-z0-9_.]*)(!=|>=|<=|=|IN|LIKE|STARTSWITH|ENDSWITH|ISEMPTY|ISNOTEMPTY)(.*)", re.DOTALL)
_TESTS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda have, want: have.lower() == want.lower(),
    "!=": lambda have, want: have.lower() != want.lower(),
    ">=": lambda have, want: have >= want,
    "<=": lambda have, want: have <= want,
    "IN": lambda have, want: have.lower() in want.lower().split(","),
    "LIKE": lambda have, want: want.lower() in have.lower(),
    "STARTSWITH": lambda have, want: have.lower().startswith(want.lower()),
    "ENDSWITH": lambda have, want: have.lower().endswith(want.lower()),
    "ISEMPTY": lambda have, want: not have,
    "ISNOTEMPTY": lambda have, want: bool(have),
}


class Query:
    """A parsed query.

    Args:
        text: the encoded query.
        known: fields the table has; terms with others are dropped.
    """

    def __init__(self, text: str, known: Collection[str]) -> None:
        self.groups: list[list[tuple[str, str, str]]] = []
        self.order: list[tuple[str, bool]] = []
        self.dropped: list[str] = []
        for part in text.split("^"):
            self._add(part, known)

    def _add(self, part: str, known: Collection[str]) -> None:
        if part.startswith("ORDERBY"):
            falling = part.startswith("ORDERBYDESC")
            self.order.append((part.removeprefix("ORDERBYDESC").removeprefix("ORDERBY"), falling))
            return
        alternative = part.startswith("OR") and bool(self.groups)
        found = _TERM.fullmatch(part.removeprefix("OR") if alternative else part)
        if not found or found.group(1) not in known:
            if part:
                self.dropped.append(part)
            return
        term = (found.group(1), found.group(2), found.group(3))
        if alternative:
            self.groups[-1].append(term)
        else:
            self.groups.append([term])

    def matches(self, row: Row) -> bool:
        """Whether a row satisfies every group."""
        return all(any(_TESTS[op](row.get(name, ""), want) for name, op, want in group) for group in self.groups)

    def select(self, rows: list[Row]) -> list[Row]:
        """The matching rows, sorted as asked."""
        found = [row for row in rows if self.matches(row)]
        for name, falling in reversed(self.order):
            found.sort(key=lambda row: row.get(name, ""), reverse=falling)
        return found
