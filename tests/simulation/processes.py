"""Processes that live, stand still, die and start anew, and every call of theirs that leads into the world."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextvars import Context, ContextVar, copy_context
from datetime import datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar

from gateway.service.ports import NotSentError, UnavailableError
from tests.simulation.scenario import Call, Happening, Mishap, Part

if TYPE_CHECKING:
    from tests.simulation.world import World

Result = TypeVar("Result")

POLL_MAX_S: Final = 1.0
"""Whoever sleeps no longer than this looks whether there is something to do; see `VirtualLoop.poll_until`."""

LEASE_S: Final = 5.0
"""When a delivery comes again whose consumer has died or stands still, or whose settlement was lost."""

LATENCY_S: Final[Mapping[Part, tuple[float, float]]] = {
    Part.STORE: (0.0004, 0.03),
    Part.BUS: (0.0004, 0.02),
    Part.RAIL: (0.004, 0.15),
}
"""The least and the most that half a call takes."""

CALLS: Final[Mapping[str, Call]] = {
    "store.accept": Call.ACCEPT,
    "store.open": Call.ACCEPT,
    "store.save": Call.SAVE,
    "store.load": Call.READ,
    "store.load_with_message": Call.READ,
    "store.seen": Call.READ,
    "store.find_by_message_id": Call.READ,
    "store.not_found_policy": Call.READ,
    "store.relayed": Call.RELAYED,
    "store.sent": Call.RELAYED,
    "store.forget": Call.RELAYED,
    "bus.publish": Call.PUBLISH,
    "bus.hand_over": Call.HAND_OVER,
    "bus.settle": Call.SETTLE,
    "rail.send": Call.SEND,
    "rail.receive": Call.FETCH,
    "rail.acknowledge": Call.ACKNOWLEDGE,
}
"""The calls at which something may happen, by the name of the method. What only looks for work is left in peace."""

OWNER: Final[ContextVar[Life | None]] = ContextVar("owner", default=None)


def owner_of(context: Context) -> Life | None:
    """Return the life that a step of this context belongs to; None for the world's own."""
    return context.get(OWNER)


