"""The knobs over HTTP, for tests that drive a sandbox ServiceNow running in another process.

`POST /_standin/<name>` calls the method of that name with the JSON object as keyword arguments (`{"args": […]}` gives
positional ones) and answers `{"result": …}`; `GET /_standin/state` shows calls, creates, records and knobs.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Blueprint, Response, g

from standins.servicenow_state import SETS, sandbox
from standins.servicenow_wire import answer

control = Blueprint("control", __name__, url_prefix="/_standin")

METHODS = frozenset(
    {
        "reset", "set", "deny", "allow", "fail_next", "rate_limit", "hold", "release", "drip", "html_instead",
        "error_with_200", "spoil_create", "set_state", "change", "delete_record", "hide_record", "copy_record",
        "add_required_field", "add_data_policy", "add_groups", "revoke_key", "revoke_tokens", "set_password",
        "set_active",
    }
)  # fmt: skip


@control.get("/state")
def state() -> Response:
    """Everything a test may want to look at; tokens and passwords are not in it."""
    instance = sandbox()
    with instance.lock:
        knobs: dict[str, Any] = asdict(instance.knobs)
        knobs |= {name: sorted(knobs[name]) for name in SETS}
        return answer(
            {
                "creates": instance.creates,
                "grants": instance.accounts.grants,
                "revoked": len(instance.accounts.revoked),
                "calls": [call.as_json() for call in instance.calls],
                "records": instance.records,
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
