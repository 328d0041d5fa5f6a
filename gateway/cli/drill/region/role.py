"""A gateway or worker as the drill of two regions composes it: it can be frozen, its clock be off, guards be gone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast

from adapters.postgres import statements
from adapters.postgres.store import PostgresStore
from adapters.system import SystemIdentifiers
from gateway.cli.drill.region.plants import Plant
from gateway.cli.processes import end_with_parent
from gateway.cli.two_regions import NAMES
from gateway.domain.events import EventKind
from gateway.domain.payment import IdempotencyKey, PaymentState, Rail, RegionId
from gateway.domain.regions import SlotOwner
from gateway.domain.transitions import TRANSITIONS, Effect, Transition
from gateway.main import Between, run, run_gateway, run_worker
from gateway.service.lease import RegionLease
from gateway.service.ports import Clock, MessageClass, NewPayment, PaymentStore, RailLink
from gateway.service.rail_protocol import RailProtocol
from gateway.service.regions import MapKeeper
from gateway.settings import load_settings
from iso20022 import CustomerCreditTransfer

PLANTS_VARIABLE: Final = "DRILL_REGION_PLANTS"
CLOCK_VARIABLE: Final = "DRILL_REGION_CLOCK_OFF_S"
"""So many seconds this process's wall clock is ahead, or behind."""

TRAPS_VARIABLE: Final = "DRILL_REGION_TRAPS"
"""Names the folder of the traps."""

_ID_OPENS, _ID_CLOSES = b"<MsgId>", b"</MsgId>"


def trap_of(folder: Path, region: str) -> Path:
    """Return the file of a region's trap: while it is there, the next transfer freezes the worker (`FreezingLink`)."""
    return folder / f"freeze-{region}"


def sprung(trap: Path) -> Path:
    """Return the file in which a trap names the message that it has caught."""
    return trap.with_suffix(".sprung")


@dataclass(frozen=True, slots=True)
class OffClock:
    """A clock whose wall time is off. Its monotonic time is not: no time server sets that."""

    clock: Clock
    ahead: timedelta

    def now(self) -> datetime:
        """Return the wrong time; see the port."""
        return self.clock.now() + self.ahead

    def monotonic_s(self) -> float:
        """Return seconds; see the port."""
        return self.clock.monotonic_s()

    async def sleep_until(self, instant: datetime) -> None:
        """Return once the wrong clock shows the instant; see the port."""
        await self.clock.sleep_until(instant - self.ahead)


@dataclass(frozen=True, slots=True)
class FreezingLink:
    """A `RailLink` that stops its process (SIGSTOP) where the lease has been looked at, and no byte been written."""

    link: RailLink
    trap: Path

    def __getattr__(self, name: str) -> Any:
        return getattr(self.link, name)

    async def send(self, body: bytes, *, message_class: MessageClass) -> None:
        """Freeze if the trap is set, and send when the process goes on; see the port."""
        if message_class is MessageClass.VALUE and self.trap.exists():
            self.trap.write_bytes(body.partition(_ID_OPENS)[2].partition(_ID_CLOSES)[0])
            self.trap.rename(sprung(self.trap))
            os.kill(os.getpid(), signal.SIGSTOP)
        await self.link.send(body, message_class=message_class)


@dataclass(frozen=True, slots=True)
class ForgetfulRail:
    """A `RailProtocol` that draws the ids of what it makes."""

    protocol: RailProtocol

    def __getattr__(self, name: str) -> Any:
        return getattr(self.protocol, name)

    def transfer_from_request(self, request: Any, **named: Any) -> CustomerCreditTransfer:
        """Make a transfer with other ids each time; see the protocol."""
        drawn = IdempotencyKey(str(SystemIdentifiers().new_uuid()))
        return self.protocol.transfer_from_request(request, **{**named, "idempotency_key": drawn})


def between(region: str, plants: frozenset[Plant]) -> Between:
    """Return what the drill puts between the use cases and their ports, as the environment says."""
    ahead = timedelta(seconds=float(os.environ.get(CLOCK_VARIABLE, "0")))
    trap = trap_of(Path(os.environ[TRAPS_VARIABLE]), region)

    def rail_of(protocol: RailProtocol) -> RailProtocol:
        return cast("RailProtocol", ForgetfulRail(protocol)) if Plant.RANDOM_IDS in plants else protocol

    def link_of(_rail: Rail, link: RailLink) -> RailLink:
        return cast("RailLink", FreezingLink(link, trap))

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
    if Plant.NO_FENCE in plants:
        RegionLease.demand = _held  # type: ignore[method-assign, assignment]
        MapKeeper.demand = _held  # type: ignore[method-assign, assignment]
    if Plant.SEND_ANEW in plants:
        for state in (PaymentState.RECEIVED, PaymentState.SENDING, PaymentState.IN_DOUBT):
            again = Transition(PaymentState.RESEND_DUE, (Effect.QUEUE_TRANSFER, Effect.AWAIT_RESENDING))
            TRANSITIONS[state, EventKind.TAKEN_OVER] = again


async def _nowhere(store: PostgresStore, waiting: Sequence[NewPayment], *, anew: bool) -> dict[Any, Any]:  # noqa: ARG001
    rows = await store._pool.fetch(statements.SLOTS)  # noqa: SLF001 - a guard is taken away
    store._slots = [SlotOwner(RegionId(row["region"]), row["epoch"]) for row in rows]  # noqa: SLF001
    return {}


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
