"""What each guard on a payment's way costs: ``python -m tests.benchmarks.guards [--json]``.

Payments go through the store (accepted, SENDING, settled; messages of 4 KB, batches of 64), whole and with one guard
taken away at a time; messages are examined, and merely parsed. CPU is that of this process and of PostgreSQL together;
the rounds alternate, and the least of each counts. These are hot loops in large batches: at 300 payments a second, with
batches of two or three and caches that other processes have emptied, everything costs two to three times as much.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Final

from lxml import etree

from adapters.postgres.connection import open_pool
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.store import PostgresStore
from adapters.postgres.upgrade import upgrade
from gateway.domain.events import EventKind
from gateway.service.ports import Decision, MessageDirection, NewPayment
from iso20022 import FedNowProfile, examine
from tests.benchmarks.intake import cpu_s
from tests.benchmarks.messages import WHOLE
from tests.benchmarks.printing import tell
from tests.conftest import REGION
from tests.integration.store.harness import NOW, VAULT, decision, new_payment, raw_message

BATCH: Final = 64
BATCHES: Final = 40
ROUNDS: Final = 8
EXAMINED: Final = 400
READS: Final = 3
"""Messages of a payment that are examined: what the client sent, what the rail gets of it, and the rail's answer."""

_keys = count()


@dataclass(frozen=True, slots=True)
class Guard:
    """Something on a payment's way, and how to go without it."""

    name: str
    accepting: Callable[[NewPayment], NewPayment] = lambda new: new
    saving: Callable[[Decision], Decision] = lambda saved: saved
    forgets: bool = True


GUARDS: Final = (
    Guard("everything"),
    Guard("the ledger's postings", saving=lambda saved: replace(saved, postings=())),
    Guard("the bytes of what is sent and heard", saving=lambda saved: replace(saved, messages=())),
    Guard("the inbox", saving=lambda saved: replace(saved, inbox_id=None, inbox_digest=None)),
    Guard("the outbox", accepting=lambda new: replace(new, outbox=()), forgets=False),
)


async def carry(store: PostgresStore, guard: Guard) -> None:
    """Accept, send and settle one batch, as the use cases do in three commits, and forget its outbox rows."""
    body = WHOLE.decode()
    news = [guard.accepting(new_payment(f"guards-{next(_keys)}", content=body)) for _ in range(BATCH)]
    payments = [outcome.payment for outcome in await store.accept(news)]
    if guard.forgets:
        await store.forget([delivery.delivery_id for new in news for delivery in new.outbox])
    for kind, direction in (
        (EventKind.SENDING_STARTED, MessageDirection.RAIL_OUT),
        (EventKind.SETTLEMENT_REPORTED, MessageDirection.RAIL_IN),
    ):
        ids = [payment.payment_id for payment in payments if payment is not None]
        decisions = [
            decision(
                payment,
                kind,
                raw_message(direction, f"{kind}-{payment.message_id}", body=WHOLE),
                inbox_id=f"{payment.message_id}" if direction is MessageDirection.RAIL_IN else None,
            )
            for payment in (await store.load(ids)).values()
        ]
        assert all(await store.save([guard.saving(each) for each in decisions]))


async def through_the_store() -> Mapping[str, float]:
    """Microseconds a payment, whole and without each guard."""
    least: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="fifteen-bench-") as name, EmbeddedPostgres(Path(name) / "db") as server:
        await upgrade(server.owner_dsn, regions=[REGION], first_tenant=None, now=NOW)
        async with open_pool(server.application_dsn) as pool:
            store = PostgresStore(pool, region=REGION, vault=VAULT)
            for number in range(ROUNDS + 1):
                for guard in GUARDS:
                    before = time.process_time() + cpu_s(server.process_id)
                    for _ in range(BATCHES):
                        await carry(store, guard)
                    spent = time.process_time() + cpu_s(server.process_id) - before
                    if number:  # the first round warms up
                        us = spent / (BATCH * BATCHES) * 1e6
                        least[guard.name] = min(us, least.get(guard.name, us))
    return least


def examined() -> Mapping[str, float]:
    """Microseconds a message: examined, and parsed by lxml alone."""
    profile = FedNowProfile()
    least: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, read in (
            ("examined", lambda: examine(WHOLE, profile=profile)),
            ("parsed", lambda: etree.fromstring(WHOLE)),
        ):
            before = time.process_time()
            for _ in range(EXAMINED):
                read()
            us = (time.process_time() - before) / EXAMINED * 1e6
            least[name] = min(us, least.get(name, us))
    return least


def measure() -> Mapping[str, int]:
    """Microseconds of CPU a payment: through the store, and of that each guard; and its messages examined."""
    stored, read = asyncio.run(through_the_store()), examined()
    whole = stored[GUARDS[0].name]
    return {
        "through the store, in three commits": round(whole),
        **{f"of it {guard.name}": round(whole - stored[guard.name]) for guard in GUARDS[1:]},
        f"schema and rules of {READS} messages": round(READS * (read["examined"] - read["parsed"])),
    }


if __name__ == "__main__":
    tell(measure, description=__doc__)
