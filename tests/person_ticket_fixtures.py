"""The fixture of the tests of people who left."""

from __future__ import annotations

import pytest

from models import Connection, IntegrationUser
from services import integration_users
from services.actors import COMMAND_LINE
from tests.support_person_tickets import INES


@pytest.fixture
def ines(connected: Connection, person: IntegrationUser) -> IntegrationUser:
    """Somebody who can take Dana's tickets."""
    return integration_users.add(COMMAND_LINE, connected.id, INES)
