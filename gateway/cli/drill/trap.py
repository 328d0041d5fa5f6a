"""The trap in an armed process: it counts how often its point is passed, and kills the process there with SIGKILL."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from adapters.system import SystemClock
from gateway.cli.drill.points import BY_NAME

POINT_VARIABLE: Final = "DRILL_POINT"
COUNTDOWN_VARIABLE: Final = "DRILL_COUNTDOWN"
AFTER_VARIABLE: Final = "DRILL_AFTER_S"
"""How a process is armed: the point, how often it is passed before it kills, and for how long it is not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arming:
    """Where a process is to die: at the `countdown`-th passage of the point, once `after_s` have gone by."""

    point: str
    countdown: int
    after_s: float

    def variables(self) -> Mapping[str, str]:
        """Return the environment that arms a process."""
        return {
            POINT_VARIABLE: self.point,
            COUNTDOWN_VARIABLE: str(self.countdown),
            AFTER_VARIABLE: str(self.after_s),
        }


class Trap:
    """Kills this process where it was armed to; an unarmed one never does."""

    def __init__(self, arming: Arming | None) -> None:
        assert arming is None or arming.point in BY_NAME, "a trap is set at a point of the table"
        self._clock = SystemClock()
        self._point = arming.point if arming else None
        self._left = arming.countdown if arming else 0
        self._armed_at_s = self._clock.monotonic_s() + (arming.after_s if arming else 0.0)

    @classmethod
    def from_environment(cls) -> Trap:
        """Return the trap that this process was started with."""
        point = os.environ.get(POINT_VARIABLE)
        if point is None:
            return cls(None)
        return cls(
            Arming(
                point=point,
                countdown=int(os.environ[COUNTDOWN_VARIABLE]),
                after_s=float(os.environ[AFTER_VARIABLE]),
            )
        )

    def is_due(self, point: str) -> bool:
        """Count a passage of this point; True when it is the one to die at: call `spring` then."""
        if point != self._point or self._clock.monotonic_s() < self._armed_at_s:
            return False
        self._left -= 1
        return self._left <= 0

    def passed(self, point: str) -> None:
        """Count a passage of this point, and die if it is the one."""
        if self.is_due(point):
            self.spring()

    @staticmethod
    def spring() -> None:
        """Die as by ``kill -9``: nothing is cleaned up, no buffer is flushed."""
        os.kill(os.getpid(), signal.SIGKILL)
