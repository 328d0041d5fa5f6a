"""The load, in a process of its own: payments at a given rate, whatever the answers, or by clients that wait for them.

Open loop: each payment has an instant at which it is meant to leave, and its latency counts from there, also where the
generator or the gateway is behind: nothing is omitted because something else was slow. Closed loop (rate 0): each of N
clients submits, waits for the answer, and submits the next; after a refusal it waits for as long as that says first.

It reads its order as JSON from its argument and prints its observations as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Final

import uvloop

from adapters.system import SystemClock
from gateway.cli.installation import API_KEY
from gateway.cli.processes import end_with_parent
from gateway.cli.traffic import Messages
from gateway.cli.wire import Answered, BrokenOffError, Connections, post

SAMPLE_EVERY: Final = 100
"""One payment in so many waits for its final status: what the client sees of the whole way."""

SAMPLE_WAIT_S: Final = 15

ACCEPTED: Final = frozenset({200, 202})
REFUSED: Final = frozenset({429, 503})
"""What a gateway answers that is asked for more than it can do."""
_MS: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOrder:
    """What to send: `rate` payments a second (0: as fast as `clients` clients may) for `seconds`, from `first` on."""

    ports: tuple[int, ...]
    rate: float
    seconds: float
    clients: int
    first: int


@dataclass(slots=True)
class Observations:
    """What the client saw; durations in milliseconds. ``faults`` counts what was not accepted, by status or fault."""

    sent: int = 0
    accepted: int = 0
    started_at: str = ""
    acknowledged_ms: list[float] = field(default_factory=list)
    told_ms: list[float] = field(default_factory=list)
    """From the intended instant to the final status in the answer, of the sample."""
    told_late: int = 0
    """Answers of the sample that had no final status yet."""
    generator_late_ms: float = 0.0
    """The most that the generator itself was behind."""
    faults: dict[str, int] = field(default_factory=dict)
    refused_ms: list[float] = field(default_factory=list)
    """From the intended instant to a 429 or 503."""
    cpu_s: float = 0.0
    """What the generator itself has cost."""

    def answered(self, answer: Answered, *, took_ms: float, is_sample: bool) -> None:
        """Count an answer, `took_ms` after the instant at which its payment was meant to leave."""
        if answer.status not in ACCEPTED:
            self.failed(str(answer.status))
            if answer.status in REFUSED:
                self.refused_ms.append(round(took_ms, 3))
            return
        self.accepted += 1
        if not is_sample:
            self.acknowledged_ms.append(round(took_ms, 3))
        elif json.loads(answer.body)["final"]:
            self.told_ms.append(round(took_ms, 3))
        else:
            self.told_late += 1

    def failed(self, kind: str) -> None:
        """Count what was not accepted."""
        self.faults[kind] = self.faults.get(kind, 0) + 1


class Load:
    """One run of the generator."""

    def __init__(self, order: LoadOrder) -> None:
        self._order = order
        self._clock = SystemClock()
        self._messages = Messages(created=self._clock.now())
        self._connections = [Connections(port) for port in order.ports]
        self._seen = Observations(started_at=self._clock.now().isoformat())

    async def run(self) -> Observations:
        """Send everything and return what was seen, once every answer is there."""
        await (self._open_loop() if self._order.rate else self._closed_loop())
        for connections in self._connections:
            connections.close()
        self._seen.cpu_s = sum(os.times()[:2])
        return self._seen

    async def _open_loop(self) -> None:
        order, loop = self._order, asyncio.get_running_loop()
        started_s = loop.time()
        async with asyncio.TaskGroup() as group:
            for number, intended_s in open_loop_instants(order, started_s=started_s):
                if (early_s := intended_s - loop.time()) > 0:
                    await asyncio.sleep(early_s)
                else:
                    self._seen.generator_late_ms = max(self._seen.generator_late_ms, -early_s * _MS)
                    await asyncio.sleep(0)
                group.create_task(self._submit(number, intended_s))

    async def _closed_loop(self) -> None:
        order, loop = self._order, asyncio.get_running_loop()
        numbers = iter(range(order.first, sys.maxsize))
        ends_s = loop.time() + order.seconds

        async def client() -> None:
            while loop.time() < ends_s:
                pause_s = await self._submit(next(numbers), loop.time())
                await asyncio.sleep(min(pause_s, max(ends_s - loop.time(), 0)))

        async with asyncio.TaskGroup() as group:
            for _ in range(order.clients):
                group.create_task(client())

    async def _submit(self, number: int, intended_s: float) -> float:
        """Submit one, note what became of it, and return for how long the gateway wants to be left alone."""
        is_sample = self._order.rate > 0 and number % SAMPLE_EVERY == 0
        request = post(
            "/v1/messages",
            self._messages.body(number),
            content_type="application/xml",
            api_key=API_KEY,
            wait_s=SAMPLE_WAIT_S if is_sample else 0,
        )
        self._seen.sent += 1
        try:
            answered = await self._connections[number % len(self._connections)].ask(request)
        except BrokenOffError as error:
            self._seen.failed(type(error).__name__)
            return 0
        took_ms = (asyncio.get_running_loop().time() - intended_s) * _MS
        self._seen.answered(answered, took_ms=took_ms, is_sample=is_sample)
        return answered.retry_after_s if answered.status in REFUSED else 0


def open_loop_instants(order: LoadOrder, *, started_s: float) -> Iterator[tuple[int, float]]:
    """Return each payment's number and the instant at which it is meant to leave: a function of the rate alone."""
    for index in range(round(order.rate * order.seconds)):
        yield order.first + index, started_s + index / order.rate


def main() -> None:
    """Run the order that the argument holds."""
    end_with_parent()
    order = json.loads(sys.argv[1])
    load = Load(LoadOrder(**{**order, "ports": tuple(order["ports"])}))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(asdict(runner.run(load.run()))), flush=True)


if __name__ == "__main__":
    main()
