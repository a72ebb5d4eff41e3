"""Setup → Integration Users: the list, Add User with its look-up, Remove; `tickets.py` has the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Response, redirect, render_template, request, url_for

from blueprints.access import actor, requires
from blueprints.errors import provider_message
from blueprints.integration_users import blueprint
from blueprints.rendering import Message, done, is_htmx, render
from forms.integration_users import AddUserForm, add_user_form
from providers.errors import ProviderError
from services import integration_users
from services.actors import Permission
from services.errors import Refused
from services.integration_users import LookUp, NotAdded, Source

PAGE = "integration_users/index.html"
LIST = "integration_users/_list.html"
ADD_DIALOG = "integration_users/_add_dialog.html"
REMOVE_DIALOG = "integration_users/_remove_dialog.html"
PERSON = "person"  # id of the part of the dialog that a look-up answers
LARGEST_ID = 2**31 - 1


@dataclass(frozen=True)
class Shown:
    """Which part of the list a person looks at; travels in addresses and, beside a dialog's own fields, in forms."""

    query: str = ""
    connection_id: int | None = None
    status: str = ""
    cursor: str | None = None
    added: int | None = None

    def url(self, **changes: Any) -> str:
        """Address of the list like this, with changes."""
        own = {"q": self.query or None, "connection": self.connection_id, "status": self.status or None}
        return url_for("integration_users.index", **{**own, **changes})


@blueprint.get("")
@requires(Permission.INTEGRATION_USER_READ)
def index() -> Response:
    """The list; htmx gets it without the page around it."""
    known = integration_users.sources()
    return render(PAGE, partial=LIST, **list_context(known, shown_now(known)))


def shown_now(known: list[Source], added: int | None = None) -> Shown:
    """What to show, read from the request; values nobody could have chosen count as not given."""
    asked = request.values.get("connection", type=int)
    new = added or request.args.get("added", type=int)
    status = request.values.get("status", "")
    return Shown(
        query=request.values.get("q", "")[:200],
        connection_id=asked if asked in {source.id for source in known} else None,
        status=status if status in integration_users.STATUSES else "",
        cursor=request.args.get("cursor") or None,
        added=new if new and 0 < new <= LARGEST_ID else None,
    )


def list_context(known: list[Source], shown: Shown) -> dict[str, Any]:
    """What the list needs to be drawn."""
    found = integration_users.page(
        known=known,
        query=shown.query,
        connection_id=shown.connection_id,
        status=shown.status,
        cursor=shown.cursor,
    )
    rows = list(found.items)
    if shown.added and not shown.cursor and shown.added not in {row.id for row in rows}:
        # Whoever was just added is seen at once, however long the list and whatever is searched for.
        new = integration_users.one(known, shown.added)
        rows = [new, *rows] if new else rows
    return {
        "rows": rows,
        "sources": known,
        "shown": shown,
        "next_url": shown.url(cursor=found.next_cursor) if found.next_cursor else None,
        "previous_url": shown.url(cursor=found.previous_cursor) if found.previous_cursor else None,
    }


@blueprint.get("/new")
@requires(Permission.INTEGRATION_USER_MANAGE)
def new() -> Response:
    """The dialog Add User."""
    known = integration_users.sources()
    return _add_dialog(add_user_form(known), known)


@blueprint.post("/new")
@requires(Permission.INTEGRATION_USER_MANAGE)
def create() -> Response:
    """Add the person; the ticket system is asked once more."""
    known = integration_users.sources()
    form = add_user_form(known)
    if not form.validate():
        return _add_dialog(form, known, status=422)
    try:
        user = integration_users.add(actor(), form.source_id, form.email.data, form.external_id.data or "")
    except (ProviderError, Refused) as error:
        return _refused(form, known, error)
    return finished(known, f"{user.name} was added", added=user.id)


@blueprint.post("/look-up")
@requires(Permission.INTEGRATION_USER_MANAGE)
def look_up() -> Response:
    """Who has this e-mail address? Answers the dialog, or only its lower part while somebody types."""
    known = integration_users.sources()
    form = add_user_form(known)
    if not form.validate():
        return _add_dialog(form, known, status=422 if form.email.data else 200)
    try:
        found = integration_users.look_up(actor(), form.source_id, form.email.data)
    except (ProviderError, Refused) as error:
        return _refused(form, known, error)
    return _add_dialog(form, known, found=found, status=200 if found.acceptable else 422)


@blueprint.get("/look-up")
@requires(Permission.INTEGRATION_USER_MANAGE)
def look_up_again() -> Response:
    """The address of a looked-up dialog, opened anew: start with an empty one."""
    return redirect(url_for("integration_users.new"), 303)  # type: ignore[return-value]  # werkzeug's type


def _refused(form: AddUserForm, known: list[Source], error: ProviderError | Refused) -> Response:
    """The dialog as it was sent, with what is in the way."""
    if isinstance(error, ProviderError):
        message = provider_message(error, getattr(error, "provider_key", ""))
        return _add_dialog(form, known, message=message, status=422)
    if isinstance(error, NotAdded):
        return _add_dialog(form, known, found=error.look_up, status=422)
    form.refuse(error.field_errors)
    message = None if error.field_errors else Message("alert", str(error))
    return _add_dialog(form, known, message=message, status=422)


def _add_dialog(
    form: AddUserForm,
    known: list[Source],
    *,
    found: LookUp | None = None,
    message: Message | None = None,
    status: int = 200,
) -> Response:
    only_person = request.headers.get("HX-Target") == PERSON
    context = {"form": form, "sources": known, "found": found, "message": message, "scripted": is_htmx()}
    if not is_htmx():
        context = {**list_context(known, Shown()), **context, "dialog": ADD_DIALOG}
    partial = "integration_users/_person_answer.html" if only_person else ADD_DIALOG
    return render(PAGE, partial=partial, status=status, **context)


@blueprint.get("/<int(max=2147483647):user_id>/remove")
@requires(Permission.INTEGRATION_USER_MANAGE)
def confirm_remove(user_id: int) -> Response:
    """Ask before removing, saying what stops and what stays."""
    user = integration_users.get(actor(), user_id)
    known = integration_users.sources()
    row = integration_users.one(known, user.id)
    page = {} if is_htmx() else {**list_context(known, Shown()), "dialog": REMOVE_DIALOG}
    return render(PAGE, partial=REMOVE_DIALOG, user=row, **page)


@blueprint.post("/<int(max=2147483647):user_id>/remove")
@requires(Permission.INTEGRATION_USER_MANAGE)
def remove(user_id: int) -> Response:
    """Take the person off the list."""
    user = integration_users.get(actor(), user_id)
    name = integration_users.remove(actor(), user.id)
    return finished(integration_users.sources(), f"{name} was removed")


def finished(known: list[Source], sentence: str, *, added: int | None = None) -> Response:
    """The dialog closes, the list shows the change under the search that was in force."""
    shown = shown_now(known, added)
    partials = list_beside(known, shown) if is_htmx() else ""
    return done(shown.url(added=added), sentence, partials=partials)


def list_beside(known: list[Source], shown: Shown) -> str:
    """The list as it rides along with the answer to a dialog."""
    return render_template(LIST, oob=True, **list_context(known, shown))
