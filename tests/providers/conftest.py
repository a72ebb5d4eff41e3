"""Fixtures for tests of the outbound door: a ledger, certificates, and no connection left over from another test."""

import pytest

from providers.idle_lines import idle_lines
from tests.providers.door import Ledger
from tests.providers.raw_server import make_certificate


@pytest.fixture
def no_idle_lines():
    """Every connection a test leaves open is closed after it; asked for by each file that needs it."""
    yield
    idle_lines.close()


@pytest.fixture
def ledger():
    """A ledger in memory."""
    return Ledger()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """An authority of our own: (path, certificate, key)."""
    return make_certificate(tmp_path_factory.mktemp("ca"), ["Test authority"], ca=True)


@pytest.fixture
def certificate(authority, tmp_path):
    """certificate("acme.example") makes a certificate signed by the authority and returns its path."""
    return lambda *names, **options: make_certificate(tmp_path, names, issuer=authority, **options)[0]
