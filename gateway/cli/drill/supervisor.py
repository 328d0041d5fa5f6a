"""The supervisor: starts everything, arms and kills, starts again what died, and ends when nothing is open."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Final

import asyncpg

from adapters.system import SystemClock
from gateway.cli.drill import evidence
from gateway.cli.drill.chance import Dice
from gateway.cli.drill.client import ClientOrder
from gateway.cli.drill.outages import Outages
from gateway.cli.drill.plants import Plant, variables
from gateway.cli.drill.points import BY_NAME, POINTS, Place
from gateway.cli.drill.probe import rail_refusal
from gateway.cli.drill.trap import Arming
from gateway.cli.drill.witness import WITNESS_VARIABLE
from gateway.cli.installation import Broker, Installation, Plan, Servers
from gateway.cli.processes import Role, RoleError, Start, start_anew

RAIL_CLOCK_S: Final = 2
STATUS_REQUEST_WAIT_S: Final = 3
STATUS_REQUEST_INTERVAL_S: Final = 1
"""The drill's rail is quick, so that doubts end while one watches; on the real one they last ten times as long."""

GATEWAYS: Final = 2
WORKERS: Final = 2

DRAIN_MAX_S: Final = 120.0
"""After the last answer to the client: what is not final by then is stuck."""

CLIENT_MAX_S: Final = 240.0
"""So much longer than the load was meant to last it may take until every payment has its answer."""

PATIENCE_S: Final = 12.0
"""A process that has not come by its point this long after it was armed is killed from outside."""

OUTSIDE_EVERY: Final = 6
"""One kill in so many comes from outside, at a moment of chance."""

COUNTDOWN_MAX: Final = 6
"""A frequent point kills at one of its first so many passages."""

DECLARED_S: Final = 3.0
"""No server is killed sooner after the queues were declared, or a server was started: see docs/drills.md."""

PLANTED_KILLS: Final = 3
"""Without synchronous commits PostgreSQL is killed so often at the least: nothing else shows what is missing."""

OUTSIDE: Final = "outside"
_TICK_S: Final = 0.02
_PROGRESS_S: Final = 5.0
_ROLE_MODULE: Final = "gateway.cli.drill.role"

_IS_OPEN: Final = "SELECT EXISTS (SELECT FROM payment_state WHERE timer_at IS NOT NULL) OR EXISTS (SELECT FROM outbox)"


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillPlan:
    """A drill: so many payments over so many seconds, so many kills of processes, and of each server."""

    seed: int
    payments: int
    seconds: float
    kills: int
    server_kills: int = 0
    broker: Broker = "rabbitmq"
    plants: frozenset[Plant] = frozenset()
    points: tuple[str, ...] = ()
    """Only these points, where any are named."""


@dataclass(slots=True)
class Killed:
    """What was killed, and what ended by itself, which nothing may."""

    by_point: Counter[str] = field(default_factory=Counter)
    servers: Counter[str] = field(default_factory=Counter)
    ended: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Slot:
    """One process's place: it is filled again whenever its process dies."""

    place: Place
    number: int
    role: Role
    arming: Arming | None
    dies_outside_at_s: float


