"""What is between the regions, and outside both: the link, the witness, and the rail's two connection points."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from adapters.http.answers import PENDING_TYPE
from adapters.http.headers import FORWARDED_FROM
from adapters.http.submissions import MOVING_PAUSE_S, Submissions
from gateway.domain.payment import Payment, RegionId
from gateway.service.ports import (
    ElsewhereError,
    MessageClass,
    NotHomeError,
    NotSentError,
    RailDelivery,
    UnavailableError,
    WitnessRecord,
)
from gateway.service.submit import Refused
from iso20022 import AccountReportingRequest, BusinessHeader
from tests.fakes.rail import InMemoryRail
from tests.fakes.witness import InMemoryWitness
from tests.simulation.clients import NO_ANSWER
from tests.simulation.processes import Life
from tests.simulation.rail import VISIBILITY_S, RailSurroundings, SimulatedRail
from tests.simulation.regions.incidents import REGIONS, peer_of
from tests.simulation.regions.reports import Reports
from tests.simulation.scenario import PaymentPlan
from tests.simulation.witness import Acknowledging

if TYPE_CHECKING:
    from tests.simulation.build import GatewayLife
    from tests.simulation.regions.region import Region
    from tests.simulation.regions.world import RegionsWorld

Result = TypeVar("Result")

CONNECT_S: Final = 1.0
ANSWER_S: Final = 17.0
"""How long the forwarding gateway waits for a connection, and for the home's answer."""


class PendingError(UnavailableError):
    """202 and pending: the home may have it; the client repeats under the same key."""


# --- replication --------------------------------------------------------------------------------------------------


class Replication:
    """Brings what one region has committed to the other: in that order, late, and not while the link is cut."""

    def __init__(self, source: Region, target: Region) -> None:
        self._source = source
        self._target = target
        self._sent = 0

    @property
    def behind(self) -> int:
        """How many transactions have not been applied yet."""
        return len(self._source.store.written) - self._target.store.applied_from_peer

    async def run(self) -> None:
        """Replicate until cancelled."""
        world, source, target = self._source.world, self._source, self._target
        while True:
            await source.until_written(target)
            if world.is_cut(source.name):
                await world.until_healed(source.name)
            number = target.store.applied_from_peer
            await asyncio.sleep(world.chance.delay_s(world.scenario.way_s, world.scenario.way_s * 5, "wal", number))
            if world.is_cut(source.name):
                continue
            for change in source.store.written[number:]:
                target.store.apply(change)
            world.trace.note(target.name, f"replicated up to {target.store.applied_from_peer}")
            target.look("the link", is_step=True)
            world.background(self._confirmed(target.store.applied_from_peer))

    async def _confirmed(self, number: int) -> None:
        """Bring the target's word that it has so much back to the source."""
        world, source, target, disk = self._source.world, self._source, self._target, self._target.store
        while True:
            await world.until_healed(target.name)
            await asyncio.sleep(world.way_s("confirmed", source.name, number))
            if not world.is_cut(target.name):
                break
        if target.store is disk:  # what was confirmed of a disk that is gone is not there
            source.store.confirmed = max(source.store.confirmed, number)


# --- forwarding ---------------------------------------------------------------------------------------------------


