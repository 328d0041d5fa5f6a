"""What a drill leaves behind, as files that anyone can read: lines of JSON, and tables as CSV."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import asyncpg

from adapters.rabbitmq.server import RabbitMqNode

ACKNOWLEDGED: Final = "acknowledged.jsonl"
"""What the client was told, in the order in which it was told."""

LEDGER: Final = "rail-ledger.jsonl"
"""The rail's journal without the messages' bodies: each copy as it was judged, booked and completed."""

WITNESS: Final = "witness.jsonl"
"""What the processes saw broken at their ports."""

RUN: Final = "run.json"
"""How the drill was run: seed, kills, plants, outages, and what the supervisor itself saw."""

QUEUES: Final = "queue"
"""The broker's queues as the drill left them, with how many messages each has; none where the bus is in PostgreSQL."""

RESULTS: Final = "results.json"
"""What the count came to, with every list whole."""

TABLES: Final = {
    "claim": "SELECT tenant_id, idempotency_key, payment_id, business_date FROM claim",
    "payment": "SELECT payment_id, message_id, end_to_end_id, uetr, amount_cents, accepted_at FROM payment",
    "payment_state": "SELECT payment_id, state, version, timer_at, final_at FROM payment_state",
    "payment_event": (
        "SELECT payment_id, epoch, sequence, kind, state_before, state_after, reason_code, reason_origin, "
        "business_message_id, contradiction, at "
        "FROM payment_event ORDER BY payment_id, epoch, sequence"
    ),
    "inbox": "SELECT inbox_id, payment_id, at FROM inbox",
    "ledger_posting": "SELECT payment_id, sequence, kind, debit, credit, amount_cents FROM ledger_posting",
    "outbox": "SELECT delivery_id, queue, payment_id, created_at FROM outbox",
    "dead_letter": (
        "SELECT delivery_id, queue, payment_id, reason, fault FROM dead_letter "
        "UNION SELECT delivery_id, queue, payment_id, reason, fault FROM bus_dead_letter"
    ),
    "quarantine": "SELECT business_message_id, codes, at FROM quarantine",
}
"""What is dumped: the file ``<name>.csv``, with a first line of column names."""

_LEDGER_FACTS: Final = (b'{"fact":"Judged"', b'{"fact":"PaymentBooked"', b'{"fact":"PaymentCompleted"')


def keep_ledger(journal: Path, directory: Path, *, facts: tuple[bytes, ...] = _LEDGER_FACTS) -> None:
    """Write the rail's ledger from its journal: the lines that begin with one of these."""
    with journal.open("rb") as lines, (directory / LEDGER).open("wb") as ledger:
        ledger.writelines(line for line in lines if line.startswith(facts))


async def keep_tables(dsn: str, directory: Path, tables: Mapping[str, str] = TABLES) -> None:
    """Dump the tables, all as of one instant."""
    connection = await asyncpg.connect(dsn)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for name, query in tables.items():
                with (directory / f"{name}.csv").open("wb") as file:
                    await connection.copy_from_query(query, output=file, format="csv", header=True)
    finally:
        await connection.close()


def keep_queues(node: RabbitMqNode | None, directory: Path) -> None:
    """Write down what the broker's queues hold; the processes of the drill must have ended.

    Raises:
        RabbitMqNodeError: the node does not tell.

    """
    told = node.control("-q", "--formatter", "csv", "list_queues", "name", "messages") if node else "name,messages\n"
    (directory / f"{QUEUES}.csv").write_text(told)


def keep_run(directory: Path, **facts: object) -> None:
    """Write down how the drill was run."""
    (directory / RUN).write_text(json.dumps(facts, indent=2) + "\n")
