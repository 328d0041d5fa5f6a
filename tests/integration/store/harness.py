"""What the contract is checked with: several stores on one database, payments, and decisions about them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final, Protocol
from uuid import UUID

from adapters.keys.clear import ClearVault
from adapters.postgres.connection import open_pool
from adapters.postgres.store import PostgresStore
from adapters.postgres.upgrade import digest_of_api_key
from gateway.domain.events import Event, EventKind
from gateway.domain.identity import delivery_id_of, payment_id_of, slot_of
from gateway.domain.payment import IdempotencyKey, Payment, PaymentId, Rail, TenantId
from gateway.domain.timing import Timing
from gateway.domain.transitions import Effect
from gateway.service.decide import decide
from gateway.service.ports import (
    Decision,
    MessageDirection,
    NewPayment,
    OutboundDelivery,
    PaymentStore,
    Queue,
    RawMessage,
)
from iso20022 import Amount, EndToEndId, InstructionId, MessageId, RoutingNumber, Uetr
from tests.conftest import API_KEY, REGION, TENANT, Database
from tests.fakes.store import InMemoryStore

NOW: Final = datetime(2026, 11, 20, 15, 15, tzinfo=UTC)
TIMING: Final = Timing()
OTHER_TENANT: Final = TenantId("other")
VAULT: Final = ClearVault(b"a-key-for-tests-only")

_numbers: Final = count(1)


class Stand(Protocol):
    """A database that any number of processes may open a store on."""

    def open(self, processes: int) -> AbstractAsyncContextManager[Sequence[PaymentStore]]:
        """Open one store for each process."""
        ...


class MemoryStand:
    """The fake: one store, whoever opens it."""

    def __init__(self, store: InMemoryStore | None = None) -> None:
        self._store = store or InMemoryStore(api_keys={digest_of_api_key(API_KEY): TENANT})

    @asynccontextmanager
    async def open(self, processes: int) -> AsyncIterator[Sequence[PaymentStore]]:
        """The same store for all."""
        yield [self._store] * processes


class PostgresStand:
    """The real one: a pool of its own for each process."""

    def __init__(self, database: Database) -> None:
        self.database = database

    @asynccontextmanager
    async def open(self, processes: int) -> AsyncIterator[Sequence[PaymentStore]]:
        """A store on a pool of its own for each."""
        async with AsyncExitStack() as stack:
            pools = [
                await stack.enter_async_context(open_pool(self.database.application_dsn, connections_max=4))
                for _ in range(processes)
            ]
            yield [PostgresStore(pool, region=REGION, vault=VAULT) for pool in pools]


def uuid() -> UUID:
    """A UUID that no other call returns, later ones after earlier ones."""
    return UUID(int=0x019AA1B2C3D470008000000000000000 + next(_numbers))


def new_payment(
    key: str, *, tenant_id: TenantId = TENANT, content: str = "content", message_id: str | None = None
) -> NewPayment:
    """A payment that waits to be claimed under `key`; equal but for its raw message's id for equal arguments."""
    idempotency_key = IdempotencyKey(key)
    payment_id = payment_id_of(tenant_id, idempotency_key, NOW.date())
    deadline_at = TIMING.deadline(NOW)
    body = f"<Document>{content}</Document>".encode()
    return NewPayment(
        payment_id=payment_id,
        tenant_id=tenant_id,
        idempotency_key=idempotency_key,
        slot=slot_of(idempotency_key),
        content_digest=VAULT.blind_index("content", content.encode()),
        rail=Rail.FEDNOW,
        message_id=MessageId(message_id or f"{tenant_id}-{key}"),
        end_to_end_id=EndToEndId("SAMPLE-INVOICE"),
        instruction_id=None,
        uetr=Uetr("7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d"),
        amount=Amount(5174),
        debtor_agent=RoutingNumber("990000107"),
        creditor_agent=RoutingNumber("990001106"),
        debtor_account_index=VAULT.blind_index("account", b"990000107:000111222"),
        creditor_account_index=VAULT.blind_index("account", b"990001106:000333444"),
        business_date=NOW.date(),
        accepted_at=NOW,
        deadline_at=deadline_at,
        timer_at=TIMING.decided_by(deadline_at),
        message=raw_message(MessageDirection.CLIENT_IN, message_id or key, body=body),
        outbox=(delivery(payment_id, deadline_at=deadline_at),),
    )


def over_rtp(key: str, *, instruction_id: str = "INSTRUCTION-1") -> NewPayment:
    """A payment over the rail that tells copies by the instruction id."""
    new = new_payment(key)
    queued = tuple(replace(each, queue=Queue.RTP_OUT_VALUE) for each in new.outbox)
    return replace(new, rail=Rail.RTP, instruction_id=InstructionId(instruction_id), outbox=queued)


def renewed(new: NewPayment, *, accepted_at: datetime) -> NewPayment:
    """The same payment as another submission of it would bring it: later, and with a raw message of its own."""
    return replace(new, accepted_at=accepted_at, message=replace(new.message, message_id=uuid(), at=accepted_at))


def raw_message(
    direction: MessageDirection, business_message_id: str, *, body: bytes = b"<Document/>", after_s: float = 0.0
) -> RawMessage:
    """A raw message of no particular content."""
    return RawMessage(
        message_id=uuid(),
        direction=direction,
        message_type="pacs.002.001.10" if direction is MessageDirection.RAIL_IN else "pacs.008.001.08",
        business_message_id=business_message_id,
        content_type="application/xml",
        body=body,
        at=NOW + timedelta(seconds=after_s),
    )


def delivery(payment_id: PaymentId, *, deadline_at: datetime, version: int = 1) -> OutboundDelivery:
    """What the outbox holds for a payment."""
    return OutboundDelivery(
        delivery_id_of(payment_id, Effect.QUEUE_TRANSFER, version), Queue.FEDNOW_OUT_VALUE, payment_id, deadline_at
    )


async def accepted(store: PaymentStore, key: str = "key-1") -> Payment:
    """A payment that was just accepted."""
    (outcome,) = await store.accept([new_payment(key)])
    assert outcome.payment is not None
    return outcome.payment


def decision(
    payment: Payment,
    kind: EventKind,
    *messages: RawMessage,
    status: str | None = None,
    inbox_id: str | None = None,
    after_s: float = 1.0,
) -> Decision:
    """What an event means for a payment."""
    return decide(
        payment,
        Event(kind, status=status, business_message_id=inbox_id),
        at=NOW + timedelta(seconds=after_s),
        timing=TIMING,
        messages=messages,
        inbox_id=inbox_id,
        inbox_digest=None if inbox_id is None else inbox_id.encode(),
    )


async def saved(store: PaymentStore, payment: Payment, kind: EventKind, *messages: RawMessage) -> Payment:
    """The payment after an event was saved."""
    assert await store.save([decision(payment, kind, *messages)]) == [True]
    return await now_of(store, payment)


async def now_of(store: PaymentStore, payment: Payment) -> Payment:
    """The payment as the store has it."""
    return (await store.load([payment.payment_id]))[payment.payment_id]


async def outbox_of(store: PaymentStore) -> list[OutboundDelivery]:
    """What waits in the outbox; it is given back."""
    seen: list[OutboundDelivery] = []
    with suppress(_GivenBackError):
        await _look(store, seen)
    return seen


class _GivenBackError(Exception):
    """Ends a look into the outbox, so that the rows stay."""


async def _look(store: PaymentStore, seen: list[OutboundDelivery]) -> None:
    async with store.relay(limit=10_000) as rows:
        seen.extend(rows)
        raise _GivenBackError
