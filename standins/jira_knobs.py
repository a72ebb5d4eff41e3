"""Switches of the sandbox Jira that stay as they are set until `reset()`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Knobs:
    """Lasting switches.

    index_lag: seconds until a new issue shows up in searches. index_flicker: for that many looks at an issue, searches
    show it on odd looks and miss it on even ones. createmeta_names: named (as documented first), twins or both.
    ignore_language_pin: answer in `language` even to callers who pin English. redirect_to: origin that every route
    redirects to (302).
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
    redirect_to: str = ""


@dataclass(frozen=True)
class CreateFault:
    """Harm done to one create: drop_before, drop_after, fail_after (with status) or no_key."""

    kind: str
    status: int = 502
