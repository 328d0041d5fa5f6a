"""The role that the gateway logs in as: made on a real PostgreSQL, with a password that stands in no statement."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg
import pytest

from adapters.postgres.logins import Login, login_of, verifier_of
from adapters.postgres.server import EmbeddedPostgres
from adapters.postgres.upgrade import UpgradeError, upgrade
from tests.conftest import REGION, Database

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PASSWORD = "a sample's pass:word/with%everything"


async def test_a_login_that_is_missing_is_made_and_works(postgres_server: EmbeddedPostgres, database: Database) -> None:
    """It logs in by its password, and has the application's rights and no others."""
    name = database.owner_dsn.rpartition("/")[2]
    owner = f"{postgres_server.superuser_dsn.rpartition('/')[0]}/{name}"
    login = Login('sample "gateway"', PASSWORD)

    for _ in range(2):
        await upgrade(owner, regions=[REGION], first_tenant=None, now=NOW, login=login)

    address = owner.rpartition("@")[2].partition("/")[0]
    host, port = address.split(":")
    connection = await asyncpg.connect(user=login.name, password=PASSWORD, host=host, port=int(port), database=name)
    assert await connection.fetchval("SELECT count(*) FROM payment") == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("DELETE FROM payment")
    await connection.close()
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(user=login.name, password="another", host=host, port=int(port), database=name)


async def test_a_login_that_is_there_keeps_its_password(database: Database) -> None:
    """Nobody is locked out by an upgrade; the owner of these tests may not even create roles."""
    known = login_of(database.application_dsn)
    assert known is not None

    await upgrade(database.owner_dsn, regions=[REGION], first_tenant=None, now=NOW, login=Login(known.name, "another"))

    await (await asyncpg.connect(database.application_dsn)).close()


async def test_an_owner_who_may_not_create_roles_is_told_what_to_do(database: Database) -> None:
    """With the name, and without the password."""
    with pytest.raises(UpgradeError, match="CREATE ROLE sample LOGIN PASSWORD …") as caught:
        await upgrade(database.owner_dsn, regions=[REGION], first_tenant=None, now=NOW, login=Login("sample", PASSWORD))

    assert PASSWORD not in str(caught.value)


def test_the_url_says_who_logs_in() -> None:
    """Percent signs are undone; without a password there is nothing to make a role with."""
    assert login_of("postgresql://a%40b:p%2Fw@h/d") == Login("a@b", "p/w")
    assert login_of("postgresql://fifteen@h/d") is None
    assert login_of("postgresql:///d") is None
    assert PASSWORD not in repr(Login("a", PASSWORD))


def test_the_verifier_is_what_postgresql_makes_of_the_password() -> None:
    """The form is RFC 5803's; each salt makes another."""
    verifier = verifier_of("pencil", bytes(16))

    assert verifier.startswith("SCRAM-SHA-256$4096:AAAAAAAAAAAAAAAAAAAAAA==$")
    assert verifier != verifier_of("pencil", bytes([1] * 16))
    assert "pencil" not in verifier
