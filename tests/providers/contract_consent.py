"""The provider contract for connecting by consent: which of the vendor's addresses fails, how, and what is then told.

Source of the vendor's replies: Atlassian's pages “OAuth 2.0 (3LO) apps” and “Refresh tokens”, and measured replies;
see `standins/jira_oauth.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from standins.jira_oauth import CLIENT_ID, CLIENT_SECRET, SECOND_CLOUD_ID
from tests.providers.contract_cases import CASES, DEADLINE, LATE, PERMISSION, REFUSED, UNREACHABLE, Case
from tests.providers.contract_world import World

KEY, PROVIDER, METHOD = "jira by consent", "jira", "oauth"
# Save is Install, at once or after the choice of a site; Update is Reconnect. There is nothing typed to test.
INSTALL, CHOOSE, RECONNECT, CHECK = VERBS = ("Install", "Choose site", "Reconnect", "Check now")
APP, CODE, AGAIN, NO_SITE, DECLINED = "app", "code", "again", "no site", "declined"
SENTENCES = {
    REFUSED: "Invalid API Token",
    UNREACHABLE: "Unable to connect to the Jira instance",
    PERMISSION: "Permission missing",
    APP: "Invalid Client Secret",
    CODE: "The consent could not be used",
    AGAIN: "Reconnect needed",
    NO_SITE: "No site to connect",
    DECLINED: "Consent was declined",
}
# What turns a connection to Needs attention at once.
CERTAIN = (REFUSED, PERMISSION, APP, AGAIN)


@dataclass(frozen=True)
class Hop:
    """One place of the vendor's that the way leads through.

    `address` is its name among our settings, `stored` that in the connection; `expired`: a check comes here only when
    the access token has to be renewed.
    """

    name: str
    address: str
    stored: str
    route: str
    verbs: Sequence[str]
    expired: bool = False


TOKENS = Hop("tokens", "atlassian_auth_url", "auth_url", "/oauth/token", (INSTALL, RECONNECT, CHECK), expired=True)
API = Hop("API", "atlassian_api_url", "api_url", "*", (INSTALL, RECONNECT, CHECK))
SITES = Hop("sites", API.address, API.stored, "/oauth/token/accessible-resources", (INSTALL, RECONNECT))
SITE = Hop("site", API.address, API.stored, "/rest/api/3/myself", VERBS)


@dataclass(frozen=True)
class Telling:
    """What is told: the kind of sentence, the cause, and the outcome in the ledger ("" when no call was made)."""

    kind: str
    cause: str
    outcome: str = "refused"


@dataclass(frozen=True)
class ConsentCase:
    """One thing that is wrong on the way.

    `before` spoils the stand-in before the consent page is opened, `arm` between the consent and our calls; `decision`
    and `sites` are what the person does there. `apart` is told by single verbs instead.
    """

    name: str
    hop: Hop
    telling: Telling
    verbs: Sequence[str]
    apart: Mapping[str, Telling] = field(default_factory=dict)
    before: Callable[[Any], Any] = lambda standin: None
    arm: Callable[[Any, str], Any] = lambda standin, route: None
    world: Callable[[World], str] | None = None
    decision: str = "accept"
    sites: Sequence[str] | None = None

    def told(self, verb: str) -> Telling:
        """What this verb tells."""
        return self.apart.get(verb, self.telling)


NOT_TAKEN = Telling(CODE, "refused the access token it had just handed out")
RENEWED_FOR_NOTHING = Telling(AGAIN, "refused the access token, although it was just renewed")
WITHDRAWN = Telling(AGAIN, "no longer accepts the consent")
ODD = "bad_answer"
# Where a consent tells another thing than the typed ways do: by place and case, then by verb; "" is all others.
OTHERWISE: Mapping[tuple[Hop, str], Mapping[str, Telling]] = {
    (TOKENS, "401"): {"": Telling(APP, "refused the Client ID or the Client Secret")},
    (TOKENS, "403"): {"": Telling(CODE, "refused the code"), CHECK: WITHDRAWN},
    (TOKENS, "404"): {"": Telling(UNREACHABLE, "has nothing at this place")},
    (TOKENS, "other JSON"): {"": Telling(UNREACHABLE, "holds no access token", ODD)},
    (TOKENS, "a list"): {"": Telling(UNREACHABLE, "holds no access token", ODD)},
    (API, "other JSON"): {
        "": Telling(UNREACHABLE, "list of sites has an unknown form", ODD),
        CHECK: Telling(UNREACHABLE, "does not look like Jira Cloud", ODD),
    },
    (API, "a list"): {
        "": Telling(NO_SITE, "covers no Jira site"),
        CHECK: Telling(UNREACHABLE, "does not look like Jira Cloud", ODD),
    },
    (SITES, "401"): {"": RENEWED_FOR_NOTHING, INSTALL: NOT_TAKEN},
    (SITES, "404"): {"": Telling(UNREACHABLE, "has nothing at this place")},
    (SITE, "401"): {"": RENEWED_FOR_NOTHING, INSTALL: NOT_TAKEN, CHOOSE: NOT_TAKEN},
    (SITE, "404"): {"": Telling(PERMISSION, "does not cover this Jira site")},
}


def _at(hop: Hop, case: Case) -> ConsentCase:
    """A case of everybody's table, at one place of the way."""
    # Renewing has its own share of the time.
    cause = "did not answer within" if case.cause == LATE else case.cause
    apart = dict(OTHERWISE.get((hop, case.name), {}))
    telling = apart.pop("", Telling(case.kind, cause, case.outcome))
    return ConsentCase(f"{hop.name}: {case.name}", hop, telling, hop.verbs, apart, arm=case.arm, world=case.world)


