"""What the sandbox Atlassian knows of OAuth 2.0 (3LO): apps, consents, codes, tokens, sites.

Sources: Atlassian's pages “OAuth 2.0 (3LO) apps” and “Refresh tokens”, and measured replies of the gateway. Refresh
tokens rotate: the former one works for ten more minutes, after that its use ends the whole consent; unused ones die
after 90 days. The clock can be moved with `advance`.
"""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass, field

CLIENT_ID = "sandbox-client-id"
CLIENT_SECRET = "sandbox-client-secret"
CLOUD_ID = "0f4b5c11-6a2e-4f57-9d7e-3c1a5b2e8d90"
SECOND_CLOUD_ID = "7d1f0a52-93b4-4a1c-8f0e-52c6b1d7e304"
CLOUD = "standin.cloud"  # key of the WSGI environment that holds the cloud id of a gateway request
ACCESS_SECONDS = 3600
LEEWAY_SECONDS = 600
CODE_SECONDS = 300
IDLE_SECONDS = 90 * 86400
JIRA_SCOPES = ("read:jira-work", "write:jira-work", "read:jira-user")
REFUSED_REFRESH = "Unknown or invalid refresh token."


@dataclass
class OfferedSite:
    """A site the person at the consent page may grant. Without `url`, the sandbox's own address."""

    id: str
    name: str
    url: str = ""


@dataclass
class Grant:
    """One consent: an app may act on these sites with these scopes."""

    client_id: str
    scopes: set[str]
    sites: list[OfferedSite]
    redirect_uri: str
    revoked: bool = False


@dataclass
class Issued:
    """A code or token of a grant; `retired` is when it was used or replaced."""

    grant: Grant
    at: float
    retired: float | None = None


@dataclass
class Refusal(Exception):
    """A token request that is answered with an error."""

    status: int
    error: str
    description: str


@dataclass
class OAuthState:
    """Everything OAuth of one sandbox. `consent_scopes`: grant only these, whatever is asked for.

    `callback_url`: the only one the app has registered; empty takes any. `double_listing`: each site is listed once
    per product, with the scopes split between the entries.
    """

    clients: dict[str, str] = field(default_factory=lambda: {CLIENT_ID: CLIENT_SECRET})
    sites: list[OfferedSite] = field(default_factory=lambda: [OfferedSite(CLOUD_ID, "sandbox")])
    consent_scopes: list[str] | None = None
    callback_url: str = ""
    double_listing: bool = False
    refreshes: int = 0
    offset: float = 0.0
    codes: dict[str, Issued] = field(default_factory=dict)
    access: dict[str, Issued] = field(default_factory=dict)
    refresh: dict[str, Issued] = field(default_factory=dict)


