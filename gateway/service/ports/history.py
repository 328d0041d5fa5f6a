"""History: everything that is kept of payments, as it is read again years later."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.domain.history import RecordedEvent
from gateway.domain.incoming_transfer import IncomingTransfer, RecordedFact
from gateway.domain.ledger import Posting
from gateway.domain.payment import IdempotencyKey, Payment, PaymentId
from gateway.service.ports.store import RawMessage


@dataclass(frozen=True, slots=True)
class PaymentHistory:
    """One payment with all that is kept of it; two are equal when nothing distinguishes them.

    ``digests`` are those of the events, as the audit chains them; ``messages`` are in the order of their times;
    ``postings`` have the sequence of the event that each was booked with.
    """

    payment: Payment
    idempotency_key: IdempotencyKey
    events: tuple[RecordedEvent, ...]
    digests: tuple[bytes | None, ...]
    messages: tuple[RawMessage, ...]
    postings: tuple[tuple[int, Posting], ...]

    @property
    def payment_id(self) -> PaymentId:
        """Whose history it is."""
        return self.payment.payment_id


@dataclass(frozen=True, slots=True)
class IncomingHistory:
    """One incoming transfer with all that is kept of it, as `PaymentHistory`."""

    transfer: IncomingTransfer
    events: tuple[RecordedFact, ...]
    digests: tuple[bytes | None, ...]
    messages: tuple[RawMessage, ...]
    postings: tuple[tuple[int, Posting], ...]

    @property
    def payment_id(self) -> PaymentId:
        """Whose history it is."""
        return self.transfer.payment_id


class History(Protocol):
    """The kept payments and incoming transfers of one database."""

    async def page(self, after: PaymentId | None, *, limit: int) -> Sequence[PaymentHistory]:
        """Return up to `limit` payments that follow `after` (None: from the first) in the order of their ids.

        Raises:
            UnavailableError: the database does not answer.

        """
        ...

    async def of(self, payment_ids: Sequence[PaymentId]) -> Sequence[PaymentHistory]:
        """Return these payments in the order of their ids; unknown ones are left out. Raises as `page`."""
        ...

    async def incoming_page(self, after: PaymentId | None, *, limit: int) -> Sequence[IncomingHistory]:
        """Return incoming transfers; as `page`."""
        ...

    async def incoming_of(self, payment_ids: Sequence[PaymentId]) -> Sequence[IncomingHistory]:
        """Return these incoming transfers; as `of`."""
        ...
