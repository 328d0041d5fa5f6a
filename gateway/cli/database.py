"""``fifteen db``: what the owner of the database does."""

from __future__ import annotations

import asyncio

from adapters.postgres.upgrade import FirstOperator, FirstTenant, UpgradeError, digest_of_api_key, upgrade
from adapters.system import SystemClock
from gateway.cli.console import OUT
from gateway.domain.doubt import NotFoundPolicy
from gateway.domain.payment import FundsHolder, RegionId, TenantId
from gateway.receiving import stand_in_of
from gateway.settings import Settings, SettingsError


def upgrade_database(settings: Settings) -> None:
    """Bring the database up to date and say what was done.

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
            )
        )
    except (UpgradeError, OSError) as error:
        raise SettingsError(f"the database cannot be brought up to date: {error}") from error
    OUT.print(f"schema {revision}; partitions for {', '.join(settings.regions)}")
    if first_tenant is not None:
        OUT.print(f"tenant {first_tenant.tenant_id}: its API key is the one in FIFTEEN_API_KEY")
    if first_operator is not None:
        OUT.print(f"operator {first_operator.name}: the key is the one in FIFTEEN_OPERATOR_KEY")
