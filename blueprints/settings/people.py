"""The Users page and its dialogs."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template, request, url_for

from blueprints.access import actor, requires
from blueprints.rendering import Message, done, render
from forms.users import AddUserForm, UserForm, refuse
from models import User
from services import users as service
from services.actors import Permission
from services.errors import Refused

PAGE = "settings/users.html"
LIST = "settings/_users.html"


def attach(blueprint: Blueprint) -> None:
    """Put the views of this file under the settings blueprint."""
    blueprint.add_url_rule("/users", "users", users)
    blueprint.add_url_rule("/users/new", "new_user", new_user, methods=["GET", "POST"])
    blueprint.add_url_rule("/users/<int:user_id>", "user", user, methods=["GET", "POST"])
    blueprint.add_url_rule("/users/<int:user_id>/reset-password", "reset_password", reset_password, methods=["POST"])


def _listed() -> dict[str, Any]:
    """What the list under every dialog shows: the page and search of the address."""
    search = request.args.get("q", "")[:200]
    found = service.page(search=search, cursor=request.args.get("cursor"))

    def address(cursor: str | None) -> str | None:
        return url_for("settings.users", q=search or None, cursor=cursor) if cursor else None

    return {
        "people": found.items,
        "search": search,
        "next_url": address(found.next_cursor),
        "previous_url": address(found.previous_cursor),
    }


@requires(Permission.USER_MANAGE)
def users() -> Response:
    """Everybody who may sign in."""
    return render(PAGE, partial=LIST, **_listed())


def _dialog(template: str, status: int = 200, **context: Any) -> Response:
    """A dialog alone for htmx, on top of the list for everybody else."""
    return render(PAGE, partial=template, dialog=template, status=status, **_listed(), **context)


@requires(Permission.USER_MANAGE)
def new_user() -> Response:
    """Add a person, with a password or with a link to choose one."""
    form = AddUserForm()
    if not form.validate_on_submit():
        return _dialog("settings/_new_user_dialog.html", 422 if form.is_submitted() else 200, form=form)
    values = {"email": form.email.data, "name": form.name.data, "role": form.role.data}
    try:
        if not form.password.data:
            person, link = service.invite(actor(), **values)
            return _dialog("settings/_link_dialog.html", person=person, link=link, added=True)
        person = service.add(actor(), **values, password=form.password.data)
    except Refused as refusal:
        refuse(form, refusal.field_errors, str(refusal))
        return _dialog("settings/_new_user_dialog.html", 422, form=form)
    return done(url_for("settings.users"), f"{person.name} was added")


@requires(Permission.USER_MANAGE)
def user(user_id: int) -> Response:
    """A person: active or not, and with which role."""
    person = service.get(user_id)
    form = UserForm(obj=person)
    if not form.validate_on_submit():
        return _user_dialog(person, form, 422 if form.is_submitted() else 200)
    try:
        person = service.change(actor(), user_id, role=form.role.data, active=form.active.data)
    except Refused as refusal:
        refuse(form, refusal.field_errors, str(refusal))
        return _user_dialog(service.get(user_id), form, 422)
    row = render_template("settings/_user_row.html", person=person, oob=True)
    return done(url_for("settings.users"), "User updated", partials=row)


def _user_dialog(person: User, form: UserForm, status: int, message: Message | None = None) -> Response:
    return _dialog("settings/_user_dialog.html", status, form=form, person=person, message=message)


@requires(Permission.USER_MANAGE)
def reset_password(user_id: int) -> Response:
    """Make a link with which the person chooses a new password, and show it once."""
    try:
        person, link = service.reset_link(actor(), user_id)
    except Refused as refusal:
        person = service.get(user_id)
        return _user_dialog(person, UserForm(formdata=None, obj=person), 422, Message("alert", str(refusal)))
    return _dialog("settings/_link_dialog.html", person=person, link=link, added=False)
