"""Those outside both regions: clients that use either, and the operators who fence a region off and let it in again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from gateway.domain.payment import RegionId
from gateway.domain.regions import SURELY_NOT_ALONE_S, SlotMap
from gateway.service import steer
from gateway.service.lease import LeaseWatch
from gateway.service.ports import Clock, NotServingError, OvertakenError, UnavailableError
from gateway.service.regions import SLOTS_RECORD
from gateway.service.submit import Refused
from tests.simulation.checks import FINAL
from tests.simulation.clients import NO_ANSWER, PAUSE_MAX_S, WAIT_S
from tests.simulation.incoming import ENDS
from tests.simulation.processes import Life, LifeClock
from tests.simulation.regions.incidents import REGIONS, Fate, Fencing, Loss, peer_of
from tests.simulation.regions.link import WitnessSide, submitted
from tests.simulation.scenario import PaymentPlan
from tests.simulation.witness import Told

if TYPE_CHECKING:
    from tests.simulation.regions.region import Region
    from tests.simulation.regions.world import RegionsWorld

Result = TypeVar("Result")

TRIES_MAX: Final = 24
LOOK_S: Final = 0.5

NO_ERROR_BY_MOVING: Final = "slots are handed back without an error to any client"

NOTHING_FORWARDED: Final = "503 is answered only where nothing has reached the key's home"


async def client(world: RegionsWorld, plan: PaymentPlan, number: int) -> None:
    """One client of one payment: tries, at either region, until it has an answer, and then perhaps once more."""
    chance, who = world.chance, f"client {plan.number}"
    if world.comes_when_slots_move(who):
        await world.moves.wait()
        await asyncio.sleep(chance.delay_s(0, 2, who, "moves") + chance.delay_s(0, 0.01, who, number))
    else:
        await asyncio.sleep(plan.at_s + chance.delay_s(0, 0.01, who, number))
    for turn in range(1 + plan.repeats):
        for attempt in range(TRIES_MAX):
            gateway = world.regions[REGIONS[(plan.number + number + turn + attempt // 2) % 2]].gateways[0]
            token = len(REGIONS) + plan.number * 100_000 + number * 10_000 + turn * 1_000 + attempt
            world.trace.tell(who, f"submits payment {plan.number} at {gateway.name}")
            world.asked[plan.number] += 1
            try:
                async with asyncio.timeout(plan.patience_s if attempt < 3 else WAIT_S * 3):
                    answer = await gateway.ask(f"payment {plan.number}", _submission(world, plan, token))
            except NO_ANSWER as error:
                world.trace.tell(who, f"has no answer: {type(error).__name__}")
                if isinstance(error, NotServingError):
                    _look_whether_nothing_was(world, plan, token, str(error))
                pause_s = min(0.1 * 2**attempt, PAUSE_MAX_S) * (1 + chance.number(who, number, turn, attempt))
                world.asked[plan.number] -= 1
                await asyncio.sleep(pause_s)
                world.asked[plan.number] += 1
                continue
            finally:
                world.asked[plan.number] -= 1
            if isinstance(answer, Refused):
                world.trace.tell(who, f"is refused: {answer.kind}")
                return
            world.trace.tell(who, f"is told that payment {plan.number} is {answer.state}")
            world.told(Told(plan.number, answer))
            break
        await asyncio.sleep(max(chance.delay_s(0.01, 20, who, number, turn), _until_repeats_s(world)))


def _until_repeats_s(world: RegionsWorld) -> float:
    return world.scenario.repeats_from_s - world.loop.time()


def _look_whether_nothing_was(world: RegionsWorld, plan: PaymentPlan, token: int, error: str) -> None:
    if "nothing was forwarded" in error and token in world.forwarded:
        world.report(NOTHING_FORWARDED, f"payment {plan.number}: its home has had it")
    if world.moves_calmly:
        world.report(NO_ERROR_BY_MOVING, f"payment {plan.number}: {error}")


def _submission(world: RegionsWorld, plan: PaymentPlan, token: int) -> Callable[[Any], Awaitable[Any]]:
    return lambda gateway: submitted(world, gateway, plan, token, forwarded_from=None)


# --- operators ----------------------------------------------------------------------------------------------------


async def steering(world: RegionsWorld) -> None:
    """Do what the scenario has for the operators, one after the other."""
    for act in sorted(world.scenario.fencings, key=lambda each: each.at_s):
        await _until(world, act.at_s)
        await _fence_and_readmit(world, act)
    for loss in world.scenario.losses:
        await _see_to(world, loss)
    world.is_steering = False


async def _until(world: RegionsWorld, at_s: float) -> None:
    await asyncio.sleep(max(0.0, at_s - world.loop.time()))


async def _see_to(world: RegionsWorld, loss: Loss) -> None:
    """Do what the runbook says of a region that is gone, and of one that is back."""
    lost, left = world.regions[loss.region], world.regions[peer_of(loss.region)]
    there = WitnessSide(left, f"operator {loss.at_s}")
    if loss.alone_s is not None:
        await _until(world, loss.at_s - loss.alone_s)
        await _goes_on_alone(world, lost)
    await _until(world, loss.at_s + (loss.taken_after_s or 0.0))
    if loss.alone_s is not None:
        world.trace.tell("operator", f"lets {left.name} in again, where nobody can say what it does not have")
        await _done(lambda: steer.readmit(there, left.name))
    if loss.taken_after_s is not None:
        clock = LifeClock(Life(cast("Any", left), f"{left.name}.operator", 0))
        await _take_over(world, there, lost.name, by=left.name, clock=clock)
    while SlotMap.read(world.witness_store.records[SLOTS_RECORD].text).names(lost.name):
        await asyncio.sleep(LOOK_S)
    if loss.taken_after_s is None:
        world.happened["a region is taken over by its peer itself"] += 1
    world.rail.disconnect(lost.name)
    if loss.fate is Fate.GONE:
        return
    await _until(world, loss.at_s + loss.seconds)
    world.losses.find(loss)
    while not world.is_in_step(left.name):
        await asyncio.sleep(LOOK_S)
    await _let_in(world, WitnessSide(left, f"operator {loss.at_s}, again"), lost, hands_back=loss.hands_back)
    world.rail.connect(lost.name)


async def _goes_on_alone(world: RegionsWorld, region: Region) -> None:
    """Have a region that has lost sight of its peer fence that one off."""
    peer = region.peer.name
    clock = LifeClock(Life(cast("Any", region), f"{region.name}.operator", 0))
    world.trace.tell("operator", f"fences {peer} off, in {region.name}")
    await _done(
        lambda: steer.fence(WitnessSide(region, f"operator of {region.name}"), peer, by=region.name, clock=clock)
    )
    world.happened["a region goes on alone"] += 1


async def _fence_and_readmit(world: RegionsWorld, act: Fencing) -> None:
    by = world.regions[peer_of(act.region)]
    witness = WitnessSide(by, f"operator {act.at_s}")
    clock = LifeClock(Life(cast("Any", by), f"{by.name}.operator", 0))
    if world.build.is_drained_before_it_moves or not act.moves:
        world.trace.tell("operator", f"fences {act.region} off, in {by.name}")
        await _done(lambda: steer.fence(witness, act.region, by=by.name, clock=clock))
        world.happened["a region is fenced off"] += 1
    if act.moves:
        watch = LeaseWatch(witness, act.region, clock)
        while world.build.is_drained_before_it_moves and not (
            await _is_over(watch) and (act.loses or world.is_drained(act.region))
        ):
            await asyncio.sleep(LOOK_S)
        if act.takes_over:
            await _take_over(world, witness, act.region, by=by.name, clock=clock)
        else:
            await _move(world, witness, world.regions[act.region], to=by.name)
    await asyncio.sleep(act.seconds)
    await _let_in(world, witness, world.regions[act.region], hands_back=act.hands_back)


async def _let_in(world: RegionsWorld, witness: WitnessSide, region: Region, *, hands_back: bool) -> None:
    """Let a region in once it has what the other has accepted alone."""
    world.trace.tell("operator", f"is about to let {region.name} in again")
    announced = await _done(lambda: steer.announce(witness, region.name))
    await asyncio.sleep(SURELY_NOT_ALONE_S)
    while not world.is_in_step(region.peer.name):  # what the other has accepted alone is there
        await asyncio.sleep(LOOK_S)
    world.trace.tell("operator", f"lets {region.name} in again")
    await _done(lambda: steer.readmit(witness, region.name, announced=announced))
    if hands_back:
        await _hand_back(world, witness, region)


async def _take_over(world: RegionsWorld, witness: WitnessSide, lost: RegionId, *, by: RegionId, clock: Clock) -> None:
    """Take a region over whose lease is over; what it wrote is known, what of it has left is not."""
    wait_s = world.build.protocol(cast("Any", world.regions[by])).timing.status_request_wait_s
    times = world.regions[by].store
    await _done(lambda: steer.take_over(witness, lost, by=by, clock=clock, times=times, ask_wait_s=wait_s))
    world.trace.tell("operator", f"takes {lost} over, in {by}")
    world.happened["a region is taken over"] += 1


async def _hand_back(world: RegionsWorld, witness: WitnessSide, region: Region) -> None:
    """Give a region that serves again its share of the slots, whatever is under way in them."""
    while not (region.may_act and world.serves(region.name)):
        await asyncio.sleep(LOOK_S)
    world.trace.tell("operator", f"hands {region.name} its slots back")
    world.begin_to_move()
    share = SlotMap.first(REGIONS).slots_of(region.name)
    wanted = await _done(lambda: steer.hand_back(witness, share, to=region.name))
    while any(each.store.slots.epochs != wanted.epochs for each in world.both):
        await asyncio.sleep(LOOK_S)
    world.moving_since_s = None
    world.trace.tell("operator", f"sees that {region.name} has its slots")
    world.happened["slots are handed back"] += 1


async def _is_over(watch: LeaseWatch) -> bool:
    await _done(watch.look)
    return watch.is_surely_over


async def _move(world: RegionsWorld, witness: WitnessSide, source: Region, *, to: RegionId) -> None:
    """Give the slots in which everything is final to the other region: a planned hand-over."""

    async def move() -> None:
        record = await witness.read(SLOTS_RECORD)
        assert record is not None, "it was begun"
        slots = SlotMap.read(record.text)
        store = source.store
        busy = {store.slots_of[payment.payment_id] for payment in source.payments if payment.state not in FINAL}
        transfers = source.incoming.rows.transfers.items()
        busy |= {source.incoming.rows.slots[pid] for pid, transfer in transfers if transfer.state not in ENDS}
        moved = slots.slots_of(source.name) - busy
        if moved:
            await witness.write(SLOTS_RECORD, slots.moved(moved, to=to).as_text(), expected=record.version)
        world.trace.tell("operator", f"gives {len(moved)} slots of {source.name} to {to}")

    await _done(move)
    world.happened["slots are handed over"] += 1


async def _done(work: Callable[[], Awaitable[Result]]) -> Result:
    """Do it again and again until the witness has answered."""
    while True:
        try:
            return await work()
        except (UnavailableError, OvertakenError):
            await asyncio.sleep(LOOK_S)
