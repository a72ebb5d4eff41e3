"""`flask tickets settle`: find out what became of tickets without a known outcome."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup

from services import ticket_settling
from services.actors import COMMAND_LINE

group = AppGroup("tickets", help="Tickets without a known outcome.")
WAIT_SECONDS = 60.0


def register(app: Flask) -> None:
    """Attach the commands."""
    app.cli.add_command(group)


@group.command("settle")
@click.option(
    "--wait", type=click.FloatRange(0), default=WAIT_SECONDS, help="Longest time to stay for tickets due soon."
)
def settle(wait: float) -> None:
    """Resolve unclear tickets now; comes back when nothing more can be found out yet."""
    report = ticket_settling.settle_all(COMMAND_LINE, wait_seconds=wait)
    click.echo(
        f"{report.created} confirmed or created, {report.not_created} not created, "
        f"{report.needs_look} need a look, {report.pending} still being confirmed."
    )
