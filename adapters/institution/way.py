"""How an institution is reached: what every way to one carries, and must do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gateway.service.ports import ReceivingTenant


@dataclass(frozen=True, slots=True)
class Request:
    """What an institution is asked or told: JSON, signed after the Standard Webhooks form.

    ``request_id`` is the same when it is repeated. ``until`` is when an answer counts no more; None: it is worth an
    answer whenever that comes, and is told again until there is one.
    """

    request_id: str
    body: bytes
    headers: Mapping[str, str]
    key: bytes = field(repr=False)
    """What signs it, and the answer where the way itself does not say whose that is."""
    until: datetime | None = None


class Way(Protocol):
    """One way to institutions. Every call may be repeated, whatever became of it."""

    async def reach(self, tenant: ReceivingTenant) -> None:
        """Return if somebody is there, whatever is said.

        Raises:
            UnavailableError: nobody is.

        """
        ...

    async def ask(self, tenant: ReceivingTenant, request: Request, *, within_s: float) -> object:
        """Return the JSON that is answered.

        Raises:
            UnavailableError: nothing within that time, or no JSON.

        """
        ...

    async def tell(self, tenant: ReceivingTenant, request: Request, *, within_s: float) -> None:
        """Return once the institution says that it has taken note.

        Raises:
            UnavailableError: not certain; tell it again.

        """
        ...
