"""Deliveries from ServiceNow: a business rule that the customer pastes calls us when a record changed.

Source: ServiceNow's business rule and RESTMessageV2 pages. ServiceNow has no webhooks of its own and signs nothing, so
the rule sends our shared secret in a header. A record's id is a sys_id with its table in front unless it is an
incident, so the rule names the table too.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from providers.capabilities import ReceivesWebhooks
from providers.errors import InvalidInput
from providers.servicenow import query, records
from providers.values import Delivery

if TYPE_CHECKING:
    from providers.base import ConnectionValues

TOKEN_HEADER = "x-webhook-token"  # noqa: S105 - the header's name
# It goes into the body of ServiceNow's own template, so its names stay inside that function; it has no braces besides
# the two placeholders, and works when line breaks are lost.
SCRIPT = """\
var call = new sn_ws.RESTMessageV2();
var ticket = new Object();
ticket.sys_id = current.getUniqueValue();
ticket.sys_class_name = current.getValue('sys_class_name');
ticket.number = current.getValue('number');
ticket.state = current.getValue('state');
ticket.correlation_id = current.getValue('correlation_id');
ticket.sys_updated_on = current.getValue('sys_updated_on');
call.setEndpoint('{address}');
call.setHttpMethod('POST');
call.setRequestHeader('Content-Type', 'application/json');
call.setRequestHeader('X-Webhook-Token', '{secret}');
call.setRequestBody(JSON.stringify(ticket));
call.setHttpTimeout(10000);
call.execute();"""


class Webhooks(ReceivesWebhooks):
    """The part of the client that reads deliveries. Nothing can be registered: ServiceNow has no such call."""

    webhook_steps: ClassVar[tuple[str, ...]] = (
        "In ServiceNow, open All → System Definition → Business Rules and press New.",
        "Name it Patchpanel, choose the table Task [task], and tick Active and Advanced.",
        "Under When to run, set When to async and tick Update.",
        "As filter condition choose Correlation display is Patchpanel; leave it out to hear of linked records too.",
        f"Under Advanced, put this in the Script in place of the line “// Add your code here”:\n{SCRIPT}",
        "Press Submit. The instance must be able to reach {address}.",
    )

    @classmethod
    def is_genuine(cls, delivery: Delivery, secrets: Sequence[str], values: ConnectionValues) -> bool:
        """Whether the delivery shows one of the secrets in its header. Compares all of them in constant time."""
        shown = delivery.headers.get(TOKEN_HEADER, "").encode("utf-8", "backslashreplace")
        matches = [hmac.compare_digest(shown, secret.encode()) for secret in secrets if secret]
        return any(matches)

    @classmethod
    def touched(cls, delivery: Delivery) -> Sequence[str]:
        """The external id of the record that changed; empty when the delivery names none.

        A record of a table that extends the one it was made in goes by that one's name with us, so the name it has as
        an incident is given too. Raises ValueError when the body is not JSON.
        """
        try:
            body = json.loads(delivery.body)
        except RecursionError:
            raise ValueError("nested too deeply") from None
        sys_id = body.get("sys_id") if isinstance(body, dict) else None
        if not isinstance(sys_id, str) or not query.SYS_ID.fullmatch(sys_id):
            return ()
        own = _table(body.get("sys_class_name"), body.get("number"))
        return tuple(dict.fromkeys(records.external_id(name, sys_id) for name in (own, records.DEFAULT_TABLE)))


def _table(name: object, number: object) -> str:
    """The record's table: as told, else by its number."""
    with suppress(InvalidInput):
        if isinstance(name, str):
            return query.table(name)
    return records.numbered(number) if isinstance(number, str) else records.BASE_TABLE
