"""Who asks: the API key of a request, and the tenant whose it is."""

from __future__ import annotations

import hashlib
from typing import Final

from multidict import CIMultiDictProxy

from adapters.http.api import HttpLimits
from adapters.http.problems import OPERATOR_NEEDED, UNAUTHENTICATED, ProblemError
from gateway.domain.payment import TenantId
from gateway.service.ports import Clock, DeadLetterStore, PaymentStore

_REALM: Final = 'Bearer realm="fifteen"'
_UNKNOWN: Final = f'{_REALM}, error="invalid_token"'


class OperatorKeys:
    """Knows whose an operator's key is. Operators see every tenant's, and act; a tenant's key sees its own."""

    def __init__(self, *, store: DeadLetterStore, keys: ApiKeys) -> None:
        self._store = store
        self._keys = keys

    async def sight_of(self, headers: CIMultiDictProxy[str]) -> TenantId | None:
        """Return whose the request may see: one tenant's, or (None) everybody's.

        Raises:
            ProblemError: 401, there is no key, or nobody's.

        """
        if await self._store.operator_of_key(key_digest_in(headers)) is not None:
            return None
        return await self._keys.tenant_of(headers)

    async def operator_of(self, headers: CIMultiDictProxy[str]) -> str:
        """Return the name of the operator whose key the request carries.

        Raises:
            ProblemError: 401, there is no key, or nobody's; 403, it is a tenant's.

        """
        operator = await self._store.operator_of_key(key_digest_in(headers))
        if operator is None:
            await self._keys.tenant_of(headers)
            raise ProblemError(OPERATOR_NEEDED, "This key is a tenant's.")
        return operator


class ApiKeys:
    """Knows whose an API key is; a key that was found is believed for a while, one that was not never is.

    Only SHA-256 digests are kept and compared: an API key is random, long, and never stored.
    """

    def __init__(self, *, store: PaymentStore, clock: Clock, limits: HttpLimits) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits
        self._known: dict[bytes, tuple[TenantId, float]] = {}

    async def tenant_of(self, headers: CIMultiDictProxy[str]) -> TenantId:
        """Return the tenant whose key the request carries.

        Raises:
            ProblemError: 401, there is no key, or nobody's.
            UnavailableError: the store does not answer.

        """
        digest = key_digest_in(headers)
        now_s = self._clock.monotonic_s()
        known = self._known.get(digest)
        if known is not None and now_s < known[1]:
            return known[0]
        tenant_id = await self._store.tenant_of_api_key(digest)
        self._known.pop(digest, None)
        if tenant_id is None:
            raise _refused("The API key is not known, or not valid any more.", _UNKNOWN)
        if len(self._known) >= self._limits.api_keys_cached_max:
            del self._known[next(iter(self._known))]
        self._known[digest] = (tenant_id, now_s + self._limits.api_key_cached_s)
        return tenant_id


def key_digest_in(headers: CIMultiDictProxy[str]) -> bytes:
    """Return the SHA-256 digest of the one API key that the request carries: all that is kept of a key.

    Raises:
        ProblemError: 401, there is none, or several.

    """
    return hashlib.sha256(_key_in(headers).encode("utf-8", "surrogateescape")).digest()


def _key_in(headers: CIMultiDictProxy[str]) -> str:
    given = [_bearer(value) for value in headers.getall("Authorization", ())]
    given += [value.strip() for value in headers.getall("X-Api-Key", ())]
    keys = {key for key in given if key}
    if not keys:
        raise _refused("The request carries no API key.", _REALM)
    if len(keys) > 1:
        raise _refused("The request carries several API keys.", _REALM)
    return keys.pop()


def _bearer(authorization: str) -> str:
    scheme, _, key = authorization.strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _refused(detail: str, challenge: str) -> ProblemError:
    return ProblemError(UNAUTHENTICATED, detail, headers={"WWW-Authenticate": challenge})
