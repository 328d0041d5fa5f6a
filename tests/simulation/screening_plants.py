"""Planted bugs of screening: each lets pass what must not, as a plausible slip would. The simulation must find each."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from gateway.domain.screening import Screened, ScreeningRules, Subject
from gateway.service.screening import Screening
from tests.simulation.build import Build

if TYPE_CHECKING:
    from tests.simulation.processes import Life


class _SeesNoHit(Screening):
    async def look_at(self, rules: ScreeningRules, subject: Subject, *, within_s: float) -> Screened:
        return replace(await super().look_at(rules, subject, within_s=within_s), hits=())


class _SilenceIsClear(Screening):
    async def look_at(self, rules: ScreeningRules, subject: Subject, *, within_s: float) -> Screened:
        return replace(await super().look_at(rules, subject, within_s=within_s), fault=None)


def _as(kind: type[Screening], made: Screening | None) -> Screening | None:
    return None if made is None else kind(made.store, made.screeners, made.clock, made.observer)


class HitLetPass(Build):
    def screening(self, life: Life) -> Screening | None:
        return _as(_SeesNoHit, super().screening(life))


class OutageLetPass(Build):
    def screening(self, life: Life) -> Screening | None:
        return _as(_SilenceIsClear, super().screening(life))
