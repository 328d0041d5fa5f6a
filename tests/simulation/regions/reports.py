"""What the rail has settled to us, as it reports it, and what a region keeps of that: what is missing above all."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, cast

from gateway.domain.payment import Rail
from gateway.domain.rail_operations import RailEvent, RailEventKind
from gateway.domain.reconciliation import Arrivals, Here
from gateway.service.ports import MessageClass, RawMessage
from iso20022 import AccountReportingRequest, Amount, BusinessHeader
from simulators.fednow.reports import ReportWriter
from simulators.ledger import Settlement
from simulators.message_ids import MessageIds
from simulators.refusals import TechnicalFault
from tests.fakes.rail_operations import InMemoryRailEvents
from tests.simulation.incoming_checks import ARRIVED
from tests.simulation.rail import PARTY, SETTINGS

if TYPE_CHECKING:
    from tests.simulation.rail import SimulatedRail
    from tests.simulation.regions.region import Region


class Reports:
    """The rail's account reports: written by the simulator's own writer, from what this rail has settled to us."""

    def __init__(self, rail: SimulatedRail) -> None:
        self._rail = rail
        self._writer = ReportWriter(SETTINGS, MessageIds(started_at=rail.now()))

    def answer(self, asked: AccountReportingRequest, header: BusinessHeader) -> None:
        """Tell totals, or each message."""
        (request, *_) = asked.requests
        self._rail.say(f"is asked for {request.kind} of {request.account}")
        book = cast("Any", SimpleNamespace(ledger=SimpleNamespace(settlements=tuple(self._settlements()))))
        report = self._writer.report(asked, party=PARTY, book=book, now=self._rail.now())
        if isinstance(report, TechnicalFault):
            self._rail.refuse(header.business_message_id, report.code)
        else:
            self._rail.tell(report, f"camt.052 {request.kind} of {request.account}")

    def _settlements(self) -> Sequence[Settlement]:
        records = [record for _, record in self._rail.forwarding.each() if record.is_settled]
        return [
            Settlement(
                copy=number,
                message_id=record.forwarded.message_id,
                amount=record.forwarded.amount,
                debtor_agent=record.forwarded.instructing_agent,
                creditor_agent=record.forwarded.instructed_agent,
                at=record.completed.at,
            )
            for number, record in enumerate(records)
            if record.completed is not None
        ]


@dataclass(frozen=True, slots=True)
class RailEventChange:
    """What one transaction wrote of the rail's events, to be replicated."""

    event: RailEvent


class RegionalRailEvents(InMemoryRailEvents):
    """The rail's events of both regions, of which one asks, and hears, its own; what has come is told by the store."""

    LISTED: Final = frozenset({RailEventKind.MISSING})

    def __init__(self, region: Region) -> None:
        super().__init__()
        self._region = region

    async def ask(self, event: RailEvent, message: RawMessage, *, message_class: MessageClass) -> None:
        """Keep it, to be sent; see the port."""
        await asyncio.sleep(0)
        is_new = event.event_id not in self.kept
        await super().ask(event, message, message_class=message_class)
        self._replicate(event, is_new=is_new)

    async def hear(self, event: RailEvent, message: RawMessage, *, digest: bytes) -> bytes | None:
        """Keep what the rail said, once; see the port."""
        await asyncio.sleep(0)
        known = await super().hear(event, message, digest=digest)
        self._replicate(event, is_new=known is None)
        return known

    async def note(self, event: RailEvent) -> bool:
        """Keep a fact; see the port."""
        await asyncio.sleep(0)
        is_new = await super().note(event)
        self._replicate(event, is_new=is_new)
        return is_new

    def _replicate(self, event: RailEvent, *, is_new: bool) -> None:
        if is_new:
            self._region.store.write(RailEventChange(event))

    def apply(self, change: RailEventChange) -> None:
        """Take over what the peer has asked, heard or found; what it has heard it compares itself."""
        self.kept.setdefault(change.event.event_id, change.event)

    def saved_bodies(self) -> set[bytes]:
        """Return what was heard, and what was asked, whether it has left or not."""
        return set(self.bodies.values())

    def lists(self, message_id: str) -> bool:
        """Whether a message is in the list of what is missing, or has been."""
        return any(each.kind in self.LISTED and each.about == message_id for each in self.kept.values())

    async def arrivals(self, rail: Rail, institution: str, *, since: datetime, until: datetime) -> Arrivals:
        """Return what came in this time, and has settled here; see the port."""
        await asyncio.sleep(0)
        came = [
            each.amount.cents
            for each in self._region.incoming.rows.transfers.values()
            if each.creditor_agent == institution and since <= each.received_at < until and each.state in ARRIVED
        ]
        return Arrivals(len(came), sum(came))

    async def known_here(self, rail: Rail, message_ids: Collection[str]) -> Mapping[str, Here]:
        """Return which have come, and what became of them; see the port."""
        await asyncio.sleep(0)
        return {
            str(each.message_id): Here(each.amount.cents, each.state in ARRIVED, each.received_at)
            for each in self._region.incoming.rows.transfers.values()
            if each.message_id in message_ids
        }

    def _has_come(self, missing: RailEvent) -> bool:
        transfers = self._region.incoming.rows.transfers.values()
        came = [each for each in transfers if each.message_id == missing.about and each.state in ARRIVED]
        return any(missing.note in {None, str(Amount(each.amount.cents))} for each in came)
