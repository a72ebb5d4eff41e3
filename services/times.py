"""Times in words, for sentences that are stored."""

from __future__ import annotations


def duration(seconds: int) -> str:
    """A length of time in its largest fitting unit: "15 s", "2 min", "6 hours", "1 day"."""
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (86400, 3600, "hour"), (float("inf"), 86400, "day")):
        if seconds < limit:
            count = round(seconds / size)
            plural = "s" if count != 1 and unit in ("hour", "day") else ""
            return f"{count} {unit}{plural}"
    raise AssertionError("every length fits a unit")


def days(count: int) -> str:
    """A number of days: "1 day", "30 days"."""
    return f"{count} day{'' if count == 1 else 's'}"
