"""Jira Cloud by OAuth 2.0 (3LO): authorize address, token endpoint, the list of sites, the gateway's refusals.

Sources: Atlassian's pages “OAuth 2.0 (3LO) apps” and “Refresh tokens”, and measured replies; docs/providers.md lists
them. Facts relied on: the token endpoint takes JSON; a wrong client answers 401 with the same `access_denied` that a
person's refusal carries; a bad code or refresh token answers 403; the gateway answers a missing scope with 401.
No PKCE: Atlassian does not offer it and demands the client secret in any case.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from providers.base import ConnectionValues, url_origin, utcnow
from providers.errors import AuthenticationFailed, NotAllowed, ProviderError, UnexpectedAnswer
from providers.http import amend, error_for, read_json
from providers.oauth import (
    BadCode,
    Consent,
    Declined,
    MissingScope,
    NoSite,
    ReconnectNeeded,
    Scope,
    Site,
    Tokens,
    WrongApp,
)

VENDOR = "Atlassian"
AUTH_URL, API_URL, CLOUD_ID, SITE_URL, SITE_NAME = "auth_url", "api_url", "cloud_id", "site_url", "site_name"
CONSOLE = "developer.atlassian.com → your app"
DEFAULT_SECONDS = 3600.0
# Asked for, but a connection works without it: then changes are noticed a little later.
WEBHOOK_SCOPE = "manage:jira-webhook"
_RECONNECT = "Press Reconnect and give the consent again."


class JiraConsent(Consent):
    """Consent for Jira Cloud."""

    vendor = VENDOR
    lifetime = "consent is renewed by itself"
    scopes = (
        Scope("read:jira-work", "list projects and fields, read tickets back"),
        Scope("write:jira-work", "create and assign tickets"),
        Scope("read:jira-user", "find people by e-mail address"),
        Scope(WEBHOOK_SCOPE, "have Jira tell at once when an issue changes"),
        Scope("offline_access", "stay connected without asking again every hour"),
    )

    def addresses(self, endpoints: Mapping[str, str]) -> dict[str, str]:
        """Host of consent and tokens, host of the API."""
        return {AUTH_URL: endpoints["atlassian_auth"], API_URL: endpoints["atlassian_api"]}

    def authorize_url(self, settings: Mapping[str, str], redirect_uri: str, state: str) -> str:
        """Atlassian's consent page; `audience` and `prompt` are documented as required."""
        query = {
            "audience": "api.atlassian.com",
            "client_id": settings["client_id"],
            "scope": " ".join(scope.name for scope in self.scopes),
            "redirect_uri": redirect_uri,
            "state": state,
            "response_type": "code",
            "prompt": "consent",
        }
        return f"{settings[AUTH_URL]}/authorize?{urlencode(query, quote_via=quote)}"

    def declined(self, error: str, description: str) -> NotAllowed | AuthenticationFailed:
        """`access_denied` is the person's own no; anything else is the app's set-up."""
        if error == "access_denied":
            return Declined(
                "Access was not granted on Atlassian's page.",
                next_step="Press Install again and choose Accept there, with an account that may use the Jira site.",
                vendor_code=error,
            )
        return BadCode(
            "Atlassian sent the browser back without a consent.",
            next_step=f"Check the app under {CONSOLE}: call-back URL and permissions. Then press Install again.",
            vendor_code=error[:100],
            vendor_message=description[:200],
        )

    def exchange(self, door: Any, values: ConnectionValues, code: str, redirect_uri: str) -> Tokens:
        """Trade the code for tokens."""
        door.purpose = "exchange consent for tokens"
        body = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        response = self._ask(door, values, body)
        tokens = _read_tokens(response, "")
        granted = set(tokens.scopes)
        if not tokens.refresh:
            granted.discard("offline_access")
        _demand(response, [name for name in self._needed() if name not in granted])
        return tokens

    def refresh(self, door: Any, values: ConnectionValues) -> Tokens:
        """Trade the refresh token for new tokens. The old one works for ten more minutes."""
        door.purpose = "renew access token"
        old = values.credentials["refresh_token"]
        return _read_tokens(self._ask(door, values, {"grant_type": "refresh_token", "refresh_token": old}), old)

    def _ask(self, door: Any, values: ConnectionValues, body: Mapping[str, str]) -> Any:
        settings = values.settings
        client = {"client_id": settings["client_id"], "client_secret": values.credentials["client_secret"]}
        response = door.session().post(f"{settings[AUTH_URL]}/oauth/token", json={**body, **client})
        if not response.ok:
            raise _token_error(response, refreshing="refresh_token" in body)
        return response

    def _needed(self) -> list[str]:
        return [scope.name for scope in self.scopes if scope.name != WEBHOOK_SCOPE]

    def site_id(self, settings: Mapping[str, str]) -> str:
        """The cloud id; a site keeps it when it is renamed."""
        return settings.get(CLOUD_ID, "")

    def sites(self, door: Any, values: ConnectionValues) -> Sequence[Site]:
        """Jira sites of the consent; the vendor lists a site once per product, so equal ids are merged."""
        door.purpose = "list sites"
        headers = {"Authorization": f"Bearer {values.credentials['access_token']}", "Accept": "application/json"}
        url = f"{values.settings[API_URL]}/oauth/token/accessible-resources"
        response = door.session().get(url, headers=headers)
        if not response.ok:
            raise gateway_error(response) or error_for(response, label=VENDOR)
        found = _merged(response)
        jira = [site for site in found if any(":jira" in scope for scope in site.scopes)]
        if not jira:
            none = NoSite(
                "The consent covers no Jira site.",
                next_step="Press Install again and choose a site with Jira to which your account has access.",
            )
            raise _good_for_nothing(none, response, "refused")
        needed = [name for name in self._needed() if ":jira" in name]
        good = [site for site in jira if set(needed) <= set(site.scopes)]
        if not good:
            _demand(response, [name for name in needed if name not in jira[0].scopes])
        return good


