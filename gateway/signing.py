"""What signs the questions to others, what is shown to them, and where their brokers are: from the settings of each."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import SecretStr

from gateway.domain.payment import TenantId
from gateway.settings import Settings
from gateway.settings.reading import institution_broker, virtual_host_of


def secrets_of(settings: Settings, first: SecretStr | None, further: Path | None) -> Mapping[TenantId, str]:
    """Return the tenants' secrets: the first one's own, and a file of the others'.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is none.

    """
    found: dict[TenantId, str] = {}
    if further is not None:
        content = json.loads(further.read_text())
        if not isinstance(content, dict) or not all(isinstance(secret, str) for secret in content.values()):
            raise ValueError("an object of secrets by tenant id is meant")
        found |= {TenantId(tenant): secret for tenant, secret in content.items()}
    if first is not None:
        found[TenantId(settings.tenant_id)] = first.get_secret_value()
    return found


def brokers_of(settings: Settings) -> Mapping[TenantId, Sequence[str]]:
    """Return where the institutions that are asked over queues have them, by tenant.

    Who may put a message onto one queue of a virtual host by its name may put one onto every other: an institution's
    is never the one that the bus is in.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is none, or an address in it, or in the settings, is not to be used.

    """
    found = _brokers_in(settings.institution_brokers_file)
    if settings.institution_broker_url:
        found[TenantId(settings.tenant_id)] = [url.get_secret_value() for url in settings.institution_broker_url]
    of_the_bus = {virtual_host_of(url.get_secret_value()) for url in settings.broker_url}
    for tenant_id, urls in found.items():
        for url in urls:
            try:
                shared = virtual_host_of(institution_broker(url)) in of_the_bus
            except ValueError as error:
                raise ValueError(f"the broker of tenant {tenant_id} {error}") from None
            if shared:
                raise ValueError(f"the broker of tenant {tenant_id} is the bus's virtual host: give it one of its own")
    return found


def _brokers_in(file: Path | None) -> dict[TenantId, Sequence[str]]:
    """The brokers of further tenants; raises as `brokers_of`."""
    if file is None:
        return {}
    content = json.loads(file.read_text())
    if not isinstance(content, dict) or not all(_is_urls(urls) for urls in content.values()):
        raise ValueError("an object of lists of amqps://… by tenant id is meant")
    return {TenantId(tenant): urls for tenant, urls in content.items()}


def _is_urls(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(url, str) for url in value)


def tls_of(certificate: Path | None, authorities: Path | None) -> ssl.SSLContext | None:
    """Return how others are reached over TLS where something was set about it; None: as everybody is.

    Raises:
        OSError: a file cannot be used.

    """
    if certificate is None and authorities is None:
        return None
    context = ssl.create_default_context(cafile=authorities)
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context
