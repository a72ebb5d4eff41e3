"""Who may call a view: every view carries @requires(...) or @public; a test fails on one without."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import abort, g, request
from flask_login import current_user, login_manager

from services.actors import Actor, Permission, permissions_of

View = TypeVar("View", bound=Callable[..., Any])
MARK = "_access"


def requires(permission: Permission) -> Callable[[View], View]:
    """The view answers only to signed-in people with this permission: others get the sign-in page or 403."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            refusal = must_be_signed_in()
            if refusal is not None:
                return refusal
            if not actor().may(permission):
                abort(403)
            return view(*args, **kwargs)

        setattr(guarded, MARK, permission)
        return guarded  # type: ignore[return-value]  # same signature as the view it wraps

    return decorate


def public(view: View) -> View:
    """The view answers to everybody."""
    setattr(view, MARK, "public")
    return view


def must_be_signed_in() -> Any:
    """Hook of blueprints that only signed-in people enter: None lets the request pass."""
    return None if current_user.is_authenticated else _login_manager().unauthorized()


def _login_manager() -> login_manager.LoginManager:
    from flask import current_app

    found: login_manager.LoginManager = current_app.login_manager  # type: ignore[attr-defined]  # set by Flask-Login
    return found


def actor() -> Actor:
    """The signed-in person of this request, as services know people."""
    if "actor" not in g:
        g.actor = Actor(
            id=current_user.id if current_user.is_authenticated else None,
            name=current_user.name if current_user.is_authenticated else "Visitor",
            permissions=permissions_of(current_user.role) if current_user.is_authenticated else frozenset(),
            address=request.remote_addr or "",
            request_id=g.get("request_id", ""),
        )
    found: Actor = g.actor
    return found
