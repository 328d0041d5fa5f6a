"""``fifteen ledger`` on a real database: what it prints, and how it ends."""

from __future__ import annotations

import asyncio
import json

import asyncpg
import pytest
from pydantic import SecretStr

from adapters.postgres.store import PostgresStore
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.ledger import show_ledger
from gateway.domain.events import EventKind
from gateway.settings import Settings, SettingsError
from tests.conftest import Database
from tests.integration.store.harness import accepted, saved


def settings_of(database: Database) -> Settings:
    """What the command is told."""
    return Settings(database_url=SecretStr(database.application_dsn))


@pytest.fixture
async def sent(postgres_store: PostgresStore) -> str:
    """The id of a payment that is on its way."""
    return str((await saved(postgres_store, await accepted(postgres_store), EventKind.SENDING_STARTED)).payment_id)


async def run(database: Database, *, as_json: bool) -> int:
    """The command, which has a loop of its own."""
    return await asyncio.to_thread(show_ledger, settings_of(database), tenant_id=None, as_json=as_json)


@pytest.mark.usefixtures("sent")
async def test_balances_are_shown_and_add_up(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    """What is on its way is missing with the debtors."""
    assert await run(database, as_json=False) == EXIT_OK

    printed = capsys.readouterr().out
    assert "-51.74" in printed
    assert "In balance" in printed


@pytest.mark.unbalanced("a payment's state is changed behind the ledger's back")
async def test_a_payment_that_is_not_booked_as_its_state_says_is_named(
    database: Database, sent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The program says which, what is booked, and ends with 1."""
    connection = await asyncpg.connect(database.application_dsn)
    await connection.execute("UPDATE payment_state SET state = 'SETTLED'")
    await connection.close()

    assert await run(database, as_json=True) == EXIT_FINDINGS

    document = json.loads(capsys.readouterr().out)
    assert document["good"] is False
    assert document["faults"] == [
        {
            "payment_id": sent,
            "state": "SETTLED",
            "amount_cents": 5174,
            "booked_cents": {"funds": -5174, "reserved": 5174, "rail": 0, "arrived": 0},
        }
    ]
    assert await run(database, as_json=False) == EXIT_FINDINGS
    assert "runbooks/ledger.md" in capsys.readouterr().out


def test_without_a_database_the_setting_is_named() -> None:
    """Nothing to read from is the user's to mend."""
    with pytest.raises(SettingsError, match="FIFTEEN_DATABASE_URL"):
        show_ledger(Settings(), tenant_id=None, as_json=False)
