"""``fifteen ledger``: what the accounts hold, and whether every payment is booked as its state says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final

from rich.table import Table

from adapters.postgres.connection import open_pool
from adapters.postgres.ledger import PostgresLedger
from adapters.system import SystemClock
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.console import OUT
from gateway.domain.payment import TenantId
from gateway.service.ports import Balance, LedgerFault, ReturnFault, UnavailableError
from gateway.settings import Settings, SettingsError, database_url_of

FAULTS_MAX: Final = 100
"""How many faulty payments are named: a person begins with the first."""


TOLD_AFTER_S: Final = 60.0
"""A return that came in within this time need not be booked with its payment yet."""


@dataclass(frozen=True, slots=True)
class Books:
    """What was read."""

    balances: Sequence[Balance]
    faults: Sequence[LedgerFault]
    return_faults: Sequence[ReturnFault]

    @property
    def sum_cents(self) -> int:
        """All balances together: zero, or a posting has one side."""
        return sum(balance.amount_cents for balance in self.balances)

    @property
    def is_good(self) -> bool:
        """Whether it is in balance, and says of every payment what its state and its returns say."""
        return not self.faults and not self.return_faults and self.sum_cents == 0

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        return {
            "balances": [
                {
                    "tenant_id": balance.tenant_id,
                    "rail": balance.rail.value,
                    "account": balance.account.value,
                    "amount_cents": balance.amount_cents,
                }
                for balance in self.balances
            ],
            "sum_cents": self.sum_cents,
            "faults": [
                {
                    "payment_id": str(fault.payment_id),
                    "state": fault.state,
                    "amount_cents": fault.amount_cents,
                    "booked_cents": {account.value: cents for account, cents in fault.booked.items()},
                }
                for fault in self.faults
            ],
            "return_faults": [{**asdict(fault), "payment_id": str(fault.payment_id)} for fault in self.return_faults],
            "good": self.is_good,
        }


def show_ledger(settings: Settings, *, tenant_id: str | None, as_json: bool) -> int:
    """Print balances and faults; return 1 when the ledger is not what the states say.

    Raises:
        SettingsError: no database is named, or it does not answer.

    """
    database_url = database_url_of(settings)
    try:
        books = asyncio.run(books_of(database_url, tenant_id))
    except UnavailableError as error:
        raise SettingsError(f"FIFTEEN_DATABASE_URL: the ledger cannot be read: {error}") from error
    if as_json:
        print(json.dumps(books.as_json(), indent=2))
    else:
        _print(books)
    return EXIT_OK if books.is_good else EXIT_FINDINGS


async def books_of(dsn: str, tenant_id: str | None = None) -> Books:
    """Return a database's ledger, of one tenant or of all. Raises UnavailableError."""
    async with open_pool(dsn, connections_max=1) as pool:
        ledger = PostgresLedger(pool)
        balances = await ledger.balances(None if tenant_id is None else TenantId(tenant_id))
        told_until = SystemClock().now() - timedelta(seconds=TOLD_AFTER_S)
        return_faults = await ledger.return_faults(told_until=told_until, limit=FAULTS_MAX)
        return Books(balances, await ledger.faults(limit=FAULTS_MAX), return_faults)


def _print(books: Books) -> None:
    table = Table(title="Debits less credits", title_justify="left")
    for heading in ("tenant", "rail", "account"):
        table.add_column(heading)
    table.add_column("USD", justify="right")
    for balance in books.balances:
        table.add_row(balance.tenant_id, balance.rail.value, balance.account.value, _dollars(balance.amount_cents))
    table.add_section()
    table.add_row("sum", "", "", _dollars(books.sum_cents))
    OUT.print(table)
    for fault in books.faults:
        booked = ", ".join(f"{account.value} {_dollars(cents)}" for account, cents in fault.booked.items())
        state = "there is no such payment" if fault.state is None else f"{fault.state}, {fault.amount_cents} cents"
        OUT.print(f"[red]{fault.payment_id}[/]  {state}; booked: {booked}")
    for each in books.return_faults:
        sums = f"{_dollars(each.kept_cents)} of {_dollars(each.amount_cents)} returned, {_dollars(each.found_cents)}"
        OUT.print(f"[red]{each.payment_id}[/]  {each.state}; {sums} by its returns", soft_wrap=True)
    if books.is_good:
        OUT.print("In balance; every payment is booked as its state and its returns say.")
    else:
        OUT.print("[red]Not in balance[/]: docs/runbooks/ledger.md", soft_wrap=True)


def _dollars(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100:,}.{abs(cents) % 100:02}"
