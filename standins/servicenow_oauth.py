"""OAuth routes of the sandbox ServiceNow, and the internal route that names the caller."""

from __future__ import annotations

from flask import Blueprint, Response, g, request

from standins.servicenow_state import sandbox
from standins.servicenow_wire import ACCESS_DENIED, not_authenticated, refuse
from standins.wire import answer

oauth = Blueprint("oauth", __name__)
FORM = "application/x-www-form-urlencoded"


@oauth.post("/oauth_token.do")
def token() -> Response:
    """Tokens for the password, client credentials and refresh grants; every failure looks the same."""
    instance = sandbox()
    form = request.form.to_dict() if request.mimetype == FORM else {}
    issued = instance.accounts.grant(form, instance.knobs)
    if issued is None:
        return answer(ACCESS_DENIED, 401)
    data: dict[str, object] = {
        "access_token": issued.access,
        "refresh_token": issued.refresh,
        "scope": "useraccount",
        "token_type": "Bearer",
        "expires_in": issued.seconds_left,
    }
    if form["grant_type"] == "client_credentials":
        del data["refresh_token"]
    return answer(data)


@oauth.route("/oauth_revoke_token.do", methods=["GET", "POST"])
def revoke() -> Response:
    """Mark a token as expired; needs no sign-in. Older instances read the address only."""
    instance = sandbox()
    by_body = request.form.get("token", "") if instance.knobs.revoke_by_body else ""
    if not by_body and "token" not in request.args:
        return refuse(400, "Bad Request", "token is missing")
    instance.accounts.revoke(by_body or request.args["token"])
    return Response("", content_type="text/html;charset=UTF-8")


@oauth.get("/api/now/ui/user/current_user")
def current_user() -> Response:
    """The caller, on instances that let the API use this route of the browser pages."""
    instance = sandbox()
    if not instance.knobs.show_token_owner:
        return refuse(403, "User Not Authorized", "Failed API level ACL Validation")
    row = next((r for r in instance.lists["sys_user"] if r["user_name"] == g.user), None)
    if row is None:
        return not_authenticated()
    names = {"user_sys_id": row["sys_id"], "user_name": row["user_name"], "user_display_name": row["name"]}
    return answer({"result": names})
