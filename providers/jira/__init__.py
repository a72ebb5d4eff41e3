"""Jira Cloud as a ticket provider, described as data."""

from __future__ import annotations

from providers.base import AuthMethod, Field, FieldKind, Group, Provider, Sentences
from providers.jira.client import JiraClient
from providers.jira.oauth import JiraConsent
from providers.values import Step

API_TOKEN = AuthMethod(
    key="api_token",
    label="API token",
    fields=(
        Field(
            "service_url",
            "Service URL",
            kind=FieldKind.URL,
            help="Address of your Jira Cloud site.",
            find="It is what the browser shows when you are in Jira, up to the first slash.",
            placeholder="https://yourcompany.atlassian.net",
        ),
        Field(
            "api_token",
            "API Token",
            kind=FieldKind.SECRET,
            help="Made for the account Patchpanel shall act as.",
            find="In Atlassian: Account settings → Security → API tokens → Create API token.",
            find_url="https://id.atlassian.com/manage-profile/security/api-tokens",
        ),
        Field(
            "user_email",
            "User Email",
            kind=FieldKind.EMAIL,
            help="E-mail address of the account the token was made for. Tickets are reported in its name.",
            find="In Atlassian: Account settings → Email.",
            placeholder="integrations@yourcompany.com",
        ),
    ),
)

OAUTH = AuthMethod(
    key="oauth",
    label="OAuth 2.0",
    fields=(
        Field(
            "client_id",
            "Client ID",
            help="Client ID of your organisation's own Atlassian OAuth 2.0 app.",
            find="In Atlassian: developer.atlassian.com → your app → Settings.",
            find_url="https://developer.atlassian.com/console/myapps/",
        ),
        Field(
            "client_secret",
            "Client Secret",
            kind=FieldKind.SECRET,
            help="Secret of the same app.",
            find="In Atlassian: developer.atlassian.com → your app → Settings, below the Client ID.",
            find_url="https://developer.atlassian.com/console/myapps/",
        ),
    ),
    opener="Install",
    submit_new="Install",
    consent=JiraConsent(),
)

PROVIDER = Provider(
    key="jira",
    label="Jira",
    group=Group.TICKETS,
    purpose="Raise issues in Jira Cloud and follow their status.",
    auth_methods=(OAUTH, API_TOKEN),
    client=JiraClient,
    sentences=Sentences(refused="Invalid API Token", unreachable="Unable to connect to the Jira instance"),
    integration_type="JiraCloud",
    logo="jira.svg",
    steps=(Step("project", "Project"), Step("issue_type", "Issue type")),
)
