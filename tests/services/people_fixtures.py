"""The fixture of the tests of people kept true."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

import providers
from providers.azure_devops import use_identity_url
from services import connections, integration_users
from services.actors import COMMAND_LINE
from tests.services.people_world import DANA, INES, SAM, WAYS, World
from tests.services.test_every_ticket_provider import SYSTEMS


@pytest.fixture(params=["Jira", "ServiceNow by API key", "Azure DevOps"])
def world(request: pytest.FixtureRequest, app: Flask, allow: Callable[..., None]) -> Iterator[World]:
    """Each provider in turn."""
    system = SYSTEMS[request.param]
    standin = system.standin()
    with standin.serve() as server:
        allow(server.url)
        use_identity_url(server.url)
        typed = connections.Typed(system.method, system.settings(server.url), system.credentials, description="Ops")
        connection = connections.create(COMMAND_LINE, providers.get(system.key), typed)
        for email in (DANA, INES, SAM):
            integration_users.add(COMMAND_LINE, connection.id, email)
        standin.calls.clear()
        yield World(standin, connection, WAYS[system.key])
        use_identity_url("")
