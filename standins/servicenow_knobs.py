"""Switches of the sandbox ServiceNow that stay as they are set until `reset()`."""

from __future__ import annotations

from dataclasses import dataclass, field

from standins.knobs import SharedKnobs


@dataclass
class Knobs(SharedKnobs):
    """Lasting switches besides the shared ones.

    hibernating: every address answers the page of a sleeping developer instance. api_key_policy: without it keys are
    ignored. password_grant, client_credentials: which OAuth grants are allowed. token_seconds: life of an access token.
    revoke_by_body: whether the revocation route reads the body. show_token_owner: whether the route that names the
    caller exists. denied: "table.read" (rows are hidden, the count stays), "table.create", "table.write"; a table in
    `refuse_reads` answers 403 instead. hidden_fields: "table.field" is missing in answers and ignored on write.
    ignored_fields: "table.field" is ignored on write only. ignored_terms: query terms with these fields are dropped.
    invalid_query_returns_no_rows: ServiceNow's property of that name. total_count: whether X-Total-Count is sent.
    lock_seconds: how long a user stays locked after 5 bad passwords. unread_fields: "table.field" is missing in answers
    and can be written. journal_open: whether the rows of sys_journal_field are shown, which most accounts may not read.
    show_journals: whether journal fields show their entries. list_lag: seconds until lists show a new record, as when
    they are read from a copy of the database.
    """

    hibernating: bool = False
    api_key_policy: bool = True
    password_grant: bool = True
    client_credentials: bool = True
    token_seconds: float = 1800.0
    revoke_by_body: bool = True
    show_token_owner: bool = True
    refuse_reads: set[str] = field(default_factory=set)
    hidden_fields: set[str] = field(default_factory=set)
    ignored_fields: set[str] = field(default_factory=set)
    ignored_terms: set[str] = field(default_factory=set)
    invalid_query_returns_no_rows: bool = False
    total_count: bool = True
    lock_seconds: float = 900.0
    unread_fields: set[str] = field(default_factory=set)
    journal_open: bool = False
    show_journals: bool = True
    list_lag: float = 0.0


@dataclass(frozen=True)
class DataPolicy:
    """Fields a table wants. `condition` is told to clients and not looked at; a hidden policy is enforced untold."""

    table: str
    fields: tuple[str, ...]
    condition: str = ""
    told: bool = True
    active: bool = True
