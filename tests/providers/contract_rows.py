"""What the vendors are known to do, row by row, and where each row is proven.

The rows are those of the project's collection of vendor facts: the proving call of each system, the classes of
outcomes, and the behaviours that catch real bugs. Their words are shortened; the vendors' own pages stand in
docs/providers.md. A proof is the name of a case of the contract (`case: …`, for each way to sign in that the row is
proven for) or of a test (file below `tests/`, without ending, and function).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# Every way to sign in; behaviours that have nothing to do with signing in are proven once for all of them.
ALL = "all ways"
KEY, OAUTH, CLIENT = "servicenow by API key", "servicenow by OAuth", "servicenow by client credentials"
TOKEN, CONSENT, PAT = "jira", "jira by consent", "azure_devops"
WAYS = {"jira": (TOKEN, CONSENT), "servicenow": (KEY, OAUTH, CLIENT), "azure_devops": (PAT,)}
NO = "not here: "
CALLS, CLASSES, BEHAVIOURS = "proving calls", "outcome classes", "behaviours"


@dataclass(frozen=True)
class Row:
    """One fact about vendors.

    Args:
        providers: keys of the providers it is about; () means all that are registered.
        proof: names of proofs by way to sign in; `NO` and a reason where a way cannot meet the fact.
        sign_in: the fact is about signing in, so each way needs a proof of its own.
        capability: what a provider must be able to do before the fact can be met; empty: nothing.
    """

    section: str
    providers: tuple[str, ...]
    text: str
    proof: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sign_in: bool = False
    capability: str = ""


def always(*proofs: str) -> dict[str, tuple[str, ...]]:
    """Proofs that hold for every way to sign in."""
    return {ALL: proofs}


def later(section: str, providers: tuple[str, ...], *texts: str) -> tuple[Row, ...]:
    """Rows of providers that are not there yet; registering one of them demands the proofs."""
    return tuple(Row(section, providers, text) for text in texts)


INSTALL, FAILURES = "blueprints/test_install::", "blueprints/test_install_failures::"
JIRA, TICKETS = "providers/test_jira_client::", "providers/test_jira_tickets::"
NOW = "providers/test_servicenow_sign_in::"
AZURE = "providers/test_azure_devops_check::"

PROVING_CALLS = (
    Row(CALLS, ("jira",), "token: myself answers 200 with an accountId; consent: tokens, sites, then myself", {
        TOKEN: (JIRA + "test_a_good_check_says_who_we_are_and_what_we_may_do", "case: other JSON"),
        CONSENT: (INSTALL + "test_one_site_is_connected_at_once", "case: tokens: 401", "case: sites: 401",
                  "case: site: 401", "case: API: other JSON"),
    }, sign_in=True),
    Row(CALLS, ("servicenow",), "a read of the user answers 200 with a result; with OAuth after an access token", {
        KEY: (NOW + "test_a_good_check_says_who_we_are_and_what_we_may_do", "case: other JSON"),
        OAUTH: (NOW + "test_a_check_creates_nothing_and_makes_few_calls", "case: tokens: no token in it"),
        CLIENT: (NOW + "test_a_good_check_says_who_we_are_and_what_we_may_do", "case: tokens: no token in it"),
    }, sign_in=True),
    Row(CALLS, ("azure_devops",), "connectionData names somebody, then projects are a list", {
        PAT: (AZURE + "test_a_check_makes_these_calls", "case: 200 to a visitor", "case: scope missing"),
    }, sign_in=True),
    *later(CALLS, ("entra",), "discovery, then client credentials for Graph give an access token"),
    *later(CALLS, ("auth0", "oidc"), "discovery, then a made-up code is refused as invalid_grant"),
    *later(CALLS, ("smtp",), "connect to AUTH: 235"),
)  # fmt: skip

OUTCOME_CLASSES = (
    Row(CLASSES, (), "address malformed or forbidden: told at its field", {
        TOKEN: (JIRA + "test_an_address_that_is_none_is_refused_at_its_field",
                "case: private address", "case: metadata address"),
        CONSENT: ("case: private address", "case: metadata address",
                  "test_config::test_a_wrong_value_stops_with_a_plain_sentence"),
        KEY: (NOW + "test_an_unusable_address_is_refused_at_its_field",
              "case: private address", "case: metadata address"),
        OAUTH: (NOW + "test_an_unusable_address_is_refused_at_its_field",
                "case: private address", "case: metadata address"),
        CLIENT: (NOW + "test_an_unusable_address_is_refused_at_its_field",
                 "case: private address", "case: metadata address"),
        PAT: ("providers/test_azure_devops_addresses::test_an_address_that_is_none_is_refused_at_its_field",
              "case: private address", "case: metadata address"),
    }, sign_in=True),
    Row(CLASSES, (), "unreachable: name, refused port, time-out, TLS, with the technical cause", always(
        "case: unknown host", "case: refused port", "case: self-signed", "case: expired", "case: other name",
        "case: no TLS there", "case: dripping header", "case: dripping body", "case: stall", "case: connection cut",
    ), sign_in=True),
    Row(CLASSES, (), "wrong product or place: a page with 200, 404, other answers, asleep", {
        ALL: ("case: HTML for JSON", "case: 404", "case: other JSON", "case: a list", "case: NaN", "case: not HTTP",
              "case: garbage JSON", "case: empty body", "case: redirect"),
        KEY: ("case: asleep",), OAUTH: ("case: asleep",), CLIENT: ("case: asleep",),
    }, sign_in=True),
    Row(CLASSES, (), "bad credentials: 401, 203, 302, the visitor's header, invalid client", {
        ALL: ("case: 401",),
        TOKEN: ("case: wrong token", "case: wrong e-mail", "case: account password", "case: anonymous 200"),
        CONSENT: ("case: wrong client secret", "case: consent withdrawn", "case: token refused at the site"),
        KEY: ("case: wrong key", "case: wrong user", "case: user deactivated"),
        OAUTH: ("case: wrong client secret", "case: wrong user", "case: wrong password", "case: user deactivated"),
        CLIENT: ("case: wrong client ID", "case: wrong client secret", "case: grant switched off"),
        PAT: ("case: wrong token", "case: expired token", "case: revoked token", "case: other organisation",
              "case: 203 with a page", "case: 302 to the sign-in page", "case: 401 in JSON"),
    }, sign_in=True),
    *later(CLASSES, ("entra", "auth0", "oidc"), "bad client id has a sentence of its own"),
    Row(CLASSES, (), "permission or scope missing: 403, and the 401 that speaks of a scope", {
        ALL: ("case: 403",),
        CONSENT: ("case: scope does not match at the site", "case: consent without read:jira-user", "case: scope lost"),
        KEY: ("case: users out of sight",), OAUTH: ("case: users out of sight",), PAT: ("case: scope missing",),
    }, sign_in=True),
    Row(CLASSES, (), "limited: 429 keeps the old status", always(
        "case: 429 with Retry-After", "case: 429 without Retry-After",
    ), sign_in=True),
    Row(CLASSES, (), "vendor down: 5xx keeps the old status", always(
        "case: 500", "case: 502", "case: 503", "case: 503 with Retry-After",
    ), sign_in=True),
    *later(CLASSES, ("smtp",), "vendor down by mail: 421 and 45x keep the old status"),
    Row(CLASSES, (), "only refused credentials and missing permissions turn the status", {
        ALL: ("case: 401", "case: 403", "case: 500", "case: stall"),
    }, sign_in=True),
)  # fmt: skip
