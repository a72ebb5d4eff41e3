"""The Jira Cloud client: what the registry asks, checking, destinations and creating; the rest stands in its bases."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from providers.base import CreatesTickets, url_origin
from providers.errors import InvalidInput, NotFound, ProviderError
from providers.jira import answers, fields, oauth
from providers.jira.comments import WritesComments
from providers.jira.people import FindsJiraPeople
from providers.jira.reading import ReadsIssues
from providers.jira.webhooks import HearsOfChanges
from providers.jira.wire import issue_path
from providers.values import (
    Account,
    CheckResult,
    Choice,
    CreatedTicket,
    DestinationSchema,
    Permission,
    TicketDraft,
    TicketStatus,
)

_KEY = re.compile(r"[A-Z][A-Z0-9_]+-[0-9]+")


class JiraClient(ReadsIssues, WritesComments, HearsOfChanges, FindsJiraPeople, CreatesTickets):
    """Speaks to one Jira Cloud site."""

    # Measured indexing delays are "seconds to minutes" and not monotonic; see docs/providers.md.
    quiet_seconds = 15 * 60
    empty_looks = 5

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
        with self._of_site():
            me = self._get("myself")
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
        self._send("PUT", f"{issue_path(external_id)}/assignee", {"accountId": person_id})

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

    def ticket_reference(self, text: str) -> str:
        """The issue key in a pasted key or link."""
        found = _KEY.findall(text.strip().upper())
        if not found:
            message = "Enter an issue key such as OPS-45, or paste the issue's link."
            raise InvalidInput(message, field_errors={"reference": message}, sent=False)
        return str(found[-1])
