"""The open tickets of a person, and Reassign: for people who left."""

from __future__ import annotations

from typing import Any

from flask import Response, make_response, render_template, request, url_for

from blueprints.access import actor, requires
from blueprints.errors import provider_message
from blueprints.incidents.ticket_section import CATEGORY_BADGES
from blueprints.integration_users import blueprint
from blueprints.integration_users.views import PAGE, Shown, finished, list_beside, list_context, shown_now
from blueprints.rendering import Message, is_htmx, render
from forms.integration_users import ReassignForm, reassign_form
from models import IntegrationUser
from providers.errors import InvalidInput, ProviderError
from services import integration_users, person_tickets
from services.actors import Permission
from services.errors import Refused
from services.person_tickets import Reassigned

DIALOG = "integration_users/_tickets_dialog.html"
PEOPLE_IN_LIST = 200
NOT_TRIED = Message("alert", "Not tried", "The provider failed or was slow before its turn came. Press Reassign again.")


@blueprint.get("/<int(max=2147483647):user_id>/tickets")
@requires(Permission.TICKET_WRITE)
def open_tickets(user_id: int) -> Response:
    """The dialog with the person's open tickets."""
    user = integration_users.get(actor(), user_id)
    return _draw(user, _form(user))


@blueprint.post("/<int(max=2147483647):user_id>/tickets")
@requires(Permission.TICKET_WRITE)
def reassign(user_id: int) -> Response:
    """Give the chosen tickets to somebody else; Search only offers other people."""
    user = integration_users.get(actor(), user_id)
    form = _form(user)
    if "find" in request.form:
        return _draw(user, form)
    if not form.validate():
        return _draw(user, form, status=422)
    try:
        outcome = person_tickets.reassign(actor(), user.id, form.ticket.data, form.taker_id)
    except Refused as error:
        form.refuse(error.field_errors)
        return _draw(user, form, status=422)
    if outcome.failed or outcome.left:
        return _not_all(user, form, outcome)
    return finished(integration_users.sources(), _sentence(form, outcome))


def _form(user: IntegrationUser) -> ReassignForm:
    search = request.form.get("person_search", "")[:100]
    people = integration_users.choices(user.connection_id, search, PEOPLE_IN_LIST)
    form = reassign_form([person for person in people if person.id != user.id])
    form.many_people = bool(search) or len(people) >= PEOPLE_IN_LIST
    return form


def _sentence(form: ReassignForm, outcome: Reassigned) -> str:
    if not outcome.done:
        return "Nothing was left to do: somebody else gave these tickets away or finished them"
    name = integration_users.get_choice(form.taker_id).name
    if len(outcome.done) == 1:
        return f"{outcome.done[0]} was reassigned to {name}"
    return f"{len(outcome.done)} tickets were reassigned to {name}"


def _not_all(user: IntegrationUser, form: ReassignForm, outcome: Reassigned) -> Response:
    """The dialog again with what is left, each with its reason; the list behind it shows the rest as done."""
    reasons = {number: _reason(error) for number, error in outcome.failed.items()}
    reasons |= dict.fromkeys(outcome.left, NOT_TRIED)
    count = len(reasons)
    text = "1 ticket was not reassigned" if count == 1 else f"{count} tickets were not reassigned"
    detail = f"{_sentence(form, outcome)}. " if outcome.done else ""
    kept = "Nothing is lost: what was not reassigned stays as it was, with the reason below."
    return _draw(user, form, status=422, message=Message("alert", text, detail + kept), reasons=reasons)


def _reason(error: ProviderError | Refused) -> Message:
    """What stands below a ticket. About the ticket itself the provider's own words say most."""
    if isinstance(error, Refused):
        return Message("alert", str(error).rstrip("."))
    told = provider_message(error)
    if not isinstance(error, person_tickets.OF_THE_TICKET):
        return told
    step = "Choose somebody else for it." if isinstance(error, InvalidInput) else error.next_step
    words = f"{(error.vendor_message or error.cause).rstrip('.')}. {step}".strip()
    return Message("alert", "Not reassigned", words, told.link, told.link_text)


def _draw(
    user: IntegrationUser,
    form: ReassignForm,
    *,
    status: int = 200,
    message: Message | None = None,
    reasons: dict[int, Message] | None = None,
) -> Response:
    known = integration_users.sources()
    url = url_for("integration_users.open_tickets", user_id=user.id)
    found = person_tickets.page(user.id, cursor=request.args.get("cursor") or None)
    context: dict[str, Any] = {
        "user": user,
        "form": form,
        "source": next((source for source in known if source.id == user.connection_id), None),
        "tickets": found.items,
        "badges": CATEGORY_BADGES,
        "reasons": reasons or {},
        "message": message,
        "tickets_url": url,
        "next_url": f"{url}?cursor={found.next_cursor}" if found.next_cursor else None,
        "previous_url": f"{url}?cursor={found.previous_cursor}" if found.previous_cursor else None,
    }
    if not is_htmx():
        return render(PAGE, status=status, dialog=DIALOG, **{**list_context(known, Shown()), **context})
    beside = list_beside(known, shown_now(known)) if request.method == "POST" else ""
    response = make_response(render_template(DIALOG, **context) + beside, status)
    response.vary.add("HX-Request")
    return response