class Life:
    """A process from its start to its death: its tasks, and its way to the ports.

    Dead, it reaches nothing any more: what its tasks still do while they are torn down has no effect on the world.
    """

    def __init__(self, world: World, name: str, number: int) -> None:
        self.world = world
        self.name = name
        self.key = f"{name}.{number}"
        self.is_alive = True
        self.stalled_until_s = 0.0
        self.last_wills: list[Callable[[], None]] = []
        self.leases: list[Callable[[], None]] = []
        self.clock = LifeClock(self)
        self.poll_clock = PollClock(self)
        self._calls = count()
        self._context = copy_context()
        self._context.run(OWNER.set, self)
        self._root: asyncio.Task[None] | None = None

    def begin(self, main: Coroutine[Any, Any, None]) -> None:
        """Run `main`, and whatever it starts, as this life."""
        self._root = self.world.loop.create_task(main, context=self._context)

    def spawn(self, group: asyncio.TaskGroup, work: Coroutine[Any, Any, None]) -> None:
        """Start a piece of work for somebody outside."""
        group.create_task(work, context=self._context)

    def end(self) -> None:
        """Die: all tasks at once. What was held for this life is let go by whoever held it."""
        self.is_alive = False
        for will in (*self.last_wills, *self.leases):
            will()
        if self._root is not None:
            self._root.cancel()

    def stand_still(self, *, until_s: float) -> None:
        """Do nothing for a while, as a machine that is moved: whoever lends something to it does not wait for ever."""
        self.stalled_until_s = until_s
        if until_s - self.world.loop.time() > LEASE_S:
            for lose in self.leases:
                self.world.later(LEASE_S, lose)

    async def ended(self) -> None:
        """Return once nothing of it runs any more."""
        if self._root is not None:
            await asyncio.wait([self._root])

    @property
    def fault(self) -> BaseException | None:
        """What it ended with by itself: nothing may end a process but its death."""
        root = self._root
        return root.exception() if root is not None and root.done() and not root.cancelled() else None

    def demand_alive(self) -> None:
        """Return if it lives; a dead process gets no further than its next call."""
        if not self.is_alive:
            raise asyncio.CancelledError(f"{self.key} is dead")

    async def call(
        self,
        part: Part,
        name: str,
        effect: Callable[[], Awaitable[Result]],
        *,
        again: Callable[[float], None] | None = None,
    ) -> Result:
        """Call a port: takes time both ways, and what the scenario has for this call happens.

        `again` is what it means that the same happens once more, so many seconds later: by default, the effect.

        Raises:
            UnavailableError: the part is down, or it was this call's turn to fail.

        """
        self.demand_alive()
        world, kind, number = self.world, CALLS.get(name), next(self._calls)
        delay = (*LATENCY_S[part], self.key, name, number)
        await asyncio.sleep(world.chance.delay_s(*delay, "there"))
        mishap = None if kind in {None, Call.FETCH} else world.mishap_at(kind)
        if mishap is not None:
            await self._before(mishap)
        self.demand_alive()
        if world.is_down(part):
            raise (NotSentError if name == "rail.send" else UnavailableError)(f"the {part} is down")
        result: Any = None
        if mishap is not None and mishap.happening is Happening.LATE:
            world.later(mishap.seconds, lambda: world.background(effect()))
        elif mishap is None or mishap.happening is not Happening.SWALLOWED:
            result = await effect()
        if mishap is not None and mishap.happening is Happening.AGAIN:
            repeat = again or (lambda after_s: world.later(after_s, lambda: world.background(effect())))
            repeat(mishap.seconds / 10)
        world.trace.note(self.key, name)
        world.look(self.name, is_step=kind in {Call.RELAYED, Call.SETTLE})
        if kind is Call.FETCH and result:  # one that brings nothing is a look, and does not count
            mishap = world.mishap_at(Call.FETCH)
            if mishap is not None:
                world.trace.tell(self.name, f"({mishap.words})")
        if mishap is not None:
            await self._after(mishap)
        await asyncio.sleep(world.chance.delay_s(*delay, "back"))
        self.demand_alive()
        return result  # type: ignore[no-any-return]

    async def _before(self, mishap: Mishap) -> None:
        self.world.trace.tell(self.name, f"({mishap.words})")
        match mishap.happening:
            case Happening.FAILS_BEFORE:
                raise UnavailableError("it failed before it had an effect")
            case Happening.REFUSED:
                raise NotSentError("no byte has left")
            case Happening.DIES_BEFORE:
                self._die(mishap.seconds)
            case Happening.SLOW_BEFORE:
                await asyncio.sleep(mishap.seconds)
            case _:
                pass

    async def _after(self, mishap: Mishap) -> None:
        match mishap.happening:
            case Happening.FAILS_AFTER:
                raise UnavailableError("it failed after it had its effect")
            case Happening.DIES_AFTER:
                self._die(mishap.seconds)
            case Happening.SLOW_AFTER:
                await asyncio.sleep(mishap.seconds)
            case _:
                pass

    def _die(self, seconds: float) -> None:
        self.world.kill(self.name, down_s=seconds)
        raise asyncio.CancelledError(f"{self.key} has died")


class LifeClock:
    """Implements `gateway.service.ports.Clock` in virtual time; the dead are told nothing any more."""

    def __init__(self, life: Life) -> None:
        self._life = life
        self._loop = life.world.loop

    def now(self) -> datetime:
        """Return the present instant."""
        return self._life.world.now()

    def monotonic_s(self) -> float:
        """Return virtual seconds, as this life's machine counts them."""
        return self._life.world.monotonic_s()

    async def sleep_until(self, instant: datetime) -> None:
        """Return once `instant` has come."""
        self._life.demand_alive()
        await self._sleep(max((instant - self.now()) / timedelta(seconds=1), 0))
        self._life.demand_alive()

    async def pause(self, seconds: float) -> None:
        """Return once so many virtual seconds have passed."""
        self._life.demand_alive()
        await self._sleep(seconds)
        self._life.demand_alive()

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class PollClock(LifeClock):
    """The clock of loops that look for work: their short sleeps last as long as there is none to be found."""

    async def _sleep(self, seconds: float) -> None:
        if 0 < seconds <= POLL_MAX_S:
            await self._loop.poll_until(self._loop.time() + seconds)
        else:
            await super()._sleep(seconds)
