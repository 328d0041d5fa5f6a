"""``fifteen replay``: real payments, run again from what is kept of them, come out the same, or are named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

import aiohttp
import asyncpg
import pytest

from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.upgrade import UpgradeError
from gateway.cli.replay import Outcome, replay, replay_history
from gateway.settings import Settings, load_settings
from tests.acceptance.installation import HEADERS, Installation, archive_in
from tests.acceptance.payments import json_payment, message, transfer
from tests.acceptance.test_slice import post, until_final
from tests.archiving import move_to_archive
from tests.conftest import Database, copy_database

ACCOUNTS: Final = ("SIMSETTLE", "SIMRJCTAC04", "SIMACWP", "SIMACCC", "SIMACWPRJCT", "SIMLOSTANSWER")
"""Settled, rejected, accepted without posting, posted later, refused later, and in doubt until the rail was asked."""

SETTLED_LATER_S: Final = 2.0
"""The last word of those accounts that have two."""


@pytest.fixture
def settings(
    install: Callable[[str], AbstractContextManager[Installation]], monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """The settings of an installation that has carried a payment of every kind, and is stopped."""
    with install("embedded") as installation:
        installation.start_worker()
        asyncio.run(_pay(installation))
    for name, value in installation.environment.items():
        monkeypatch.setenv(name, value)
    return load_settings()


async def _pay(installation: Installation) -> None:
    payments = [transfer(creditor_account=account) for account in ACCOUNTS]
    async with asyncio.TaskGroup() as group:
        for payment in payments:
            group.create_task(post(installation, message(payment), wait_s=0))
    async with aiohttp.ClientSession() as session:
        headers = {**HEADERS, "Content-Type": "application/json", "Idempotency-Key": "replayed-in-json"}
        url = f"{installation.gateway_url}/v1/payments"
        async with session.post(url, json=json_payment(), headers=headers) as response:
            references = [(await response.json())["payment_id"]]
    references += [str(payment.uetr) for payment in payments]
    for reference in references:
        await until_final(installation, reference)
    await asyncio.sleep(SETTLED_LATER_S)


def run(settings: Settings, database: Database, into: Database) -> Outcome:
    """Replay one database into the other."""
    return asyncio.run(replay(settings, database.application_dsn, into.owner_dsn, tell=lambda _: None))


async def execute(database: Database, statement: str) -> None:
    """Do as the owner what nobody may."""
    connection = await asyncpg.connect(database.owner_dsn)
    await connection.execute(statement)
    await connection.close()


def test_history_comes_out_the_same_and_what_was_changed_is_named(
    settings: Settings,
    database: Database,
    postgres_server: EmbeddedPostgres,
    template: str,
    *,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """As it was; with a byte sent, one heard, and a state changed; from the archive; and from one that was damaged."""
    copies = [copy_database(postgres_server, template) for _ in range(4)]

    outcome = run(settings, database, copies[0])

    assert outcome.diverged == {}
    assert outcome.is_good
    assert outcome.payments == len(ACCOUNTS) + 1
    assert outcome.postings > outcome.payments
    with pytest.raises(UpgradeError, match="empty"):
        run(settings, database, copies[0])

    asyncio.run(execute(database, CHANGES))
    changed = run(settings, database, copies[1])

    assert len(changed.diverged) == 3
    assert not changed.is_good
    said = " ".join(changed.diverged.values())
    assert "the bytes that left" in said
    assert "what the rail's message" in said
    assert "its payment" in said
    asyncio.run(execute(database, RESTORED))

    archive = archive_in(tmp_path)
    with_archive = settings.model_copy(
        update={"archive_url": archive["FIFTEEN_ARCHIVE_URL"], "keys_file": Path(archive["FIFTEEN_KEYS_FILE"])}
    )
    moved = asyncio.run(move_to_archive(with_archive, database.application_dsn, database.owner_dsn))
    archived = run(with_archive, database, copies[2])

    assert archived.diverged == {}
    assert archived.is_good
    assert (archived.payments, archived.messages) == (outcome.payments, outcome.messages)
    assert moved.messages == archived.messages

    [segment] = (tmp_path / "archive").rglob("*.segment")
    content = bytearray(segment.read_bytes())
    content[-40] ^= 1
    segment.unlink()
    segment.write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        replay_history(with_archive, into=copies[3].owner_dsn, as_json=True)
    assert ended.value.code == 1
    assert "local/0000000001.segment: record" in capsys.readouterr().err


CHANGES: Final = """
    CREATE TABLE victim AS
    SELECT payment_id, row_number() OVER (ORDER BY payment_id) AS number, status FROM payment_state
    WHERE state IN ('SETTLED', 'REJECTED') AND status_requests = 0;
    CREATE TABLE kept AS SELECT message_id, body FROM message;
    UPDATE message SET body = replace(convert_from(body, 'UTF8'), 'Sample', 'Simple')::bytea
    WHERE direction = 'rail_out' AND payment_id = (SELECT payment_id FROM victim WHERE number = 1);
    UPDATE message SET body = CASE WHEN position('ACSC'::bytea IN body) > 0
            THEN replace(convert_from(body, 'UTF8'), 'ACSC', 'ACWP')
            ELSE replace(convert_from(body, 'UTF8'), 'RJCT', 'ACSC') END::bytea
    WHERE direction = 'rail_in' AND payment_id = (SELECT payment_id FROM victim WHERE number = 2);
    UPDATE payment_state SET status = 'NONE' WHERE payment_id = (SELECT payment_id FROM victim WHERE number = 3);
"""

RESTORED: Final = """
    UPDATE payment_state AS changed SET status = victim.status
    FROM victim WHERE victim.payment_id = changed.payment_id AND changed.status = 'NONE';
    UPDATE message SET body = kept.body FROM kept WHERE kept.message_id = message.message_id
"""
