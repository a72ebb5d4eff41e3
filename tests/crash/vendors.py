"""What the crash tests must know of each ticket provider: how to connect it, where tickets go, what was made there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from standins import azure_devops, azure_devops_people, jira, servicenow

PERSON = "dana.reyes@sandbox.example"
Standin = Any  # a sandbox; what it holds has another name for each vendor


@dataclass(frozen=True)
class Vendor:
    """A ticket provider.

    typed: what an administrator types, given the sandbox's address. destination: texts that the wanted choice of each
    step contains, in order. search: the route of the look for a marker, as the sandbox's faults name it. stored: keys
    of all tickets there are. lag: let searches show a new ticket only after so many seconds.
    """

    key: str
    method: str
    standin: Callable[[], Standin]
    typed: Callable[[str], dict[str, str]]
    destination: dict[str, str]
    search: str
    stored: Callable[[Standin], list[str]]
    lag: Callable[[Standin, float], None]


JIRA = Vendor(
    key="jira",
    method="api_token",
    standin=jira.JiraStandin,
    typed=lambda url: {"service_url": url, "user_email": jira.ADMIN_EMAIL, "api_token": jira.API_TOKEN},
    destination={"project": "(OPS)", "issue_type": "Task"},
    search="POST /rest/api/3/search/jql",
    stored=lambda standin: list(standin.issues),
    lag=lambda standin, seconds: standin.set(index_lag=seconds, index_flicker=2),
)
SERVICENOW = Vendor(
    key="servicenow",
    method="api_key",
    standin=servicenow.ServiceNowStandin,
    typed=lambda url: {"service_url": url, "user_id": servicenow.USER_NAME, "api_key": servicenow.API_KEY},
    destination={"table": "Incident"},
    search="GET /api/now/*table/incident",
    stored=lambda standin: list(standin.records),
    lag=lambda standin, seconds: standin.set(list_lag=seconds),
)
AZURE_DEVOPS = Vendor(
    key="azure_devops",
    method="pat",
    standin=azure_devops.AzureDevOpsStandin,
    typed=lambda url: {
        "organization_url": f"{url}/{azure_devops.ORGANIZATION}",
        "personal_access_token": azure_devops_people.PAT,
    },
    destination={"project": "Ops", "work_item_type": "Task"},
    search="POST /sandbox/*/_apis/wit/wiql",
    stored=lambda standin: [str(number) for number in standin.work_items],
    lag=lambda standin, seconds: standin.set(query_lag=seconds),
)
VENDORS = {vendor.key: vendor for vendor in (JIRA, SERVICENOW, AZURE_DEVOPS)}
