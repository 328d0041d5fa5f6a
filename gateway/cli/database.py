"""``fifteen db``: what the owner of the database does."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError

from adapters.postgres.logins import login_of
from adapters.postgres.migrations import HEAD, NEEDED
from adapters.postgres.phases import Phase, SchemaStatus
from adapters.postgres.upgrade import (
    FirstOperator,
    FirstTenant,
    UpgradeError,
    digest_of_api_key,
    schema_status,
    upgrade,
)
from adapters.system import SystemClock
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.console import OUT
from gateway.domain.doubt import NotFoundPolicy
from gateway.domain.payment import FundsHolder, RegionId, TenantId
from gateway.receiving import stand_in_of
from gateway.screening import screening_of
from gateway.settings import Settings, SettingsError, database_url_of


def upgrade_database(settings: Settings, *, phase: Phase | None) -> None:
    """Bring the database up to date, or the part of it that `phase` is, and say what was done.

    Raises:
        SettingsError: the owner's URL is missing, or the database cannot be brought up to date.

    """
    if settings.database_owner_url is None:
        raise SettingsError(
            "FIFTEEN_DATABASE_OWNER_URL is not set: postgresql://… of the role that owns the tables; the gateway "
            "itself logs in as another role, a member of fifteen_application, by FIFTEEN_DATABASE_URL"
        )
    first_tenant = None
    if settings.api_key is not None:
        digest = digest_of_api_key(settings.api_key.get_secret_value())
        first_tenant = FirstTenant(
            TenantId(settings.tenant_id),
            settings.tenant_name,
            digest,
            NotFoundPolicy(settings.not_found_policy),
            FundsHolder(settings.funds_holder),
            settings.receiving_agents,
            settings.institution_url,
            stand_in_of(settings),
            screening_of(settings),
        )
    first_operator = None
    if settings.operator_key is not None:
        first_operator = FirstOperator(
            settings.operator_name, digest_of_api_key(settings.operator_key.get_secret_value())
        )
    try:
        revision = asyncio.run(
            upgrade(
                settings.database_owner_url.get_secret_value(),
                regions=[RegionId(region) for region in settings.regions],
                first_tenant=first_tenant,
                first_operator=first_operator,
                now=SystemClock().now(),
                retired=[RegionId(region) for region in settings.retired_regions],
                login=None if settings.database_url is None else login_of(settings.database_url.get_secret_value()),
                phase=phase,
            )
        )
    except (UpgradeError, OSError) as error:
        raise SettingsError(f"the database cannot be brought up to date: {error}") from error
    OUT.print(f"schema {revision}; partitions for {', '.join(settings.regions)}")
    if settings.synthetic_payments:
        _upgrade_synthetic(settings, settings.database_owner_url.get_secret_value(), phase)
    if first_tenant is not None:
        OUT.print(f"tenant {first_tenant.tenant_id}: its API key is the one in FIFTEEN_API_KEY")
    if first_operator is not None:
        OUT.print(f"operator {first_operator.name}: the key is the one in FIFTEEN_OPERATOR_KEY")


def _upgrade_synthetic(settings: Settings, owner_dsn: str, phase: Phase | None) -> None:
    from gateway.cli.synthetic import upgrade_synthetic

    try:
        revision = asyncio.run(upgrade_synthetic(settings, owner_dsn, phase=phase))
    except (UpgradeError, SQLAlchemyError, OSError, ValueError) as error:
        raise SettingsError(f"the database of synthetic payments cannot be brought up to date: {error}") from error
    OUT.print(f"synthetic payments: schema {revision}, in a database of their own")


def check_database(settings: Settings, *, as_json: bool) -> int:
    """Say what the database has, what an upgrade would do and who runs; return 1 where this program cannot serve.

    Raises:
        SettingsError: no database is named, or it cannot be read.

    """
    owner = settings.database_owner_url
    dsn = database_url_of(settings) if owner is None else owner.get_secret_value()
    now = SystemClock().now()
    try:
        found = asyncio.run(schema_status(dsn, now=now))
    except (SQLAlchemyError, OSError) as error:
        raise SettingsError(f"the database cannot be read: {error}") from error
    if as_json:
        print(json.dumps(_as_json(found), indent=2))
    else:
        _tell(found, now)
    return EXIT_OK if found.serves else EXIT_FINDINGS


def _as_json(found: SchemaStatus) -> dict[str, object]:
    return {
        "revision": found.revision,
        "needed": NEEDED,
        "known": HEAD,
        "serves": found.serves,
        "taken_away": found.taken_away,
        "pending": [{"revision": step.revision, "phase": step.phase.value} for step in found.pending],
        "running": [
            {"role": each.role, "release": each.release, "revision": each.revision, "seen_at": each.seen_at.isoformat()}
            for each in found.running
        ],
    }


def _tell(found: SchemaStatus, now: datetime) -> None:
    OUT.print(f"schema {found.revision or 'none'}; this program needs {NEEDED} and knows {HEAD}", markup=False)
    for step in found.pending:
        OUT.print(f"  pending: {step.revision} ({step.phase})", markup=False)
    for each in found.running:
        seen_s = (now - each.seen_at).total_seconds()
        OUT.print(f"  runs: {each.role} {each.release}, knows {each.revision}, seen {seen_s:.0f} s ago", markup=False)
    if found.taken_away is not None:
        OUT.print(
            f"migration {found.taken_away} took away what this program uses: a newer release serves", markup=False
        )
    elif not found.serves:
        OUT.print("this program cannot serve yet: fifteen db upgrade --phase pre", markup=False)
    elif found.in_the_way:
        OUT.print("older code runs: fifteen db upgrade --phase post is refused until it has ended", markup=False)
    elif found.pending:
        OUT.print("nothing older runs: fifteen db upgrade --phase post may run", markup=False)
