"""One request and its answer over one line, and everything that can go wrong there put into words."""

from __future__ import annotations

import http.client
import logging
import ssl
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import DecodeError, HTTPError, ProtocolError, ReadTimeoutError
from urllib3.exceptions import SSLError as WrappedSSLError
from urllib3.response import HTTPResponse

from providers.addresses import NameNotFound, Policy
from providers.errors import InvalidInput, ProviderError, UnexpectedAnswer, Unreachable
from providers.sockets import BODY_LIMIT, CONNECT_SECONDS, Deadline, Line, TooMuch
from providers.targets import Forbidden, Target

# This logger would write malformed answer headers and whole URLs into the log.
logging.getLogger("urllib3.connection").setLevel(logging.CRITICAL)

_CHUNK = 64 * 1024
_UNSENT_HEADERS = frozenset({"host", "cookie"})
_CHECK_ADDRESS = "Check the address and port, and that no firewall is in the way."
_WRONG_PRODUCT = "Check that the address is that of the right product and of its API, not of a sign-in page or proxy."

# OpenSSL's X509_V_ERR numbers -> what is wrong with the certificate of {host}, what to do.
_ADD_AUTHORITY = "Add the authority that issued it to the file in PATCHPANEL_TLS_CA_FILE."
_RENEW = "Have the certificate on {host} renewed."
_CERTIFICATE = {
    9: ("The certificate of {host} is not valid yet.", "Check the clocks of both machines."),
    10: ("The certificate of {host} has expired.", _RENEW),
    18: (
        "The certificate of {host} is self-signed, so it proves nothing.",
        "Add it to the file in PATCHPANEL_TLS_CA_FILE.",
    ),
    19: ("The certificate of {host} comes from an authority that is not trusted here.", _ADD_AUTHORITY),
    20: ("The certificate of {host} comes from an authority that is not known here.", _ADD_AUTHORITY),
    21: ("The certificate of {host} comes from an authority that is not known here.", _ADD_AUTHORITY),
    62: ("The certificate of {host} is made out to another name.", "Use the name that stands in the certificate."),
    64: ("The certificate of {host} is made out to another name.", "Use the name that stands in the certificate."),
}
_OTHER_CERTIFICATE = ("The certificate of {host} could not be verified.", _RENEW)


class Trouble(Exception):
    """A failed try: the error for the caller, the outcome for the ledger, and whether a read may be tried again."""

    def __init__(self, error: ProviderError, outcome: str, *, retry: bool = False) -> None:
        super().__init__(outcome)
        self.error = error
        self.outcome = outcome
        self.retry = retry


def connect(line: Line, policy: Policy, context: ssl.SSLContext, deadline: Deadline) -> None:
    """Open the line. Raises Trouble; nothing of the request has been sent then."""
    try:
        line.open(policy, context, deadline)
    except Forbidden as error:
        raise Trouble(error, "forbidden") from None
    except NameNotFound as error:
        raise Trouble(error, "unreachable", retry=error.temporary) from None
    except OSError as error:
        raise connect_trouble(error, line.target, deadline) from None


def connect_trouble(error: OSError, target: Target, deadline: Deadline) -> Trouble:
    """Why a connection could not be opened or secured, in words."""
    host, outcome, retry = target.host, "unreachable", True
    if isinstance(error, ssl.SSLCertVerificationError):
        cause, next_step = _CERTIFICATE.get(error.verify_code, _OTHER_CERTIFICATE)
        cause, next_step, outcome, retry = cause.format(host=host), next_step.format(host=host), "certificate", False
    elif isinstance(error, TimeoutError):
        limit = seconds(min(CONNECT_SECONDS, deadline.seconds))
        cause, next_step, outcome = f"{host} did not answer within {limit}.", _CHECK_ADDRESS, "timeout"
    elif isinstance(error, ConnectionRefusedError):
        cause, next_step = f"{host} refused the connection on port {target.port}.", _CHECK_ADDRESS
    elif isinstance(error, (ssl.SSLError, ConnectionError)):
        cause, retry = f"No secure connection to {host} could be made on port {target.port}.", False
        next_step = "Check the port; the server must offer TLS 1.2 or newer."
    else:
        cause, next_step = f"{host} cannot be reached from here.", _CHECK_ADDRESS
    return Trouble(Unreachable(cause, next_step=next_step, sent=False), outcome, retry=retry)


def unsendable() -> InvalidInput:
    """The error for a value that HTTP cannot carry; the value itself stays out of it."""
    cause = "A value contains characters that cannot be sent."
    return InvalidInput(cause, next_step="Enter it again, without line breaks.", sent=False)


