"""A day of both rails through one gateway, larger than the tests' own: ``python -m tests.proofs.day --payments 2000``.

Writes docs/proofs/day.md: how many payments of which behaviour went over which rail, how they ended, and whether both
rails' ledgers have the same.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.upgrade import FirstTenant, digest_of_api_key, upgrade
from gateway.cli.drill.chance import fresh_seed
from gateway.domain.payment import Rail
from tests.acceptance.day import Outcome, faults, orders, send_all
from tests.acceptance.installation import installed
from tests.conftest import API_KEY, REGION, TENANT, Database
from tests.proofs.report import circumstances, table, write

PAYMENTS: Final = 1_000
FAULTS_SHOWN_MAX: Final = 20


def run(*, seed: int, payments: int) -> tuple[list[Outcome], list[str]]:
    """Send a day's traffic through an installation of its own; what became of it, and everything that is wrong."""
    with (
        tempfile.TemporaryDirectory(prefix="fifteen-day-") as name,
        EmbeddedPostgres(Path(name) / "postgres") as server,
    ):
        first = FirstTenant(TENANT, "Proof institution", digest_of_api_key(API_KEY))
        asyncio.run(upgrade(server.owner_dsn, regions=[REGION], first_tenant=first, now=datetime.now(UTC)))
        database = Database(server.owner_dsn, server.application_dsn)
        with installed(database, Path(name), rails=tuple(Rail)) as installation:
            installation.start_worker()
            outcomes = asyncio.run(send_all(installation, orders(seed=seed, count=payments)))
            return outcomes, faults(installation, outcomes)


def report(outcomes: Sequence[Outcome], found: Sequence[str], *, seed: int) -> str:
    """Return the report's text."""
    ends = Counter(
        (outcome.order.rail.value, outcome.order.account.partition("-")[0], outcome.payment.get("state", "refused"))
        for outcome in outcomes
    )
    submissions = sum(outcome.order.submissions for outcome in outcomes)
    moved = sum(outcome.order.cents for outcome in outcomes if outcome.order.end.state != "REJECTED")
    shown = "\n".join(f"- {fault}" for fault in found[:FAULTS_SHOWN_MAX]) or "None: both ledgers have what we say."
    rows = [(rail, account, state, count) for (rail, account, state), count in sorted(ends.items())]
    return (
        "# A day of both rails through one gateway\n\n"
        f"{circumstances(f'python -m tests.proofs.day --payments {len(outcomes)} --seed {seed}')}\n\n"
        f"{len(outcomes):,} payments in {submissions:,} submissions, half of them JSON and half ISO 20022, over both "
        f"rails at once; {moved / 100:,.2f} dollars moved. Each payment's end is held against the simulated rail's "
        "ledger, and each copy on the wire against what its behaviour foresees.\n\n"
        f"{table(('rail', 'creditor account', 'ended', 'payments'), rows)}\n\n"
        f"## Faults\n\n{shown}\n"
    )


def main() -> None:
    """Run, and write the report; exits 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--payments", type=int, default=PAYMENTS)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    seed = fresh_seed() if arguments.seed is None else arguments.seed
    outcomes, found = run(seed=seed, payments=arguments.payments)
    write("day", report(outcomes, found, seed=seed))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
