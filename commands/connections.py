"""`flask connections …`: list, check."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup

import providers
from models import Connection
from models.crypto import CannotOpen
from providers.errors import ProviderError
from services import connection_health, connections, outbound
from services.actors import COMMAND_LINE

group = AppGroup("connections", help="Connections to outside systems.")


def register(app: Flask) -> None:
    """Attach the commands."""
    app.cli.add_command(group)


@group.command("list")
def list_all() -> None:
    """Show every connection with its state; no secrets."""
    for connection in _all():
        state = connection.status if connection.enabled else "switched off"
        click.echo(f"{connection.id}\t{connection.provider_key}\t{outbound.display_name(connection)}\t{state}")


@group.command("check")
@click.argument("connection_ids", nargs=-1, type=int)
def check(connection_ids: tuple[int, ...]) -> None:
    """Ask the providers now whether the connections work (without numbers: all that are switched on)."""
    chosen = [connections.get(COMMAND_LINE, number) for number in connection_ids] or [c for c in _all() if c.enabled]
    broken = 0
    for connection in chosen:
        name = f"{providers.get(connection.provider_key).label}: {outbound.display_name(connection)}"
        try:
            connection_health.check(COMMAND_LINE, connection)
            click.echo(f"{name}: works")
        except (ProviderError, CannotOpen) as error:
            broken += 1
            click.echo(f"{name}: {error}", err=True)
    if broken:
        raise SystemExit(1)


def _all() -> list[Connection]:
    return [connection for found in connections.listed().values() for connection in found]
