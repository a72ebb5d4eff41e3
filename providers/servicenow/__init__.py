"""ServiceNow as a ticket provider, described as data."""

from __future__ import annotations

from providers.base import AuthMethod, Field, FieldKind, Group, Provider, Sentences
from providers.servicenow.client import ServiceNowClient
from providers.values import Step

SERVICE_URL = Field(
    "service_url",
    "Service URL",
    kind=FieldKind.URL,
    help="Address of your ServiceNow instance.",
    find="It is what the browser shows when you are in ServiceNow, up to the first slash.",
    placeholder="https://yourcompany.service-now.com",
)

API_KEY = AuthMethod(
    key="api_key",
    label="API key",
    fields=(
        SERVICE_URL,
        Field(
            "api_key",
            "API Key",
            kind=FieldKind.SECRET,
            help="Token of the REST API Key record. ServiceNow ignores it until an API access policy lets it in.",
            find=(
                "In ServiceNow: All → System Web Services → API Access Policies → REST API Key. It also needs an "
                "inbound authentication profile (header x-sn-apikey) and a REST API access policy for the Table API."
            ),
        ),
        Field(
            "user_id",
            "User ID",
            help="User ID of the user the key was made for. Tickets are reported in this user's name.",
            find="In ServiceNow: All → User Administration → Users, the column User ID.",
            placeholder="patchpanel.integration",
        ),
    ),
)

OAUTH = AuthMethod(
    key="oauth",
    label="OAuth",
    fields=(
        SERVICE_URL,
        Field(
            "client_id",
            "API Client ID",
            help="Client ID of the OAuth API endpoint made for Patchpanel.",
            find="In ServiceNow: All → System OAuth → Application Registry, the field Client ID.",
        ),
        Field(
            "client_secret",
            "API Client Secret",
            kind=FieldKind.SECRET,
            help="Client Secret of the same record.",
            find="In ServiceNow: the same Application Registry record, field Client Secret (press the lock to see it).",
        ),
        Field(
            "username",
            "Username",
            required=False,
            help=(
                "User ID of the user Patchpanel shall act as; tickets are reported in its name. Leave Username and "
                "Password empty to use the client credentials grant."
            ),
            find="In ServiceNow: All → User Administration → Users, the column User ID.",
            placeholder="patchpanel.integration",
        ),
        Field(
            "password",
            "Password",
            kind=FieldKind.SECRET,
            required=False,
            help="Password of this user. Users of single sign-on have none; use client credentials then.",
            find="In ServiceNow: open the user and press Set Password.",
        ),
    ),
)

PROVIDER = Provider(
    key="servicenow",
    label="ServiceNow",
    group=Group.TICKETS,
    purpose="Raise incidents and other tasks in ServiceNow and follow their status.",
    auth_methods=(API_KEY, OAUTH),
    client=ServiceNowClient,
    sentences=Sentences(
        refused="Invalid credentials", unreachable="Service URL not reachable", permission="Permission missing"
    ),
    integration_type="ServiceNow",
    logo="servicenow.svg",
    steps=(Step("table", "Table", default_first=True),),
)
