"""Killing the product where an act has brought it, starting it again, and watching until everything is settled."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.crash.acts import Act
from tests.crash.points import POINTS
from tests.crash.scenes import Lab, Scene

PATIENCE = 100.0  # seconds; whatever is not settled then counts as not settled
PROMISED = 60.0
MOST_TRIES = 4


@dataclass(frozen=True)
class Run:
    """What became of one death. `seconds`: from the new start until settled; None when it was not."""

    provider: str
    database: str
    point: str
    creates: int
    stored: int
    linked: int
    flagged: bool
    seconds: float | None
    state: str

    @property
    def told(self) -> bool:
        """Whether a second ticket is said on the incident."""
        return self.stored > 1 and (self.flagged or self.state == "needs_look")

    @property
    def duplicate(self) -> bool:
        """Whether there is a second ticket that should not be, or that nobody is told of."""
        return self.stored > 1 and not (POINTS[self.point].doubled and self.told)

    @property
    def lost(self) -> bool:
        """Whether there is no ticket, or the incident does not show it."""
        return self.stored < 1 or (self.linked != 1 and self.state != "needs_look")

    @property
    def settled(self) -> bool:
        """Whether it came to an end by itself in the promised time."""
        return self.seconds is not None and self.seconds <= PROMISED

    @property
    def good(self) -> bool:
        """Whether everything is as promised."""
        calls = self.creates in POINTS[self.point].creates
        return self.settled and calls and not self.duplicate and not self.lost


def perform(lab: Lab, act: Act, database: str, turn: int = 0) -> list[Run]:
    """Play an act with its scenes until each was hit at its point. The product runs before and afterwards."""
    names = [point.name for point in act.points]
    mine = [scene for scene in lab.scenes if scene.name in names]
    groups = [[scene] for scene in mine] if act.alone and lab.database.one_writer else [mine]
    return [run for group in groups for run in _until_hit(lab, act, group, database, turn)]


def _until_hit(lab: Lab, act: Act, scenes: list[Scene], database: str, turn: int) -> list[Run]:
    runs: list[Run] = []
    for _ in range(MOST_TRIES):
        for scene in scenes:
            lab.open_incident(scene)
        act.reach(lab, scenes)
        missed = act.missed(lab, scenes)
        lab.kill()
        act.afterwards(lab, turn)
        lab.start()
        runs += _watch(lab, [scene for scene in scenes if scene not in missed], database)
        if not missed:
            return runs
        scenes = missed
    raise AssertionError(f"not reached in time: {[f'{scene.vendor.key}, {scene.name}' for scene in scenes]}")


def _watch(lab: Lab, scenes: Sequence[Scene], database: str) -> list[Run]:
    """Wait until everything is settled without hands; only a request nobody wrote down is pressed again."""
    for scene in scenes:
        if lab.row(scene) is None:
            lab.press(scene)
    seconds: dict[int, float] = {}
    while time.monotonic() - lab.started_at < PATIENCE:
        for scene in scenes:
            POINTS[scene.name].meanwhile(scene)
            if scene.incident not in seconds and lab.section(scene).settled:
                seconds[scene.incident] = time.monotonic() - lab.started_at
        if len(seconds) == len(scenes) and all(_is_told(lab, scene) for scene in scenes):
            break
        time.sleep(0.5)
    return [_run(lab, scene, database, seconds.get(scene.incident)) for scene in scenes]


def _is_told(lab: Lab, scene: Scene) -> bool:
    return not POINTS[scene.name].doubled or lab.flagged(scene)


def _run(lab: Lab, scene: Scene, database: str, seconds: float | None) -> Run:
    """The result, after a browser that repeats its request has got the same ticket."""
    lab.press(scene)
    scene.threads[-1].join(30)
    stored, section = scene.stored, lab.section(scene)
    return Run(
        provider=scene.vendor.key,
        database=database,
        point=scene.name,
        creates=scene.creates,
        stored=len(stored),
        linked=len(section.keys) if set(section.keys) <= stored else 0,
        flagged=lab.flagged(scene),
        seconds=seconds,
        state=(lab.row(scene) or ("", 0))[0],
    )
