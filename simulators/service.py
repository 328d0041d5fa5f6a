"""The rail on a clock: brings it the present instant, and holds polls open until there is something to fetch."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from aiohttp import web

from iso20022 import ConnectionPartyId, MessageId, RoutingNumber
from simulators.clock import RailClock
from simulators.facts import ClockChanged, TransferForwarded
from simulators.faults import Faults
from simulators.forwarding import Order
from simulators.outqueue import Waiting
from simulators.rail import SimulatedRail
from simulators.standing import NO_POINT


class RailService:
    """What the HTTP handlers share. Nothing awaits between a message's arrival and its facts in the journal."""

    def __init__(self, rail: SimulatedRail, clock: RailClock) -> None:
        self._rail = rail
        self._clock = clock
        self._changed = asyncio.Event()
        self._clock_changed = asyncio.Event()
        self._closing = False

    @property
    def faults(self) -> Faults:
        """What is switched on."""
        return self._rail.faults

    def switch_faults(self, faults: Faults) -> None:
        """Switch these faults on, and all others off."""
        self._rail.faults = faults

    def attend(self, institutions: frozenset[RoutingNumber]) -> None:
        """Have these institutions answer for themselves, and the network play all others.

        Raises ValueError when one is no participant.
        """
        for number in institutions:
            if all(each.routing_number != number for each in self._rail.settings.participants):
                raise ValueError(f"{number} is no participant")
        self._rail.attended = institutions

    def current_rail(self) -> SimulatedRail:
        """The rail as it is now, everything that has fallen due done."""
        self._rail.advance(self._clock.now())
        return self._rail

    def knows(self, party: ConnectionPartyId) -> bool:
        """Whether the network has this connection party."""
        return any(entry.connection_party == party for entry in self._rail.settings.participants)

    def has_point(self, party: ConnectionPartyId, point: str) -> bool:
        """Whether the connection party may connect at this point: one of its own, or none where it has none."""
        return point in self._rail.book.standing.points_of(party)

    def receive(
        self, body: bytes, *, connection_party: ConnectionPartyId, message_class: str, signature: str | None = None
    ) -> None:
        """Take one copy of a message, and what came beside it; it is journalled when this returns."""
        self._rail.receive(
            body,
            connection_party=connection_party,
            message_class=message_class,
            now=self._clock.now(),
            signature=signature,
        )
        self._wake()

    def originate(self, order: Order) -> TransferForwarded:
        """Forward a payment from the network. Raises ValueError when the creditor's agent is no participant."""
        forwarded = self._rail.originate(order, now=self._clock.now())
        self._wake()
        return forwarded

    def ask_back(self, message_id: MessageId, reason: str, *, days_later: int, is_unknown: bool) -> None:
        """Have the sender of a forwarded payment ask for its return. Raises ValueError when there is none."""
        self._rail.ask_back(message_id, reason, days_later=days_later, is_unknown=is_unknown, now=self._clock.now())
        self._wake()

    def ask(self, asking: object) -> MessageId:
        """Have the network ask a participant something. Raises ValueError when it cannot."""
        message_id = self._rail.ask(asking, now=self._clock.now())
        self._wake()
        return message_id

    def change_profiles(self, services: Mapping[RoutingNumber, Sequence[str]], *, publish: bool) -> int:
        """Change what institutions may do, and tell every connection party who takes part, or leave that to the roll.

        Raises ValueError when one is no participant, or names no service; says how many parties were told.
        """
        now = self._clock.now()
        for number, names in services.items():
            self._rail.change_profile(number, names, now=now)
        told = self._rail.publish_directory(now=now) if publish else 0
        self._wake()
        return told

    async def fetch(
        self, party: ConnectionPartyId, *, messages_max: int, wait: timedelta, point: str = NO_POINT
    ) -> Sequence[Waiting]:
        """What there is for `party`, as soon as there is something; nothing after `wait`, or at the end."""
        ends_s = self._clock.monotonic_s() + wait.total_seconds()
        while True:
            changed, now = self._changed, self._clock.now()
            waiting = self._rail.fetch(party, messages_max=messages_max, now=now, point=point)
            left_s = ends_s - self._clock.monotonic_s()
            if waiting or left_s <= 0 or self._closing:
                return waiting
            await self._clock.wait(changed, until=self._rail.next_change_at(party, point), timeout_s=left_s)

    def acknowledge(self, party: ConnectionPartyId, receipts: Sequence[str]) -> None:
        """Forget what `party` has saved."""
        self._rail.acknowledge(party, receipts)

    @property
    def clock(self) -> RailClock:
        """The rail's clock, to be looked at."""
        return self._clock

    def change_clock(self, change: ClockChanged) -> None:
        """Set the rail's clock: to what it says itself of the change, now.

        Raises:
            ClockHeldError: time would go back while something is under way.

        """
        self._rail.change_clock(change)
        self._clock.follow(change)
        self._wake()
        self._clock_changed.set()
        self._clock_changed = asyncio.Event()

    async def clock_changes(self, *, unless: int | None = None, wait: timedelta) -> int:
        """How often the clock was set; where that is `unless` still, once it is set again, or after `wait`."""
        if self._rail.book.clock_changes == unless and not self._closing:
            await self._clock.wait(self._clock_changed, until=None, timeout_s=wait.total_seconds())
        return self._rail.book.clock_changes

    def close(self) -> None:
        """Let every poll that is open return."""
        self._closing = True
        self._wake()
        self._clock_changed.set()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


SERVICE: Final = web.AppKey("SERVICE", RailService)
"""Where an application keeps its service."""
