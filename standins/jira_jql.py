"""A small JQL: clauses joined by AND, with = != in not-in on the fields a client of ours may ask for, and ORDER BY.

Real Jira knows far more. What this one does not know it refuses as unsupported (501), so that nobody mistakes a missing
feature for an empty result; what Jira itself would refuse is a `BadJql` (400).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from standins.jira_issues import Issue
from standins.jira_state import Sandbox

TOKEN = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'|(!=|[=(),])|([^\s=!(),"\']+))')
UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
# What the filter of a webhook may ask for; of these, FIELDS has those a client of ours uses.
WEBHOOK_FIELDS = frozenset({"issuekey", "project", "issuetype", "status", "assignee", "reporter"})
SORT_KEYS: dict[str, Callable[[Issue], object]] = {
    "created": lambda issue: (issue.created, int(issue.id)),
    "updated": lambda issue: (issue.updated, int(issue.id)),
    "key": lambda issue: (issue.project_key, int(issue.key.rpartition("-")[2])),
    "id": lambda issue: int(issue.id),
}


class BadJql(Exception):
    """Jira refuses this query; the text is its message."""


class UnsupportedJql(Exception):
    """Good JQL, perhaps, but not known here."""


@dataclass
class Query:
    """A parsed query: clauses that must all hold, and the order of the results."""

    clauses: list[Callable[[Issue], bool]] = field(default_factory=list)
    order: str = "created"
    descending: bool = True

    def run(self, issues: list[Issue]) -> list[Issue]:
        """The matching issues, in order."""
        found = [issue for issue in issues if all(clause(issue) for clause in self.clauses)]
        return sorted(found, key=SORT_KEYS[self.order], reverse=self.descending)  # type: ignore[arg-type]


def _tokens(text: str) -> list[tuple[str, bool]]:
    """The words of a query, each with whether it was quoted (quoted words are never keywords)."""
    found, position = [], 0
    text = text.strip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise BadJql(f"Error in the JQL Query: The character at position {position} is not understood.")
        quoted = match[1] if match[1] is not None else match[2]
        word = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else (match[3] or match[4])
        found.append((word, quoted is not None))
        position = match.end()
    return found


class _Parser:
    """Walks the words of one query from left to right."""

    def __init__(self, jira: Sandbox, text: str, allowed: frozenset[str] | None) -> None:
        self.jira, self.allowed = jira, allowed
        self.words = _tokens(text)
        self.position = 0

    def peek(self) -> str:
        """The next word in lower case, "" at the end or when it is quoted."""
        if self.position >= len(self.words):
            return ""
        word, quoted = self.words[self.position]
        return "" if quoted else word.lower()

    def take(self) -> str:
        """The next word as it was written."""
        if self.position >= len(self.words):
            raise BadJql("Error in the JQL Query: The query ends too early.")
        self.position += 1
        return self.words[self.position - 1][0]

    def expect(self, word: str) -> None:
        """Take a fixed word."""
        found = self.take()
        if found.lower() != word:
            raise BadJql(f"Error in the JQL Query: Expecting '{word}' but got '{found}'.")

    def query(self) -> Query:
        """The whole query."""
        query = Query()
        if self.words and self.peek() != "order":
            query.clauses.append(self.clause())
            while self.peek() == "and":
                self.take()
                query.clauses.append(self.clause())
        if self.peek() == "order":
            self.order(query)
        if self.position < len(self.words):
            if self.peek() == "or":
                raise UnsupportedJql("OR")
            raise BadJql(f"Error in the JQL Query: Expecting either 'OR' or 'AND' but got '{self.take()}'.")
        if not query.clauses:
            raise BadJql(UNBOUNDED)
        return query

    def order(self, query: Query) -> None:
        """ORDER BY one field."""
        if self.allowed is not None:
            raise BadJql("The clause order by is unsupported")
        self.expect("order")
        self.expect("by")
        query.order = self.take().lower()
        if query.order not in SORT_KEYS:
            raise UnsupportedJql(f"ORDER BY {query.order}")
        query.descending = self.peek() == "desc"
        if self.peek() in ("asc", "desc"):
            self.take()

    def clause(self) -> Callable[[Issue], bool]:
        """One comparison."""
        name = self.take().lower()
        if self.allowed is not None and name not in self.allowed:
            raise BadJql(f"The clause {name} is unsupported")
        if name not in FIELDS:
            raise UnsupportedJql(f"field {name}")
        negated, values = self.comparison()
        matcher = FIELDS[name](self.jira, values)
        return lambda issue: matcher(issue) != negated

    def comparison(self) -> tuple[bool, list[str]]:
        """Whether the clause is negated, and the values it names."""
        operator = self.take().lower()
        if operator in ("=", "!="):
            return operator == "!=", [self.take()]
        negated = operator == "not"
        if negated:
            operator = self.take().lower()
        if operator != "in":
            raise UnsupportedJql(f"operator {operator}")
        return negated, self.value_list()

    def value_list(self) -> list[str]:
        """Values in parentheses."""
        self.expect("(")
        values = [self.take()]
        while self.peek() == ",":
            self.take()
            values.append(self.take())
        self.expect(")")
        return values


def _project(jira: Sandbox, values: list[str]) -> Callable[[Issue], bool]:
    keys = set()
    for value in values:
        names = (p.key for p in jira.projects.values() if value.lower() in (p.key.lower(), p.id, p.name.lower()))
        key = next(names, None)
        if key is None or not jira.may("BROWSE_PROJECTS"):
            raise BadJql(f"The value '{value}' does not exist for the field 'project'.")
        keys.add(key)
    return lambda issue: issue.project_key in keys


def _issue(jira: Sandbox, values: list[str]) -> Callable[[Issue], bool]:
    """Issues by key, former key or id; one that is not there spoils the whole query (assumed, not verified)."""
    ids = set()
    for value in values:
        issue = jira.find(value)
        if issue is None or issue.hidden:
            raise BadJql(f"An issue with key '{value}' does not exist for field 'key'.")
        ids.add(issue.id)
    return lambda issue: issue.id in ids


def _status(_jira: Sandbox, values: list[str]) -> Callable[[Issue], bool]:
    wanted = {value.lower() for value in values}
    return lambda issue: issue.status.name.lower() in wanted or issue.status.id in wanted


FIELDS: dict[str, Callable[[Sandbox, list[str]], Callable[[Issue], bool]]] = {
    "project": _project,
    "key": _issue,
    "issuekey": _issue,
    "issue": _issue,
    "id": _issue,
    "labels": lambda _jira, values: lambda issue: bool(set(values) & set(issue.labels)),
    "status": _status,
    "issuetype": lambda _jira, values: lambda issue: issue.type_id in values,
    "assignee": lambda _jira, values: lambda issue: issue.assignee in values,
}


def parse(jira: Sandbox, text: str, allowed: frozenset[str] | None = None) -> Query:
    """Read a query; `allowed` are the only fields it may ask for. Raises BadJql or UnsupportedJql."""
    return _Parser(jira, text, allowed).query()
