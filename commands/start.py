"""`flask prepare`: key files, schema and, on the first start, the link that creates the first administrator."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import with_appcontext

from services import preparation, sign_in
from services.system import readiness


def register(app: Flask) -> None:
    """Attach the command."""
    app.cli.add_command(prepare)


@click.command("prepare")
@with_appcontext
def prepare() -> None:
    """Make everything ready to serve; safe to run at any time, also twice at once."""
    preparation.migrate()
    link = sign_in.setup_link()
    for problem in readiness():
        click.echo(problem, err=True)
    if link:
        click.echo("Nobody can sign in yet. Open this link to create the first administrator (works once, 24 h):")
        click.echo(link)
