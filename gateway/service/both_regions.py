"""What is acknowledged only when both regions have it: the tenants that want it so wait, and nobody else does.

Everybody's claims are committed together, in this region. Who waits is told by positive evidence alone: the other
region's own confirmation of a place in the log behind the commit (docs/regions.md, ADR 26).
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from gateway.domain.payment import IdempotencyKey, RegionId, TenantId
from gateway.domain.regions import ALONE_S, LeaseTerms
from gateway.service.lease import lease_name
from gateway.service.ports import Clock, NotInBothError, NotServingError, ReachStore, UnavailableError, Witness

WAIT_MAX_S: Final = 4.0
"""So long a client waits for the other region: less than a region waits for the home that it forwarded to."""

FOLLOWED_WITHIN_S: Final = 3.0
"""A peer that is further behind is waited for by nobody: submissions are refused before anything is done."""

COPIED_WITHIN_S: Final = 10.0
"""For so long the other region's word counts that its copy is complete; it says so every second."""

LOOKS_KEPT: Final = 32
"""Places of the log, and when each was the end of it: how old the newest one is that the other region has."""

LOOK_PAUSE_S: Final = 0.5
WAITING_PAUSE_S: Final = 0.005
"""Between two looks while somebody waits: a look is one row, and little against the way to the other region."""

FENCE_PAUSE_S: Final = 1.0


class Durability(Protocol):
    """Says when an acceptance may be acknowledged."""

    def demand(self, tenant_id: TenantId) -> None:
        """Return if there is a prospect of it.

        Raises:
            NotServingError: there is none: nothing is to be done.

        """
        ...

    async def wait(self, tenant_id: TenantId, key: IdempotencyKey) -> None:
        """Return when all that was committed before the call may be acknowledged.

        Raises:
            NotInBothError: that could not be found out in time.

        """
        ...


class OneRegion:
    """What is committed here may be acknowledged."""

    def demand(self, tenant_id: TenantId) -> None:
        """Return."""

    async def wait(self, tenant_id: TenantId, key: IdempotencyKey) -> None:
        """Return at once."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question whether the other region has what was committed before it; the answer comes once, and stays."""

    there: asyncio.Future[None]

    def forget(self) -> None:
        """Want no answer any more."""
        if self.there.done() and not self.there.cancelled():
            self.there.exception()  # nobody reads it: that is no fault
        self.there.cancel()


@dataclass(slots=True)
class PeerFence:
    """Whether the other region is fenced off, and comes back no sooner than this one has stopped going on alone."""

    witness: Witness
    peer: RegionId
    clock: Clock
    read_at_s: float = -math.inf
    """When the witness was last asked that said so, by the monotonic clock."""
    let_in_at_s: float = -math.inf
    """When the witness was first seen to let the other region in again."""

    @property
    def holds(self) -> bool:
        """Whether this region may go on alone at this moment."""
        return self.clock.monotonic_s() - self.read_at_s < ALONE_S

    @property
    def let_in_for_s(self) -> float:
        """For how long it has been known that the other region, which had been out, is let in again."""
        return self.clock.monotonic_s() - self.let_in_at_s

    async def run(self) -> None:
        """Ask until cancelled; without the witness the answer runs out by itself."""
        while True:
            await self.look()
            await self.clock.pause(FENCE_PAUSE_S)

    async def look(self) -> None:
        """Ask once.

        Raises:
            UnavailableError: the witness does not answer.

        """
        started_s = self.clock.monotonic_s()  # the answer is no older
        record = await self.witness.read(lease_name(self.peer))
        is_out = record is not None and LeaseTerms.read(record.text).is_out
        if is_out:
            self.read_at_s = started_s
        elif self.read_at_s > -math.inf:
            self.read_at_s, self.let_in_at_s = -math.inf, started_s


