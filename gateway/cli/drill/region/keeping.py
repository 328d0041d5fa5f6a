"""What a scenario of two regions leaves behind: files that anyone can read, and from which alone it is counted."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gateway.cli.drill.evidence import ACKNOWLEDGED, TABLES, keep_ledger, keep_run, keep_tables
from gateway.cli.drill.region.count import Result
from gateway.cli.drill.region.ledgers import BOOKED
from gateway.cli.drill.region.load import Load
from gateway.cli.ledger import books_of
from gateway.cli.two_regions import Region, TwoRegions

CREDITED: Final = "credited.json"
"""What the institution has credited, in cents, by the transfer's id."""

REGION_TABLES: Final = {
    **TABLES,
    "claim": (
        "SELECT tenant_id, idempotency_key, payment_id, business_date, region, epoch, claimed_at FROM claim "
        "ORDER BY idempotency_key, region"
    ),
    "payment": (
        "SELECT payment_id, tenant_id, region, message_id, end_to_end_id, uetr, amount_cents, accepted_at FROM payment"
    ),
    "payment_state": "SELECT payment_id, state, version, epoch, timer_at, final_at FROM payment_state",
    "ledger_posting": "SELECT payment_id, epoch, sequence, kind, debit, credit, amount_cents FROM ledger_posting",
    "incoming_transfer": "SELECT payment_id, region, message_id FROM incoming_transfer",
    "incoming_state": "SELECT payment_id, state, version, epoch, final_at FROM incoming_state",
    "booked": BOOKED,
}
"""What is dumped of each region: the crash drill's tables, with region and epoch, what is received, and what is booked
as settled of each message."""

_RAIL_FACTS: Final = tuple(
    f'{{"fact":"{fact}"'.encode()
    for fact in (
        *("Judged", "PaymentBooked", "PaymentCompleted"),
        *("TransferForwarded", "ReceiverAnswered", "ForwardingCompleted"),
    )
)


async def keep_scenario(directory: Path, two: TwoRegions, load: Load, result: Result, *, tables: Sequence[str]) -> None:
    """Write down what clients were told, what the rail, both regions and the institution have, and what was seen.

    `tables` are those whose rows differed to the end. Regions and rail must have come to rest.
    """
    folders = [directory / region.name for region in two.regions]
    await asyncio.to_thread(_keep_told, directory, folders, load, result.scenario)
    keep_ledger(two.journal, directory, facts=_RAIL_FACTS)
    (directory / CREDITED).write_text(json.dumps(await load.arrivals.credited(), indent=2) + "\n")
    books = []
    for region, folder in zip(two.regions, folders, strict=True):
        await keep_tables(region.server.superuser_dsn, folder, REGION_TABLES)
        books += await _faults_in_books(region)
    keep_run(
        directory,
        **result.seen(),
        prefix=load.prefix,
        regions=[region.name for region in two.regions],
        refused=load.refused,
        brought=load.arrivals.message_ids,
        tables=list(tables),
        books=books,
    )


def _keep_told(directory: Path, folders: Sequence[Path], load: Load, scenario: str) -> None:
    """Make the folders, and write what clients were told, in the order of their keys."""
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    with (directory / ACKNOWLEDGED).open("w") as file:
        for key, told in load.acknowledged.items():
            for one in told:
                line = {"scenario": scenario, "key": key, "payment_id": one.payment_id, "region": one.region}
                file.write(json.dumps(line) + "\n")


async def _faults_in_books(region: Region) -> list[str]:
    """Return where a region's ledger is out of balance, or not what its states say."""
    books = await books_of(region.server.superuser_dsn)
    found = [f"{region.name}'s ledger: {fault}" for fault in (*books.faults, *books.return_faults)]
    if books.sum_cents:
        found.append(f"{region.name}'s ledger is out of balance by {books.sum_cents} cents")
    return found
