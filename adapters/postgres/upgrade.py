"""Bring a database up to date: roles, migrations, the partitions of the regions, the first tenant and its API key.

Everything here runs as the owner, and a repeat changes nothing.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from alembic import command
from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.postgres.cluster import REPLICATION_GROUP_ROLE
from adapters.postgres.incoming_tables import receiving_agent
from adapters.postgres.logins import Login, ensure_login
from adapters.postgres.partitions import create_ahead, for_asyncpg, is_busy
from adapters.postgres.phases import (
    MIGRATIONS,
    Phase,
    SchemaStatus,
    UpgradeError,
    demand_no_older_code,
    migrations,
    planned,
    record,
    script_config,
    status,
)
from adapters.postgres.tables import REPLICATED, api_key, message, operator_key, outbox, quarantine, slot, tenant
from gateway.domain.doubt import NotFoundPolicy
from gateway.domain.payment import FundsHolder, RegionId, TenantId
from gateway.domain.regions import SlotMap

APPLICATION_GROUP_ROLE: Final = "fifteen_application"
"""Holds the application's rights; the role that the gateway logs in as is made a member of it."""

_REGION: Final = re.compile(r"[a-z][a-z0-9_]{0,22}")


__all__ = [
    "APPLICATION_GROUP_ROLE",
    "FirstOperator",
    "FirstTenant",
    "UpgradeError",
    "digest_of_api_key",
    "prepare_for_replay",
    "remove_outbox",
    "schema_status",
    "upgrade",
]


@dataclass(frozen=True, slots=True)
class FirstTenant:
    """The tenant that exists from the first day, and the digest of its API key.

    What is None of its institution, its stand-in and its screening is left as it is registered.
    """

    tenant_id: TenantId
    name: str
    api_key_digest: bytes
    not_found_policy: NotFoundPolicy = NotFoundPolicy.REJECT
    funds_holder: FundsHolder = FundsHolder.TENANT
    receiving_agents: tuple[str, ...] = ()
    institution_url: str | None = None
    stand_in: Mapping[str, Any] | None = None
    screening: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class FirstOperator:
    """An operator, by the name under which decisions are kept, and the digest of the operator's API key."""

    name: str
    api_key_digest: bytes


def digest_of_api_key(key: str) -> bytes:
    """Return what is stored of an API key: its SHA-256, which is enough for keys of 128 random bits or more."""
    return hashlib.sha256(key.encode()).digest()


async def upgrade(
    owner_dsn: str,
    *,
    regions: Sequence[RegionId],
    first_tenant: FirstTenant | None,
    now: datetime,
    first_operator: FirstOperator | None = None,
    retired: Sequence[RegionId] = (),
    login: Login | None = None,
    phase: Phase | None = None,
    folder: Path = MIGRATIONS,
) -> str:
    """Bring the database up to date and return its schema's revision.

    `regions` are all that write facts: each gets its partition of every fact table, and months of messages from `now`
    on. `retired` are those that only history names. One region alone owns every slot; several own none before
    `fifteen region init` has asked the witness. `login` is the role that the application logs in as: made where it is
    missing. `phase` is the part of the migrations in `folder` that runs now (`adapters.postgres.phases`); none: all.

    Raises:
        UpgradeError: a region's name cannot be a partition's, the owner lacks a right, or the order is wrong: older
            code still runs that a migration would break, or another migration has to come first.

    """
    for region in (*regions, *retired):
        if _REGION.fullmatch(region) is None:
            raise UpgradeError(f"region {region!r}: a small letter, then up to 22 small letters, digits or _")
    engine = create_async_engine(for_asyncpg(owner_dsn))
    try:
        async with engine.begin() as connection:
            await connection.run_sync(lambda sync: _ensure_group_role(sync, APPLICATION_GROUP_ROLE))
            if len(regions) > 1:
                await connection.run_sync(lambda sync: _ensure_group_role(sync, REPLICATION_GROUP_ROLE))
            if login is not None:
                await connection.run_sync(lambda sync: ensure_login(sync, login, group=APPLICATION_GROUP_ROLE))
            revision = await connection.run_sync(lambda sync: _migrate(sync, folder, phase, now))
            await connection.run_sync(lambda sync: _create_partitions(sync, [*regions, *retired]))
            await connection.run_sync(lambda sync: _create_months(sync, [*regions, *retired], now))
            if len(regions) == 1:
                await connection.run_sync(lambda sync: _own_every_slot(sync, regions[0]))
            if first_tenant is not None:
                await connection.run_sync(lambda sync: _register(sync, first_tenant, now))
            if first_operator is not None:
                await connection.run_sync(lambda sync: _register_operator(sync, first_operator, now))
        await _validate(engine)
    finally:
        await engine.dispose()
    return revision


async def schema_status(dsn: str, *, now: datetime) -> SchemaStatus:
    """Return what the database has, what an upgrade would do, and who runs on it; any of our roles may ask."""
    engine = create_async_engine(for_asyncpg(dsn))
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda sync: status(sync, migrations(), now=now))
    finally:
        await engine.dispose()


def _ensure_group_role(connection: Connection, role: str) -> None:
    exists = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
    if exists.first() is not None:
        return
    try:
        connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))
    except DBAPIError as error:
        raise UpgradeError(
            f"the owner may not create roles: as a superuser, CREATE ROLE {role} NOLOGIN, and GRANT {role} to the role "
            "that the gateway logs in as, or for replication the other region's"
        ) from error


