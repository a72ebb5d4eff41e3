"""What the sandboxes of all vendors share: lasting switches, harm to single creates, and recorded requests."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

CREATE_FAULTS = ("drop_before", "drop_after", "fail_after", "no_id")


@dataclass
class SharedKnobs:
    """Lasting switches every sandbox has; they stay as they are set until `reset()`.

    denied: rights taken away, in the vendor's own names. delay: seconds each API call takes, after its effect.
    redirect_to: origin that every route redirects to (302).
    """

    denied: set[str] = field(default_factory=set)
    delay: float = 0.0
    redirect_to: str = ""


@dataclass(frozen=True)
class CreateFault:
    """Harm done to one create: one of CREATE_FAULTS or of the vendor's own; `status` is that of fail_after."""

    kind: str
    status: int = 502


@dataclass
class Call:
    """One request the stand-in received. The Authorization header is judged, never kept."""

    method: str
    path: str
    query: str
    body: Any
    authorised: bool
    time: float
    status: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The call for the control address."""
        return asdict(self)
