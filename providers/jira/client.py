"""The Jira Cloud client: by API token or OAuth, REST v3, on the `jira` package's session and error parsing.

The package is used with its retries off (it repeats POSTs), without its server-info call (which proves nothing) and
with our guarded adapter under its session. A JIRAError is mapped at once and never printed: its text holds headers
and bodies.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from jira import JIRA
from jira.client import TokenAuth
from jira.exceptions import JIRAError

from providers.base import Client, ConnectionValues, CreatesTickets, FindsPeople, ReadsStatus, url_origin
from providers.errors import AuthenticationFailed, InvalidInput, NotAllowed, NotFound, ProviderError, UnexpectedAnswer
from providers.http import read_json
from providers.jira import answers, fields, oauth
from providers.values import (
    Account,
    CheckResult,
    Choice,
    CreatedTicket,
    DestinationSchema,
    Permission,
    Person,
    TicketDraft,
    TicketStatus,
)

if TYPE_CHECKING:
    import requests

# At DEBUG the package prints headers and bodies.
logging.getLogger("jira").setLevel(logging.WARNING)

# Reads of lists stop here; a site with more projects than this is served by typing the project's name.
MOST_PAGES = 20
STATUS_FIELDS = ["summary", "status", "assignee", "labels", "description"]
_KEY = re.compile(r"[A-Z][A-Z0-9_]+-[0-9]+")


class JiraClient(Client, CreatesTickets, ReadsStatus, FindsPeople):
    """Speaks to one Jira Cloud site."""

    # Measured indexing delays are "seconds to minutes" and not monotonic; see docs/providers.md.
    quiet_seconds = 15 * 60
    empty_looks = 5

    def __init__(self, values: ConnectionValues, door: Any) -> None:
        super().__init__(values, door)
        self.base, self.site, sign_in = oauth.places(values)
        self.by_consent = oauth.API_URL in values.settings
        self._jira = JIRA(
            options={"server": self.base, "rest_api_version": "3", "check_update": False},
            **sign_in,
            get_server_info=False,
            max_retries=0,
            timeout=20,
            logging=False,
        )
        self._jira.deploymentType = "Cloud"
        self._session = self._jira._session
        # Texts follow the account's language otherwise.
        self._session.headers.update({"X-Force-Accept-Language": "true", "Accept-Language": "en"})
        door.mount(self._session)
        self._answers: list[requests.Response] = []  # the answer of the latest call
        self._session.hooks["response"].append(lambda answer, *_, **__: self._answers.append(answer))

    # -- what the registry asks -------------------------------------------------------------------------------------

    @classmethod
    def origin(cls, settings: Mapping[str, str]) -> str:
        """The site the token is sent to; with OAuth the hosts of the tokens and of the API."""
        if oauth.API_URL in settings:
            return f"{url_origin(settings[oauth.AUTH_URL])} {url_origin(settings[oauth.API_URL])}"
        return url_origin(settings.get("service_url", ""))

    @classmethod
    def tenant(cls, settings: Mapping[str, str]) -> str:
        """Host of the site."""
        return urlsplit(settings.get(oauth.SITE_URL) or settings.get("service_url", "")).netloc

    @classmethod
    def clean(cls, settings: Mapping[str, str]) -> dict[str, str]:
        """Trim and bring the site's address to scheme and host: people paste whole page addresses."""
        cleaned = super().clean(settings)
        typed = cleaned.get("service_url", "")
        parts = urlsplit(typed if url_origin(typed) else "")  # urlsplit raises ValueError for brackets around a name
        if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
            message = "Enter the whole address, for example https://yourcompany.atlassian.net"
            raise InvalidInput(message, field_errors={"service_url": message}, sent=False)
        cleaned["service_url"] = f"{parts.scheme}://{parts.netloc.lower()}"
        return cleaned

    @classmethod
    def describe(cls, response: Any) -> tuple[str, str]:
        """Jira's own message in an error answer, or that of the gateway or token endpoint before it."""
        code, words = oauth.describe(response)
        return (code, words) if code else ("", answers.message(response))

    # -- checking ---------------------------------------------------------------------------------------------------

    def check(self) -> CheckResult:
        """Prove the credentials with /myself: the only route that refuses instead of treating us as a visitor."""
        self.door.purpose = "check"
        try:
            me = self._get("myself")
        except NotFound as error:
            raise (answers.site_gone(error) if self.by_consent else answers.wrong_product(error)) from error
        if not isinstance(me, dict) or not me.get("accountId"):
            raise self._unexpected("The answer does not look like Jira Cloud.", "Check the Service URL.")
        name = str(me.get("displayName") or me["accountId"])
        account = Account(str(me["accountId"]), name, site_url=self.site, site_name=self.tenant(self.values.settings))
        return CheckResult(account)

    def permissions(self, destination: Mapping[str, str]) -> Sequence[Permission]:
        """What the account may do in the chosen project, or anywhere when none is chosen yet."""
        wanted = {
            "BROWSE_PROJECTS": "Browse projects",
            "CREATE_ISSUES": "Create issues",
            "ASSIGN_ISSUES": "Assign issues",
            "USER_PICKER": "Find people (Browse users and groups)",
        }
        self.door.purpose = "check permissions"
        where = {"projectId": destination["project"]} if destination.get("project") else {}
        try:
            found = self._get("mypermissions", params={"permissions": ",".join(wanted), **where})["permissions"]
            return [Permission(label, found.get(key, {}).get("havePermission")) for key, label in wanted.items()]
        except (ProviderError, KeyError, AttributeError, TypeError):
            # The credentials are proven; what they may do is a hint that must not turn a good check bad.
            return [Permission(label, None) for label in wanted.values()]

    # -- people -----------------------------------------------------------------------------------------------------

    def find_people(self, email: str) -> Sequence[Person]:
        """People whose e-mail is exactly this. Jira matches hidden addresses too but then leaves them out of the
        answer.

        Raises NotAllowed when the account may not search people: Jira answers that with an empty list.
        """
        self.door.purpose = "find person"
        found = self._get("user/search", params={"query": email, "maxResults": "50"})
        if not isinstance(found, list):
            raise self._unexpected("Jira's list of people has an unknown form.")
        people = [answers.person(entry, email) for entry in found if entry.get("accountType") == "atlassian"]
        shown = [person for person in people if not person.email_hidden and person.email.lower() == email.lower()]
        hidden = [person for person in people if person.email_hidden]
        matches = shown or hidden
        if not matches:
            self._may_search_people()
        return matches

    def _may_search_people(self) -> None:
        self.door.purpose = "check permission to find people"
        answer = self._get("mypermissions", params={"permissions": "USER_PICKER"})
        allowed = answer.get("permissions", {}).get("USER_PICKER", {}).get("havePermission", True)
        if not allowed:
            raise NotAllowed(
                "The Jira account may not look for people.",
                next_step="A Jira administrator must grant it the global permission “Browse users and groups”.",
                missing=("Browse users and groups",),
            )

    # -- destinations -----------------------------------------------------------------------------------------------

    def choices(self, step: str, chosen: Mapping[str, str]) -> Sequence[Choice]:
        """Projects the account may create in, or the issue types of the chosen project (no sub-task types)."""
        if step == "project":
            self.door.purpose = "list projects"
            return [
                Choice(str(project["id"]), f"{project['name']} ({project['key']})")
                for project in self._pages("project/search", ("values",), action="create", orderBy="name")
            ]
        self.door.purpose = "list issue types"
        path = f"issue/createmeta/{quote(chosen['project'], safe='')}/issuetypes"
        types = self._pages(path, ("issueTypes", "createMetaIssueType", "values"))
        return [Choice(str(kind["id"]), str(kind["name"])) for kind in types if not kind.get("subtask")]

    def schema(self, destination: Mapping[str, str]) -> DestinationSchema:
        """The required fields of project and issue type."""
        self.door.purpose = "list fields"
        project, kind = (quote(destination[step], safe="") for step in ("project", "issue_type"))
        path = f"issue/createmeta/{project}/issuetypes/{kind}"
        return fields.schema(list(self._pages(path, ("fields", "results", "values"))))

    # -- tickets ----------------------------------------------------------------------------------------------------

    def create_ticket(self, draft: TicketDraft) -> CreatedTicket:
        """Open the issue with one call; a second one assigns it where the create screen has no assignee."""
        self.door.purpose = "create ticket"
        with self.door.creating():
            made = self._send("POST", "issue", answers.new_issue(draft))
        if not isinstance(made, dict) or not made.get("id") or not made.get("key"):
            raise self._unexpected("Jira's answer does not name the new issue.", "Patchpanel looks for it.")
        problem = "" if draft.assignee_on_create else self._assign_quietly(str(made["id"]), draft.assignee_id)
        return CreatedTicket(str(made["id"]), str(made["key"]), self._browse(str(made["key"])), problem)

    def _assign_quietly(self, external_id: str, person_id: str) -> str:
        try:
            self.assign_ticket(external_id, person_id)
        except ProviderError as error:
            return error.vendor_message or error.cause
        return ""

    def assign_ticket(self, external_id: str, person_id: str) -> None:
        """Give the issue to a person by the assignee route (an ordinary edit can be ignored with 204)."""
        self.door.purpose = "assign ticket"
        self._send("PUT", f"issue/{quote(external_id, safe='')}/assignee", {"accountId": person_id})

    def find_by_marker(self, marker: str, destination: Mapping[str, str]) -> Sequence[TicketStatus]:
        """Issues that carry the marker as a label. Each hit is read again by id: the index lags and flickers."""
        self.door.purpose = "look for ticket"
        body = {"jql": f'labels = "{answers.jql_text(marker)}"', "maxResults": 10, "fields": ["labels"]}
        found = self._send("POST", "search/jql", body)
        if not isinstance(found, dict) or not isinstance(found.get("issues"), list):
            raise self._unexpected("Jira's search answer has an unknown form.", "Patchpanel looks again later.")
        proven = []
        for hit in found["issues"]:
            try:
                status = self._read(str(hit["id"]), marker)
            except NotFound:
                continue
            if status.marker_found:
                proven.append(status)
        return sorted(proven, key=lambda status: int(status.external_id))

    def read_ticket(self, reference: str) -> TicketStatus:
        """The issue now. A moved issue answers under its old key with the new one; its id never changes."""
        self.door.purpose = "read ticket"
        return self._read(reference, "")

    def _read(self, reference: str, marker: str) -> TicketStatus:
        path = f"issue/{quote(reference, safe='')}"
        issue = self._get(path, params={"fields": ",".join(STATUS_FIELDS)})
        return answers.status(issue, self._browse, marker)

    def ticket_reference(self, text: str) -> str:
        """The issue key in a pasted key or link."""
        found = _KEY.findall(text.strip().upper())
        if not found:
            message = "Enter an issue key such as OPS-45, or paste the issue's link."
            raise InvalidInput(message, field_errors={"reference": message}, sent=False)
        return str(found[-1])

    def _browse(self, key: str) -> str:
        return f"{self.site}/browse/{quote(key, safe='')}"

    # -- wire -------------------------------------------------------------------------------------------------------

    def _pages(self, path: str, names: tuple[str, ...], **params: str) -> Iterator[dict[str, Any]]:
        start = 0
        for _ in range(MOST_PAGES):
            answer = self._get(path, params={**params, "startAt": str(start), "maxResults": "50"})
            entries = next((answer[name] for name in names if isinstance(answer.get(name), list)), None)
            if entries is None:
                raise self._unexpected("Jira's list has an unknown form.")
            yield from entries
            start += len(entries)
            if not entries or answer.get("isLast") or start >= int(answer.get("total", start + 1)):
                return

    def _unexpected(self, cause: str, next_step: str = "Try again later.") -> UnexpectedAnswer:
        return answers.unexpected(self._answers[-1], cause, next_step)

    def _get(self, path: str, *, params: Mapping[str, str] | None = None) -> Any:
        return self._call("GET", path, params=params)

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        return self._call(method, path, json=body)

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            response = self._exchange(method, path, **arguments)
        except AuthenticationFailed as refused:
            # A definite refusal at the gateway: nothing was done, so even a create may be sent once more.
            if self.values.renew is None or refused.vendor_status != 401:
                raise
            self._session.auth = TokenAuth(self.values.renew()["access_token"])
            response = self._exchange(method, path, **arguments)
        answers.refuse_anonymous(response)
        return None if response.status_code == 204 else read_json(response, "Jira")

    def _exchange(self, method: str, path: str, **arguments: Any) -> Any:
        self._answers.clear()
        try:
            return self._session.request(method, f"{self.base}/rest/api/3/{path}", **arguments)
        except (JIRAError, TypeError, AttributeError, ValueError):
            # The package itself stumbles over error bodies of an odd shape; what was answered is known all the same.
            seen = self._answers[-1] if self._answers else None
            refused = oauth.gateway_error(seen) if self.by_consent and seen is not None else None
            raise (refused or answers.error(seen)) from None
