"""What a promise about both regions is: a class whose methods yield what breaks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from tests.simulation.witness import Told, Witnessed

if TYPE_CHECKING:
    from tests.simulation.regions.region import Region
    from tests.simulation.regions.world import RegionsWorld


class RegionsCheck:
    """A promise about both regions. Each method yields what breaks it, in words; one object watches one world."""

    promise: ClassVar[str]

    def on_step(self, _world: RegionsWorld) -> Iterator[str]:
        """After something was saved or replicated, or money moved."""
        yield from ()

    def on_witnessed(self, _world: RegionsWorld, _region: Region, _witnessed: Witnessed) -> Iterator[str]:
        """At a moment that leaves no trace in a store."""
        yield from ()

    def on_told(self, _world: RegionsWorld, _told: Told) -> Iterator[str]:
        """When a client is told what a payment is."""
        yield from ()

    def on_end(self, _world: RegionsWorld) -> Iterator[str]:
        """When nothing more will happen."""
        yield from ()
