"""The knobs over HTTP, for tests that drive a sandbox running in another process.

`POST /_standin/<name>` calls the method of that name with the JSON object as keyword arguments (`{"args": […]}` gives
positional ones) and answers `{"result": …}`; `GET /_standin/state` shows calls, creates, things and knobs.
"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, g

from standins.state import State
from standins.wire import answer

CONTROL_PREFIX = "/_standin"
control = Blueprint("control", __name__, url_prefix=CONTROL_PREFIX)


def _sandbox() -> State:
    found: State = current_app.extensions["sandbox"]
    return found


@control.get("/state")
def state() -> Response:
    """Everything a test may want to look at."""
    return answer(_sandbox().as_state())


@control.post("/<name>")
def call(name: str) -> Response:
    """Turn a knob. 404 for a name that is none, 400 for arguments that do not fit."""
    sandbox = _sandbox()
    if name not in sandbox.controls:
        return answer({"standin": f"no such knob: {name}", "knobs": sorted(sandbox.controls)}, 404)
    values = dict(g.body or {})
    positional = values.pop("args", [])
    try:
        result = getattr(sandbox, name)(*positional, **values)
    except (KeyError, TypeError, ValueError) as error:
        return answer({"standin": f"{name}: {error!r}"}, 400)
    return answer({"result": result})
