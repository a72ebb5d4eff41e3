"""Calls to Jira Cloud on the `jira` package's session and error parsing: sign-in, pages, refusals, data out of answers.

The package is used with its retries off (it repeats POSTs), without its server-info call (which proves nothing) and
with our guarded adapter under its session. A JIRAError is mapped at once and never printed: its text holds headers
and bodies.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from jira import JIRA
from jira.client import TokenAuth
from jira.exceptions import JIRAError

from providers.base import Client, ConnectionValues
from providers.errors import AuthenticationFailed, NotFound, ProviderError, UnexpectedAnswer
from providers.http import read_json
from providers.jira import answers, oauth

if TYPE_CHECKING:
    import requests

# At DEBUG the package prints headers and bodies.
logging.getLogger("jira").setLevel(logging.WARNING)

# Reads of lists stop here; a site with more projects than this is served by typing the project's name.
MOST_PAGES = 20
PAGE_SIZE = 50
EMPTY_ANSWERS = frozenset({202, 204})


class JiraWire(Client):
    """Base of everything that speaks to one Jira Cloud site, by API token or OAuth, REST v3."""

    def __init__(self, values: ConnectionValues, door: Any) -> None:
        super().__init__(values, door)
        self.base, self.site, sign_in = oauth.places(values)
        self.by_consent = oauth.API_URL in values.settings
        self._jira = JIRA(
            options={"server": self.base, "rest_api_version": "3", "check_update": False},
            **sign_in,
            get_server_info=False,
            max_retries=0,
            timeout=20,
            logging=False,
        )
        self._jira.deploymentType = "Cloud"
        self._session = self._jira._session
        # Texts follow the account's language otherwise.
        self._session.headers.update({"X-Force-Accept-Language": "true", "Accept-Language": "en"})
        door.mount(self._session)
        self._answers: list[requests.Response] = []  # the answer of the latest call
        self._session.hooks["response"].append(lambda answer, *_, **__: self._answers.append(answer))

    # -- places -----------------------------------------------------------------------------------------------------

    def _browse(self, key: str) -> str:
        """Where people see an issue."""
        return f"{self.site}/browse/{quote(key, safe='')}"

    @contextmanager
    def _of_site(self) -> Iterator[None]:
        """Calls inside are about the site as a whole: told "not there", it is the site that is not there.

        Without this, a site that is gone would look like all of its issues deleted.
        """
        try:
            yield
        except NotFound as error:
            raise (answers.site_gone(error) if self.by_consent else answers.wrong_product(error)) from error

    # -- calls ------------------------------------------------------------------------------------------------------

    def _may(self, permission: str, **where: str) -> bool | None:
        """Whether the account has the permission there, or else anywhere; None when Jira does not say."""
        answer = self._get("mypermissions", params={"permissions": permission, **where})
        try:
            found = answer["permissions"][permission]["havePermission"]
        except (KeyError, TypeError):
            return None
        return found if isinstance(found, bool) else None

    def _pages(self, path: str, names: tuple[str, ...], **params: Any) -> Iterator[dict[str, Any]]:
        """The entries of a list, page by page. `names` are those under which answers may hold it."""
        start = 0
        for _ in range(MOST_PAGES):
            answer = self._get(path, params={**params, "startAt": str(start), "maxResults": str(PAGE_SIZE)})
            entries = self._entries(answer, names)
            yield from entries
            start += len(entries)
            total = answer.get("total")
            if not entries or answer.get("isLast") or (isinstance(total, int) and start >= total):
                return

    def _entries(self, answer: Any, names: tuple[str, ...]) -> list[dict[str, Any]]:
        """The list an answer holds under one of the names. Raises UnexpectedAnswer when there is none."""
        lists = [answer[name] for name in names if isinstance(answer.get(name), list)] if _is_object(answer) else []
        if not lists or not all(_is_object(entry) for entry in lists[0]):
            raise self._unexpected("Jira's list has an unknown form.")
        found: list[dict[str, Any]] = lists[0]
        return found

    def _unexpected(self, cause: str, next_step: str = "Try again later.") -> UnexpectedAnswer:
        return answers.unexpected(self._answers[-1], cause, next_step)

    def _get(self, path: str, *, params: Mapping[str, Any] | None = None) -> Any:
        return self._call("GET", path, params=params)

    def _send(self, method: str, path: str, body: Mapping[str, Any]) -> Any:
        return self._call(method, path, json=body)

    def _call(self, method: str, path: str, **arguments: Any) -> Any:
        try:
            response = self._exchange(method, path, **arguments)
        except AuthenticationFailed as refused:
            # A definite refusal at the gateway: nothing was done, so even a create may be sent once more.
            if self.values.renew is None or refused.vendor_status != 401:
                raise
            self._session.auth = TokenAuth(self.values.renew()["access_token"])
            response = self._exchange(method, path, **arguments)
        answers.refuse_anonymous(response)
        return None if response.status_code in EMPTY_ANSWERS else read_json(response, "Jira")

    def _exchange(self, method: str, path: str, **arguments: Any) -> Any:
        self._answers.clear()
        try:
            return self._session.request(method, f"{self.base}/rest/api/3/{path}", **arguments)
        except (JIRAError, TypeError, AttributeError, ValueError):
            # The package itself stumbles over error bodies of an odd shape; what was answered is known all the same.
            seen = self._answers[-1] if self._answers else None
            refused: ProviderError | None = oauth.gateway_error(seen) if self.by_consent and seen is not None else None
            raise (refused or answers.error(seen)) from None


def _is_object(data: Any) -> bool:
    return isinstance(data, dict)


def issue_path(reference: str) -> str:
    """Path of an issue by id or key."""
    return f"issue/{quote(reference, safe='')}"
