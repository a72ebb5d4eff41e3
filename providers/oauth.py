"""Connecting by consent (OAuth 2.0 authorization code): what a provider that offers it has to say and do.

The organisation registers an application of its own at the vendor; a person then consents there, and the vendor hands
out tokens that are renewed again and again. Everything here is neutral: a provider supplies a `Consent` in its
`AuthMethod`, and pages, services and tests work with that.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from providers.base import ConnectionValues, utcnow
from providers.errors import AuthenticationFailed, NotAllowed

# Names of settings and credentials of a connection made by consent.
CLIENT_ID, CLIENT_SECRET = "client_id", "client_secret"
ACCESS_TOKEN, REFRESH_TOKEN = "access_token", "refresh_token"
SCOPES, EXPIRES_AT, RENEWED_AT = "scopes", "access_expires_at", "renewed_at"


@dataclass(frozen=True)
class Scope:
    """One permission asked for, and what it is needed for in plain words."""

    name: str
    reason: str


@dataclass(frozen=True)
class Tokens:
    """What a token endpoint handed out."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    scopes: tuple[str, ...]
    expires_at: dt.datetime

    def credentials(self) -> dict[str, str]:
        """The secret part, under the names it is stored by."""
        return {ACCESS_TOKEN: self.access, REFRESH_TOKEN: self.refresh}

    def settings(self) -> dict[str, str]:
        """The clear part, under the names it is stored by."""
        return {
            SCOPES: " ".join(self.scopes),
            EXPIRES_AT: self.expires_at.isoformat(),
            RENEWED_AT: utcnow().isoformat(),
        }


@dataclass(frozen=True)
class Site:
    """One instance the consent covers; `settings` are what a connection to it stores."""

    id: str
    name: str
    url: str
    scopes: tuple[str, ...]
    settings: Mapping[str, str]


class Consent:
    """How connecting by consent works at one vendor. Methods that call the vendor take an open door."""

    vendor = ""
    scopes: Sequence[Scope] = ()
    # What the card says instead of the day the secret expires.
    lifetime = ""

    def addresses(self, endpoints: Mapping[str, str]) -> dict[str, str]:
        """The settings that say where the secrets go, from the installation's table of vendor addresses."""
        raise NotImplementedError

    def authorize_url(self, settings: Mapping[str, str], redirect_uri: str, state: str) -> str:
        """Where the browser goes for consent."""
        raise NotImplementedError

    def declined(self, error: str, description: str) -> NotAllowed | AuthenticationFailed:
        """The error a call-back without a code stands for."""
        raise NotImplementedError

    def exchange(self, door: Any, values: ConnectionValues, code: str, redirect_uri: str) -> Tokens:
        """Trade the code of a call-back for tokens. Raises ProviderError."""
        raise NotImplementedError

    def refresh(self, door: Any, values: ConnectionValues) -> Tokens:
        """Trade the refresh token for new tokens. Raises ReconnectNeeded, WrongApp or another ProviderError."""
        raise NotImplementedError

    def site_id(self, settings: Mapping[str, str]) -> str:
        """Which site stored settings belong to, as in `Site.id`."""
        raise NotImplementedError

    def sites(self, door: Any, values: ConnectionValues) -> Sequence[Site]:
        """The instances the consent covers with all scopes we need. Raises NoSite or MissingScope when none."""
        raise NotImplementedError


class WrongApp(AuthenticationFailed):
    """The vendor refused the Client ID or Client Secret of the organisation's application."""

    sentence = "Invalid Client Secret"


class BadCode(AuthenticationFailed):
    """The code of a call-back was refused: used, expired or not from this consent."""

    sentence = "The consent could not be used"


class ReconnectNeeded(AuthenticationFailed):
    """The stored consent is worth nothing any more: only a new one helps."""

    sentence = "Reconnect needed"


class Declined(NotAllowed):
    """The person said no at the vendor."""

    sentence = "Consent was declined"


class NoSite(NotAllowed):
    """The consent covers no instance that can be used."""

    sentence = "No site to connect"


class MissingScope(NotAllowed):
    """The consent lacks a scope; asking for a new token does not help."""
