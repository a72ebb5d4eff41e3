"""`flask keys`: the key ring that seals stored credentials."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup

from services import keys as service
from services.actors import COMMAND_LINE
from services.errors import Refused

group = AppGroup("keys", help="List, verify, rotate and retire the keys that seal stored credentials.")


def register(app: Flask) -> None:
    """Attach the group."""
    app.cli.add_command(group)


@group.command("list")
def list_keys() -> None:
    """Show every key by its public id, and how many credentials need it. Status 1 when the ring is not in order."""
    try:
        states, problem = service.listed(), service.problem()
    except Refused as refusal:
        raise click.ClickException(str(refusal)) from refusal
    for state in states:
        word = "newest" if state.newest else "older" if state.present else "MISSING"
        click.echo(f"{state.id}  {word:<7}  credentials: {state.credentials}")
    if problem:
        raise click.ClickException(problem)
    if not all(state.present for state in states):
        raise click.ClickException("Credentials need a key that is not in the ring. Restore it from your copy.")


@group.command("verify")
def verify() -> None:
    """Open every stored credential and say row by row whether it does. Status 1 when one does not."""
    results = service.verify()
    for result in results:
        place = f"connection {result.connection_id} ({result.connection}), {result.field}, key {result.key_id}"
        click.echo(f"FAILS  {place}: {result.problem}" if result.problem else f"opens  {place}")
    failed = sum(1 for result in results if result.problem)
    click.echo(f"{len(results) - failed} of {len(results)} stored credentials open.")
    if failed:
        raise click.ClickException(f"{failed} stored credentials do not open.")


@group.command("rotate")
@click.option("--resume", is_flag=True, help="Make no new key; finish wrapping with the newest one.")
def rotate(resume: bool) -> None:
    """Make a new key and wrap every credential with it while everything keeps running."""
    try:
        done = service.rotate(COMMAND_LINE, resume=resume)
    except Refused as refusal:
        raise click.ClickException(str(refusal)) from refusal
    click.echo(f"Newest key: {done.key_id}. Credentials wrapped with it just now: {done.rewrapped}.")
    for result in done.left:
        click.echo(f"left as it was: connection {result.connection_id} ({result.connection}), {result.field}")
    if done.left:
        raise click.ClickException(f"{len(done.left)} credentials could not be opened and were left as they were.")
    click.echo("Keep a copy of the key ring file now. Older keys stay in it until you retire them.")


@group.command("retire")
@click.argument("key_id")
def retire(key_id: str) -> None:
    """Take an old key out of the ring. Refused while a credential needs it."""
    try:
        service.retire(COMMAND_LINE, key_id)
    except Refused as refusal:
        raise click.ClickException(str(refusal)) from refusal
    click.echo(f"Key {key_id} is retired.")
