"""How much a run measures."""

from __future__ import annotations

from dataclasses import dataclass

DATABASES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Plan:
    """Sizes of the tables and numbers of repetitions.

    sizes: incidents per database, smallest first; each has its own server, all run side by side.
    users: most integration users; a smaller database has as many as it has incidents.
    pages: requests per page for processor time and p99. lists: requests per list and size.
    tickets: tickets created through the page. imported: rows of the file. starts: server starts.
    browsing: people who browse at the same time. calm, hanging: seconds of each phase with providers that answer, and
    with providers that hang.
    """

    sizes: tuple[int, ...] = (100, 10_000, 100_000)
    users: int = 100_000
    pages: int = 300
    lists: int = 40
    tickets: int = 40
    imported: int = 10_000
    starts: int = 3
    browsing: int = 50
    calm: float = 30.0
    hanging: float = 60.0

    def users_at(self, size: int) -> int:
        """Integration users of the database with `size` incidents."""
        return min(size, self.users)

    def tickets_at(self, size: int) -> int:
        """Tickets of the database with `size` incidents: one for ten, at most ten thousand."""
        return min(max(1, size // 10), 10_000)


FULL = Plan()
QUICK = Plan(
    sizes=(1_000, 10_000),
    users=10_000,
    pages=80,
    lists=15,
    tickets=10,
    imported=1_000,
    starts=1,
    calm=8.0,
    hanging=12.0,
)
