"""What every world has: its time, its chance, processes that live and die in it, and those who watch."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextvars import Context
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Protocol, cast

from iso20022 import EndToEndId
from tests.simulation.build import Build, GatewayLife, run_worker
from tests.simulation.chance import Chance
from tests.simulation.check import Violation
from tests.simulation.loop import StalledError, VirtualLoop
from tests.simulation.processes import Life, owner_of
from tests.simulation.scenario import Blow, Call, Hit, Mishap, Scenario
from tests.simulation.trace import Line, Trace

if TYPE_CHECKING:
    from tests.simulation.clients import Gateway

END_S: Final = 3 * 3600.0
"""No world lasts longer: whatever is open then is stuck."""

STUCK_S: Final = 150.0
"""Where there is work, and nothing has happened for so long, nothing will: no outage and no death lasts as long."""

REST_S: Final = 5.0
"""How often it is looked whether anything is still to happen."""


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a scenario."""

    scenario: Scenario
    violations: tuple[Violation, ...]
    lines: tuple[Line, ...]
    digest: str
    calls: int
    ends_at_s: float
    states: Counter[str]
    happened: Counter[str]
    lives: int


class Place(Protocol):
    """What a process finds itself in: a world of its own, or a region of one."""

    @property
    def gateways(self) -> Sequence[Gateway]:
        """The gateways, as clients know them."""
        ...


class Lasting(Protocol):
    """What befalls a world for a while."""

    @property
    def at_s(self) -> float:
        """When it begins."""
        ...

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        ...


