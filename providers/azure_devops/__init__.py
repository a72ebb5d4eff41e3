"""Azure DevOps Services as a ticket provider, described as data."""

from __future__ import annotations

from providers.azure_devops.client import AzureDevOpsClient
from providers.azure_devops.hosts import EXAMPLE, use_identity_url
from providers.base import AuthMethod, Field, FieldKind, Group, Provider, Sentences
from providers.values import Step

__all__ = ["PROVIDER", "use_identity_url"]

PAT = AuthMethod(
    key="pat",
    label="Personal access token",
    submit_new="Connect",
    fields=(
        Field(
            "organization_url",
            "Organization URL",
            kind=FieldKind.URL,
            help="Address of your Azure DevOps organization; the older form with visualstudio.com works too.",
            find="It is what the browser shows when you are in Azure DevOps, up to the organization's name.",
            placeholder=EXAMPLE,
        ),
        Field(
            "personal_access_token",
            "Personal Access Token (PAT)",
            kind=FieldKind.SECRET,
            help="Made for this organization, with the scopes Work Items (Read & write) and Project and Team (Read); "
            "Identity (Read) lets Patchpanel find people. Work items are created in its owner's name.",
            find="In Azure DevOps: User settings → Personal access tokens → New Token. Choose your organization, not "
            "“All accessible organizations”: Microsoft stops those tokens on 1 December 2026.",
            find_url="https://learn.microsoft.com/azure/devops/organizations/accounts/"
            "use-personal-access-tokens-to-authenticate",
        ),
    ),
)

PROVIDER = Provider(
    key="azure_devops",
    label="Azure DevOps",
    group=Group.TICKETS,
    purpose="Create work items in Azure DevOps and follow their status.",
    auth_methods=(PAT,),
    client=AzureDevOpsClient,
    sentences=Sentences(
        refused="Invalid credentials", unreachable="Service URL not reachable", permission="Permission missing"
    ),
    integration_type="Azure DevOps",
    logo="azure_devops.svg",
    steps=(Step("project", "Project"), Step("work_item_type", "Work item type")),
)
