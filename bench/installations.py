"""The installations of a run on one kind of database: one per size, filled and answering, with a signed-in client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.browser import Browser
from bench.plan import Plan
from bench.processes import EMAIL, PASSWORD, Server, environment, install, module, run, start_web

MakeUrl = Callable[[str], str]


@dataclass
class Installation:
    """One installation with `size` incidents."""

    size: int
    environ: dict[str, str]
    log: Path
    server: Server
    browser: Browser
    loaded: dict[str, float]


@dataclass
class Bench:
    """What the parts of a run work with. `cursors` lead to the last pages, by size and list."""

    database: str
    plan: Plan
    folder: Path
    jira: Server
    make_url: MakeUrl
    installations: dict[int, Installation]
    cursors: dict[int, dict[str, str]] = field(default_factory=dict)

    @property
    def smallest(self) -> Installation:
        """The one with the fewest rows."""
        return self.installations[min(self.installations)]

    @property
    def largest(self) -> Installation:
        """The one with the most rows."""
        return self.installations[max(self.installations)]


def prepared(url: str, folder: Path, jira: Server) -> dict[str, str]:
    """The environment of a new, empty installation with an administrator."""
    folder.mkdir(parents=True)
    environ = environment(url, folder, jira.url)
    install(environ)
    return environ


@contextmanager
def installations(
    database: str, plan: Plan, folder: Path, jira: Server, make_url: MakeUrl, say: Callable[[str], None]
) -> Iterator[Bench]:
    """All sizes, filled and started side by side; ended together."""
    with ExitStack() as stack:
        made: dict[int, Installation] = {}
        for size in plan.sizes:
            say(f"{database}: filling a database with {size:,} incidents ...")
            environ = prepared(make_url(f"bench_{size}"), folder / f"{database}-{size}", jira)
            counts = (size, plan.users_at(size), plan.tickets_at(size))
            loaded = json.loads(run(module("load", *counts, jira.url), environ).splitlines()[-1])
            log = folder / f"{database}-{size}" / "log"
            server = start_web(environ, log)
            stack.callback(server.stop)
            browser = Browser(server.url)
            stack.callback(browser.close)
            browser.sign_in(EMAIL, PASSWORD)
            made[size] = Installation(size, environ, log, server, browser, loaded)
        yield Bench(database, plan, folder, jira, make_url, made)
