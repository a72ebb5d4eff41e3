"""Sign-in page, sign-out and the links that work once."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, flash, redirect, request, url_for
from flask_login import current_user

from blueprints import sessions
from blueprints.access import actor, public
from blueprints.rendering import Message, render
from forms.sign_in import ResetForm, SignInForm, WelcomeForm
from forms.users import refuse
from services import links
from services import sessions as stored
from services import sign_in as service
from services.errors import Refused
from services.links import LinkOver, Purpose
from services.throttle import TooManyTries

blueprint = Blueprint("sign_in", __name__)
PAGE = "sign_in/page.html"


@blueprint.route("/sign-in", methods=["GET", "POST"])
@public
def sign_in() -> Any:
    """Show the form; let in who proves to be somebody."""
    form = SignInForm()
    if request.method == "GET":
        form.next.data = request.args.get("next", "")
    if current_user.is_authenticated:
        return redirect(sessions.safe_next(form.next.data or ""), 303)
    if not form.is_submitted():
        return render(PAGE, form=form)
    if not form.validate():
        return render(PAGE, form=form, status=422)
    try:
        started = service.sign_in(
            actor(), email=form.email.data, password=form.password.data, browser=sessions.browser()
        )
    except TooManyTries as refusal:
        return _too_many(form, refusal)
    except Refused as refusal:
        return render(PAGE, form=form, message=Message("alert", str(refusal), "Check both and try again."), status=422)
    return _enter(started, sessions.safe_next(form.next.data or ""))


def _too_many(form: SignInForm, refusal: TooManyTries) -> Response:
    response = render(PAGE, form=form, message=Message("alert", str(refusal), refusal.wait), status=429)
    response.headers["Retry-After"] = str(refusal.seconds)
    return response


def _enter(started: stored.Started, target: str) -> Any:
    sessions.begin(started)
    return redirect(target, 303)


@blueprint.post("/sign-out")
@public
def sign_out() -> Any:
    """End the session here and in the database."""
    row = sessions.row()
    if row is not None:
        stored.end(actor(), row.id)
        sessions.end()
        flash("You are signed out.", "status")
    return redirect(url_for("sign_in.sign_in"), 303)


@blueprint.route("/welcome/<string:token>", methods=["GET", "POST"])
@public
def welcome(token: str) -> Any:
    """First start: create the first administrator."""
    form = WelcomeForm()
    try:
        service.look_at_setup(token)
        if not form.validate_on_submit():
            return render("sign_in/welcome.html", form=form, status=422 if form.is_submitted() else 200)
        started = service.set_up(
            actor(),
            token,
            name=form.name.data,
            email=form.email.data,
            password=form.password.data,
            browser=sessions.browser(),
        )
    except LinkOver as over:
        return _over(over)
    except Refused as refusal:
        refuse(form, refusal.field_errors, str(refusal))
        return render("sign_in/welcome.html", form=form, status=422)
    answer = _enter(started, url_for("incidents.index"))
    flash("Welcome to Patchpanel. You are its first administrator.", "status")
    return answer


@blueprint.route("/reset/<string:token>", methods=["GET", "POST"])
@public
def reset(token: str) -> Any:
    """Choose a new password with a link made by an administrator."""
    form = ResetForm()
    try:
        links.look(token, Purpose.RESET)
        if not form.validate_on_submit():
            return render("sign_in/reset.html", form=form, status=422 if form.is_submitted() else 200)
        service.reset_password(actor(), token, password=form.password.data)
    except LinkOver as over:
        return _over(over)
    except Refused as refusal:
        refuse(form, refusal.field_errors, str(refusal))
        return render("sign_in/reset.html", form=form, status=422)
    flash("Your new password is set. Sign in with it.", "status")
    return redirect(url_for("sign_in.sign_in"), 303)


@blueprint.get("/sandbox/<string:token>")
@public
def sandbox(token: str) -> Any:
    """Sign in with a link of the sandbox."""
    if request.method == "HEAD":  # somebody only asks whether the address exists: the link stays good
        return ""
    try:
        started = service.enter_sandbox(actor(), token, sessions.browser())
    except LinkOver as over:
        return _over(over)
    return _enter(started, url_for("incidents.index"))


def _over(over: LinkOver) -> Response:
    return render("sign_in/link_over.html", sentence=str(over), next_step=over.next_step, status=410)
