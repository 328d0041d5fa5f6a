"""The store as far as one list of all that is due needs it: payments, transfers and conversations read together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from gateway.domain.due import START, Due, DueKind, DuePlace
from gateway.domain.payment import TenantId


class DueStore(Protocol):
    """What waits for people and institutions, as this region knows it: its own, and what the other has told."""

    async def find(
        self,
        tenant_id: TenantId | None,
        *,
        kinds: Collection[DueKind] = tuple(DueKind),
        after: DuePlace = START,
        limit: int,
    ) -> Sequence[Due]:
        """Return what a tenant must do (None: all tenants), what expires first first, from after a place on.

        It is never cut before it is in this order. The place of the last is where the next page begins.

        Raises:
            UnavailableError: the database does not answer.

        """
        ...
