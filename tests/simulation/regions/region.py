"""One region as its processes see it: the face of a `World`, and what is its own in a world that it shares."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from gateway.domain.history import RecordedEvent
from gateway.domain.incoming_transfer import WAITED_FOR, IncomingTransfer
from gateway.domain.payment import Payment, PaymentId, RegionId
from gateway.domain.regions import SlotMap
from gateway.service.lease import lease_name
from gateway.service.regions import SLOTS_RECORD
from iso20022 import EndToEndId
from tests.fakes.conversations import InMemoryConversations
from tests.simulation.build import LifeObserver
from tests.simulation.check import Check
from tests.simulation.checks import FINAL
from tests.simulation.clients import EXPECTED, TENANTS, Gateway
from tests.simulation.processes import Life
from tests.simulation.regions.checks import EACH_REGION
from tests.simulation.regions.incidents import REGIONS, RegionalOutage, peer_of
from tests.simulation.regions.incoming import RegionalIncoming
from tests.simulation.regions.link import ConnectionPoint, RegionalRail
from tests.simulation.regions.reports import RegionalRailEvents
from tests.simulation.regions.store import FIRST_MAP, RegionalStore
from tests.simulation.scenario import Call, Mishap, Part
from tests.simulation.witness import Witnessed
from tests.simulation.world import SimulatedBus

if TYPE_CHECKING:
    from tests.simulation.regions.world import RegionsWorld

Result = TypeVar("Result")

SOON_S: Final = 0.5
"""Who waits for a map that is read, or for the end of a payment that has one, is looked after so often."""


class Region:
    """One region, with the face of a `World`: its own store, bus, clock and connection point.

    `payments` are those of its slots.
    """

    def __init__(self, world: RegionsWorld, name: RegionId) -> None:
        self.world = world
        self.name = name
        self.scenario, self.build, self.chance = world.scenario, world.build, world.chance
        self.loop, self.trace, self.asked = world.loop, world.trace, world.asked
        self.written = asyncio.Event()
        self.statements = 0
        """Claims and decisions on their way to the database."""
        self.store: RegionalStore = world.build.regional_store(self)
        self.store.not_found_policies.update({tenant: policy for policy, tenant in TENANTS.items()})
        self.incoming: RegionalIncoming = world.build.regional_incoming(self)
        self.conversations = InMemoryConversations(self.incoming)
        """Empty: nothing is asked in these worlds."""
        self.institution = world.institution
        self.point = ConnectionPoint(self)
        self.gateways = [
            Gateway(cast("Any", self), each) for each in world.scenario.processes if each.startswith(f"{name}.gateway")
        ]
        self.clients_waiting = 0
        self.checks: list[Check] = [check() for check in EACH_REGION]
        self.rail_events: RegionalRailEvents = world.build.rail_events(self)
        self.bus: SimulatedBus
        self.lost_stores: list[RegionalStore] = []
        """What was on the disks that are gone."""
        self._seen: dict[PaymentId, int] = {}
        self._seen_incoming: dict[PaymentId, int] = {}
        self._compared: tuple[int, SlotMap, bool] = (0, FIRST_MAP, False)
        self._clock = world.scenario.clocks[REGIONS.index(name)]

    @property
    def peer(self) -> Region:
        """The other region."""
        return self.world.regions[peer_of(self.name)]

    @property
    def is_lost(self) -> bool:
        """Whether nothing of it can be reached."""
        return self.name in self.world.losses.lost

    @property
    def rail(self) -> RegionalRail:
        """The rail, as who watches sees it."""
        return self.world.rail

    @property
    def may_act(self) -> bool:
        """Whether its lease, as the witness knows it, has not run out."""
        renewed_at_s = self.world.witness_store.renewed_at_s.get(lease_name(self.name), -math.inf)
        return self.loop.time() < renewed_at_s + self.scenario.lease_s

    def now(self) -> datetime:
        """Return the present instant by this region's clock."""
        return self.world.now() + timedelta(seconds=self._clock.ahead_at(self.loop.time()))

    def monotonic_s(self) -> float:
        """Return the seconds since the world began, as this region's monotonic clocks count them."""
        return self.loop.time() * (1 + self.build.drift(self._clock))

    def true_s(self, instant: datetime) -> float:
        """Return when it is, in the world's seconds, at an instant of this region's clock, or a little before."""
        return (instant - self.scenario.starts_at).total_seconds() - self._clock.ahead_s - max(self._clock.gains_s, 0)

    @property
    def payments(self) -> Sequence[Payment]:
        """The payments of the slots that are this region's, whoever accepted them."""
        store = self.store
        return tuple(
            payment
            for payment_id, payment in store.rows.payments.items()
            if store.is_at_home(store.slots_of[payment_id], epoch=store.epochs[payment_id])
        )

    @property
    def transfers(self) -> Sequence[IncomingTransfer]:
        """What the rail has brought, as far as what is known here of each is folded."""
        incoming = self.incoming
        return tuple(each for pid, each in incoming.rows.transfers.items() if pid not in incoming.notes)

    @property
    def own_transfers(self) -> Sequence[IncomingTransfer]:
        """What of it is seen to here, and has been before now."""
        return tuple(
            each for each in self.transfers if self.incoming.is_at_home(each.payment_id) and not each.is_taken_over
        )

    def history(self, payment: Payment) -> Sequence[RecordedEvent]:
        """Return the events of a payment."""
        return self.store.rows.events[payment.payment_id]

    def words(self, payment: Payment | PaymentId) -> str:
        """Return a payment's name for people."""
        known = payment if isinstance(payment, Payment) else self.store.facts[payment]
        return f"payment {self.world.numbers.get(known.end_to_end_id, known.end_to_end_id)} in {self.name}"

    def reference(self, number: int) -> EndToEndId:
        """Return the end-to-end id of a payment."""
        return self.world.reference(number)

    def saved_bodies(self) -> set[bytes]:
        """Return every message that belongs to a payment or transfer here, or is handed over."""
        of_all = (*self.store.rows.messages.values(), *self.incoming.rows.messages.values())
        kept = {message.body for messages in of_all for message in messages}
        return kept | {body for _, body in self.store.handed.values()} | self.rail_events.saved_bodies()

    def payment_of_body(self, body: bytes) -> Payment | None:
        """Return the payment that a message was saved with."""
        for payment_id, messages in self.store.rows.messages.items():
            if any(message.body == body for message in messages):
                return self.store.rows.payments.get(payment_id)
        return None

    def observer_of(self, life: Life) -> LifeObserver:
        """Return what a life tells."""
        return LifeObserver(life)

    def mishap_at(self, call: Call) -> Mishap | None:
        """Count a call, and return what is to happen at it."""
        return self.world.mishap_at(call)

    def is_down(self, part: Part) -> bool:
        """Whether a part of this region answers nobody now."""
        now_s = self.loop.time()
        return any(
            cast("RegionalOutage", each).region == self.name
            and each.part is part
            and 0 <= now_s - each.at_s < each.seconds
            for each in self.scenario.outages
        )

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Do something later, whoever lives by then."""
        self.world.later(seconds, callback)

    def background(self, work: Awaitable[Any]) -> None:
        """Finish something that its process does not wait for any more."""
        self.world.background(work)

    def kill(self, name: str, *, down_s: float) -> None:
        """End a process, and start it anew after a while."""
        self.world.kill(name, down_s=down_s)

    async def until_written(self, target: Region) -> None:
        """Return once there is something that the other region does not have."""
        while len(self.store.written) <= target.store.applied_from_peer:
            self.written.clear()
            await self.written.wait()

    def look(self, who: str, *, is_step: bool) -> None:
        """Tell what was changed here; look whether every promise still holds, where that is a step."""
        events, changed = self.store.rows.events, []
        for payment_id, history in events.items():
            for event in history[self._seen.get(payment_id, 0) :]:
                changed.append(payment_id)
                if event.region == self.name:
                    is_new = event.state_after is not event.state_before
                    state = event.state_after if is_new else f"still {event.state_after}"
                    self.trace.tell(who, f"saves {self.words(payment_id)}: {event.event.kind}, {state}")
            self._seen[payment_id] = len(history)
        if self._look_at_incoming(who) or changed or is_step:
            current = [each for each in changed if self._is_projected(each)]
            self.world.judge({self.name: tuple(dict.fromkeys(current))})

    def _look_at_incoming(self, who: str) -> bool:
        """Tell what was changed here of what the rail has brought."""
        is_changed = False
        for payment_id, events in self.incoming.rows.events.items():
            for event in events[self._seen_incoming.get(payment_id, 0) :]:
                is_changed = True
                if event.region == self.name:
                    plan = self.rail.forwarding.plan_of(self.incoming.received[payment_id])
                    self.trace.tell(who, f"saves {plan.words} in {self.name}: {event.fact.kind}, {event.state_after}")
            self._seen_incoming[payment_id] = len(events)
        return is_changed

    def restore(self) -> None:
        """Fill a new disk with what the peer has of this region's; what the peer wrote itself is copied after that.

        It follows the witness's map, sends nothing that was queued before, and serves once it has copied everything.
        """
        old, peer = self.store, self.peer.store
        kept = old.written[: peer.applied_from_peer]
        self.lost_stores.append(old)
        self.store = self.world.build.regional_store(self)
        self.store.not_found_policies.update({tenant: policy for policy, tenant in TENANTS.items()})
        self.incoming = self.world.build.regional_incoming(self)
        self.conversations = InMemoryConversations(self.incoming)
        self.rail_events = self.world.build.rail_events(self)
        self.bus = self.world.new_bus(self)
        slots = SlotMap.read(self.world.witness_store.records[SLOTS_RECORD].text)
        self.store.restore(kept, slots=slots, copies=len(peer.written))
        peer.confirmed = 0
        self.checks = [check() for check in EACH_REGION]
        self._seen = {payment_id: len(events) for payment_id, events in self.store.rows.events.items()}
        self._seen_incoming = {payment_id: len(events) for payment_id, events in self.incoming.rows.events.items()}
        self._compared = (0, FIRST_MAP, False)

    def judge(self) -> None:
        """Look whether every promise still holds."""
        self.world.judge()

    async def under_way(self, statement: Awaitable[Result]) -> Result:
        """Count a statement for as long as it is on its way to the database."""
        self.statements += 1
        try:
            return await statement
        finally:
            self.statements -= 1

    def _is_projected(self, payment_id: PaymentId) -> bool:
        payment = self.store.rows.payments.get(payment_id)
        return payment is not None and payment.version == len(self.store.rows.events[payment_id])

    def witness(self, witnessed: Witnessed) -> None:
        """Look at a moment that leaves no trace in the store."""
        self.world.witness(self, witnessed)

    def fault(self, words: str) -> None:
        """A fault of ours."""
        self.world.fault(words)

    def loop_fault(self, life: Life, where: str, error: BaseException) -> None:
        """Tell a fault of the world, or keep one of ours."""
        if life.is_alive and isinstance(error, EXPECTED):
            self.trace.note(life.name, f"{where}: {error}")
        elif life.is_alive:
            self.fault(f"{life.name}, {where}: {error!r}")

    def quiet_until_s(self) -> float:
        """Return until when nobody here who looks for work finds any: now, if there is some."""
        store, payments = self.store, self.store.rows.payments.values()
        quiet_until_s = math.inf  # asked for at each step of time: loops, where a generator would say it shorter
        has_notes = bool(store.notes or self.incoming.notes)
        if (has_notes or self.may_act) and self.world.has_workers(self.name):
            if has_notes or store.rows.outbox or store.to_apply:
                return 0.0
            due = [each.next_step_at for each in payments if each.next_step_at is not None]
            for transfer in self.incoming.rows.transfers.values():
                if transfer.next_step_at is not None and transfer.state in WAITED_FOR:
                    due.append(transfer.next_step_at)
                if transfer.unsent_at is not None:
                    due.append(transfer.unsent_at)
            if due:
                quiet_until_s = self.true_s(min(due))
        is_asked = any(self.asked.values()) and any(
            each.state in FINAL and self.asked[self.world.numbers[each.end_to_end_id]] for each in payments
        )
        follows = not self.world.is_silent(self.name)
        if (
            is_asked
            or store.waits_to_be_taken_up
            or (follows and (self._has_an_old_map() or self.world.has_old_readers(self.name)))
        ):
            return min(quiet_until_s, math.floor(self.loop.time() / SOON_S + 1) * SOON_S)
        return quiet_until_s

    def _has_an_old_map(self) -> bool:
        record = self.world.witness_store.records[SLOTS_RECORD]
        if record.version != self._compared[0] or self.store.slots is not self._compared[1]:
            is_old = SlotMap.read(record.text).epochs != self.store.slots.epochs
            self._compared = (record.version, self.store.slots, is_old)
        return self._compared[2]
