"""What an operator does about two regions at the witness: begin, fence one off, let it in again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from gateway.domain.payment import RegionId
from gateway.domain.regions import SURELY_NOT_ALONE_S, LeaseTerms, SlotMap
from gateway.service.lease import RENEWALS_PER_LEASE, LeaseWatch, lease_name
from gateway.service.ports import Clock, NotServingError, OvertakenError, RegionTimes, Tenure, UnavailableError, Witness
from gateway.service.regions import MAP_PAUSE_S, SLOTS_RECORD

WATCH_PAUSE_S: Final = 1.0

WITHDRAW_MAX_S: Final = 10.0
"""So long the witness is waited for once what was begun there has failed: a person is waiting."""

SERVING_SLACK_S: Final = 0.5
"""How much later than it is due a process may look at its lease, and at the map."""

RENEWED_MEANWHILE_MAX: Final = 20
"""A living region renews while it is fenced off; so many times may the write come second."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the witness knows: the map, and each region's lease; None where it has none."""

    slots: SlotMap | None
    leases: dict[RegionId, LeaseTerms | None]


async def begin(
    witness: Witness, regions: Sequence[RegionId], *, lease_s: float, held: SlotMap | None, is_first: bool
) -> SlotMap:
    """Make the map and the leases at the witness, where there are none, and return the map; a repeat changes nothing.

    Only the region that `is_first` makes the map: another cannot know whether its peer has accepted payments. `held`
    is the map of a region that was alone until now: it keeps its slots, and hands them over later. Otherwise each
    region has its share from the start.

    Raises:
        UnavailableError: the witness does not answer, or has no map.

    """
    first = held if held is not None else SlotMap.first(regions)
    if not is_first and await witness.read(SLOTS_RECORD) is None:
        raise UnavailableError(
            "the witness has no map of slots: fifteen region init --first, in the region that has accepted payments; "
            "where none has, in either"
        )
    for name, text in (
        (SLOTS_RECORD, first.as_text()),
        *((lease_name(region), LeaseTerms(region, 1, lease_s).as_text()) for region in regions),
    ):
        if await witness.read(name) is None:
            try:
                await witness.write(name, text, expected=None)
            except OvertakenError:
                continue  # the other region began at the same moment
    record = await witness.read(SLOTS_RECORD)
    if record is None:
        raise UnavailableError("the witness forgot the map that was just written: is it the right one?")
    return SlotMap.read(record.text)


class NewDatabaseError(Exception):
    """A region that was fenced off has a database in which nothing was ever accepted; nothing was done."""

    def __init__(self, region: RegionId) -> None:
        super().__init__(
            f"region {region} was fenced off, and nothing was ever accepted in this database. Where the region has "
            "never served: fifteen region init --new-database. Where it has, this is not the database that it had: "
            "what it had accepted last is known to the rail alone, and a client that repeats such a key may be paid "
            "twice. Bring its own database back; where that is gone, wait until no client repeats a key of before the "
            "loss, and give --new-database then"
        )


async def demand_own_database(witness: Witness, region: RegionId, *, has_accepted: bool) -> None:
    """Demand that a region which was lost comes back with the database that it had, and not with an empty one.

    One that was fenced off before it has ever served looks alike: a person says which it is.

    Raises:
        NewDatabaseError: it has nothing in it, and the witness says that the region is, or was, fenced off.
        UnavailableError: the witness does not answer.

    """
    if has_accepted:
        return
    record = await witness.read(lease_name(region))
    lease = None if record is None else LeaseTerms.read(record.text)
    if lease is not None and (lease.fenced_by is not None or lease.term > 1):
        raise NewDatabaseError(region)


async def standing(witness: Witness, regions: Sequence[RegionId]) -> Standing:
    """Return what the witness knows.

    Raises:
        UnavailableError: it does not answer.

    """
    slots = await witness.read(SLOTS_RECORD)
    leases: dict[RegionId, LeaseTerms | None] = {}
    for region in regions:
        record = await witness.read(lease_name(region))
        leases[region] = None if record is None else LeaseTerms.read(record.text)
    return Standing(None if slots is None else SlotMap.read(slots.text), leases)


