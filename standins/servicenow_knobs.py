"""Switches of the sandbox ServiceNow that stay as they are set until `reset()`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Knobs:
    """Lasting switches.

    hibernating: every address answers the page of a sleeping developer instance. api_key_policy: without it keys are
    ignored. password_grant, client_credentials: which OAuth grants are allowed. token_seconds: life of an access token.
    revoke_by_body: whether the revocation route reads the body. show_token_owner: whether the route that names the
    caller exists. denied: "table.read" (rows are hidden, the count stays), "table.create", "table.write"; a table in
    `refuse_reads` answers 403 instead. hidden_fields: "table.field" is missing in answers and ignored on write.
    ignored_fields: "table.field" is ignored on write only. ignored_terms: query terms with these fields are dropped.
    invalid_query_returns_no_rows: ServiceNow's property of that name. redirect_to: origin every route redirects to.
    total_count: whether X-Total-Count is sent. lock_seconds: how long a user stays locked after 5 bad passwords.
    """

    hibernating: bool = False
    api_key_policy: bool = True
    password_grant: bool = True
    client_credentials: bool = True
    token_seconds: float = 1800.0
    revoke_by_body: bool = True
    show_token_owner: bool = True
    denied: set[str] = field(default_factory=set)
    refuse_reads: set[str] = field(default_factory=set)
    hidden_fields: set[str] = field(default_factory=set)
    ignored_fields: set[str] = field(default_factory=set)
    ignored_terms: set[str] = field(default_factory=set)
    invalid_query_returns_no_rows: bool = False
    redirect_to: str = ""
    total_count: bool = True
    lock_seconds: float = 900.0


@dataclass(frozen=True)
class CreateFault:
    """Harm done to one create: drop_before, drop_after, fail_after (with status), error_after, queued_after, no_id."""

    kind: str
    status: int = 502


@dataclass(frozen=True)
class DataPolicy:
    """Fields a table wants. `condition` is told to clients and not looked at; a hidden policy is enforced untold."""

    table: str
    fields: tuple[str, ...]
    condition: str = ""
    told: bool = True
    active: bool = True