def _demand(response: Any, missing: Sequence[str]) -> None:
    """Raise MissingScope unless nothing is missing."""
    if missing:
        names = ", ".join(missing)
        lacking = MissingScope(
            f"The consent does not include {names}.",
            next_step=f"Add it under {CONSOLE} → Permissions, then give the consent again.",
            missing=tuple(missing),
        )
        raise _good_for_nothing(lacking, response, "refused")


def _good_for_nothing(error: ProviderError, response: Any, outcome: str) -> ProviderError:
    """The error for an answer whose status said success; its row in the ledger says so too, and alerts link to it."""
    amend(response, outcome, error.cause)
    error.vendor_status, error.attempt_id = response.status_code, getattr(response, "attempt_id", None)
    return error


def _token_error(response: Any, *, refreshing: bool) -> ProviderError:
    """What a refusal of the token endpoint means. Status first: the words are the same for different causes."""
    details: dict[str, Any] = {
        "vendor_status": response.status_code,
        "vendor_code": response.vendor_code,
        "vendor_message": response.vendor_message,
    }
    error: ProviderError
    if response.status_code == 401:
        error = WrongApp(
            "Atlassian refused the Client ID or the Client Secret of the app.",
            next_step=f"Copy both again from {CONSOLE} → Settings.",
            **details,
        )
    elif response.status_code == 403 and refreshing:
        error = ReconnectNeeded(
            "Atlassian no longer accepts the consent: it was withdrawn, not used for 90 days, or the password changed.",
            next_step=_RECONNECT,
            **details,
        )
    elif response.status_code == 403:
        error = BadCode(
            "Atlassian refused the code of this consent: it was used already or is too old.",
            next_step="Press Install again.",
            **details,
        )
    else:
        return error_for(response, label=VENDOR)
    error.attempt_id = getattr(response, "attempt_id", None)
    return error


def _read_tokens(response: Any, refresh: str) -> Tokens:
    answer = read_json(response, VENDOR)
    if not isinstance(answer, dict) or not isinstance(answer.get("access_token"), str) or not answer["access_token"]:
        odd = UnexpectedAnswer("Atlassian's answer holds no access token.", next_step="Try again later.")
        raise _good_for_nothing(odd, response, "bad_answer")
    lifetime = answer.get("expires_in")
    seconds = float(lifetime) if isinstance(lifetime, int | float) and lifetime > 0 else DEFAULT_SECONDS
    return Tokens(
        access=answer["access_token"],
        refresh=str(answer.get("refresh_token") or refresh),
        scopes=tuple(str(answer.get("scope") or "").split()),
        expires_at=utcnow() + dt.timedelta(seconds=min(seconds, 86400.0)),
    )


