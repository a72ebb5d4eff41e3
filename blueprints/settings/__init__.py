"""Settings: System Info, Users, Activity, Audit log."""

from __future__ import annotations

from flask import Blueprint

from blueprints.settings import ledger, people, system

blueprint = Blueprint("settings", __name__)
for _views in (system, people, ledger):
    _views.attach(blueprint)
