"""Fixtures of the Azure DevOps tests, imported by each of their files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from providers.azure_devops import memory, use_identity_url
from standins.azure_devops import AzureDevOpsStandin
from tests import support_specs
from tests.providers.azure_bench import AZURE, Bench, compare


@pytest.fixture(scope="module")
def azure_servers() -> Iterator[tuple[AzureDevOpsStandin, str, str]]:
    """One sandbox for a file, on two ports: the organization's host and the people host."""
    azure = AzureDevOpsStandin()
    with azure.serve() as server, azure.serve() as people:
        yield azure, server.url, people.url
    azure.stop_hooks()


@pytest.fixture
def bench(azure_servers: tuple[AzureDevOpsStandin, str, str]) -> Iterator[Bench]:
    """A fresh sandbox; afterwards all that was said is compared with the vendor's description, where it is at hand."""
    azure, url, people_url = azure_servers
    azure.reset()
    memory.states.clear()
    memory.type_fields.clear()
    use_identity_url(people_url)
    found = Bench(azure, url, people_url)
    yield found
    use_identity_url("")
    if (support_specs.SPECS / f"{AZURE}.json").is_file():
        for answer in found.exchanges:
            compare(answer)
