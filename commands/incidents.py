"""`flask incidents`: load incidents from a file."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from flask import Flask
from flask.cli import AppGroup

from services import incident_import
from services.actors import COMMAND_LINE
from services.errors import Refused

group = AppGroup("incidents", help="Incidents.")


@group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tickets", is_flag=True, help="New incidents get the tickets that rules create without asking.")
def import_(file: Path, tickets: bool) -> None:
    """Load incidents from FILE: JSON Lines, or CSV with a header row.

    Columns: title (required), description, severity (critical, high, medium, low), source, source_key, labels,
    resource, url, status (open, in progress, resolved; only for new incidents), created_at or age_minutes. Labels are
    a list, in CSV separated by semicolons. A row is recognised by source and source_key, or by its content when it has
    no source_key: loading a file again changes nothing.

    Rows that cannot be used are listed with their number and left out, the others are stored. Exit status: 0 when every
    row was stored, 1 otherwise.
    """
    report = incident_import.Report()
    stopped = ""
    with file.open("rb") as content:
        try:
            incident_import.run(
                COMMAND_LINE, content, name=file.name, report=report, on_refused=_tell, automatic=tickets
            )
        except Refused as refusal:
            stopped = str(refusal)
    click.echo(
        f"{report.rows} rows: {report.added} added, {report.changed} changed, {report.unchanged} unchanged, "
        f"{report.refused} refused."
    )
    if report.ignored_columns:
        click.echo("Columns without a meaning here, left out: " + ", ".join(sorted(report.ignored_columns)[:20]) + ".")
    _finish(report, stopped)


def _tell(number: int, reason: str) -> None:
    click.echo(f"Row {number} refused: {reason}", err=True)


def _finish(report: incident_import.Report, stopped: str) -> None:
    """Say what was written and what was not, and end with the right status."""
    written = report.added + report.changed
    if stopped:
        click.echo(f"Reading stopped: {stopped} {written} rows read before that were written.", err=True)
    elif report.refused:
        click.echo(
            "The refused rows were not written, all others were. Correct them and load the file again.", err=True
        )
    if stopped or report.refused:
        sys.exit(1)


def register(app: Flask) -> None:
    """Attach the group."""
    app.cli.add_command(group)
