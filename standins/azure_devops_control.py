"""The knobs over HTTP, for tests that drive a sandbox Azure DevOps running in another process.

`POST /_standin/<name>` calls the method of that name with the JSON object as keyword arguments (`{"args": […]}` gives
positional ones) and answers `{"result": …}`; `GET /_standin/state` shows calls, creates, work items and knobs.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, g

from standins.azure_devops_state import sandbox
from standins.azure_devops_wire import answer

control = Blueprint("control", __name__, url_prefix="/_standin")

METHODS = frozenset(
    {
        "reset", "set", "deny", "allow", "fail_next", "rate_limit", "hold", "release", "drip", "html_instead",
        "drop_before_create", "drop_after_create", "fail_after_create", "created_without_id", "set_state",
        "rename_state", "move_item", "delete_item", "hide_item", "copy_item", "add_required_field", "add_project",
        "add_token", "expire_token", "revoke_token", "set_active",
    }
)  # fmt: skip


@control.get("/state")
def state() -> Response:
    """Everything a test may want to look at."""
    azure = sandbox()
    with azure.lock:
        knobs: dict[str, Any] = asdict(azure.knobs) | {"denied": sorted(azure.knobs.denied)}
        return answer(
            {
                "creates": azure.creates,
                "calls": [call.as_json() for call in azure.calls],
                "work_items": {str(number): item.as_state() for number, item in azure.work_items.items()},
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
    except (KeyError, TypeError, ValueError) as error:
        return answer({"standin": f"{name}: {error!r}"}, 400)
    return answer({"result": result})
