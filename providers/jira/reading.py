"""Reading Jira issues back: one, or up to a hundred with one call.

Sources: Atlassian's REST v3 pages “Get issue” and “Bulk fetch issues”; docs/providers.md lists the facts. An issue's id
never changes; one that was moved answers under its old key with its new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from providers.base import ReadsStatus
from providers.errors import NotAllowed, NotFound, UnexpectedAnswer
from providers.jira import answers
from providers.jira.wire import JiraWire, issue_path
from providers.values import TicketStatus

STATUS_FIELDS = ("summary", "status", "assignee")
# What proves that an issue carries our marker.
PROOF_FIELDS = (*STATUS_FIELDS, "labels", "description")


class ReadsIssues(JiraWire, ReadsStatus):
    """Capability: reads issues back."""

    batch_size = 100  # the most that Jira takes in one call

    def read_ticket(self, reference: str) -> TicketStatus:
        """The issue now. A moved issue answers under its old key with the new one; its id never changes.

        Jira has one answer for "deleted" and "hidden from this account", so both raise NotFound, with one exception
        that can be told: NotAllowed when the account may see no project at all any more, or the consent no longer
        covers the site.
        """
        self.door.purpose = "read ticket"
        try:
            return self._read(reference, "")
        except NotFound as missing:
            self._may_see_issues(missing)
            raise

    def read_tickets(self, external_ids: Sequence[str]) -> Mapping[str, TicketStatus]:
        """Those of at most 100 issues that can be seen now, by id, with one call; moved ones under the same id.

        Jira leaves out issues that are gone or hidden, and (named apart) those it could not fetch this time.
        """
        if not external_ids:
            return {}
        self.door.purpose = "read tickets"
        wanted = list(dict.fromkeys(external_ids))
        with self._of_site():
            answer = self._send("POST", "issue/bulkfetch", {"issueIdsOrKeys": wanted, "fields": list(STATUS_FIELDS)})
        found = [self._status(issue, "") for issue in self._entries(answer, ("issues",))]
        return {status.external_id: status for status in found if status.external_id in wanted}

    def _read(self, reference: str, marker: str) -> TicketStatus:
        fields = PROOF_FIELDS if marker else STATUS_FIELDS
        return self._status(self._get(issue_path(reference), params={"fields": ",".join(fields)}), marker)

    def _status(self, issue: Any, marker: str) -> TicketStatus:
        try:
            return answers.status(issue, self._browse, marker)
        except UnexpectedAnswer as odd:
            raise self._unexpected(odd.cause, odd.next_step) from odd

    def _may_see_issues(self, missing: NotFound) -> None:
        """Raise NotAllowed when it is the account that sees nothing any more, not the issue that is gone."""
        self.door.purpose = "check permission to see issues"
        with self._of_site():
            sees_some = self._may("BROWSE_PROJECTS")
        if sees_some is False:
            blind = NotAllowed(
                "The Jira account may not see any project any more.",
                next_step="A Jira administrator must give it access to the project (permission “Browse projects”).",
                missing=("Browse projects",),
                vendor_status=missing.vendor_status,
            )
            blind.attempt_id = missing.attempt_id
            raise blind from missing
