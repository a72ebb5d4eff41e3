"""Comments on Jira issues.

Source: Atlassian's REST v3 description of “Add comment” and “Get comments”; the body is an Atlassian Document. There is
no idempotency key, so a comment whose answer was lost is looked for by the marker in its last line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from providers.base import TakesComments
from providers.errors import InvalidInput, NotAllowed, ProviderError
from providers.jira import adf, answers
from providers.jira.wire import JiraWire, issue_path

# On requests of Jira Service Management comments go to the customer unless they are marked so; elsewhere it means
# nothing. (Atlassian's page on the property sd.public.comment.)
INTERNAL: Mapping[str, Any] = {"key": "sd.public.comment", "value": {"internal": True}}


class WritesComments(JiraWire, TakesComments):
    """Capability: comments on issues."""

    def add_comment(self, external_id: str, text: str, marker: str) -> None:
        """Say something in an issue with one call, which is never repeated. A text that is too long is cut.

        Raises NotFound when the issue is gone or hidden, NotAllowed when the account may not comment on it,
        InvalidInput when Jira takes no more comments on it.
        """
        self.door.purpose = "add comment"
        body = {"body": adf.document(text, "\n\n" + answers.marker_line(marker)), "properties": [INTERNAL]}
        try:
            with self.door.creating():
                made = self._send("POST", f"{issue_path(external_id)}/comment", body)
        except InvalidInput as refused:
            self._may_comment(external_id, refused)
            raise
        if not isinstance(made, dict) or not made.get("id"):
            raise self._unexpected("Jira's answer does not name the new comment.", "Patchpanel looks for it.")

    def has_comment(self, external_id: str, marker: str) -> bool:
        """Whether one of the 1,000 newest comments holds the marker as a word. Raises NotFound without the issue."""
        self.door.purpose = "look for comment"
        word = re.compile(rf"(?<![\w-]){re.escape(marker)}(?![\w-])")
        comments = self._pages(f"{issue_path(external_id)}/comment", ("comments",), orderBy="-created")
        return any(word.search(adf.plain(comment.get("body"))) for comment in comments)

    def _may_comment(self, external_id: str, refused: InvalidInput) -> None:
        """Raise NotAllowed when the permission was what Jira missed: it answers that like a bad comment, with 400."""
        self.door.purpose = "check permission to comment"
        try:
            allowed = self._may("ADD_COMMENTS", issueId=external_id)
        except ProviderError:
            return
        if allowed is False:
            forbidden = NotAllowed(
                "The Jira account may not comment on this issue.",
                next_step="A Jira administrator must grant it the permission “Add comments” in the project.",
                missing=("Add comments",),
                vendor_status=refused.vendor_status,
                vendor_message=refused.vendor_message,
            )
            forbidden.attempt_id = refused.attempt_id
            raise forbidden from refused