def _merged(response: Any) -> list[Site]:
    """The sites by id, in the vendor's order, with the scopes of all their entries."""
    answer = read_json(response, VENDOR)
    if not isinstance(answer, list):
        odd = UnexpectedAnswer("Atlassian's list of sites has an unknown form.", next_step="Try again later.")
        raise _good_for_nothing(odd, response, "bad_answer")
    found: dict[str, Site] = {}
    for entry in answer:
        if not isinstance(entry, dict) or not entry.get("id") or not _is_page(str(entry.get("url", ""))):
            continue
        cloud, url = str(entry["id"]), str(entry["url"]).rstrip("/")
        name = str(entry.get("name") or url)
        earlier = found[cloud].scopes if cloud in found else ()
        scopes = tuple(dict.fromkeys([*earlier, *(str(scope) for scope in entry.get("scopes") or ())]))
        found[cloud] = Site(cloud, name, url, scopes, {CLOUD_ID: cloud, SITE_URL: url, SITE_NAME: name})
    return list(found.values())


def _is_page(url: str) -> bool:
    """Whether people may be sent there: the address becomes a link."""
    return url_origin(url).startswith(("https://", "http://"))


def gateway_error(response: Any) -> ProviderError | None:
    """What a refusal of api.atlassian.com means; None when it is Jira's own or no refusal of credentials.

    Source: measured replies. The missing scope is not named; a new token would lack it just the same.
    """
    if response.status_code != 401:
        return None
    words = getattr(response, "vendor_message", "")
    details: dict[str, Any] = {"vendor_status": 401, "vendor_message": words}
    error: ProviderError
    if "scope" in words.lower():
        error = MissingScope(
            "The consent lacks a scope that this call needs.",
            next_step=f"Add the scopes of the Install dialog under {CONSOLE} → Permissions, then press Reconnect, "
            "or Install while nothing is connected.",
            **details,
        )
    else:
        cause = "Atlassian refused the access token, although it was just renewed."
        error = ReconnectNeeded(cause, next_step=_RECONNECT, **details)
    error.attempt_id = getattr(response, "attempt_id", None)
    return error


def no_webhook_scope(refused: ProviderError | None = None) -> MissingScope:
    """The error for a consent that does not cover webhooks; `refused` is the gateway's refusal when it was asked."""
    lacking = MissingScope(
        f"The consent does not include {WEBHOOK_SCOPE}, without which Jira registers no webhook.",
        next_step=f"Add it under {CONSOLE} → Permissions → Jira API, then press Reconnect.",
        missing=(WEBHOOK_SCOPE,),
        sent=refused is not None,
        vendor_status=refused.vendor_status if refused else None,
        vendor_message=refused.vendor_message if refused else "",
    )
    lacking.attempt_id = refused.attempt_id if refused else None
    return lacking


def places(values: ConnectionValues) -> tuple[str, str, dict[str, Any]]:
    """Base address of calls, address of the site for people, and how the `jira` package signs in."""
    settings, credentials = values.settings, values.credentials
    if API_URL in settings:
        base = f"{settings[API_URL]}/ex/jira/{quote(settings[CLOUD_ID], safe='')}"
        return base, settings[SITE_URL], {"token_auth": credentials["access_token"]}
    site = settings["service_url"].rstrip("/")
    return site, site, {"basic_auth": (settings["user_email"], credentials["api_token"])}


def describe(response: Any) -> tuple[str, str]:
    """Code and words of an error of the token endpoint or the gateway; empty when it is neither."""
    try:
        answer = response.json()
    except ValueError:
        return "", ""
    if not isinstance(answer, dict):
        return "", ""
    if isinstance(answer.get("error"), str):
        return answer["error"], str(answer.get("error_description") or "")
    if "code" in answer and isinstance(answer.get("message"), str):
        return str(answer["code"]), answer["message"]
    return "", ""
