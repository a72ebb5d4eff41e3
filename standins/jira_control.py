"""The knobs over HTTP, for tests that drive a sandbox Jira running in another process.

`POST /_standin/<name>` calls the method of that name with the JSON object as keyword arguments (`{"args": […]}` gives
positional ones) and answers `{"result": …}`; `GET /_standin/state` shows calls, creates, issues and knobs.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, g

from standins.jira_state import sandbox
from standins.jira_wire import answer

control = Blueprint("control", __name__, url_prefix="/_standin")

METHODS = frozenset(
    {
        "reset", "set", "deny", "allow", "fail_next", "rate_limit", "hold", "release", "drip", "html_instead",
        "drop_before_create", "drop_after_create", "fail_after_create", "created_without_key", "set_status",
        "move_issue", "delete_issue", "hide_issue", "copy_issue", "add_required_field", "add_project", "add_token",
        "revoke_token", "set_active", "advance", "offer_sites", "set_oauth", "change_client_secret", "revoke_consents",
        "end_access_tokens", "drop_scope",
    }
)  # fmt: skip


@control.get("/state")
def state() -> Response:
    """Everything a test may want to look at."""
    jira = sandbox()
    with jira.lock:
        knobs: dict[str, Any] = asdict(jira.knobs) | {"denied": sorted(jira.knobs.denied)}
        return answer(
            {
                "creates": jira.creates,
                "calls": [call.as_json() for call in jira.calls],
                "issues": {key: issue.as_state() for key, issue in jira.issues.items()},
                "knobs": knobs,
            }
        )


@control.post("/<name>")
def call(name: str) -> Response:
    """Turn a knob. 404 for a name that is none, 400 for arguments that do not fit."""
    if name not in METHODS:
        return answer({"standin": f"no such knob: {name}", "knobs": sorted(METHODS)}, 404)
    values = dict(g.body or {})
    positional = values.pop("args", [])
    try:
        result = getattr(sandbox(), name)(*positional, **values)
    except (KeyError, TypeError) as error:
        return answer({"standin": f"{name}: {error!r}"}, 400)
    return answer({"result": result})
