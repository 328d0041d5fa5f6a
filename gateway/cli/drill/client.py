"""The drill's client, in a process of its own: honest, and stubborn.

It submits each payment at its time, and repeats it under the same key until there is an answer. What was acknowledged
is written down as soon as the answer is there: a line of JSON each, in the order of the answers. Some payments are
submitted again after they were acknowledged, some are waited for, some are asked after.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import uvloop

from adapters.system import SystemClock
from gateway.cli.installation import API_KEY, RECEIVER, SENDER
from gateway.cli.processes import end_with_parent
from gateway.cli.traffic import Messages
from gateway.cli.wire import Answered, BrokenOffError, Connections, get, post

ACCOUNTS: Final = {
    1: "SIMLOSTANSWER",
    5: "SIMRJCTAC04",
    9: "SIMTWICE",
    13: "SIMACWP",
    17: "SIMGARBAGE",
    21: "SIMLOSTMESSAGE",
    25: "SIMSLOW1",
    33: "SIMTWICE",
}
"""Which of each `ROUND` payments the rail treats in which way; the others settle at once."""

ROUND: Final = 40
JSON_EVERY: Final = 10
WAIT_EVERY: Final = 15
AGAIN_EVERY: Final = 13
ASK_EVERY: Final = 17
"""One payment in so many is submitted as JSON, waited for, submitted once more, asked after."""

IN_FLIGHT_MAX: Final = 256
WAIT_S: Final = 5
TRY_MAX_S: Final = 20.0
"""A try without an answer is given up after this, and repeated."""

PAUSE_FIRST_S: Final = 0.05
PAUSE_MAX_S: Final = 1.0
"""Between two tries; it doubles."""

_ANSWERED: Final = frozenset({200, 202})
_WORTH_REPEATING: Final = frozenset({408, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOrder:
    """`count` payments over `seconds`, at the gateways of these ports; what was acknowledged goes into `file`."""

    ports: tuple[int, ...]
    count: int
    seconds: float
    file: str


@dataclass(frozen=True, slots=True)
class _Submission:
    """One payment as it is sent, and how: its request's bytes, without and with the wish to be told its end."""

    number: int
    key: str
    request: bytes


class Client:
    """Sends everything, and writes down what was acknowledged."""

    def __init__(self, order: ClientOrder) -> None:
        self._order = order
        now = SystemClock().now()
        self._settling = Messages(created=now)
        self._others = {place: Messages(created=now, creditor_account=name) for place, name in ACCOUNTS.items()}
        self._connections = [Connections(port) for port in order.ports]
        self._slots = asyncio.Semaphore(IN_FLIGHT_MAX)
        self._file = os.open(Path(order.file), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    async def run(self) -> None:
        """Send everything; returns when every payment has its answer."""
        loop = asyncio.get_running_loop()
        started_s, order = loop.time(), self._order
        async with asyncio.TaskGroup() as group:
            for number in range(1, order.count + 1):
                intended_s = started_s + (number - 1) * order.seconds / order.count
                await asyncio.sleep(max(intended_s - loop.time(), 0))
                await self._slots.acquire()
                group.create_task(self._pay(number))
        os.close(self._file)

    async def _pay(self, number: int) -> None:
        try:
            submission = self._submission(number)
            document = await self._until_answered(submission)
            if document is None:
                return
            self._write(submission, document)
            if number % AGAIN_EVERY == 0:
                again = await self._until_answered(submission)
                if again is not None and again["payment_id"] != document["payment_id"]:
                    self._write_fault(submission, f"a repeat was another payment: {again['payment_id']}")
            if number % ASK_EVERY == 0:
                path = f"/v1/payments/{document['payment_id']}"
                asked = await self._repeated(number, get(path, api_key=API_KEY))
                if asked.status in _ANSWERED:
                    self._write(submission, json.loads(asked.body))
                else:
                    self._write_fault(submission, f"acknowledged, and then asked after: {asked.status}")
        finally:
            self._slots.release()

    async def _until_answered(self, submission: _Submission) -> dict[str, Any] | None:
        answered = await self._repeated(submission.number, submission.request)
        if answered.status not in _ANSWERED:
            self._write_fault(submission, f"refused with {answered.status}: {answered.body.decode()[:500]}")
            return None
        document: dict[str, Any] = json.loads(answered.body)
        return document

    async def _repeated(self, number: int, request: bytes) -> Answered:
        """Ask until there is an answer that is worth believing."""
        pause_s, tries = PAUSE_FIRST_S, 0
        while True:
            connections = self._connections[(number + tries) % len(self._connections)]
            try:
                async with asyncio.timeout(TRY_MAX_S):
                    answered = await connections.ask(request)
            except (BrokenOffError, TimeoutError):
                pass
            else:
                if answered.status not in _WORTH_REPEATING:
                    return answered
            tries += 1
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, PAUSE_MAX_S)

    def _submission(self, number: int) -> _Submission:
        wait_s = WAIT_S if number % WAIT_EVERY == 0 else 0
        messages = self._others.get(number % ROUND, self._settling)
        if number % JSON_EVERY == 0:
            key = f"drill-{number}"
            body = json.dumps(_payment(number)).encode()
            request = post(
                "/v1/payments", body, content_type="application/json", api_key=API_KEY, wait_s=wait_s, key=key
            )
        else:
            key = messages.message_id(number)
            body = messages.body(number)
            request = post("/v1/messages", body, content_type="application/xml", api_key=API_KEY, wait_s=wait_s)
        return _Submission(number, key, request)

    def _write(self, submission: _Submission, document: dict[str, Any]) -> None:
        said = {name: document[name] for name in ("payment_id", "message_id", "end_to_end_id", "state", "final")}
        self._append({"number": submission.number, "key": submission.key, **said})

    def _write_fault(self, submission: _Submission, what: str) -> None:
        self._append({"number": submission.number, "key": submission.key, "fault": what})

    def _append(self, line: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")


def _payment(number: int) -> dict[str, Any]:
    return {
        "amount": f"{number // 100 + 1}.{number % 100:02}",
        "currency": "USD",
        "debtor": {"name": "Debtor Sample"},
        "debtor_account": "100000000001",
        "debtor_agent": SENDER.routing_number,
        "creditor": {"name": "Creditor Sample"},
        "creditor_account": ACCOUNTS.get(number % ROUND, "200000000001"),
        "creditor_agent": RECEIVER.routing_number,
    }


def main() -> None:
    """Run the order that the argument holds."""
    end_with_parent()
    order = json.loads(sys.argv[1])
    client = Client(ClientOrder(**{**order, "ports": tuple(order["ports"])}))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(client.run())


if __name__ == "__main__":
    main()
