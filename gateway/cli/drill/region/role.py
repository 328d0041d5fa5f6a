"""A gateway or worker as the drill of two regions composes it: it can be frozen, its clock be off, guards be gone."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast

from adapters.postgres.store import PostgresStore
from gateway.cli.drill.region.faults import ForgetfulRail, FreezingLink, OffClock, trap_of
from gateway.cli.drill.region.plants import Plant
from gateway.cli.processes import end_with_parent
from gateway.cli.two_regions import NAMES
from gateway.domain.events import EventKind
from gateway.domain.payment import PaymentState, Rail
from gateway.domain.transitions import TRANSITIONS, Effect, Transition
from gateway.main import run, run_gateway, run_worker
from gateway.parts import Between
from gateway.service.both_regions import BothRegions
from gateway.service.incoming.both_regions import Acceptances
from gateway.service.lease import RegionLease
from gateway.service.ports import NewPayment, PaymentStore, RailLink
from gateway.service.rail_protocol import RailProtocol
from gateway.service.regions import MapKeeper
from gateway.settings import load_settings

PLANTS_VARIABLE: Final = "DRILL_REGION_PLANTS"
CLOCK_VARIABLE: Final = "DRILL_REGION_CLOCK_OFF_S"
"""So many seconds this process's wall clock is ahead, or behind."""

TRAPS_VARIABLE: Final = "DRILL_REGION_TRAPS"
"""Names the folder of the traps."""


def between(region: str, plants: frozenset[Plant]) -> Between:
    """Return what the drill puts between the use cases and their ports, as the environment says."""
    ahead = timedelta(seconds=float(os.environ.get(CLOCK_VARIABLE, "0")))
    trap = trap_of(Path(os.environ[TRAPS_VARIABLE]), region)

    def rail_of(protocol: RailProtocol) -> RailProtocol:
        return cast("RailProtocol", ForgetfulRail(protocol)) if Plant.RANDOM_IDS in plants else protocol

    def link_of(_rail: Rail, link: RailLink) -> RailLink:
        return cast("RailLink", FreezingLink(link, trap, stamps_anew=Plant.FRESH_STAMP in plants))

    def store_of(store: PaymentStore) -> PaymentStore:
        if Plant.SHARED_ROWS in plants:
            cast("PostgresStore", store)._region = NAMES[0]  # noqa: SLF001 - both write the first one's rows
        return store

    return Between(
        clock=lambda clock: OffClock(clock, ahead) if ahead else clock, rail=rail_of, link=link_of, store=store_of
    )


def take_away(plants: frozenset[Plant]) -> None:
    """Take the guards of this process away."""
    if plants & {Plant.HOME, Plant.SHARED_ROWS}:
        PostgresStore._elsewhere = _nowhere  # type: ignore[method-assign, assignment]  # noqa: SLF001
        PostgresStore.home_elsewhere = _here  # type: ignore[method-assign, assignment]
    if Plant.NO_FENCE in plants:
        RegionLease.demand = _held  # type: ignore[method-assign, assignment]
        MapKeeper.demand = _held  # type: ignore[method-assign, assignment]
    if Plant.ANSWER_ALONE in plants:
        Acceptances.is_in_both = _is_so  # type: ignore[method-assign, assignment]
    if Plant.ACKNOWLEDGE_ALONE in plants:
        BothRegions.wait = _at_once  # type: ignore[method-assign, assignment]
    if Plant.SEND_ANEW in plants:
        for state in (PaymentState.RECEIVED, PaymentState.SENDING, PaymentState.IN_DOUBT):
            again = Transition(PaymentState.RESEND_DUE, (Effect.QUEUE_TRANSFER, Effect.AWAIT_RESENDING))
            TRANSITIONS[state, EventKind.TAKEN_OVER] = again


async def _nowhere(store: PostgresStore, waiting: Sequence[NewPayment], *, anew: bool) -> dict[Any, Any]:  # noqa: ARG001
    await store._homes.owners_of([], anew=True)  # noqa: SLF001 - a guard is taken away
    return {}


async def _here(_store: PostgresStore, _payment: NewPayment) -> None:
    """Have every key at home where it comes."""


async def _is_so(_guard: object, *_what: object, **_named: object) -> bool:
    return True


async def _at_once(_guard: object, *_what: object) -> None:
    """Wait for nobody."""


def _held(_guard: object, **_named: object) -> None:
    """Hold nothing against anybody."""


def main() -> None:
    """Run the role that the argument names."""
    end_with_parent()
    plants = frozenset(map(Plant, filter(None, os.environ.get(PLANTS_VARIABLE, "").split(","))))
    take_away(plants)
    role, settings = {"gateway": run_gateway, "worker": run_worker}[sys.argv[1]], load_settings()
    run(lambda: role(settings, ready=lambda url: print(url, flush=True), between=between(settings.region, plants)))


if __name__ == "__main__":
    main()