@dataclass(slots=True)
class BothRegions:
    """Lets an acceptance of certain tenants be acknowledged once the other region has it; `run` must be running.

    While the other region is fenced off this one goes on alone: it can be taken over by nobody.
    """

    store: ReachStore
    own: RegionId
    peer: RegionId
    clock: Clock
    fence: PeerFence
    concerns: Callable[[TenantId], bool]
    """Whose acceptances wait."""
    wait_max_s: float = WAIT_MAX_S

    _asking: list[asyncio.Future[None]] = field(default_factory=list)
    _waiting: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)
    _somebody: asyncio.Event = field(default_factory=asyncio.Event)
    _looks: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=LOOKS_KEPT))
    _in_step_s: float = -math.inf
    _word: datetime | None = None
    _has_looked: bool = False
    _word_at_s: float = -math.inf

    @property
    def unconfirmed_s(self) -> float:
        """Since when something of this region may not be in the other."""
        return self.clock.monotonic_s() - self._in_step_s

    def demand(self, tenant_id: TenantId) -> None:
        """Return if the other region follows, is fenced off, or was let in so lately that its word may be on the way.

        It was in step before it was let in (`gateway.service.steer.admit`). See `Durability`.
        """
        if not self.concerns(tenant_id) or self.fence.holds:
            return
        if min(self.unconfirmed_s, self.fence.let_in_for_s) < FOLLOWED_WITHIN_S:
            return
        raise NotServingError(
            f"tenant {tenant_id} is answered only when both regions have its payment, and region {self.peer} does not "
            f"follow: mend the way, or fence it off (fifteen region status)"
        )

    async def wait(self, tenant_id: TenantId, key: IdempotencyKey) -> None:
        """Return once the other region has what was committed, or is fenced off; see `Durability`."""
        if not self.concerns(tenant_id):
            return
        asked = self.ask()
        try:
            is_there = await self.is_there(asked, within_s=self.wait_max_s)
        except UnavailableError as error:
            raise NotInBothError(self.own, key, str(error)) from error
        finally:
            asked.forget()
        if not is_there:
            raise NotInBothError(self.own, key, f"region {self.peer} has not confirmed it in time")

    def ask(self) -> Asked:
        """Ask about all that was committed before the call; `Asked.forget` ends it."""
        asked = Asked(asyncio.get_running_loop().create_future())
        self._asking.append(asked.there)
        self._somebody.set()
        return asked

    async def is_there(self, asked: Asked, *, within_s: float) -> bool:
        """Whether the other region has what was asked about, or is fenced off; waits for its word, and may be repeated.

        False, too, where somebody else has come to want no answer meanwhile.

        Raises:
            UnavailableError: how far the other region is could not be asked; ask anew.

        """
        if self.fence.holds:
            return True
        await asyncio.wait([asked.there], timeout=within_s)
        if not asked.there.done() or asked.there.cancelled():
            return False
        asked.there.result()
        return True

    async def run(self) -> None:
        """Look until cancelled; who waits then, or when a look fails, learns that it is not known."""
        try:
            while True:
                await self.look()
                if self._waiting or self._asking:
                    await self.clock.pause(WAITING_PAUSE_S)
                else:
                    await self._until_somebody_asks()
        finally:
            left = [*self._asking, *(there for _, there in self._waiting)]
            self._asking, self._waiting = [], []
            for there in left:
                if not there.done():
                    there.set_exception(UnavailableError("how far the other region is cannot be asked"))

    async def _until_somebody_asks(self) -> None:
        self._somebody.clear()
        try:
            async with asyncio.timeout(LOOK_PAUSE_S):
                await self._somebody.wait()
        except TimeoutError:
            pass  # nobody: whether the other region follows is looked at all the same

    async def look(self) -> None:
        """Ask once how far the other region is, and let go whoever has waited for no more.

        Raises:
            UnavailableError: the store does not answer.

        """
        asking, self._asking = self._asking, []
        started_s = self.clock.monotonic_s()
        try:
            reach = await self.store.reach(self.peer)
        except BaseException:
            self._asking = asking + self._asking
            raise
        # Whoever had asked before the look had committed before it: behind `written` stands nothing of theirs.
        self._waiting += [(reach.written, there) for there in asking]
        self._hear(reach.copied_at)
        is_copied = self.clock.monotonic_s() - self._word_at_s < COPIED_WITHIN_S
        confirmed = reach.confirmed if reach.confirmed is not None and is_copied else -1
        if not self._looks or started_s - self._looks[-1][0] >= FOLLOWED_WITHIN_S / LOOKS_KEPT:
            self._looks.append((started_s, reach.written))
        while self._looks and self._looks[0][1] <= confirmed:
            self._in_step_s = self._looks.popleft()[0]
        still: list[tuple[int, asyncio.Future[None]]] = []
        for place, there in self._waiting:
            if place > confirmed and not self.fence.holds and not there.done():
                still.append((place, there))
            elif not there.done():
                there.set_result(None)
        self._waiting = still

    def _hear(self, copied_at: datetime | None) -> None:
        """Take the other region's word that its copy is complete: one that is new since the last look.

        What stood there when this process began may be of last week.
        """
        if copied_at is None:
            self._word_at_s = -math.inf
        elif self._has_looked and copied_at != self._word:
            self._word_at_s = self.clock.monotonic_s()
        self._word, self._has_looked = copied_at, True