def seconds(number: float) -> str:
    """ "1 second", "2.5 seconds"."""
    return "1 second" if number == 1 else f"{number:g} seconds"


class Exchange:
    """One request on one open line.

    Args:
        line: open, and not in use by anybody else; it is closed when anything goes wrong.
        label: the provider's name for sentences.
    """

    def __init__(self, line: Line, *, label: str, deadline: Deadline) -> None:
        self.line = line
        self.label = label
        self.deadline = deadline
        self._socket = line.watched

    def run(self, request: requests.PreparedRequest) -> tuple[HTTPResponse, bytes]:
        """Send the request and read the whole answer. Returns it with its unpacked body; raises Trouble."""
        raw: HTTPResponse | None = None
        try:
            self._socket.begin(self.deadline)
            self._send(request)
            raw = self.line.getresponse()
            self._refuse_redirect(request, raw)
            self._socket.expect_body()
            return raw, _read_body(raw)
        except BaseException as error:
            if raw is not None:
                raw.close()
            self.line.close()
            if isinstance(error, (HTTPError, http.client.HTTPException, OSError, ValueError, TooMuch)):
                raise self._trouble(error) from None
            raise

    def _send(self, request: requests.PreparedRequest) -> None:
        headers = {str(k): _text(v) for k, v in request.headers.items() if str(k).lower() not in _UNSENT_HEADERS}
        framed = request.body is None or "Content-Length" in request.headers
        try:
            self.line.request(
                request.method or "GET",
                request.path_url,
                body=request.body,
                headers=headers,
                chunked=not framed,
                preload_content=False,
                decode_content=False,
            )
        except (BrokenPipeError, ConnectionResetError):
            # A server may answer before it took the whole body and close its side; that answer still counts.
            if not self._socket.started:
                raise

    def _refuse_redirect(self, request: requests.PreparedRequest, raw: HTTPResponse) -> None:
        """A redirect would carry the credentials elsewhere, and mostly means "signed out" or a wrong address."""
        location = raw.headers.get("Location")
        if not 300 <= raw.status < 400 or location is None:
            return
        try:
            host = urlsplit(urljoin(request.url or "", location)).hostname or "another address"
        except ValueError:
            host = "another address"
        cause = f"{self.label} redirected the call to {host[:100]}, and Patchpanel follows no redirects."
        next_step = "Enter the address of the product itself, and check that nothing asks for a sign-in in between."
        raise Trouble(UnexpectedAnswer(cause, next_step=next_step, vendor_status=raw.status), "bad_answer")

    def _trouble(self, error: BaseException) -> Trouble:
        host, sent = self.line.target.host, self._socket.started
        if not sent and isinstance(error, (ValueError, http.client.HTTPException)):
            cause = "A value contains characters that cannot be sent."
            return Trouble(
                InvalidInput(cause, next_step="Enter it again, without line breaks.", sent=False), "forbidden"
            )
        if isinstance(error, (TimeoutError, ReadTimeoutError)):
            cause = f"{host} did not answer within {seconds(self.deadline.seconds)}."
            return Trouble(Unreachable(cause, next_step="Try again later.", sent=sent), "timeout")
        # urllib3 says ProtocolError for a lost connection and for malformed framing alike.
        lost = self._socket.ended or isinstance(error.args[-1], OSError) if isinstance(error, ProtocolError) else False
        if lost or isinstance(error, (OSError, WrappedSSLError)):
            # A kept connection that the server closed meanwhile shows only now; for reads it is like a failed connect.
            stale = self.line.reused and not self._socket.heard
            cause = f"The connection to {host} broke off before the answer was complete."
            return Trouble(Unreachable(cause, next_step="Try again.", sent=sent), "unreachable", retry=stale)
        return Trouble(UnexpectedAnswer(self._bad_answer(error), next_step=_WRONG_PRODUCT, sent=sent), "bad_answer")

    def _bad_answer(self, error: BaseException) -> str:
        if isinstance(error, TooMuch):
            limit = "64 KiB of headers" if error.part == "headers" else f"{BODY_LIMIT >> 20} MiB"
            return f"{self.label} answered with more than {limit}."
        if isinstance(error, DecodeError):
            return f"{self.label} answered with compressed data that cannot be unpacked."
        return f"{self.label} answered with something that is not proper HTTP."


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _read_body(raw: HTTPResponse) -> bytes:
    """The unpacked body, piece by piece so that a small answer cannot unpack to a huge one. Raises TooMuch."""
    pieces, size = [], 0
    for piece in raw.stream(_CHUNK, decode_content=True):
        size += len(piece)
        if size > BODY_LIMIT:
            raise TooMuch("body")
        pieces.append(piece)
    return b"".join(pieces)
