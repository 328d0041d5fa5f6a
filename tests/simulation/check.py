"""What a promise is: a class whose methods yield what breaks it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from gateway.domain.payment import PaymentId
from tests.simulation.witness import Witnessed

if TYPE_CHECKING:
    from tests.simulation.world import World


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken."""

    check: str
    at_s: float
    words: str

    def __str__(self) -> str:
        return f"{self.check}, at {self.at_s:.3f} s: {self.words}"


class Check:
    """A promise. Each method yields what breaks it, in words; one object watches one world."""

    promise: ClassVar[str]

    def on_step(self, _world: World, _changed: Sequence[PaymentId]) -> Iterator[str]:
        """After something was saved, or money moved; `_changed` are the payments with new events."""
        yield from ()

    def on_witnessed(self, _world: World, _witnessed: Witnessed) -> Iterator[str]:
        """At a moment that leaves no trace in the store."""
        yield from ()

    def on_end(self, _world: World) -> Iterator[str]:
        """When nothing more will happen."""
        yield from ()
