"""`flask demo-data`: fills the sandbox of `make demo` with three people and example incidents."""

from __future__ import annotations

import json
import secrets
from pathlib import Path

import click
from flask import Flask
from flask.cli import with_appcontext

from models import User
from services import incident_import, sign_in, users
from services.actors import COMMAND_LINE
from services.runtime import settings

FOLDER = Path(__file__).resolve().parent.parent / "standins"
PEOPLE = FOLDER / "demo_users.json"
INCIDENTS = FOLDER / "demo_incidents.jsonl"


@click.command("demo-data")
@with_appcontext
def demo_data() -> None:
    """Load example people and incidents into the sandbox and print one JSON line per person with a sign-in link.

    Everybody gets a new random password each time; incidents are loaded once.
    """
    if not settings().sandbox_file:
        raise click.ClickException(
            "demo-data only runs in the sandbox (make demo): it would put invented incidents beside real ones."
        )
    _load_incidents()
    for person in json.loads(PEOPLE.read_text(encoding="utf-8")):
        password = secrets.token_urlsafe(18)
        user = _person(person["email"], person["name"], person["role"], password)
        line = {
            "role": user.role,
            "email": user.email,
            "name": user.name,
            "password": password,
            "link": sign_in.sandbox_link(user.id),
        }
        click.echo(json.dumps(line))


def _load_incidents() -> None:
    report = incident_import.Report()
    with INCIDENTS.open("rb") as file:
        incident_import.run(COMMAND_LINE, file, name=INCIDENTS.name, report=report, on_refused=_refused)


def _refused(number: int, reason: str) -> None:
    raise click.ClickException(f"{INCIDENTS.name}, row {number}: {reason}")


def _person(email: str, name: str, role: str, password: str) -> User:
    """The person with this password, added when absent."""
    if sign_in.find_by_email(users.normal(email)) is not None:
        return users.reset_password(COMMAND_LINE, email, password)
    return users.add(COMMAND_LINE, email=email, name=name, role=role, password=password)


def register(app: Flask) -> None:
    """Attach the command."""
    app.cli.add_command(demo_data)
