"""What can go wrong when speaking to a provider.

Every client raises one of these and nothing else. The sentence in `str(error)` is for people; the class is for the
program: status of a connection, state of a ticket and HTTP answer all follow from the class (see
`services/connections.py`, `services/tickets.py`, `blueprints/errors.py`).
"""

from __future__ import annotations

from collections.abc import Mapping


class ProviderError(Exception):
    """Base of all provider errors.

    Args:
        cause: one plain sentence that says what happened ("Jira refused the e-mail address and API token.").
        next_step: one plain sentence that says what to do now; may be empty.
        sent: False when it is certain that no byte of the request reached the provider, so a create may be repeated
        at once. vendor_status: HTTP (or SMTP) status of the answer, None when there was none.
        vendor_code: the provider's own machine code, "" when it gave none.
        vendor_message: the provider's own words, already shortened and without secrets.
    """

    # What the page says first; empty: the provider's sentence for this class of failure.
    sentence = ""

    def __init__(
        self,
        cause: str,
        *,
        next_step: str = "",
        sent: bool = True,
        vendor_status: int | None = None,
        vendor_code: str = "",
        vendor_message: str = "",
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.next_step = next_step
        self.sent = sent
        self.vendor_status = vendor_status
        self.vendor_code = vendor_code
        self.vendor_message = vendor_message
        # The ledger row of the call that failed; the outbound door fills it in so that every alert can link to it.
        self.attempt_id: int | None = None


class Unreachable(ProviderError):
    """No usable answer: name not found, refused, time-out, bad certificate, forbidden address, 5xx, wrong product."""


class AuthenticationFailed(ProviderError):
    """The provider refused the credentials."""


class NotAllowed(ProviderError):
    """The credentials are good but may not do this; `missing` names the permissions when they are known."""

    def __init__(self, cause: str, *, missing: tuple[str, ...] = (), **details: object) -> None:
        super().__init__(cause, **details)  # type: ignore[arg-type]  # passed through to the documented keywords above
        self.missing = missing


class NotFound(ProviderError):
    """The thing asked for is absent, or this account may not see it (vendors answer both with 404)."""


class Conflict(ProviderError):
    """Somebody changed the thing at the same time (409)."""


class RateLimited(ProviderError):
    """The provider took nothing and asks for patience; `retry_after` is in seconds, None when it did not say."""

    def __init__(self, cause: str, *, retry_after: float | None = None, **details: object) -> None:
        super().__init__(cause, **details)  # type: ignore[arg-type]  # passed through to the documented keywords above
        self.retry_after = retry_after


class InvalidInput(ProviderError):
    """The provider refused values. `field_errors` maps the provider's field id to its message."""

    def __init__(self, cause: str, *, field_errors: Mapping[str, str] | None = None, **details: object) -> None:
        super().__init__(cause, **details)  # type: ignore[arg-type]  # passed through to the documented keywords above
        self.field_errors = dict(field_errors or {})


class UnexpectedAnswer(ProviderError):
    """An answer that is not what the vendor documents: HTML for JSON, a redirect, a missing key."""


class Busy(ProviderError):
    """We hold the call back ourselves because too many are under way; nothing was sent."""

    def __init__(self, cause: str = "Too many calls are under way.", **details: object) -> None:
        details.setdefault("next_step", "Try again in a moment.")
        super().__init__(cause, sent=False, **details)  # type: ignore[arg-type]  # passed through to the documented keywords above
