"""What was down while a drill ran, measured: nothing else excuses a payment that has never reached the rail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Lock
from typing import Final

from gateway.service.ports import Clock

EVERY_WORKER: Final = "every worker"
"""What is down while no worker is ready."""

MACHINE: Final = "machine"
"""What is down while the supervisor itself was not given the time to look."""

_PULSE_S: Final = 0.1
_STILL_S: Final = 1.0
"""A pulse that comes so much later than it should: processes were stopped, or the machine stood still."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Something did nothing in between; of one worker its death alone is taken down: another serves."""

    what: str
    since: datetime
    until: datetime

    def as_json(self) -> Mapping[str, str]:
        """Return it as the evidence has it."""
        return {"what": self.what, "since": self.since.isoformat(), "until": self.until.isoformat()}


class Outages:
    """Is told what goes down and comes back, by several threads; what has not come back is down until it is asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._ready: set[str] = set()
        self._down: dict[str, datetime] = {}
        self._over: list[Outage] = []

    def began(self, what: str) -> None:
        """A server is about to be killed; a repeat changes nothing."""
        with self._lock:
            self._down.setdefault(what, self._clock.now())

    def ended(self, what: str) -> None:
        """The server serves again; a repeat changes nothing."""
        with self._lock:
            self._end(what)

    def worker_died(self, name: str) -> None:
        """A worker is gone; where no other is ready, every worker is down."""
        with self._lock:
            now = self._clock.now()
            self._over.append(Outage(name, now, now))
            self._ready.discard(name)
            if not self._ready:
                self._down.setdefault(EVERY_WORKER, now)

    def worker_ready(self, name: str) -> None:
        """A worker is ready: not every one is down."""
        with self._lock:
            self._ready.add(name)
            self._end(EVERY_WORKER)

    def feel_the_pulse(self, is_over: Event) -> None:
        """Take down when the machine stood still, until `is_over`; runs in a thread of its own."""
        before = self._clock.now()
        while not is_over.wait(_PULSE_S):
            now = self._clock.now()
            if (now - before).total_seconds() > _STILL_S:
                with self._lock:
                    self._over.append(Outage(MACHINE, before, now))
            before = now

    def so_far(self) -> Sequence[Outage]:
        """Return all, in the order in which they began; what is still down is so until now."""
        with self._lock:
            still = [Outage(what, since, self._clock.now()) for what, since in self._down.items()]
            return sorted([*self._over, *still], key=lambda outage: outage.since)

    def _end(self, what: str) -> None:
        since = self._down.pop(what, None)
        if since is not None:
            self._over.append(Outage(what, since, self._clock.now()))
