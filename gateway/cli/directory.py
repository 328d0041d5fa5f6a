"""``fifteen db accounts``: a tenant's account directory, from a file."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from adapters.keys.clear import ClearVault
from adapters.postgres.directory import replace_directory
from gateway.cli.console import OUT
from gateway.domain.payment import TenantId
from gateway.domain.stand_in import AccountStanding
from gateway.service.ports import UnavailableError, Vault
from gateway.service.submit import account_index
from gateway.settings import Settings, SettingsError

_COLUMNS = 3


def load_accounts(settings: Settings, file: Path, *, tenant_id: str | None) -> None:
    """Make the file's accounts the tenant's whole directory, and say how many there are.

    Raises:
        SettingsError: the file, the tenant or the owner's URL cannot be used; nothing was changed.

    """
    if settings.database_owner_url is None:
        raise SettingsError("FIFTEEN_DATABASE_OWNER_URL is not set: the directory is written by the tables' owner")
    tenant = TenantId(tenant_id or settings.tenant_id)
    vault = ClearVault(settings.index_key.get_secret_value().encode())
    try:
        with file.open(newline="") as lines:
            accounts = list(accounts_in(lines, vault))
        asyncio.run(replace_directory(settings.database_owner_url.get_secret_value(), tenant, accounts))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file}: {error}") from error
    except (LookupError, UnavailableError) as error:
        raise SettingsError(f"the directory was not changed: {error}") from error
    OUT.print(f"tenant {tenant}: {len(accounts)} accounts in its directory")


def accounts_in(lines: Iterable[str], vault: Vault) -> Iterator[tuple[bytes, AccountStanding]]:
    """Return the accounts of lines of routing number, account and standing, each by its blind index.

    Raises:
        ValueError: a line is none; the text names its number, and never the account.

    """
    for number, row in enumerate(csv.reader(lines), start=1):
        if len(row) != _COLUMNS or row[2].strip() not in set(AccountStanding):
            standings = ", ".join(AccountStanding)
            raise ValueError(f"line {number}: routing number, account and one of {standings} are meant, by commas")
        agent, account, standing = (part.strip() for part in row)
        yield account_index(vault, agent, account), AccountStanding(standing)