class Supervisor:
    """Runs one drill on servers that run; `run` returns what was killed, and leaves the evidence."""

    def __init__(self, plan: DrillPlan, installation: Installation, *, tell: Callable[[str], None]) -> None:
        self._plan = plan
        self._installation = installation
        self._tell = tell
        self._clock = SystemClock()
        self._dice = Dice(plan.seed, purpose="supervisor")
        self._killed = Killed()
        self._outages = Outages(self._clock)
        self._points = {place: deque(self._points_of(place)) for place in Place}
        self._slots: list[_Slot] = []
        self._kills_planned = 0
        self._is_killing = True
        self._nothing = Event()
        self._restarting: Thread | None = None
        self._servers_up_since_s = 0.0
        self._server_kills = self._server_schedule()

    def run(self, directory: Path) -> Killed:
        """Run the drill, and leave its evidence in `directory`.

        Raises:
            RoleError: a role does not start, or the client does not come to its end.
            RabbitMqNodeError: RabbitMQ has not come back, or does not tell what its queues hold.

        """
        with self._everything(directory) as client:
            answers = Answers(directory / evidence.ACKNOWLEDGED)
            started_s = told_s = self._servers_up_since_s = self._clock.monotonic_s()
            while client.exit_code is None:
                now_s = self._clock.monotonic_s()
                self._tend()
                self._kill_servers(answers.count())
                if now_s - told_s >= _PROGRESS_S:
                    told_s = now_s
                    self._tell_progress(answers.count(), now_s - started_s)
                if now_s - started_s > self._plan.seconds + CLIENT_MAX_S:
                    raise RoleError("the client has no answer for every payment, long after it should have")
                self._rest()
            self._is_killing = False
            if self._restarting is not None:
                self._restarting.join()
            if client.exit_code != 0:
                raise RoleError(f"the client ended with {client.exit_code}: see {directory / 'client.log'}")
            self._tell("every payment has its answer; waiting until nothing is open")
            self._drain()
        self._keep(directory)
        return self._killed

    @contextmanager
    def _everything(self, directory: Path) -> Iterator[Role]:
        """Run the simulator, the slots and the client; all are stopped in the end."""
        installation = self._installation
        with ExitStack() as stack:
            is_over = Event()
            Thread(target=self._outages.feel_the_pulse, args=(is_over,), name="pulse", daemon=True).start()
            stack.callback(is_over.set)
            simulator = installation.simulator()
            stack.callback(simulator.stop)
            simulator.wait_until_ready(f"{installation.simulator_url}/healthz")
            stack.callback(self._stop_slots)
            for place, count in ((Place.GATEWAY, GATEWAYS), (Place.WORKER, WORKERS)):
                for number in range(count):
                    self._slots.append(self._filled(place, number))
            for slot in self._slots:
                slot.role.wait_until_ready(self._readiness_of(slot))
            order = ClientOrder(
                ports=installation.addresses.gateways,
                count=self._plan.payments,
                seconds=self._plan.seconds,
                file=str(directory / evidence.ACKNOWLEDGED),
            )
            client = Role(
                "client",
                (json.dumps(asdict(order)),),
                environment={},
                log_file=directory / "client.log",
                module="gateway.cli.drill.client",
                start=installation.start,
            )
            stack.callback(client.stop)
            yield client

    def _port(self, slot: _Slot) -> int:
        addresses = self._installation.addresses
        return (addresses.gateways if slot.place is Place.GATEWAY else addresses.workers)[slot.number]

    def _readiness_of(self, slot: _Slot) -> str:
        return f"http://127.0.0.1:{self._port(slot)}/readyz"

    # --- processes ---

    def _tend(self) -> None:
        """Kill whose time has come, and fill the places of those that have died."""
        now_s = self._clock.monotonic_s()
        for index, slot in enumerate(self._slots):
            code = slot.role.exit_code
            if code is None and now_s < slot.dies_outside_at_s:
                continue
            if slot.place is Place.WORKER:
                self._outages.worker_died(slot.role.name)
            if code is None:
                slot.role.kill()
                self._killed.by_point[OUTSIDE] += 1
                if slot.arming is not None:
                    self._points[slot.place].append(slot.arming.point)
            elif slot.arming is not None and code == -9:
                self._killed.by_point[slot.arming.point] += 1
            else:
                self._killed.ended.append(f"{slot.role.name} ended by itself with {code}")
            slot.role.stop()
            self._slots[index] = self._filled(slot.place, slot.number)

    def _filled(self, place: Place, number: int) -> _Slot:
        """Start a process, armed if kills are left."""
        arming, dies_outside_at_s = self._next_death(place)
        environment = {
            WITNESS_VARIABLE: str(self._installation.directory / evidence.WITNESS),
            **variables(self._plan.plants),
            **(arming.variables() if arming else {}),
        }
        start = self._installation.gateway if place is Place.GATEWAY else self._installation.worker
        slot = _Slot(place, number, start(number, module=_ROLE_MODULE, more=environment), arming, dies_outside_at_s)
        if place is Place.WORKER:
            Thread(target=self._await_worker, args=(slot,), name=f"awaits {slot.role.name}", daemon=True).start()
        return slot

    def _await_worker(self, slot: _Slot) -> None:
        """Take down when a worker is ready; one that lives and is not so in time has no excuse from then on."""
        try:
            slot.role.wait_until_ready(self._readiness_of(slot))
        except RoleError:
            if slot.role.exit_code is not None:
                return
        self._outages.worker_ready(slot.role.name)

    def _next_death(self, place: Place) -> tuple[Arming | None, float]:
        never_s = float("inf")
        if not self._is_killing or self._kills_planned >= self._plan.kills or not self._points[place]:
            return None, never_s
        self._kills_planned += 1
        after_s = self._gap_s(place) * self._dice.between(0.4, 1.2)
        now_s = self._clock.monotonic_s()
        if self._dice.below(OUTSIDE_EVERY) == 0:
            return None, now_s + after_s + 1.0
        name = self._points[place].popleft()
        self._points[place].append(name)
        often = BY_NAME[name].often
        countdown = 1 + self._dice.below(max(COUNTDOWN_MAX // often, 1))
        return Arming(point=name, countdown=countdown, after_s=after_s), now_s + after_s + PATIENCE_S

    def _gap_s(self, place: Place) -> float:
        """How long a process of this place lives on average, so that the kills are spread over the load."""
        slots = GATEWAYS if place is Place.GATEWAY else WORKERS
        share = len(self._points[place]) / sum(map(len, self._points.values()))
        return self._plan.seconds * slots / max(self._plan.kills * share, 1)

    def _points_of(self, place: Place) -> list[str]:
        wanted = self._plan.points or tuple(point.name for point in POINTS)
        return self._dice.shuffled([name for name in wanted if BY_NAME[name].place is place])

    def _stop_slots(self) -> None:
        for slot in self._slots:
            slot.role.stop()

    # --- servers ---

    def _server_schedule(self) -> deque[tuple[float, str]]:
        """After how many answers each server is killed: spread over the payments, so that none is left out."""
        plan = self._plan
        names = ["postgres", *(["rabbitmq"] if self._installation.servers.rabbitmq and plan.server_kills else [])]
        needed = PLANTED_KILLS if Plant.SYNCHRONOUS_COMMIT in plan.plants else 0
        count = max(plan.server_kills, needed) * len(names)
        gap = plan.payments / max(count, 1)
        return deque(
            (gap * (index + self._dice.between(0.3, 0.9)), names[index % len(names)]) for index in range(count)
        )

    def _kill_servers(self, answers: int) -> None:
        """Kill the next server when so many answers have come, and those that are started again are up for a while."""
        if self._restarting is not None and self._restarting.is_alive():
            self._servers_up_since_s = self._clock.monotonic_s()
        is_up = self._clock.monotonic_s() - self._servers_up_since_s > DECLARED_S
        if not self._server_kills or answers < self._server_kills[0][0] or not is_up:
            return
        _, name = self._server_kills.popleft()
        servers = self._installation.servers
        server = servers.postgres if name == "postgres" else servers.rabbitmq
        assert server is not None, "only what runs is killed"
        self._outages.began(name)
        server.kill()
        self._killed.servers[name] += 1

        def restart() -> None:
            server.start()
            self._outages.ended(name)

        self._restarting = Thread(target=restart, name=f"restarts {name}")  # the roles are tended meanwhile
        self._restarting.start()

    # --- the end ---

    def _drain(self) -> None:
        give_up_s = self._clock.monotonic_s() + DRAIN_MAX_S
        while asyncio.run(self._is_open()) and self._clock.monotonic_s() < give_up_s:
            self._tend()
            self._rest(1.0)
        self._rest(1.0)  # what the rail says a second time

    async def _is_open(self) -> bool:
        connection = await asyncpg.connect(self._installation.servers.postgres.superuser_dsn)
        try:
            return bool(await connection.fetchval(_IS_OPEN))
        finally:
            await connection.close()

    def _keep(self, directory: Path) -> None:
        evidence.keep_ledger(self._installation.journal, directory)
        servers = self._installation.servers
        asyncio.run(evidence.keep_tables(servers.postgres.superuser_dsn, directory))
        plan, killed = self._plan, self._killed
        (directory / evidence.WITNESS).touch()
        evidence.keep_run(
            directory,
            seed=plan.seed,
            payments=plan.payments,
            seconds=plan.seconds,
            broker=plan.broker,
            plants=sorted(plan.plants),
            kills=sum(killed.by_point.values()),
            server_kills=killed.servers,
            kills_by_point=dict(sorted(killed.by_point.items())),
            ended=killed.ended,
            outages=[outage.as_json() for outage in self._outages.so_far()],
            rail_refusal=rail_refusal(refuses=Plant.RAIL_REFUSAL not in plan.plants),
        )
        evidence.keep_queues(servers.rabbitmq, directory)

    def _tell_progress(self, answers: int, elapsed_s: float) -> None:
        servers = "".join(f", {name} {number}" for name, number in self._killed.servers.items())
        self._tell(
            f"{elapsed_s:5.0f} s: {answers:,} answers, {self._plan.payments:,} payments; killed: "
            f"processes {sum(self._killed.by_point.values())}{servers}"
        )

    def _rest(self, seconds: float = _TICK_S) -> None:
        self._nothing.wait(seconds)


class Answers:
    """Counts the lines that the client has written so far; each is read once."""

    def __init__(self, file: Path) -> None:
        file.touch()
        self._file = file
        self._read_bytes = 0
        self._count = 0

    def count(self) -> int:
        """Return how many answers the client has had."""
        with self._file.open("rb") as lines:
            lines.seek(self._read_bytes)
            new = lines.read()
        self._read_bytes += len(new)
        self._count += new.count(b"\n")
        return self._count


@contextmanager
def installed(plan: DrillPlan, directory: Path, *, start: Start = start_anew) -> Iterator[Installation]:
    """Run the servers of a drill while the context is open."""
    parts = Plan(
        broker=plan.broker,
        gateways=GATEWAYS,
        workers=WORKERS,
        rail_clock_s=RAIL_CLOCK_S,
        status_request_wait_s=STATUS_REQUEST_WAIT_S,
        books_every_copy=True,
        keeps_journal=True,
        log_level="warning",
        settings={"FIFTEEN_FEDNOW__STATUS_REQUEST_INTERVAL_S": str(STATUS_REQUEST_INTERVAL_S)},
    )
    servers = Servers(parts, directory)
    with servers.running():
        yield Installation(parts, servers, directory, start=start)


def say(text: str) -> None:
    """Say how far the drill is, beside its result."""
    print(text, file=sys.stderr, flush=True)
