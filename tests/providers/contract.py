"""The provider contract: what it needs of each provider and way to sign in, and the cases only that one has.

`python -m tests.providers.contract` prints how many cases there are, by provider and way to sign in.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from standins import azure_devops, servicenow
from standins import azure_devops_people as azure_people
from standins.jira import ADMIN_EMAIL, API_TOKEN, JiraStandin
from standins.jira_people import ACCOUNT_PASSWORD
from tests.providers.contract_cases import CASES, PERMISSION, REFUSED, UNREACHABLE, VERBS, Case, Contract, fails

ANONYMOUS = {"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"}
JIRA_CASES = (
    Case("wrong token", REFUSED, "refused this e-mail address and API token", {"api_token": "not-the-token-4711"}),
    Case("wrong e-mail", REFUSED, "refused this e-mail address and API token", {"user_email": "x@sandbox.example"}),
    Case("account password", REFUSED, "takes API tokens only", {"api_token": ACCOUNT_PASSWORD}),
    Case("anonymous 200", REFUSED, "refused this e-mail", arm=fails(200, body={"accountId": "1"}, headers=ANONYMOUS)),
    Case("captcha", REFUSED, "locked this account", arm=lambda standin, route: standin.set(auth_denied=True)),
)
WRONG_PAT = {"personal_access_token": "not-the-token-4711"}
# A redirect is stopped at the door, before anybody can tell a sign-in page: the ledger keeps what the door saw.
AZURE_FACES: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("203 with a page", "sign-in page (status 203)", {"refusal": "page"}, "refused"),
    ("302 to the sign-in page", "sign-in page (status 302)", {"refusal": "redirect"}, "bad_answer"),
    ("401 in JSON", "wrong, revoked, or made for another organization", {"refusal": "json"}, "refused"),
    ("200 to a visitor", "anonymous visitor", {"anonymous": True}, "refused"),
)
SERVICENOW_CASES = (
    Case("asleep", UNREACHABLE, "asleep", arm=lambda standin, route: standin.set(hibernating=True),
         outcome="bad_answer"),
    Case("error under 200", UNREACHABLE, "", arm=lambda standin, route: standin.error_with_200(route, times=None),
         outcome="vendor_error"),
    Case("limit that names its rule", UNREACHABLE, "in 30 seconds",
         arm=lambda standin, route: standin.rate_limit(times=None, retry_after=30), outcome="limited"),
    Case("user deactivated", REFUSED, "", arm=lambda standin, route: standin.set_active(servicenow.USER_NAME, False)),
)  # fmt: skip
UNSEEN_USERS = Case("users out of sight", PERMISSION, "sys_user", arm=lambda s, _: s.deny("sys_user.read"))
TOKEN_ROUTE = "/oauth_token.do"


def _tokens(name: str, kind: str, cause: str, outcome: str, **how: Any) -> Case:
    """A failure of the route that hands out tokens."""
    arm = partial(_fail_tokens, how)
    return Case(f"tokens: {name}", kind, cause, arm=arm, outcome=outcome)


def _fail_tokens(how: dict[str, Any], standin: Any, route: str) -> None:
    standin.fail_next(times=None, route=TOKEN_ROUTE, **how)


OAUTH_CASES = (
    *SERVICENOW_CASES,
    _tokens("403", PERMISSION, "missing permission", "refused", status=403),
    _tokens("404", UNREACHABLE, "web server at this address", "refused", status=404),
    _tokens("429", UNREACHABLE, "in 30 seconds", "limited", status=429, headers={"Retry-After": "30"}),
    _tokens("500", UNREACHABLE, "status 500", "vendor_error", status=500),
    _tokens("503", UNREACHABLE, "status 503", "vendor_error", status=503),
    _tokens("a page", UNREACHABLE, "a web page instead of data", "bad_answer", status=200, body="<html>Sign in</html>"),
    _tokens("no token in it", UNREACHABLE, "", "bad_answer", status=200, body={"token_type": "Bearer"}),
    Case("wrong client ID", REFUSED, "refused the sign-in", {"client_id": "not-the-client-4711"}),
    Case("wrong client secret", REFUSED, "refused", {"client_secret": "not-the-secret-4711"}),
)
CONTRACTS = {
    "jira": Contract(
        provider="jira",
        method="api_token",
        address="service_url",
        typed={"user_email": ADMIN_EMAIL, "api_token": API_TOKEN},
        secrets=("api_token",),
        proving="/rest/api/3/myself",
        standin=JiraStandin,
        own=JIRA_CASES,
    ),
    "servicenow by API key": Contract(
        provider="servicenow",
        method="api_key",
        address="service_url",
        typed={"user_id": servicenow.USER_NAME, "api_key": servicenow.API_KEY},
        secrets=("api_key",),
        proving="/api/now/table/sys_user",
        standin=servicenow.ServiceNowStandin,
        own=(
            *SERVICENOW_CASES,
            UNSEEN_USERS,
            Case("wrong key", REFUSED, "refused", {"api_key": "not-the-key-4711"}),
            Case("wrong user", REFUSED, "nobody", {"user_id": "nobody"}),
            Case(
                "no access policy",
                REFUSED,
                "access policy",
                arm=lambda standin, route: standin.set(api_key_policy=False),
            ),
        ),
    ),
    "servicenow by OAuth": Contract(
        provider="servicenow",
        method="oauth",
        address="service_url",
        typed={
            "client_id": servicenow.CLIENT_ID,
            "client_secret": servicenow.CLIENT_SECRET,
            "username": servicenow.USER_NAME,
            "password": servicenow.PASSWORD,
        },
        secrets=("client_secret", "password"),
        proving="/api/now/table/sys_user",
        standin=servicenow.ServiceNowStandin,
        own=(
            *OAUTH_CASES,
            UNSEEN_USERS,
            Case("wrong user", REFUSED, "does not say whether", {"username": "nobody"}),
            Case("wrong password", REFUSED, "refused", {"password": "not-the-password-4711"}),
        ),
    ),
    "servicenow by client credentials": Contract(
        provider="servicenow",
        method="oauth",
        address="service_url",
        typed={
            "client_id": servicenow.CLIENT_ID,
            "client_secret": servicenow.CLIENT_SECRET,
            "username": "",
            "password": "",
        },
        secrets=("client_secret", "password"),
        proving="/api/now/table/incident",
        standin=servicenow.ServiceNowStandin,
        own=(
            *OAUTH_CASES,
            Case(
                "grant switched off",
                REFUSED,
                "client credentials grant was used",
                arm=lambda standin, route: standin.set(client_credentials=False),
            ),
        ),
    ),
    "azure_devops": Contract(
        provider="azure_devops",
        method="pat",
        address="organization_url",
        typed={"personal_access_token": azure_people.PAT},
        secrets=("personal_access_token",),
        proving="/sandbox/_apis/connectionData",
        standin=azure_devops.AzureDevOpsStandin,
        own=(
            Case("wrong token", REFUSED, "token", {"personal_access_token": "not-the-token-4711"}),
            Case("expired token", REFUSED, "expired", {"personal_access_token": azure_people.EXPIRED_PAT}),
            Case("revoked token", REFUSED, "token", {"personal_access_token": azure_people.REVOKED_PAT}),
            Case("other organisation", REFUSED, "", {"personal_access_token": azure_people.OTHER_ORGANIZATION_PAT}),
            *(
                Case(name, REFUSED, cause, WRONG_PAT, lambda s, _, knobs=knobs: s.set(**knobs), outcome=outcome)
                for name, cause, knobs, outcome in AZURE_FACES
            ),
            Case(
                "scope missing", PERMISSION, "Project and Team", arm=lambda standin, route: standin.deny("vso.project")
            ),
        ),
        path="/sandbox",
    ),
}
TABLE = tuple((key, case) for key, contract in CONTRACTS.items() for case in (*CASES, *contract.own))


def counts() -> dict[str, tuple[int, int]]:
    """Cases, and cases times verbs, of each provider and way to sign in."""
    from tests.providers import contract_consent

    told = {}
    for key in CONTRACTS:
        cases = sum(each == key for each, _ in TABLE)
        told[key] = (cases, cases * len(VERBS))
    told[contract_consent.KEY] = (
        len(contract_consent.TABLE),
        sum(len(case.verbs) for case in contract_consent.TABLE),
    )
    return told


def report() -> str:
    """The counts as lines of text, the sum last."""
    found = counts()
    lines = [f"{key:<34} {cases:>4} cases {runs:>5} with each verb" for key, (cases, runs) in found.items()]
    cases, runs = (sum(each[place] for each in found.values()) for place in (0, 1))
    return "\n".join([*lines, f"{'all':<34} {cases:>4} cases {runs:>5} with each verb"])


if __name__ == "__main__":
    print(report())
