"""`flask users`: people from the command line, also when nobody can sign in any more."""

from __future__ import annotations

import sys

import click
from flask import Flask
from flask.cli import AppGroup

from models import Role
from services import users as service
from services.actors import COMMAND_LINE
from services.errors import Refused

group = AppGroup("users", help="Add people and give them new passwords.")


def register(app: Flask) -> None:
    """Attach the group."""
    app.cli.add_command(group)


def _typed_password() -> str:
    """The password on standard input: everything but the one line end a shell adds."""
    text = sys.stdin.read()
    return text.removesuffix("\n").removesuffix("\r")


@group.command("add")
@click.argument("email")
@click.option("--name", required=True, help="Name shown to others.")
@click.option("--role", type=click.Choice([str(role) for role in Role]), default=str(Role.MEMBER), show_default=True)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
def add(email: str, name: str, role: str, password_stdin: bool) -> None:
    """Add a person. Without --password-stdin a link is printed with which they choose a password."""
    try:
        if password_stdin:
            user = service.add(COMMAND_LINE, email=email, name=name, role=role, password=_typed_password())
            click.echo(f"{user.name} <{user.email}> was added as {user.role}.")
            return
        user, link = service.invite(COMMAND_LINE, email=email, name=name, role=role)
    except Refused as refusal:
        raise click.ClickException(str(refusal)) from refusal
    click.echo(f"{user.name} <{user.email}> was added as {user.role}. Link to choose a password (works once, 24 h):")
    click.echo(link)


@group.command("reset-password")
@click.argument("email")
@click.option("--password-stdin", is_flag=True, required=True, help="Read the new password from standard input.")
def reset_password(email: str, password_stdin: bool) -> None:
    """Give a person a new password. Their sessions end and their wrong tries are forgotten."""
    if not password_stdin:
        raise click.UsageError("Pass --password-stdin and the new password on standard input.")
    try:
        user = service.reset_password(COMMAND_LINE, email, _typed_password())
    except Refused as refusal:
        raise click.ClickException(str(refusal)) from refusal
    click.echo(f"{user.email} has a new password. All sessions of this person ended.")
