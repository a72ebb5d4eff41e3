"""The moments at which the product is killed. docs/decisions/0003-one-ticket.md names the commits between them.

Points of a storm are reached by misbehaviour of the sandbox or the line to it, each on a connection of its own, so that
one death hits them all. Points within a commit are reached by a brake in the database, and need a death each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.crash.scenes import Lab, Scene

LAG_WITHIN = 13.0  # the quiet time is over 17 s after the press: 15 for our own call, and the 2 of the setting
LAG_BEYOND = 3600.0
LAG_AFTERWARDS = 3.0


def _nothing(scene: Scene) -> None:
    """No misbehaviour."""


def _called(lab: Lab, scene: Scene) -> bool:
    return scene.creates == 1 and not scene.answers


def _stored(lab: Lab, scene: Scene) -> bool:
    return len(scene.stored) == 1 and not scene.answers


def _half_heard(lab: Lab, scene: Scene) -> bool:
    # Headers arrive at once, the body byte by byte.
    return _stored(lab, scene) and scene.gate.heard > 0


def _claimed(lab: Lab, scene: Scene) -> bool:
    return lab.row(scene) == ("sending", 1) and scene.creates == 0 and not scene.answers


def _waits(lab: Lab, scene: Scene) -> bool:
    row = lab.row(scene)
    return row is not None and row[0] == "requested" and scene.creates == 1


def _unclear(lab: Lab, scene: Scene) -> bool:
    return lab.row(scene) == ("unclear", 1)


def looked_for(lab: Lab, scene: Scene) -> bool:
    """Whether a search for the marker of this incident's ticket has arrived."""
    marker = lab.database.query(f"SELECT marker FROM tickets WHERE incident_id = {scene.incident}")[0][0]  # noqa: S608
    return any(marker in f"{call.query} {call.body}" for call in scene.looks)


def _catch_up(scene: Scene) -> None:
    """The index shows the first ticket some time after the second was made."""
    if scene.creates == 2:
        scene.vendor.lag(scene.standin, LAG_AFTERWARDS)


@dataclass(frozen=True)
class Point:
    """A moment.

    arm: what goes wrong outside, before the press. reached: whether the product stands there now. creates: the create
    calls the sandbox must have seen in the end. turn: points with a higher one come later, because they do not last.
    looks: reached by a look for a ticket whose create was cut off. lags: the sandbox's index lags. doubled: a second
    ticket is to be expected; then it must be told. meanwhile: what happens outside while everything is settled.
    """

    name: str
    arm: Callable[[Scene], None] = _nothing
    reached: Callable[[Lab, Scene], bool] = _called
    creates: range = range(1, 2)
    turn: int = 1
    looks: bool = False
    lags: bool = False
    doubled: bool = False
    meanwhile: Callable[[Scene], None] = _nothing


def _hold(after: bool) -> Callable[[Scene], None]:
    return lambda scene: scene.standin.hold(route=scene.standin.create_route, after=after)


def _drip(scene: Scene) -> None:
    scene.gate.heard = 0
    scene.standin.drip(0.5, route=scene.standin.create_route)


def _cut_off_then_hold_looks(scene: Scene) -> None:
    scene.standin.drop_after_create()
    scene.standin.hold(route=scene.vendor.search, times=None)


def _lag(seconds: float) -> Callable[[Scene], None]:
    def arm(scene: Scene) -> None:
        scene.vendor.lag(scene.standin, seconds)
        scene.standin.drop_after_create()

    return arm


STORM = (
    Point("13 during the search", _cut_off_then_hold_looks, looked_for, turn=0, looks=True),
    Point("index lags, within the quiet time", _lag(LAG_WITHIN), _unclear, turn=0, lags=True),
    Point(
        "index lags, beyond it",
        _lag(LAG_BEYOND),
        _unclear,
        range(2, 3),
        turn=0,
        lags=True,
        doubled=True,
        meanwhile=_catch_up,
    ),
    Point("6 half a request sent", lambda s: s.gate.swallow_next(), lambda _, s: s.gate.swallowed.is_set()),
    Point("7 sent, never processed", lambda s: s.standin.hang(route=s.standin.create_route), creates=range(2, 3)),
    Point("7 sent, processed after the death", _hold(after=False)),
    Point("8 processed, not answered", _hold(after=True), _stored),
    Point("9 half an answer sent", _drip, _half_heard),
    Point(
        "429, waiting to be sent",
        lambda s: s.standin.rate_limit(retry_after=4, route=s.standin.create_route),
        _waits,
        range(2, 3),
        turn=2,
    ),
    Point("3-5 claimed, not connected", lambda s: s.gate.stall(), _claimed, turn=2),
)
ASKED = Point("1 before the request is committed")
CLAIM = Point("2 requested, not claimed")
OUTCOME = Point("10-11 answered, outcome not committed")
COMMITTED = Point("12 outcome committed")
FOUND = Point("14 found, not committed")
ANYWHERE = Point("at a random moment", creates=range(1, 3))
REPEATED = Point("8 the same in the second attempt", creates=range(2, 3))
POINTS = {point.name: point for point in (ASKED, CLAIM, *STORM, REPEATED, OUTCOME, COMMITTED, FOUND, ANYWHERE)}
