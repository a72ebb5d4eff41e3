"""Calls to Azure DevOps: the token, the API version, the faces of a refusal, data out of answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from providers.azure_devops import answers, hosts
from providers.errors import AuthenticationFailed, ProviderError, UnexpectedAnswer
from providers.http import amend, read_json

if TYPE_CHECKING:
    import requests

VERSION = "7.1"
PREVIEW = "7.1-preview"
JSON_PATCH = "application/json-patch+json"
# Scopes of a personal access token, as its page in Azure DevOps names them.
PROJECTS = "Project and Team (Read)"
READ_ITEMS = "Work Items (Read)"
WRITE_ITEMS = "Work Items (Read & write)"
PEOPLE = "Identity (Read)"


class Wire:
    """Speaks to one organization with one personal access token, through the door."""

    def __init__(self, door: Any, base: str, token: str) -> None:
        self.door = door
        self.base = base
        people_host = hosts.identity_url(base)
        self.people_host = people_host
        self.people = f"{people_host}/{hosts.organization(base)}" if people_host else ""
        self.session: requests.Session = door.session()
        credential = base64.b64encode(f":{token.strip()}".encode()).decode()
        # Without the second header a bad token is redirected to a sign-in page instead of refused.
        self.session.headers.update(
            {
                "Authorization": f"Basic {credential}",
                "X-TFS-FedAuthRedirect": "Suppress",
                "Accept": "application/json",
            }
        )
        self._proven: bool | None = None
        self._last: requests.Response | None = None

    # -- calls ------------------------------------------------------------------------------------------------------

    def get(self, path: str, *, needs: str = "", version: str = VERSION, **params: str) -> Any:
        """The data at a path of the organization. `needs` is the scope the token must have for it."""
        return self.get_page(path, needs=needs, version=version, **params)[0]

    def get_page(
        self, path: str, *, needs: str = "", version: str = VERSION, base: str = "", **params: str
    ) -> tuple[Any, str]:
        """The data at a path, and the token of the page that follows it ("" at the end)."""
        query = {**params, "api-version": version}
        response = self._send("GET", f"{base or self.base}/{path}", needs, params=query)
        return read_json(response, answers.LABEL), response.headers.get("x-ms-continuationtoken", "")

    def post(self, path: str, sent: Mapping[str, Any], *, needs: str, **params: str) -> Any:
        """The answer to an object sent to a path."""
        query = {**params, "api-version": VERSION}
        return read_json(self._send("POST", f"{self.base}/{path}", needs, params=query, json=sent), answers.LABEL)

    def patch(self, method: str, path: str, changes: Sequence[Mapping[str, Any]], **params: str) -> Any:
        """The answer to a JSON Patch document, the form in which work items are created and changed."""
        query = {**params, "api-version": VERSION}
        data = json.dumps(list(changes)).encode()
        headers = {"Content-Type": JSON_PATCH}
        url = f"{self.base}/{path}"
        response = self._send(method, url, WRITE_ITEMS, params=query, data=data, headers=headers)
        return read_json(response, answers.LABEL)

    def delete(self, path: str, *, needs: str) -> None:
        """Have what is at a path removed. Raises NotFound when it is gone already."""
        self._send("DELETE", f"{self.base}/{path}", needs, params={"api-version": VERSION})

    def entries(self, answer: Any) -> list[Mapping[str, Any]]:
        """The entries of a list answer; Azure DevOps leaves null where it may not tell. Raises UnexpectedAnswer."""
        listed = answer.get("value") if isinstance(answer, Mapping) else None
        if not isinstance(listed, list):
            raise self.unexpected("Azure DevOps' list has an unknown form.", "Try again later.")
        return [entry for entry in listed if isinstance(entry, Mapping)]

    def unexpected(self, cause: str, next_step: str) -> UnexpectedAnswer:
        """The error for an answer whose status was good and whose content is not; its ledger row says so too."""
        error = UnexpectedAnswer(cause, next_step=next_step)
        if self._last is not None:
            amend(self._last, "bad_answer", cause)
            error.vendor_status = self._last.status_code
            error.attempt_id = getattr(self._last, "attempt_id", None)
        return error

    # -- who we are -------------------------------------------------------------------------------------------------

    def owner(self) -> Mapping[str, Any]:
        """The token's owner, from the one route that every good token may read, whatever its scopes.

        Raises AuthenticationFailed, Unreachable where no organization is, UnexpectedAnswer where another product is.
        """
        url = f"{self.base}/_apis/connectionData"
        response = self._send("GET", url, "", params={"api-version": PREVIEW})
        found = read_json(response, answers.LABEL)
        user = found.get("authenticatedUser") if isinstance(found, dict) else None
        if not isinstance(user, dict) or not user.get("id"):
            raise self.unexpected("The answer does not look like Azure DevOps.", "Check the Organization URL.")
        if user["id"] == answers.ANONYMOUS:
            refused = answers.anonymous(getattr(response, "attempt_id", None))
            amend(response, "refused", refused.cause)
            raise refused
        self._proven = True
        return user

    def _is_good(self) -> bool:
        """Whether the token works at all; asked once, when something was refused."""
        if self._proven is None:
            purpose, self.door.purpose = self.door.purpose, "check the token"
            try:
                self.owner()
            except ProviderError:
                self._proven = False
            self.door.purpose = purpose
        return bool(self._proven)

    def probe(self, url: str, *, version: str = VERSION, expected: str = "", **params: str) -> bool | None:
        """Whether the token may read this: None when that cannot be told. Never raises.

        `expected` says for the ledger why a refusal here is nothing bad.
        """
        try:
            response = self.session.get(url, params={**params, "api-version": version})
        except ProviderError:
            return None
        if response.status_code == 200 and "json" in response.headers.get("Content-Type", ""):
            return True
        if expected and response.status_code < 500:
            amend(response, "ok", expected)
        return False if response.status_code in (203, 401, 403) else None

    # -- inside -----------------------------------------------------------------------------------------------------

    def _send(self, method: str, url: str, needs: str, **arguments: Any) -> requests.Response:
        try:
            response = self.session.request(method, url, **arguments)
        except UnexpectedAnswer as error:
            refused = answers.signed_out(error)
            if refused is None:
                raise
            raise self._told_apart(refused, needs) from None
        refused = answers.refused_token(response)
        if refused is not None:
            raise self._told_apart(refused, needs)
        if response.status_code >= 300:
            raise answers.error(response)
        self._last = response
        return response

    def _told_apart(self, refused: AuthenticationFailed, needs: str) -> ProviderError:
        """A missing scope looks like a bad token: only another call tells them apart."""
        if needs and not answers.is_dead(refused.vendor_message) and self._is_good():
            return answers.scope_missing(refused, needs)
        return refused
