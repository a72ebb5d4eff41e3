"""Health: /livez says the process answers, /readyz that database, schema and key ring are in order."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from blueprints.access import public
from services import system

blueprint = Blueprint("health", __name__)


@blueprint.get("/livez")
@public
def livez() -> Response:
    """The process is up. Asks nothing else."""
    return jsonify(status="up")


@blueprint.get("/readyz")
@public
def readyz() -> tuple[Response, int]:
    """Whether this process can do its work. Providers are not part of it."""
    problems = system.readiness()
    return jsonify(status="not ready" if problems else "ready", problems=problems), 503 if problems else 200