SHARED = tuple(_at(hop, case) for case in CASES for hop in ((TOKENS, API) if case.world else (TOKENS, SITES, SITE)))


def _retire_refresh_token(standin: Any, route: str) -> None:
    """Somebody else renewed with our refresh token, longer ago than the vendor forgives."""
    for token in list(standin.oauth.refresh):
        standin.trade(
            {
                "grant_type": "refresh_token",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "refresh_token": token,
            }
        )
    standin.advance(3601)


def _slow_everywhere(standin: Any, route: str) -> None:
    """Each place answers in time, all of them together do not."""
    for hop in (TOKENS, SITES, SITE):
        standin.hold(DEADLINE * 0.6, hop.route, times=None)


def _says(status: int, body: Any) -> Callable[[Any, str], Any]:
    return lambda standin, route: standin.fail_next(status, times=None, route=route, body=body)


def _unscoped(scope: str) -> ConsentCase:
    everything = {"read:jira-work", "write:jira-work", "read:jira-user", "offline_access"}
    return ConsentCase(
        f"consent without {scope}",
        TOKENS,
        Telling(PERMISSION, f"does not include {scope}"),
        (INSTALL, RECONNECT),
        before=lambda standin: standin.set_oauth(consent_scopes=sorted(everything - {scope})),
    )


GIVEN = (INSTALL, RECONNECT)
NO_SCOPE = {"code": 401, "message": "Unauthorized; scope does not match"}
NO_TOKEN = {"code": 401, "message": "Unauthorized"}
OTHER_PRODUCT = [{"id": "1", "name": "wiki", "url": "https://x.example", "scopes": ["read:confluence-content.all"]}]
OWN = (
    ConsentCase("declined", TOKENS, Telling(DECLINED, "not granted", ""), GIVEN, decision="deny"),
    ConsentCase("wrong client secret", TOKENS, Telling(APP, "refused the Client ID or the Client Secret"),
                (INSTALL, RECONNECT, CHECK), arm=lambda standin, route: standin.change_client_secret("another")),
    ConsentCase("code too old", TOKENS, Telling(CODE, "used already or is too old"), GIVEN,
                arm=lambda standin, route: standin.advance(400)),
    ConsentCase("consent withdrawn", TOKENS, WITHDRAWN, (CHECK,),
                arm=lambda standin, route: standin.revoke_consents()),
    ConsentCase("consent withdrawn while the token counts", SITE, WITHDRAWN, (CHECK,),
                arm=lambda standin, route: standin.revoke_consents()),
    ConsentCase("refresh token used twice after the leeway", TOKENS, WITHDRAWN, (CHECK,), arm=_retire_refresh_token),
    ConsentCase("refresh token idle for 90 days", TOKENS, WITHDRAWN, (CHECK,),
                arm=lambda standin, route: standin.advance(91 * 86400)),
    *(_unscoped(scope) for scope in ("read:jira-work", "write:jira-work", "read:jira-user", "offline_access")),
    ConsentCase("scope does not match", SITES, Telling(PERMISSION, "lacks a scope"), SITES.verbs,
                arm=_says(401, NO_SCOPE)),
    ConsentCase("scope does not match at the site", SITE, Telling(PERMISSION, "lacks a scope"), SITE.verbs,
                arm=_says(401, NO_SCOPE)),
    ConsentCase("scope lost", SITE, Telling(PERMISSION, "lacks a scope"), (CHECK,),
                arm=lambda standin, route: standin.drop_scope("read:jira-user")),
    ConsentCase("token refused", SITES, RENEWED_FOR_NOTHING, SITES.verbs, {INSTALL: NOT_TAKEN},
                arm=_says(401, NO_TOKEN)),
    ConsentCase("token refused at the site", SITE, RENEWED_FOR_NOTHING, SITE.verbs,
                {INSTALL: NOT_TAKEN, CHOOSE: NOT_TAKEN}, arm=_says(401, NO_TOKEN)),
    ConsentCase("no site", SITES, Telling(NO_SITE, "covers no Jira site"), GIVEN,
                before=lambda standin: standin.offer_sites(0)),
    ConsentCase("no site of this product", SITES, Telling(NO_SITE, "covers no Jira site"), GIVEN,
                arm=_says(200, OTHER_PRODUCT)),
    ConsentCase("another site", SITES, Telling(NO_SITE, "the site of this connection", "ok"), (RECONNECT,),
                before=lambda standin: standin.offer_sites(2), sites=(SECOND_CLOUD_ID,)),
    ConsentCase("slow everywhere", SITES, Telling(UNREACHABLE, LATE, "timeout"),
                GIVEN, arm=_slow_everywhere),
    ConsentCase("answer without a token", TOKENS, Telling(UNREACHABLE, "holds no access token", ODD), TOKENS.verbs,
                arm=_says(200, {"token_type": "Bearer"})),
)  # fmt: skip
TABLE = (*SHARED, *OWN)