def _migrate(connection: Connection, folder: Path, phase: Phase | None, now: datetime) -> str:
    known = migrations(folder)
    before = status(connection, known, now=now)
    steps = planned(before.pending, phase, is_empty=before.revision is None)
    demand_no_older_code(connection, steps, now=now)
    config = script_config(folder)
    config.attributes["connection"] = connection
    if steps:
        try:
            command.upgrade(config, steps[-1].revision)
        except DBAPIError as error:
            if is_busy(error):
                raise UpgradeError("others use the same tables for long: nothing was done; try again") from error
            raise
    return record(connection, known, now=now)


async def _validate(engine: AsyncEngine) -> None:
    """Check what the rules that migrations have added say of old rows, each in a transaction that stops no writer."""
    async with engine.connect() as connection:
        found = (await connection.execute(_NOT_VALIDATED)).all()
    for table, name in found:
        async with engine.begin() as connection:
            await connection.execute(text(f'ALTER TABLE {table} VALIDATE CONSTRAINT "{name}"'))


_NOT_VALIDATED: Final = text(
    "SELECT conrelid::regclass::text, conname FROM pg_constraint "
    "WHERE contype = 'c' AND NOT convalidated AND coninhcount = 0 AND connamespace = current_schema()::regnamespace "
    "ORDER BY 1, 2"
)


def _create_partitions(connection: Connection, regions: Sequence[RegionId]) -> None:
    for table in REPLICATED:
        for region in regions:
            partition = f"{table.name}_{region}"
            divided = "PARTITION BY RANGE (at)" if table is message else ""
            connection.execute(
                text(
                    f"CREATE TABLE IF NOT EXISTS {partition} PARTITION OF {table.name} FOR VALUES IN ('{region}') "
                    f"{divided}"
                )
            )
            if table is quarantine:
                connection.execute(text(f"ALTER TABLE {partition} SET (toast_tuple_target = 8160)"))


def _own_every_slot(connection: Connection, region: RegionId) -> None:
    rows = [
        {"slot": number, "region": owner.region, "epoch": owner.epoch}
        for number, owner in enumerate(SlotMap.first([region]).owners)
    ]
    connection.execute(insert(slot).values(rows).on_conflict_do_nothing(index_elements=[slot.c.slot]))
    left = connection.execute(select(slot.c.region).where(slot.c.region != region).distinct()).scalars().all()
    if left:
        raise UpgradeError(
            f"region {', '.join(sorted(left))} still owns slots, and may serve: it hands them over, or is taken over "
            "(fifteen region takeover), while both are in FIFTEEN_REGIONS; only then is it retired"
        )


def _create_months(connection: Connection, regions: Sequence[RegionId], now: datetime) -> None:
    try:
        create_ahead(connection, regions, now)
    except DBAPIError as error:
        if is_busy(error):
            raise UpgradeError(
                "months cannot be made while others read or write messages for long: try again"
            ) from error
        raise


def _register(connection: Connection, first: FirstTenant, now: datetime) -> None:
    policies: dict[str, Any] = {
        "not_found_policy": first.not_found_policy.value,
        "funds_holder": first.funds_holder.value,
    }
    if first.institution_url is not None:
        policies["institution_url"] = first.institution_url
    if first.stand_in is not None:
        policies["stand_in"] = dict(first.stand_in)
    if first.screening is not None:
        policies["screening"] = dict(first.screening)
    connection.execute(
        insert(tenant)
        .values(tenant_id=first.tenant_id, name=first.name, created_at=now, **policies)
        .on_conflict_do_update(index_elements=[tenant.c.tenant_id], set_=policies)
    )
    connection.execute(
        insert(api_key)
        .values(key_digest=first.api_key_digest, tenant_id=first.tenant_id, name="first", created_at=now)
        .on_conflict_do_nothing(index_elements=[api_key.c.key_digest])
    )
    for routing_number in first.receiving_agents:
        connection.execute(
            insert(receiving_agent)
            .values(routing_number=routing_number, tenant_id=first.tenant_id)
            .on_conflict_do_update(
                index_elements=[receiving_agent.c.routing_number], set_={"tenant_id": first.tenant_id}
            )
        )


def _register_operator(connection: Connection, first: FirstOperator, now: datetime) -> None:
    connection.execute(
        insert(operator_key)
        .values(key_digest=first.api_key_digest, name=first.name, created_at=now)
        .on_conflict_do_nothing(index_elements=[operator_key.c.key_digest])
    )


async def prepare_for_replay(source_dsn: str, owner_dsn: str, *, regions: Sequence[RegionId], now: datetime) -> None:
    """Bring an empty database up to date and copy the tenants of another into it, without their keys.

    Raises:
        UpgradeError: it holds payments, and was left as it is; or it cannot be brought up to date.

    """
    target = create_async_engine(for_asyncpg(owner_dsn))
    source = create_async_engine(for_asyncpg(source_dsn))
    try:
        async with target.connect() as connection:
            is_known = (await connection.execute(text("SELECT to_regclass('payment') IS NOT NULL"))).scalar_one()
            if is_known and (await connection.execute(text("SELECT EXISTS (SELECT FROM payment)"))).scalar_one():
                raise UpgradeError("the one to fill holds payments: give an empty one, used for nothing else")
        await upgrade(owner_dsn, regions=regions, first_tenant=None, now=now)
        async with source.connect() as connection:
            rows = [dict(row) for row in (await connection.execute(tenant.select())).mappings()]
        if rows:
            async with target.begin() as connection:
                await connection.execute(insert(tenant).on_conflict_do_nothing(), rows)
    finally:
        await source.dispose()
        await target.dispose()


async def remove_outbox(owner_dsn: str) -> None:
    """Remove what waits to be sent: in a database that a replay has filled it was sent long ago."""
    engine = create_async_engine(for_asyncpg(owner_dsn))
    try:
        async with engine.begin() as connection:
            await connection.execute(outbox.delete())
    finally:
        await engine.dispose()