async def fence(witness: Witness, region: RegionId, *, by: RegionId, clock: Clock) -> LeaseTerms:
    """Fence a region off, alive or not, and return its lease; a repeat is safe.

    Where both do so at the same moment both may be fenced off: nobody acts then, until one is let in again.

    Raises:
        NotServingError: the region that asks is fenced off itself: nothing was done.
        UnavailableError: the witness does not answer.

    """
    return await _fence(LeaseWatch(witness, region, clock), witness, region, by=by)


async def _fence(watch: LeaseWatch, witness: Witness, region: RegionId, *, by: RegionId) -> LeaseTerms:
    await _demand_unfenced(witness, by)
    for _ in range(RENEWED_MEANWHILE_MAX):
        try:
            return await watch.fence(by=by)
        except OvertakenError:
            continue
    raise UnavailableError(f"region {region} renewed its lease {RENEWED_MEANWHILE_MAX} times while it was fenced off")


async def take_over(
    witness: Witness, lost: RegionId, *, by: RegionId, clock: Clock, times: RegionTimes, ask_wait_s: float
) -> SlotMap:
    """Fence a region off, wait until it surely acts no more, and return the map in which all its slots are `by`'s.

    A repeat is safe, and goes on where the first ended. `ask_wait_s` is after how long the rail's own clock has run out
    for whatever the lost region has sent last: by the wall clocks of the workers of `by`, which `times` tells, for it
    is they who ask.

    Raises:
        NotServingError: the region that takes over is fenced off itself: nothing was moved.
        UnavailableError: the witness does not answer, or `times`: nothing was moved.

    """
    watch = LeaseWatch(witness, lost, clock)
    await _fence(watch, witness, lost, by=by)
    return await _take_over(watch, witness, lost, by=by, clock=clock, times=times, ask_wait_s=ask_wait_s)


async def _take_over(
    watch: LeaseWatch,
    witness: Witness,
    lost: RegionId,
    *,
    by: RegionId,
    clock: Clock,
    times: RegionTimes,
    ask_wait_s: float,
) -> SlotMap:
    """Take over what is fenced off, and has been watched for some time: that counts."""
    terms = await watch.look()
    while not watch.is_surely_over:
        await clock.pause(max(0.0, terms.surely_over_s - watch.silent_s))
        terms = await watch.look()
    if terms.fenced_by is None:
        raise NotServingError(f"region {lost} was let in again meanwhile: it keeps its slots")
    await _demand_unfenced(witness, by)
    now = clock.now()
    now = max(now, (await times.pulses()).get(by, now))  # whoever takes over may have a clock that is slow
    ask_after = now + timedelta(seconds=ask_wait_s)
    return await _changed(witness, lambda slots: slots.taken_over(lost, by=by, ask_after=ask_after), unless=lost)


