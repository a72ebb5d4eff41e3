"""Switches of the sandbox Jira that stay as they are set until `reset()`."""

from __future__ import annotations

from dataclasses import dataclass, field

from standins.knobs import SharedKnobs


@dataclass
class Knobs(SharedKnobs):
    """Lasting switches besides the shared ones.

    index_lag: seconds until a new issue shows up in searches. index_flicker: for that many looks at an issue, searches
    show it on odd looks and miss it on even ones. createmeta_names: named (as documented first), twins or both.
    ignore_language_pin: answer in `language` even to callers who pin English. denied: permissions such as
    BROWSE_PROJECTS, CREATE_ISSUES, ASSIGN_ISSUES, ADD_COMMENTS and USER_PICKER. unfetchable: ids of issues that a
    fetch of many cannot read this time. people_page_limit: the most people on a page of `user/bulk`. webhook_dates:
    text (as in the vendor's examples) or number (as in its description). webhook_limit: per app and person.
    """

    index_lag: float = 0.0
    index_flicker: int = 0
    hide_emails: bool = False
    deny_user_search: bool = False
    denied: set[str] = field(default_factory=lambda: {"MODIFY_REPORTER"})
    assign_fails: bool = False
    assignee_not_on_create_screen: bool = False
    ignore_assignee_on_create: bool = False
    auth_denied: bool = False
    language: str = "en"
    ignore_language_pin: bool = False
    deployment_type: str = "Cloud"
    createmeta_names: str = "named"
    unfetchable: set[str] = field(default_factory=set)
    people_page_limit: int = 200
    comment_limit: int = 5000
    webhook_dates: str = "text"
    webhook_limit: int = 5
