"""Screening, composed: who looks, over which ports, and what the first tenant wants looked at."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from adapters.screening.lists import ListScreener
from adapters.screening.webhook import WebhookScreener
from adapters.webhooks import SecretError
from gateway.domain.screening import Source, screening_from
from gateway.service.ports import Clock, Screener, ScreeningStore, Vault
from gateway.service.screening import Screening, ScreeningObserver, VelocityScreener
from gateway.settings import Settings, SettingsError
from gateway.signing import secrets_of, tls_of


@asynccontextmanager
async def open_screening(
    settings: Settings, store: ScreeningStore, vault: Vault, clock: Clock, observer: ScreeningObserver
) -> AsyncIterator[Screening]:
    """Open the way to everyone who looks; nothing is connected, and no list read, before a tenant's rules name it.

    Raises:
        SettingsError: a secret or a certificate cannot be used.

    """
    try:
        secrets = secrets_of(settings, settings.screening_secret, settings.screening_secrets_file)
        tls = tls_of(settings.screening_certificate, settings.screening_authorities)
        webhook = WebhookScreener(secrets, clock, tls=tls)
    except (SecretError, OSError, ValueError) as error:
        raise SettingsError(f"FIFTEEN_SCREENING_…: {error}") from error
    async with webhook:
        screeners: Mapping[Source, Screener] = {
            Source.LISTS: ListScreener(settings.screening_lists_folder),
            Source.WEBHOOK: webhook,
            Source.VELOCITY: VelocityScreener(store, vault),
        }
        yield Screening(store, screeners, clock, observer)


def screening_of(settings: Settings) -> dict[str, Any] | None:
    """Return what the first tenant wants screened as it is registered; None where nothing is set.

    Raises:
        SettingsError: the file says none; the text names the place.

    """
    if settings.screening_file is None:
        return None
    try:
        content: dict[str, Any] = json.loads(settings.screening_file.read_text())
        screening_from(content)
    except (OSError, ValueError) as error:
        raise SettingsError(f"FIFTEEN_SCREENING_FILE: {settings.screening_file}: {error}") from error
    return content
