"""The command line: `flask --app app …`. Each command is a thin door to a service."""

from __future__ import annotations

from flask import Flask

from commands import connections, demo, incidents, keys, start, sync, tickets, users


def register(app: Flask) -> None:
    """Attach all command groups."""
    for module in (connections, demo, incidents, keys, start, sync, tickets, users):
        module.register(app)
