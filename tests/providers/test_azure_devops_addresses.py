"""Addresses of an Azure DevOps connection: their forms, and where the token goes."""

from __future__ import annotations

import pytest

from providers.azure_devops import PROVIDER, use_identity_url
from providers.azure_devops.client import AzureDevOpsClient
from providers.errors import (
    InvalidInput,
)
from tests.providers.azure_bench import Bench

pytest_plugins = ("tests.providers.azure_fixtures",)
FIND = "Find people by e-mail (Identity (Read))"


def test_the_token_does_not_go_to_microsoft_when_it_was_entered_for_another_host(bench: Bench) -> None:
    use_identity_url("")
    client = bench.client()
    assert (client.wire.people, client.wire.people_host) == ("", "")
    assert {p.granted for p in client.permissions({}) if p.label == FIND} == {None}
    hosts = {(answer.request.url or "").split("/")[2] for answer in bench.exchanges}
    assert hosts == {bench.url.split("/")[2]}


def test_the_people_host_belongs_to_microsofts_organizations(bench: Bench) -> None:
    use_identity_url("")
    assert bench.client(url="https://dev.azure.com/acme").wire.people == "https://vssps.dev.azure.com/acme"
    use_identity_url("https://people.example/")
    assert bench.client(url="https://dev.azure.com/acme").wire.people == "https://people.example/acme"


ADDRESSES = {
    "https://dev.azure.com/acme": "https://dev.azure.com/acme",
    " https://DEV.azure.com/acme/ ": "https://dev.azure.com/acme",
    "https://dev.azure.com/acme/Ops/_workitems/edit/12?x=1#y": "https://dev.azure.com/acme",
    "http://dev.azure.com/acme": "https://dev.azure.com/acme",
    "https://acme.visualstudio.com": "https://dev.azure.com/acme",
    "https://acme.visualstudio.com/DefaultCollection/Ops/_workitems": "https://dev.azure.com/acme",
    "https://acme.vssps.visualstudio.com/": "https://dev.azure.com/acme",
    "http://127.0.0.1:9001/sandbox/Ops": "http://127.0.0.1:9001/sandbox",
    "https://azure.corp.example:8443/tools": "https://azure.corp.example:8443/tools",
    "https://azure.corp.example": "https://azure.corp.example",
    "https://azure.corp.example/_settings": "https://azure.corp.example",
}


@pytest.mark.parametrize("typed", ADDRESSES)
def test_every_form_of_the_address_is_brought_to_one(typed: str) -> None:
    stored = AzureDevOpsClient.clean({"organization_url": typed})["organization_url"]
    assert stored == ADDRESSES[typed]
    assert AzureDevOpsClient.origin({"organization_url": typed}) == AzureDevOpsClient.origin(
        {"organization_url": stored}
    )


@pytest.mark.parametrize(
    "typed", ["", "acme", "dev.azure.com/acme", "ftp://dev.azure.com/acme", "https://", "https://dev.azure.com",
              "https://dev.azure.com/_git", "https://a@dev.azure.com/acme", "https://[acme]", "https://x:port/y"],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_at_its_field(typed: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        AzureDevOpsClient.clean({"organization_url": typed})
    assert set(caught.value.field_errors) == {"organization_url"}
    assert not caught.value.sent
    assert AzureDevOpsClient.origin({"organization_url": typed}) == ""


def test_the_tenant_is_the_organization() -> None:
    assert AzureDevOpsClient.tenant({"organization_url": "https://dev.azure.com/acme"}) == "acme"
    assert AzureDevOpsClient.tenant({"organization_url": "https://azure.corp.example"}) == "azure.corp.example"
    assert AzureDevOpsClient.origin({"organization_url": "https://dev.azure.com/acme"}) == "https://dev.azure.com:443"


def test_the_provider_is_described_as_agreed() -> None:
    (method,) = PROVIDER.auth_methods
    assert [field.label for field in method.fields] == ["Organization URL", "Personal Access Token (PAT)"]
    assert [field.secret for field in method.fields] == [False, True]
    assert (method.opener, method.submit_new, method.submit_existing) == ("Setup", "Connect", "Update")
    assert PROVIDER.sentences.refused == "Invalid credentials"
    assert PROVIDER.sentences.unreachable == "Service URL not reachable"
    assert [step.label for step in PROVIDER.steps] == ["Project", "Work item type"]
