"""Every test of the sandbox Jira gets a fresh one on its own socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from standins.jira import JiraStandin
from tests.standins.caller import Api


@pytest.fixture
def api() -> Iterator[Api]:
    jira = JiraStandin()
    with jira.serve() as server:
        yield Api(jira, server)