@dataclass(slots=True)
class Guardian:
    """Takes the other region over by itself, once its lease was not renewed for so long, and the own one is.

    What is begun stands in the lease: where it breaks off before the slots have moved, any process of the own region
    that watches goes on with it. What was fenced off by command is left to the command.
    """

    witness: Witness
    lost: RegionId
    own: RegionId
    tenure: Tenure
    clock: Clock
    times: RegionTimes
    after_s: float
    ask_wait_s: float

    async def run(self) -> None:
        """Watch until cancelled; raises as the witness does, and after a fault the watch begins anew."""
        watch = LeaseWatch(self.witness, self.lost, self.clock)
        while True:
            terms = await watch.look()
            if terms.fenced_by is None and watch.silent_s >= max(self.after_s, terms.surely_over_s):
                self.tenure.demand()
                await self._begin(watch)
            elif self._is_begun(terms) and watch.is_surely_over and await self._has_slots_left():
                self.tenure.demand()
                await self._take_over(watch)
            await self.clock.pause(WATCH_PAUSE_S)

    def _is_begun(self, terms: LeaseTerms) -> bool:
        return terms.is_out and terms.to_be_taken and terms.fenced_by == self.own

    async def _has_slots_left(self) -> bool:
        record = await self.witness.read(SLOTS_RECORD)
        return record is not None and SlotMap.read(record.text).names(self.lost)

    async def _begin(self, watch: LeaseWatch) -> None:
        """Take over what has been silent for so long; what has renewed since the last look is alive, and left alone.

        Its lease has surely run out: what was waited for the silence is not waited for again.
        """
        await _demand_unfenced(self.witness, self.own)
        try:
            await watch.fence_as_seen(by=self.own, to_be_taken=True)
        except OvertakenError:
            return
        await self._take_over(watch)

    async def _take_over(self, watch: LeaseWatch) -> None:
        await _take_over(
            watch,
            self.witness,
            self.lost,
            by=self.own,
            clock=self.clock,
            times=self.times,
            ask_wait_s=self.ask_wait_s,
        )


async def hand_back(witness: Witness, slots: Collection[int], *, to: RegionId) -> SlotMap:
    """Hand slots over to a region that serves, and return the map; their owner goes on until it has released them.

    Raises:
        NotServingError: the region that is to have them is fenced off.
        UnavailableError: the witness does not answer.

    """
    await _demand_unfenced(witness, to)
    return await _changed(witness, lambda known: known.handed_over(slots, to=to))


async def _changed(
    witness: Witness, change: Callable[[SlotMap], SlotMap], *, unless: RegionId | None = None
) -> SlotMap:
    """Change the map by one conditional write; one in which `unless` has nothing any more stays as it is."""
    for _ in range(RENEWED_MEANWHILE_MAX):
        record = await witness.read(SLOTS_RECORD)
        if record is None:
            raise UnavailableError("the witness has no map of slots: fifteen region init --first")
        known = SlotMap.read(record.text)
        if unless is not None and not known.names(unless):
            return known
        try:
            changed = change(known)
            await witness.write(SLOTS_RECORD, changed.as_text(), expected=record.version)
        except OvertakenError:
            continue
        return changed
    raise UnavailableError(f"the map of slots changed {RENEWED_MEANWHILE_MAX} times while it was to be changed")


async def _demand_unfenced(witness: Witness, region: RegionId) -> None:
    record = await witness.read(lease_name(region))
    if record is None:
        raise UnavailableError(f"the witness has no lease of region {region}: fifteen region init")
    fenced_by = LeaseTerms.read(record.text).fenced_by
    if fenced_by is not None:
        raise NotServingError(f"region {region} is itself fenced off, by {fenced_by}: fifteen region readmit, there")


async def announce(witness: Witness, region: RegionId) -> int:
    """Tell the other region that one that is fenced off is about to be let in: it stops going on alone.

    By `SURELY_NOT_ALONE_S` later it has, and waits for this region's copy again. A repeat is safe. Returns the version
    of the lease: what is let in is what was announced under it, and `withdraw` takes that back.

    Raises:
        OvertakenError: somebody changed the lease at the same moment.
        UnavailableError: the witness does not answer, or knows no such lease.

    """
    record = await witness.read(lease_name(region))
    if record is None:
        raise UnavailableError(f"the witness has no lease of region {region}: fifteen region init")
    terms = LeaseTerms.read(record.text)
    if terms.is_out:
        return await witness.write(lease_name(region), replace(terms, returns=True).as_text(), expected=record.version)
    return record.version


