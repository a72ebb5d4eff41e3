"""`flask sync`: all periodic work once, now."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import with_appcontext

from services import schedule
from services.actors import COMMAND_LINE


def register(app: Flask) -> None:
    """Attach the command."""
    app.cli.add_command(sync)


@click.command("sync")
@with_appcontext
def sync() -> None:
    """Do all periodic work once, now, and come back when it is done."""
    failed = False
    for name, (well, report) in schedule.run_all(COMMAND_LINE).items():
        failed = failed or not well
        click.echo(f"{schedule.TASKS[name].label}: {report}", err=not well)
    if failed:
        raise SystemExit(1)