class OAuthDesk:
    """The OAuth part of a sandbox; `oauth` is its state, the methods are its knobs and its rules."""

    lock: threading.RLock
    oauth: OAuthState

    def now(self) -> float:
        """The sandbox's clock."""
        return time.time() + self.oauth.offset

    # -- knobs --------------------------------------------------------------------------------------------------------

    def advance(self, seconds: float) -> None:
        """Move the clock of codes and tokens forward."""
        with self.lock:
            self.oauth.offset += seconds

    def offer_sites(self, count: int) -> None:
        """Let the person have 0, 1 or 2 sites to grant; consents given earlier stay as they are."""
        second = OfferedSite(SECOND_CLOUD_ID, "second", "https://second.sandbox.example")
        with self.lock:
            self.oauth.sites = [OfferedSite(CLOUD_ID, "sandbox"), second][:count]

    def set_oauth(self, **values: object) -> None:
        """Set consent_scopes, callback_url or double_listing. Raises KeyError for anything else."""
        with self.lock:
            for name, value in values.items():
                if name not in ("consent_scopes", "callback_url", "double_listing"):
                    raise KeyError(name)
                setattr(self.oauth, name, value)

    def change_client_secret(self, secret: str, client_id: str = CLIENT_ID) -> None:
        """Give the app another secret."""
        with self.lock:
            self.oauth.clients[client_id] = secret

    def revoke_consents(self) -> None:
        """The person removes the app: access tokens and refresh tokens are worth nothing from now on."""
        with self.lock:
            for issued in (*self.oauth.access.values(), *self.oauth.refresh.values()):
                issued.grant.revoked = True

    def end_access_tokens(self) -> None:
        """Access tokens are refused from now on, though their time is not over; refresh tokens still work."""
        with self.lock:
            self.oauth.access.clear()

    def drop_scope(self, scope: str) -> None:
        """Take a scope out of every consent."""
        with self.lock:
            for issued in (*self.oauth.access.values(), *self.oauth.refresh.values()):
                issued.grant.scopes.discard(scope)

    # -- rules --------------------------------------------------------------------------------------------------------

    def consent(self, client_id: str, redirect_uri: str, scopes: list[str], site_ids: list[str]) -> str:
        """The person accepts. Returns the code for the call-back."""
        with self.lock:
            granted = set(scopes if self.oauth.consent_scopes is None else self.oauth.consent_scopes)
            sites = [site for site in self.oauth.sites if site.id in site_ids]
            code = secrets.token_urlsafe(24)
            self.oauth.codes[code] = Issued(Grant(client_id, granted, sites, redirect_uri), self.now())
            return code

    def trade(self, body: dict[str, str]) -> dict[str, object]:
        """Answer a token request. Raises Refusal."""
        with self.lock:
            if self.oauth.clients.get(body.get("client_id", "")) != body.get("client_secret"):
                raise Refusal(401, "access_denied", "Unauthorized")
            kind = body.get("grant_type")
            if kind == "authorization_code":
                return self._tokens(self._code(body))
            if kind == "refresh_token":
                grant = self._refresh(body)
                self.oauth.refreshes += 1
                return self._tokens(grant)
            raise Refusal(403, "unsupported_grant_type", f"Unsupported grant type: {kind}")

    def _code(self, body: dict[str, str]) -> Grant:
        issued = self.oauth.codes.get(body.get("code", ""))
        good = (
            issued is not None
            and issued.retired is None
            and issued.grant.client_id == body.get("client_id")
            and issued.grant.redirect_uri == body.get("redirect_uri")
            and self.now() - issued.at <= CODE_SECONDS
        )
        if issued is None or not good:
            raise Refusal(403, "invalid_grant", "Invalid authorization code")
        issued.retired = self.now()
        return issued.grant

    def _refresh(self, body: dict[str, str]) -> Grant:
        issued = self.oauth.refresh.get(body.get("refresh_token", ""))
        if issued is None or issued.grant.revoked or issued.grant.client_id != body.get("client_id"):
            raise Refusal(403, "invalid_grant", REFUSED_REFRESH)
        now = self.now()
        if issued.retired is None and now - issued.at > IDLE_SECONDS:
            raise Refusal(403, "invalid_grant", REFUSED_REFRESH)
        if issued.retired is not None and now - issued.retired > LEEWAY_SECONDS:
            issued.grant.revoked = True
            raise Refusal(403, "unauthorized_client", "refresh_token is invalid")
        issued.retired = issued.retired or now
        return issued.grant

    def _tokens(self, grant: Grant) -> dict[str, object]:
        access, now = f"sandbox-access-{secrets.token_urlsafe(24)}", self.now()
        self.oauth.access[access] = Issued(grant, now)
        answer: dict[str, object] = {
            "access_token": access,
            "expires_in": ACCESS_SECONDS,
            "scope": " ".join(sorted(grant.scopes)),
            "token_type": "Bearer",
        }
        if "offline_access" in grant.scopes:
            refresh = f"sandbox-refresh-{secrets.token_urlsafe(24)}"
            self.oauth.refresh[refresh] = Issued(grant, now)
            answer["refresh_token"] = refresh
        return answer

    def grant_of(self, token: str) -> Grant | None:
        """The consent behind a live access token."""
        with self.lock:
            issued = self.oauth.access.get(token)
            if issued is None or issued.grant.revoked or self.now() - issued.at > ACCESS_SECONDS:
                return None
            return issued.grant

    def gateway_refusal(self, token: str, cloud_id: str, method: str, path: str) -> tuple[int, str] | None:
        """Status and words the gateway refuses a call with; None lets it pass."""
        grant = self.grant_of(token)
        if grant is None:
            return 401, "Unauthorized"
        if cloud_id not in [site.id for site in grant.sites]:
            return 404, "No site for this cloud id"  # 403 or 404 at the vendor: not known which
        if not needed_scopes(method, path) <= grant.scopes:
            return 401, "Unauthorized; scope does not match"
        return None


def needed_scopes(method: str, path: str) -> set[str]:
    """The classic scopes a route needs, all of them, by Atlassian's REST description."""
    name = path.removeprefix("/rest/api/3/")
    if name == "serverInfo":
        return set()
    if name == "myself" or name.startswith("user/"):
        return {"read:jira-user"}
    if name.partition("/")[0] == "webhook":
        return {"read:jira-work", "manage:jira-webhook"}
    reads = method == "GET" or name in ("search/jql", "issue/bulkfetch")
    return {"read:jira-work" if reads else "write:jira-work"}
