"""`POST /webhooks/<uid>`: a provider says that a ticket changed. Answered at once; the worker reads the ticket back."""

from __future__ import annotations

from flask import Blueprint, Response, abort, make_response, request

from blueprints.access import public
from extensions import csrf
from providers.values import Delivery
from services import webhooks
from services.errors import Missing

MOST_BYTES = 256 * 1024
blueprint = Blueprint("webhooks", __name__)


@blueprint.post("/<string(length=32):uid>")
@csrf.exempt
@public
def receive(uid: str) -> Response:
    """204 for what is genuine, whether or not it concerns us; 401 for what does not know the secret."""
    if (request.content_length or 0) > MOST_BYTES:
        abort(413)
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        webhooks.receive(uid, Delivery(headers, request.get_data(cache=False)))
    except Missing:
        abort(404)
    except webhooks.NotGenuine:
        return _plain("The secret of this webhook is missing or wrong.", 401)
    except ValueError:
        return _plain("The body cannot be read.", 400)
    return make_response("", 204)


def _plain(text: str, status: int) -> Response:
    response = make_response(f"{text}\n", status)
    response.mimetype = "text/plain"
    return response