class Stage(ABC):
    """A world without its contents: a subclass puts stores, buses and a rail on it, and says when it is at rest."""

    def __init__(self, scenario: Scenario, build: Build) -> None:
        self.scenario = scenario
        self.build = build
        self.chance = Chance(scenario.seed)
        self.loop = VirtualLoop(seed=scenario.seed, owner_of=owner_of)
        self.loop.quiet_until_s = self.quiet_until_s
        self.loop.set_exception_handler(lambda _loop, _context: None)  # the last words of the dead
        self.trace = Trace(self.loop.time)
        self.asked: Counter[int] = Counter()
        self.clients_waiting = 0
        self.numbers: dict[str, int] = {self.reference(plan.number): plan.number for plan in scenario.payments}
        self.violations: list[Violation] = []
        self.happened: Counter[str] = Counter()
        self._treatments = {self.reference(plan.number): plan.treatment for plan in scenario.payments}
        self._context = Context()
        self._lives: dict[str, Life] = {}
        self._all_lives: list[Life] = []
        self._calls: Counter[Call] = Counter()
        self._mishaps = {(mishap.call, mishap.nth): mishap for mishap in scenario.mishaps}
        self._background: set[asyncio.Task[Any]] = set()
        self._stop = asyncio.Event()
        self._is_over = False

    # --- what a world says of itself ---

    @property
    @abstractmethod
    def lasting(self) -> Sequence[Lasting]:
        """What befalls it for a while."""

    @abstractmethod
    def place_of(self, process: str) -> Place:
        """Return what a process finds itself in."""

    @abstractmethod
    def quiet_until_s(self) -> float:
        """Return until when nobody who looks for work finds any: now, if there is some."""

    @abstractmethod
    def _begin(self) -> Awaitable[None]:
        """Put everything in its place, start the processes, and plan what is to happen."""

    @abstractmethod
    def _outside(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What those outside of the processes do."""

    @abstractmethod
    def _judge_the_end(self) -> None:
        """Look whether every promise was kept."""

    @abstractmethod
    def _is_at_rest(self) -> bool:
        """Whether all is final, nothing is under way, and every process is up; clients are waited for besides."""

    @abstractmethod
    def _is_stuck(self, *, told_at_s: float, last_s: float) -> bool:
        """Whether nothing will happen any more, though all is not at rest."""

    # --- what others ask ---

    def now(self) -> datetime:
        """Return the present instant: true time, and the rail's."""
        return self.scenario.starts_at + timedelta(seconds=self.loop.time())

    def reference(self, number: int) -> EndToEndId:
        """Return the end-to-end id of a payment."""
        return EndToEndId(f"PAYMENT-{number}")

    # --- what happens ---

    def mishap_at(self, call: Call) -> Mishap | None:
        """Count a call, and return what is to happen at it."""
        self._calls[call] += 1
        mishap = self._mishaps.get((call, self._calls[call]))
        if mishap is not None:
            self.happened[f"{mishap.call} {mishap.happening}"] += 1
        return mishap

    def later(self, seconds: float, callback: Callable[[], None]) -> None:
        """Do something later, whoever lives by then."""
        self.loop.call_later(seconds, callback, context=self._context)

    def background(self, work: Awaitable[Any]) -> None:
        """Finish something that its process does not wait for any more."""

        async def finish() -> None:
            await work

        task = self.loop.create_task(finish(), context=self._context.copy())
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def start(self, name: str) -> None:
        """Begin a new life of a process."""
        place = self.place_of(name)
        life = Life(cast("Any", place), name, len(self._all_lives) + 1)
        self._lives[name] = life
        self._all_lives.append(life)
        if "gateway" in name:
            gateway = GatewayLife(life, self.build)
            next(each for each in place.gateways if each.name == name).current = gateway
            life.begin(gateway.run())
        else:
            life.begin(run_worker(life, self.build))

    def kill(self, name: str, *, down_s: float) -> None:
        """End a process with all its tasks, at once, and start it anew after a while."""
        life = self._lives[name]
        if not life.is_alive:
            return
        self.trace.tell(name, f"dies, for {down_s:.1f} s")
        life.end()
        self.later(down_s, lambda: self._start_again(name))

    def _start_again(self, name: str) -> None:
        if not self._is_over:
            self.trace.tell(name, "starts again")
            self.start(name)

    def hit(self, hit: Hit) -> None:
        """Kill a process, or have it stand still."""
        self.happened[f"a process {hit.blow}"] += 1
        if hit.blow is Blow.DIES:
            self.kill(hit.process, down_s=hit.seconds)
            return
        self.trace.tell(hit.process, f"stands still for {hit.seconds:.1f} s")
        self._lives[hit.process].stand_still(until_s=self.loop.time() + hit.seconds)

    # --- who watches ---

    def fault(self, words: str) -> None:
        """A fault of ours: nothing in any world may bring one about."""
        self.report("no fault of ours is parked, and no process ends by itself", words)

    def report(self, promise: str, *found: str) -> None:
        """Keep what broke a promise; the world ends at the first."""
        for words in found:
            violation = Violation(promise, self.loop.time(), words)
            self.violations.append(violation)
            self.trace.tell("violation", str(violation))
            self._stop.set()

    # --- the whole ---

    def play(self) -> None:
        """Have the world live from its beginning to its end."""
        try:
            self.loop.run(self._live())
        except StalledError as error:
            self.report("nothing waits for what can never come", str(error))

    def outcome(self, states: Counter[str]) -> Run:
        """Return what became of it, and of what it holds: so many of each state."""
        return Run(
            scenario=self.scenario,
            violations=tuple(self.violations),
            lines=tuple(self.trace.lines),
            digest=self.trace.digest,
            calls=self.trace.calls,
            ends_at_s=self.loop.time(),
            states=states,
            happened=self.happened,
            lives=len(self._all_lives),
        )

    async def _live(self) -> None:
        """Run the scenario until nothing more can happen in it, or a promise is broken."""
        await self._begin()
        async with asyncio.TaskGroup() as outside:
            tasks = [outside.create_task(each) for each in self._outside()]
            await self._until_the_end()
            for task in tasks:
                task.cancel()
        if not self.violations:
            self._judge_the_end()
        await self._end()

    async def _client(self, work: Coroutine[Any, Any, None]) -> None:
        self.clients_waiting += 1
        await work
        self.clients_waiting -= 1

    async def _until_the_end(self) -> None:
        ends = [each.at_s + each.seconds for each in self.lasting] + [each.at_s for each in self.scenario.incoming]
        last_s = max(ends, default=0.0)
        lines, told_at_s = 0, 0.0
        while self.loop.time() < END_S and not self._stop.is_set():
            now_s = self.loop.time()
            if now_s > last_s and not self.clients_waiting and self._is_at_rest():
                return
            if len(self.trace.lines) > lines:
                lines, told_at_s = len(self.trace.lines), now_s
            if self._is_stuck(told_at_s=told_at_s, last_s=last_s):
                return
            try:
                async with asyncio.timeout(REST_S):
                    await self._stop.wait()
            except TimeoutError:
                continue

    async def _end(self) -> None:
        """Tear everything down; nothing of it counts any more."""
        self._is_over = True
        for life in self._all_lives:
            if life.is_alive and life.fault is not None:
                self.fault(f"{life.name} has ended: {life.fault!r}")
        for life in self._all_lives:
            life.stalled_until_s = 0.0
            life.end()
        for life in self._all_lives:
            await life.ended()
        for task in self._background:
            task.cancel()
