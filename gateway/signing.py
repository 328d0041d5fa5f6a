"""What signs the questions to others, and what is shown to them: from the settings of each."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from gateway.domain.payment import TenantId
from gateway.settings import Settings


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
