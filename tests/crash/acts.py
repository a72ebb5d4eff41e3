"""Ways to bring the product to the points where it is killed."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence

from tests.crash import points
from tests.crash.points import POINTS, STORM, Point
from tests.crash.scenes import Lab, Scene, wait_for
from tests.support_server import wait_until

REPEAT_SECONDS = 100.0  # 17 until the second call may be made, and a busy machine


class Act(ABC):
    """A way to a death. `points` are hit by it together; `alone`: one scene at a time where there is one writer."""

    points: tuple[Point, ...]
    alone = False

    @abstractmethod
    def reach(self, lab: Lab, scenes: Sequence[Scene]) -> None:
        """Bring the product to the point of each scene, and return at that moment. Raises AssertionError."""

    def missed(self, lab: Lab, scenes: Sequence[Scene]) -> list[Scene]:
        """The scenes that stand elsewhere by now."""
        return []

    @abstractmethod
    def afterwards(self, lab: Lab, turn: int) -> None:
        """The outside world goes on after the death."""


class _Outside(Act):
    """Held outside the product."""

    def afterwards(self, lab: Lab, turn: int) -> None:
        """See Act."""
        for scene in lab.scenes:
            scene.gate.open()
            scene.standin.release()


class Storm(_Outside):
    """Everything that the sandbox or the line to it can hold.

    Args:
        lag: seconds until searches show a new ticket, wherever the point itself does not say.
    """

    def __init__(self, lag: float = 0.0) -> None:
        self.points = tuple(point for point in STORM if not lag or not point.lags)
        self._lag = lag

    def reach(self, lab: Lab, scenes: Sequence[Scene]) -> None:
        """See Act."""
        for turn in range(3):
            now = [scene for scene in scenes if POINTS[scene.name].turn == turn]
            for scene in now:
                if self._lag:
                    scene.vendor.lag(scene.standin, self._lag)
                POINTS[scene.name].arm(scene)
            for scene in now:
                lab.press(scene)
            looking = [scene for scene in now if POINTS[scene.name].looks]
            wait_for(looking, "being confirmed", lambda scene: lab.row(scene) == ("unclear", 1))
            for scene in looking:
                lab.look_now(scene)
            wait_for(now, "reached", lambda scene: self._there(lab, scene) or bool(scene.answers))

    def _there(self, lab: Lab, scene: Scene) -> bool:
        return POINTS[scene.name].reached(lab, scene)

    def missed(self, lab: Lab, scenes: Sequence[Scene]) -> list[Scene]:
        """See Act."""
        return [scene for scene in scenes if not self._there(lab, scene)]


class Repeated(_Outside):
    """The first call had no effect and no answer; the worker made it again after the quiet time."""

    points = (points.REPEATED,)

    def reach(self, lab: Lab, scenes: Sequence[Scene]) -> None:
        """See Act."""
        for scene in scenes:
            scene.standin.hang(seconds=0.01, route=scene.standin.create_route)
            lab.press(scene)
        wait_for(scenes, "being confirmed", lambda scene: lab.row(scene) == ("unclear", 1))
        for scene in scenes:
            scene.standin.hold(route=scene.standin.create_route, after=True)
        wait_for(scenes, "stored", lambda scene: len(scene.stored) == 1, REPEAT_SECONDS)


class Commit(Act):
    """A commit that hangs. `state` is what it would write."""

    def __init__(self, point: Point, state: str) -> None:
        self.points = (point,)
        self.alone = point is points.CLAIM
        self._state = state

    def reach(self, lab: Lab, scenes: Sequence[Scene]) -> None:
        """See Act."""
        self.prepare(lab, scenes)
        lab.database.brake(self._state, [scene.incident for scene in scenes])
        self.let_go(lab, scenes)
        wait_until(self.points[0].name, lambda: lab.database.braked(len(scenes)), 10)

    def prepare(self, lab: Lab, scenes: Sequence[Scene]) -> None:
        """What happens before the brake is put on."""

    def let_go(self, lab: Lab, scenes: Sequence[Scene]) -> None:
        """What runs into the brake."""
        for scene in scenes:
            lab.press(scene)

    def afterwards(self, lab: Lab, turn: int) -> None:
        """See Act. Every other time the database finishes the commit of the dead process."""
        lab.database.lift(lands=turn % 2 == 0)


class Outcome(Commit):
    """The provider has answered, and the commit of the outcome hangs."""

    def __init__(self) -> None:
        super().__init__(points.OUTCOME, "created")

    def prepare(self, lab: Lab, scenes: Sequence[Scene]) -> None:
        """See Commit."""
        for scene in scenes:
            scene.standin.hold(route=scene.standin.create_route, after=True)
            lab.press(scene)
        wait_for(scenes, "stored", lambda scene: len(scene.stored) == 1)

    def let_go(self, lab: Lab, scenes: Sequence[Scene]) -> None:
        """See Commit."""
        for scene in scenes:
            scene.standin.release()


class Found(Outcome):
    """A look has found the ticket, and the commit of that hangs."""

    def __init__(self) -> None:
        Commit.__init__(self, points.FOUND, "created")

    def prepare(self, lab: Lab, scenes: Sequence[Scene]) -> None:
        """See Commit."""
        for scene in scenes:
            scene.standin.drop_after_create()
            scene.standin.hold(route=scene.vendor.search, times=None, after=True)
            lab.press(scene)
        wait_for(scenes, "being confirmed", lambda scene: lab.row(scene) == ("unclear", 1))
        for scene in scenes:
            lab.look_now(scene)
        wait_for(scenes, "found", lambda scene: points.looked_for(lab, scene))


class _Free(Act):
    """Nothing is held."""

    def afterwards(self, lab: Lab, turn: int) -> None:
        """See Act."""


class Committed(_Free):
    """The outcome is committed this moment."""

    points = (points.COMMITTED,)

    def reach(self, lab: Lab, scenes: Sequence[Scene]) -> None:
        """See Act."""
        for scene in scenes:
            lab.press(scene)
        wait_for(scenes, "created", lambda scene: lab.row(scene) == ("created", 1))


class Anywhere(_Free):
    """Some time after the press."""

    points = (points.ANYWHERE,)

    def reach(self, lab: Lab, scenes: Sequence[Scene]) -> None:
        """See Act."""
        for scene in scenes:
            lab.press(scene)
        time.sleep(random.uniform(0.0, 0.35))