class SimulatedPeer:
    """Stands for `adapters.http.peer.Peer` in the real `Submissions`: the other region's gateway, over the link."""

    def __init__(self, life: Life, plan: PaymentPlan, token: int) -> None:
        self._life = life
        self._plan = plan
        self._token = token
        self.outcome: Payment | Refused | Exception | None = None
        """What the home has answered."""

    async def forward(self, _request: web.Request, _body: bytes, *, home: RegionId, wait_s: int) -> web.Response:
        """Return the home's answer; raises as the real one."""
        own = cast("Region", self._life.world)
        world, where = own.world, ("forward", self._token)
        is_lost = world.counts_forward()
        if world.is_cut(own.name):
            await asyncio.sleep(CONNECT_S)
            if world.chance.number(*where, "kept") < 0.5:
                raise NotSentError("no connection to the other region")
            await asyncio.sleep(ANSWER_S)  # over a connection that was open before: nobody knows
            raise UnavailableError("the other region did not answer")
        await asyncio.sleep(world.way_s(*where, "there"))
        gateway = world.regions[home].gateways[0]
        own.trace.tell(self._life.name, f"forwards payment {self._plan.number} to {home}")
        try:
            async with asyncio.timeout(ANSWER_S + wait_s):
                work = forwarded_submission(world, self._plan, self._token, own.name)
                self.outcome = await gateway.ask(f"payment {self._plan.number} for {own.name}", work)
        except ConnectionRefusedError as error:
            raise NotSentError(str(error)) from error
        except (ConnectionError, TimeoutError) as error:
            raise UnavailableError(f"the other region did not answer: {error!r}") from error
        except NO_ANSWER as error:
            self.outcome = error
        if is_lost or world.is_cut(home):
            own.trace.tell(self._life.name, "(the answer of the home is lost)")
            await asyncio.sleep(ANSWER_S)
            raise UnavailableError("the other region did not answer: its answer is lost")
        await asyncio.sleep(world.way_s(*where, "back"))
        if isinstance(self.outcome, ElsewhereError):
            raise NotHomeError("the key's home is in neither region at the moment")
        return web.Response()


async def submitted(
    world: RegionsWorld, at: GatewayLife, plan: PaymentPlan, token: int, *, forwarded_from: RegionId | None
) -> Payment | Refused:
    """Submit at a gateway, and forward from there as `adapters.http.submissions` does; wait for a slot that moves.

    Raises:
        NotHomeError: the slot is being handed over still: nothing was done.
        NotServingError: nothing was done, here or there.
        PendingError: it was forwarded, and what became of it is not known.
        UnavailableError: what became of it is not known.

    """
    give_up_s = world.loop.time() + world.build.moving_max_s
    while True:
        try:
            return await _submitted_once(world, at, plan, token, forwarded_from=forwarded_from)
        except NotHomeError:
            if world.loop.time() >= give_up_s:
                raise
        await asyncio.sleep(MOVING_PAUSE_S)


async def _submitted_once(
    world: RegionsWorld, at: GatewayLife, plan: PaymentPlan, token: int, *, forwarded_from: RegionId | None
) -> Payment | Refused:
    try:
        return await world.orders.submit(at, plan)
    except ElsewhereError as elsewhere:
        headers = {} if forwarded_from is None else {FORWARDED_FROM: forwarded_from}
        peer = world.build.peer(at.life, plan, token)
        api = SimpleNamespace(
            peer=peer,
            report_fault=lambda _where, _error: None,
            limits=SimpleNamespace(retry_after_s=1, wait_max_s=15),
        )
        request = make_mocked_request("POST", "/v1/payments", headers=headers)
        response = await Submissions(cast("Any", api), cast("Any", None))._forwarded(request, elsewhere)
        if response.content_type == PENDING_TYPE:
            raise PendingError("pending") from elsewhere
        assert peer.outcome is not None, "the home has answered"
        if isinstance(peer.outcome, Exception):
            raise peer.outcome from elsewhere
        return peer.outcome


def forwarded_submission(
    world: RegionsWorld, plan: PaymentPlan, token: int, source: RegionId
) -> Callable[[GatewayLife], Awaitable[Payment | Refused]]:
    """Return the work of a gateway that was forwarded a submission."""

    async def work(at: GatewayLife) -> Payment | Refused:
        world.forwarded.add(token)
        try:
            return await submitted(world, at, plan, token, forwarded_from=source)
        except ElsewhereError:
            world.forwarded.discard(token)  # it is not its home: nothing was done
            raise

    return work


# --- the witness --------------------------------------------------------------------------------------------------


