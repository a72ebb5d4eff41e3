"""State every sandbox has, and the methods that turn it into a difficult one, alike for all vendors.

`knobs` holds lasting switches; methods act at once or arm a fault for the next matching requests. Everything is guarded
by one lock, which no method holds while it waits. `faults` says how a route is written.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import asdict, fields
from typing import Any, ClassVar

from standins.faults import Fault, FaultBook
from standins.knobs import CREATE_FAULTS, Call, CreateFault, SharedKnobs

SHARED_CONTROLS = frozenset(
    {
        "reset", "set", "deny", "allow", "fail_next", "rate_limit", "hold", "hang", "release", "drip", "html_instead",
        "drop_before_create", "drop_after_create", "fail_after_create", "created_without_id", "spoil_create",
    }
)  # fmt: skip


class State(ABC):
    """Recorded calls, knobs and armed faults; a vendor's sandbox adds its accounts and things.

    `create_route` is the route of creates, for use with `hold`, `hang` and the like. `controls` are the methods offered
    over HTTP.
    """

    create_route: ClassVar[str]
    create_fault_kinds: ClassVar[tuple[str, ...]] = CREATE_FAULTS
    controls: ClassVar[frozenset[str]] = SHARED_CONTROLS
    knobs: SharedKnobs

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.faults = FaultBook()
        self.reset()

    def reset(self) -> None:
        """Back to the first state: nothing made, no recorded calls, no faults; held requests are let go."""
        self.faults.clear()
        with self.lock:
            self.calls: list[Call] = []
            self.creates = 0
            self.create_faults: deque[CreateFault] = deque()
            self._fresh()

    @abstractmethod
    def _fresh(self) -> None:
        """Set `knobs` and everything of the vendor's to its first state; the lock is held."""

    def as_state(self) -> dict[str, Any]:
        """Everything a test may want to look at; no passwords or tokens are in it."""
        with self.lock:
            knobs = {name: sorted(v) if isinstance(v, set) else v for name, v in asdict(self.knobs).items()}
            return {"creates": self.creates, "calls": [call.as_json() for call in self.calls], "knobs": knobs}

    # -- lasting switches ---------------------------------------------------------------------------------------------

    def set(self, **values: Any) -> None:
        """Set lasting knobs by name. Raises KeyError for a name that is none."""
        names = {knob.name for knob in fields(self.knobs)}
        with self.lock:
            for name, value in values.items():
                if name not in names:
                    raise KeyError(name)
                several = isinstance(getattr(self.knobs, name), set)
                setattr(self.knobs, name, set(value) if several else value)

    def deny(self, *rights: str) -> None:
        """Take rights away, in the vendor's names (see `denied` of the knobs)."""
        with self.lock:
            self.knobs.denied.update(rights)

    def allow(self, *rights: str) -> None:
        """Give rights back."""
        with self.lock:
            self.knobs.denied.difference_update(rights)

    # -- arming faults ------------------------------------------------------------------------------------------------

    def fail_next(
        self,
        status: int,
        times: int | None = 1,
        route: str | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer matching requests with this status before they have any effect."""
        self.faults.arm(Fault("fail", route, times, status=status, body=body, headers=headers or {}))

    def rate_limit(
        self,
        times: int | None = 1,
        retry_after: int | str | None = 1,
        route: str | None = None,
        more: dict[str, str] | None = None,
    ) -> None:
        """Answer 429 with every header of the vendor's.

        Args:
            times: how many requests; None = until reset.
            retry_after: Retry-After in seconds, or its text as it is; None leaves the header out.
            route: the requests this waits for.
            more: further headers.
        """
        headers, body = self._limited()
        headers |= more or {}
        if retry_after is not None:
            headers["Retry-After"] = str(retry_after)
        self.fail_next(429, times, route, body, headers)

    @abstractmethod
    def _limited(self) -> tuple[dict[str, str], Any]:
        """Headers of the vendor's 429 apart from Retry-After, and its body (None = the usual refusal)."""

    def hold(
        self, seconds: float | None = None, route: str | None = None, times: int | None = 1, after: bool = False
    ) -> None:
        """Let matching requests wait (None: until `release`) before they have an effect, or `after` it."""
        self.faults.arm(Fault("hold_after" if after else "hold", route, times, seconds=seconds))

    def hang(
        self, seconds: float | None = None, route: str | None = None, times: int | None = 1, after: bool = False
    ) -> None:
        """As `hold`, but matching requests are never answered: in the end the connection is cut.

        Before the effect there will be none; with `after=True` it has happened.
        """
        self.faults.arm(Fault("hang_after" if after else "hang", route, times, seconds=seconds))

    def release(self) -> None:
        """Let held requests go on, and cut hanging ones."""
        self.faults.release()

    def drip(self, seconds: float, route: str | None = None, times: int | None = 1) -> None:
        """Send the body of matching answers one byte every so many seconds."""
        self.faults.arm(Fault("drip", route, times, seconds=seconds))

    def html_instead(self, route: str | None = None, times: int | None = 1, status: int = 200) -> None:
        """Answer matching requests with an HTML page where JSON is expected."""
        self.faults.arm(Fault("html", route, times, status=status))

    # -- harm to creates ----------------------------------------------------------------------------------------------

    def drop_before_create(self, times: int = 1) -> None:
        """Cut the connection on the next creates without storing anything."""
        self.spoil_create("drop_before", times=times)

    def drop_after_create(self, times: int = 1) -> None:
        """Store what the next creates ask for, then cut the connection instead of answering."""
        self.spoil_create("drop_after", times=times)

    def fail_after_create(self, status: int = 502, times: int = 1) -> None:
        """Store what the next creates ask for, then answer an HTML page with this status."""
        self.spoil_create("fail_after", status, times)

    def created_without_id(self, times: int = 1) -> None:
        """Store what the next creates ask for, then answer success with a body that lacks the name of the thing."""
        self.spoil_create("no_id", times=times)

    def spoil_create(self, kind: str, status: int = 502, times: int = 1) -> None:
        """Spoil the next creates (see CreateFault). Raises KeyError for an unknown kind."""
        if kind not in self.create_fault_kinds:
            raise KeyError(kind)
        with self.lock:
            self.create_faults.extend([CreateFault(kind, status)] * times)

    def take_create_fault(self, *kinds: str) -> CreateFault | None:
        """The next armed create fault if it is one of these kinds."""
        with self.lock:
            if self.create_faults and self.create_faults[0].kind in kinds:
                return self.create_faults.popleft()
        return None

    def take_fault_before_create(self) -> CreateFault | None:
        """The next armed create fault if it strikes before anything is stored."""
        return self.take_create_fault("drop_before")

    def take_fault_after_create(self) -> CreateFault | None:
        """The next armed create fault if it strikes once the thing is stored."""
        return self.take_create_fault(*(kind for kind in self.create_fault_kinds if kind != "drop_before"))
