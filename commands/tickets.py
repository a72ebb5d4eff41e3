"""`flask tickets settle`: find out what became of tickets without a known outcome."""

from __future__ import annotations

import logging
import time

import click
from flask import Flask
from flask.cli import AppGroup

from extensions import db
from services import ticket_settling
from services.actors import COMMAND_LINE, SYSTEM

log = logging.getLogger("patchpanel.settle")
group = AppGroup("tickets", help="Tickets without a known outcome.")
WAIT_SECONDS = 60.0


def register(app: Flask) -> None:
    """Attach the commands."""
    app.cli.add_command(group)


@group.command("settle")
@click.option("--every", type=click.IntRange(1), help="Go on for ever, looking again after this many seconds.")
@click.option(
    "--wait", type=click.FloatRange(0), default=WAIT_SECONDS, help="Longest time to stay for tickets due soon."
)
def settle(every: int | None, wait: float) -> None:
    """Resolve unclear tickets now; comes back when nothing more can be found out yet."""
    if every:
        _for_ever(every)
    report = ticket_settling.settle_all(COMMAND_LINE, wait_seconds=wait)
    click.echo(
        f"{report.created} confirmed or created, {report.not_created} not created, "
        f"{report.needs_look} need a look, {report.pending} still being confirmed."
    )


def _for_ever(every: int) -> None:
    while True:
        try:
            ticket_settling.settle_all(SYSTEM, only_due=True)
        except Exception:
            # The loop must outlive a locked database or a provider's surprise; the next round tries again.
            log.exception("settling failed")
        finally:
            db.session.remove()
        time.sleep(every)