class SimulatedWitness(InMemoryWitness):
    """The witness that both regions share; it remembers when each lease was last renewed."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        super().__init__()
        self._now_s = now_s
        self.renewed_at_s: dict[str, float] = {}

    async def write(self, name: str, text: str, *, expected: int | None) -> int:
        """Write the record if nobody else has; see the port."""
        version = await super().write(name, text, expected=expected)
        if expected is not None and '"fenced_by":null' in text:
            self.renewed_at_s[name] = self._now_s()
        return version


class WitnessSide:
    """Implements `gateway.service.ports.Witness`: the witness as a process, or a person, of one region reaches it."""

    def __init__(self, region: Region, who: str, life: Life | None = None) -> None:
        self._region = region
        self._who = who
        self._life = life
        self._calls = count()

    async def read(self, name: str) -> WitnessRecord | None:
        """Return the record; see the port."""
        return await self._call(f"read {name}", lambda: self._region.world.witness_store.read(name))

    async def write(self, name: str, text: str, *, expected: int | None) -> int:
        """Write the record; see the port."""
        work = self._region.world.witness_store.write
        return await self._call(f"write {name}", lambda: work(name, text, expected=expected))

    async def _call(self, what: str, work: Callable[[], Awaitable[Result]]) -> Result:
        region, world, number = self._region, self._region.world, next(self._calls)
        await asyncio.sleep(world.chance.delay_s(0.005, 0.3, "witness", self._who, number, "there"))
        self._demand(region)
        result = await work()
        world.trace.note(self._who, f"witness: {what}")
        await asyncio.sleep(world.chance.delay_s(0.005, 0.3, "witness", self._who, number, "back"))
        self._demand(region)
        return result

    def _demand(self, region: Region) -> None:
        if self._life is not None:
            self._life.demand_alive()
        if region.world.is_silent(region.name):
            raise UnavailableError("the witness does not answer")


# --- the rail -----------------------------------------------------------------------------------------------------


class _Point(InMemoryRail):
    def emptied(self) -> Sequence[bytes]:
        """Give up everything that waits here, fetched or not."""
        bodies = [entry.delivery.body for entry in self._waiting.values()]
        self._waiting.clear()
        return bodies


class RegionalRail(SimulatedRail):
    """The rail with a connection point for each region: what it says may be fetched at either."""

    def __init__(self, surroundings: RailSurroundings, choose: Callable[[int], int]) -> None:
        super().__init__(surroundings)
        self.points = {region: _Point(visibility_s=VISIBILITY_S) for region in REGIONS}
        self.reports = Reports(self)
        self._choose = choose
        self._delivered = count(1)
        self._disconnected: set[RegionId] = set()

    def deliver(self, body: bytes, *, signature: str | None = None) -> str:
        """Queue a message at one of the connection points that are connected."""
        chosen = REGIONS[self._choose(next(self._delivered))]
        return self.points[peer_of(chosen) if chosen in self._disconnected else chosen].deliver(
            body, signature=signature
        )

    def disconnect(self, region: RegionId) -> None:
        """Bring nothing to a region's connection point any more; what waits there goes to the other one's."""
        self._disconnected.add(region)
        for body in self.points[region].emptied():
            self.points[peer_of(region)].deliver(body)

    def connect(self, region: RegionId) -> None:
        """Bring messages to a region's connection point again."""
        self._disconnected.discard(region)

    def hear_other(self, message: object, header: BusinessHeader) -> None:
        """Answer what is asked about an account."""
        assert isinstance(message, AccountReportingRequest), f"{header.message_type} is nothing that we send"
        self.reports.answer(message, header)

    @property
    def unacknowledged(self) -> int:
        """How many messages are still to be fetched or acknowledged."""
        return sum(point.unacknowledged for point in self.points.values())


class ConnectionPoint:
    """Implements `RailLink`: the rail as one region reaches it."""

    def __init__(self, region: Region) -> None:
        self._region = region

    @property
    def _point(self) -> InMemoryRail:
        return self._region.world.rail.points[self._region.name]

    async def send(self, body: bytes, *, message_class: MessageClass) -> None:
        """Send; see the port."""
        await self._region.world.rail.send(body, message_class=message_class)

    async def receive(self, *, messages_max: int, wait_s: float) -> Sequence[RailDelivery]:
        """Fetch; see the port."""
        return await self._point.receive(messages_max=messages_max, wait_s=wait_s)

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Forget these; whoever watches sees first what they were."""
        waiting = self._point._waiting
        self._region.witness(Acknowledging([waiting[each].delivery.body for each in receipts if each in waiting]))
        await self._point.acknowledge(receipts)

    async def check(self) -> None:
        """Return if the rail is up."""
        await self._region.world.rail.check()
