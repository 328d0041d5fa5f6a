"""``fifteen audit verify``, as it is typed: what it prints, and how it exits."""

from __future__ import annotations

import asyncio
import gc
import json
from pathlib import Path

import asyncpg
import pytest
from typer.testing import CliRunner, Result

from adapters.anchors.files import FileAnchor
from gateway.cli.application import application
from gateway.cli.audit import verify_trail
from gateway.settings import Settings
from tests.conftest import Database
from tests.integration.audit.harness import PostgresPlace, sealed_all, settled


async def prepared(database: Database, anchors: Path) -> None:
    """Two payments sealed and anchored, a third not sealed yet."""
    async with PostgresPlace(database).open() as [opened]:
        await settled(opened.store, "one")
        await settled(opened.store, "two")
        await FileAnchor(anchors).append(await sealed_all(opened.audit))
        await settled(opened.store, "three")


async def tampered(database: Database) -> None:
    """As the owner can."""
    owner = await asyncpg.connect(database.owner_dsn)
    await owner.execute("UPDATE payment SET amount_cents = amount_cents * 10 WHERE message_id = 'default-one'")
    await owner.close()


def verify(*arguments: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(application, ["audit", "verify", *arguments], env={"COLUMNS": "200"})


def test_a_sound_history_and_what_is_not_sealed_yet_is_stated(database: Database, tmp_path: Path) -> None:
    """Exit 0, with the window that nobody could vouch for."""
    asyncio.run(prepared(database, tmp_path))

    shown = verify("--database-url", database.application_dsn, "--anchors", str(tmp_path))
    told = verify("--database-url", database.application_dsn, "--anchors", str(tmp_path), "--json")

    assert (shown.exit_code, told.exit_code) == (0, 0)
    assert "3 payments, 9 events and 9 messages verified" in shown.output
    assert "not sealed yet: 3 events, the oldest " in shown.output
    assert "up to seal 1" in shown.output
    assert "all fits" in shown.output
    document = json.loads(told.output)
    assert document["sound"]
    assert document["anchored"]
    region = document["regions"]["local"]
    assert (region["seals"], region["sealed_events"], region["unsealed_events"]) == (1, 6, 3)
    assert region["unsealed_oldest_at"] == "2026-11-20T15:15:00+00:00"
    assert gc.isenabled()


@pytest.mark.unbalanced("the history is tampered with")
def test_an_amount_that_was_changed_ends_it_with_1_and_its_place(database: Database, tmp_path: Path) -> None:
    """In words and as JSON."""
    asyncio.run(prepared(database, tmp_path))
    asyncio.run(tampered(database))

    shown = verify("--database-url", database.application_dsn, "--anchors", str(tmp_path))
    told = verify("--database-url", database.application_dsn, "--anchors", str(tmp_path), "--json")

    [violation] = json.loads(told.output)["violations"]
    assert (shown.exit_code, told.exit_code) == (1, 1)
    assert violation["kind"] == "event_changed"
    assert violation["place"].endswith("event 1")
    assert violation["place"] in shown.output
    assert "1 violations" in shown.output


@pytest.mark.unbalanced("the history is tampered with")
def test_processes_that_share_the_work_find_the_same(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A large trail is verified by a process for each core, all at one moment: here one or two payments a span."""
    asyncio.run(prepared(database, tmp_path))
    asyncio.run(tampered(database))

    found = []
    for span_events in (4, 1_000):
        code = verify_trail(
            Settings(),
            database_url=database.application_dsn,
            anchors=[str(tmp_path)],
            as_json=True,
            span_events=span_events,
        )
        document = json.loads(capsys.readouterr().out)
        del document["seconds"]
        found.append((code, document))

    assert found[0] == found[1]
    assert found[0][1]["violations_count"] == 1


def test_without_anchors_it_says_what_that_leaves_open(database: Database, tmp_path: Path) -> None:
    """A database cannot vouch for itself."""
    asyncio.run(prepared(database, tmp_path))

    assert "no anchors were given" in verify("--database-url", database.application_dsn).output


@pytest.mark.parametrize("is_there", [False, True])
def test_what_cannot_be_read_ends_it_with_2(database: Database, tmp_path: Path, *, is_there: bool) -> None:
    """No such directory, no such server: one line, and no verdict."""
    if is_there:
        result = verify("--database-url", "postgresql://nobody@127.0.0.1:1/none")
    else:
        result = verify("--database-url", database.application_dsn, "--anchors", str(tmp_path / "none"))

    assert result.exit_code == 2
    assert "cannot be verified" in result.output