async def withdraw(witness: Witness, region: RegionId, *, announced: int | None) -> None:
    """Take back what was announced, where nobody else has changed it since: the other region goes on alone again.

    None stands for a version that is not known, as the announcement's answer was lost: whatever is announced is taken
    back then, and what is on its way to the witness yet finds another version there.

    Raises:
        UnavailableError: the witness does not answer.

    """
    for _ in range(RENEWED_MEANWHILE_MAX):
        record = await witness.read(lease_name(region))
        if record is None or announced not in {None, record.version}:
            return
        terms = LeaseTerms.read(record.text)
        if terms.fenced_by is None:
            return
        try:
            text = replace(terms, returns=False).as_text()
            await witness.write(lease_name(region), text, expected=record.version)
        except OvertakenError:
            continue  # announced, let in, or fenced off again, at this very moment
        return
    raise UnavailableError(f"the lease of region {region} changed {RENEWED_MEANWHILE_MAX} times meanwhile")


async def admit(
    witness: Witness,
    region: RegionId,
    *,
    in_step: Callable[[], Awaitable[None]],
    catch_up: Callable[[], Awaitable[None]],
    clock: Clock,
    within_s: float,
) -> LeaseTerms:
    """Let a region in once it has what the other has accepted alone, and return its lease.

    The order is what keeps that promise. First the region is `in_step`: else the other would refuse its synchronous
    tenants for as long as that takes. Then it is announced, and the other goes on alone no more; what that had written
    by then is here once the region has caught up. Where any of it fails, or takes longer than `within_s`, what was
    announced is taken back.

    Raises:
        TimeoutError: it took longer.
        OvertakenError: somebody changed the lease meanwhile.
        UnavailableError: the witness does not answer; whether the other goes on alone again is then told by it alone.

    """
    async with asyncio.timeout(within_s):
        await in_step()
        async with _announced(witness, region) as announced:
            await clock.pause(SURELY_NOT_ALONE_S)
            await catch_up()
            await in_step()
            return await readmit(witness, region, announced=announced)


async def until_it_serves(terms: LeaseTerms, clock: Clock) -> None:
    """Return once every process of a region that was just let in serves, or does not run.

    Each renews the lease, and reads the map anew since it has it. What is handed over before that would be forwarded to
    who refuses it still.
    """
    await clock.pause(terms.length_s / RENEWALS_PER_LEASE + MAP_PAUSE_S + SERVING_SLACK_S)


@asynccontextmanager
async def _announced(witness: Witness, region: RegionId) -> AsyncIterator[int]:
    """Announce a region, and take that back if it fails, or what the context does, whatever with."""
    announced: int | None = None
    try:
        announced = await announce(witness, region)
        yield announced
    except BaseException as error:
        if announced is not None or not isinstance(error, OvertakenError):  # else somebody else was first
            await _taken_back(witness, region, announced)
        raise


async def _taken_back(witness: Witness, region: RegionId, announced: int | None) -> None:
    try:
        async with asyncio.timeout(WITHDRAW_MAX_S):
            await withdraw(witness, region, announced=announced)
    except TimeoutError as error:
        raise UnavailableError(
            f"the witness does not answer: fifteen region status says whether region {region} is about to be let in"
        ) from error


async def readmit(witness: Witness, region: RegionId, *, announced: int | None = None) -> LeaseTerms:
    """Let a region that was fenced off serve again, under a new term, and return its lease; a repeat changes nothing.

    It has the slots that the map says: what was taken over stays where it is. What was `announced` under a version has
    all that the other has accepted alone since, or is not let in.

    Raises:
        OvertakenError: somebody changed the lease at the same moment, or since it was announced.
        UnavailableError: the witness does not answer, or knows no such lease.

    """
    record = await witness.read(lease_name(region))
    if record is None:
        raise UnavailableError(f"the witness has no lease of region {region}: fifteen region init")
    terms = LeaseTerms.read(record.text)
    if terms.fenced_by is None:
        return terms
    if announced not in {None, record.version}:
        raise OvertakenError(
            f"region {region} was fenced off again, by {terms.fenced_by}, or announced anew, while it was to be let in"
        )
    again = LeaseTerms(region, terms.term + 1, terms.length_s)
    await witness.write(lease_name(region), again.as_text(), expected=record.version)
    return again
