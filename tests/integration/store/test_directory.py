"""The account directory: loaded from a file whole, found by the index that transfers have, never in clear."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from adapters.keys.clear import ClearVault
from adapters.postgres.connection import open_pool
from adapters.postgres.incoming import PostgresIncoming
from gateway.cli.directory import accounts_in, load_accounts
from gateway.domain.stand_in import AccountStanding
from gateway.service.submit import account_index
from gateway.settings import Settings, SettingsError
from tests.conftest import REGION, TENANT, Database

VAULT = ClearVault(b"an index key of a test")


def settings_of(database: Database) -> Settings:
    """The owner's settings."""
    return Settings(database_owner_url=SecretStr(database.owner_dsn), index_key=SecretStr("an index key of a test"))


async def standings(database: Database, *accounts: str) -> list[str]:
    """What the directory says of accounts."""
    async with open_pool(database.application_dsn) as pool:
        store = PostgresIncoming(pool, region=REGION, vault=VAULT)
        indexes = [account_index(VAULT, "990000107", account) for account in accounts]
        clear = await pool.fetchval("SELECT count(*) FROM account_directory WHERE account_index = 'A1'::bytea")
        assert clear == 0
        return [(await store.account_standing(TENANT, index)).value for index in indexes]


@pytest.fixture
def loaded(database: Database, tmp_path: Path) -> Path:
    """A file that was loaded."""
    file = tmp_path / "accounts.csv"
    file.write_text("990000107,A1,open\n990000107, A2 ,closed\n990000107,A3,open\n990000107,A3,blocked\n")
    load_accounts(settings_of(database), file, tenant_id=None)
    return file


async def test_what_the_file_says_is_found_by_the_index_of_transfers(database: Database, loaded: Path) -> None:
    """The last line of an account counts; what is not in it is unknown."""
    assert await standings(database, "A1", "A2", "A3", "A4") == ["open", "closed", "blocked", "unknown"]


def test_a_line_that_is_none_is_named_and_its_account_is_not(database: Database, loaded: Path) -> None:
    """Nothing is changed by a file with a fault."""
    loaded.write_text("990000107,A1,closed\n990000107,100000007777,gone\n")

    with pytest.raises(SettingsError, match=r"line 2: .*open, closed, blocked") as caught:
        load_accounts(settings_of(database), loaded, tenant_id=None)

    assert "100000007777" not in str(caught.value)


def test_another_tenants_directory_is_not_made_by_mistake(database: Database, loaded: Path) -> None:
    """A slip of the pen in a tenant's name changes nothing."""
    with pytest.raises(SettingsError, match="no tenant nobody"):
        load_accounts(settings_of(database), loaded, tenant_id="nobody")


def test_the_index_is_of_the_agent_and_the_account() -> None:
    """The same number at another institution is another account."""
    ((index, standing),) = accounts_in(["990000107,A1,open"], VAULT)

    assert (index, standing) == (account_index(VAULT, "990000107", "A1"), AccountStanding.OPEN)
    assert index != account_index(VAULT, "990000204", "A1")
