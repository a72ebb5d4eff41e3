"""One's own account: the password and the browsers signed in with it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, redirect, url_for
from flask_login import current_user

from blueprints import sessions
from blueprints.access import actor, requires
from blueprints.rendering import Message, done, render
from forms.sign_in import PasswordForm
from forms.users import refuse
from services import sessions as stored
from services import sign_in as service
from services.actors import Permission
from services.errors import Refused
from services.throttle import TooManyTries

blueprint = Blueprint("account", __name__)


@blueprint.route("/password", methods=["GET", "POST"])
@requires(Permission.OWN_ACCOUNT)
def password() -> Any:
    """Change one's own password; every other browser is signed out."""
    form = PasswordForm()
    if not form.validate_on_submit():
        return _page(form, 422 if form.is_submitted() else 200)
    try:
        started = service.change_password(
            actor(),
            current_user._get_current_object(),
            current=form.current_password.data,
            new=form.new_password.data,
            browser=sessions.browser(),
        )
    except TooManyTries as refusal:
        return _page(form, 429, Message("alert", str(refusal), refusal.wait))
    except Refused as refusal:
        refuse(form, refusal.field_errors, str(refusal))
        return _page(form, 422)
    sessions.begin(started)
    flash("Password changed. All other browsers are signed out.", "status")
    return redirect(url_for("account.password"), 303)


def _page(form: PasswordForm, status: int, message: Message | None = None) -> Response:
    row = sessions.row()
    return render(
        "account/password.html",
        form=form,
        message=message,
        browsers=stored.of_user(current_user.id),
        this_browser=row.id if row else None,
        status=status,
    )


@blueprint.post("/sign-out-others")
@requires(Permission.OWN_ACCOUNT)
def sign_out_others() -> Response:
    """Sign out everywhere but here."""
    row = sessions.row()
    if row is not None:
        stored.end_others(actor(), current_user.id, row.id)
    return done(url_for("account.password"), "All other browsers are signed out")
