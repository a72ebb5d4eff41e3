"""Walking the steps to a destination: what can be chosen at each, and what is chosen already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from blueprints.access import actor
from models import Connection
from providers.values import Choice, DestinationSchema, Step
from services import destinations


@dataclass
class Way:
    """The steps drawn so far, what is chosen at them, and the destination's fields once all are."""

    steps: list[tuple[Step, Sequence[Choice]]] = field(default_factory=list)
    chosen: dict[str, str] = field(default_factory=dict)
    schema: DestinationSchema | None = None

    @property
    def names(self) -> dict[str, str]:
        """The chosen values as people read them."""
        return {
            step.key: next((c.label for c in choices if c.value == self.chosen.get(step.key)), "")
            for step, choices in self.steps
        }


def walk(connection: Connection, way: Way, *candidates: Mapping[str, str], known: bool = False) -> None:
    """Fill `way`: at each step the first candidate that can be chosen, else the only choice there is.

    With `known` lists of the last day will do: a filled-in form shall not wait for a provider. What was found before a
    failure stays in `way`. Raises ProviderError.
    """
    wanted = destinations.steps(connection)
    for step in wanted:
        choices = destinations.choices(actor(), connection, step.key, dict(way.chosen), known=known)
        way.steps.append((step, choices))
        value = _pick(step, choices, candidates)
        if not value:
            return
        way.chosen[step.key] = value
    way.schema = destinations.schema(actor(), connection, way.chosen, known=known)


def _pick(step: Step, choices: Sequence[Choice], candidates: Sequence[Mapping[str, str]]) -> str:
    values = {choice.value for choice in choices}
    given = [str(candidate.get(step.key, "")) for candidate in candidates]
    only = [choices[0].value] if len(choices) == 1 or (choices and step.default_first) else []
    return next((value for value in (*given, *only) if value in values), "")
