"""Every status of an answer has its error, with cause, next step and time to wait."""

from email.utils import format_datetime

import pytest

from providers import errors
from providers.base import utcnow
from providers.http import error_for, retry_after
from tests.providers.door import made


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidInput),
        (401, errors.AuthenticationFailed),
        (403, errors.NotAllowed),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (422, errors.InvalidInput),
        (429, errors.RateLimited),
        (500, errors.Unreachable),
        (503, errors.Unreachable),
        (203, errors.UnexpectedAnswer),
        (418, errors.UnexpectedAnswer),
    ],
)
def test_every_status_has_its_error(status, kind):
    error = error_for(made(b"", status=status), label="Acme", code="C", message="M")
    assert type(error) is kind
    assert (error.vendor_status, error.vendor_code, error.vendor_message, error.sent) == (status, "C", "M", True)
    assert "Acme" in error.cause
    assert error.next_step


def test_retry_after_as_number_and_as_date():
    assert retry_after(made(b"", Retry_After="7")) == 7
    assert retry_after(made(b"", Retry_After="-7")) == 0
    assert retry_after(made(b"")) is retry_after(made(b"", Retry_After="inf")) is None
    in_a_minute = format_datetime(utcnow().replace(year=2099, day=1, microsecond=0), usegmt=True)
    assert retry_after(made(b"", Retry_After=in_a_minute)) > 1_000_000
    assert retry_after(made(b"", Retry_After="Wed, 21 Oct 2015 07:28:00 GMT")) == 0
    error = error_for(made(b"", status=429, Retry_After="7"), label="Acme")
    assert (error.retry_after, error.next_step) == (7, "Try again in 7 seconds.")
