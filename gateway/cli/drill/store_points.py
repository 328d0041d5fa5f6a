"""Points at the store, and inside its transactions; and the plants that live there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from gateway.cli.drill.plants import Plant
from gateway.cli.drill.points import BY_NAME, Place
from gateway.cli.drill.trap import Trap
from gateway.cli.drill.witness import Witness, name_of
from gateway.domain.events import EventKind
from gateway.service.ports import Accepted, Decision, NewPayment, OutboundDelivery, PaymentStore, Quarantined

_ON_ITS_WAY_S: Final = 0.001
"""So long after it was started a statement is on its way to the server, and seldom answered."""

_READS: Final[Mapping[Place, Mapping[str, str]]] = {
    Place.GATEWAY: {"final_since": "waiters", "load": "reading"},
    Place.WORKER: {
        "load_with_message": "load",
        "due_timers": "timers",
        "seen": "seen",
        "find_by_message_id": "found",
    },
}
"""The reading calls that are points, and what each is called there."""

_SAVES: Final[Mapping[EventKind, str]] = {
    EventKind.SENDING_STARTED: "sending",
    EventKind.DEADLINE_PASSED: "overdue",
    EventKind.STATUS_REQUEST_DUE: "question-due",
    EventKind.STATUS_REQUESTED: "asked",
}
"""What a saved decision is called, by its event; what came from the rail is an ``answer``."""

_writing: ContextVar[tuple[str, ...]] = ContextVar("_writing", default=())
"""What the statement under way writes."""


@dataclass(frozen=True, slots=True)
class WatchedPool:
    """A pool on which a process can die inside a statement, or between a statement and its commit."""

    pool: asyncpg.Pool[asyncpg.Record]
    trap: Trap
    plants: frozenset[Plant]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.pool, name)

    async def fetch(self, query: str, *values: Any) -> list[asyncpg.Record]:
        """Run one statement, as the pool does."""
        writing = _writing.get() if "INSERT INTO" in query else ()
        if self._is_due(writing, "sent"):
            async with asyncio.TaskGroup() as group:
                group.create_task(self.pool.fetch(query, *values))
                await asyncio.sleep(_ON_ITS_WAY_S)
                self.trap.spring()
        if self._is_due(writing, "executed"):
            async with self.pool.acquire() as connection, connection.transaction():
                await connection.fetch(query, *values)
                self.trap.spring()
        async with self.acquire() as connection:
            return await connection.fetch(query, *values)

    @asynccontextmanager
    async def acquire(self, *, timeout: float | None = None) -> AsyncIterator[PoolConnectionProxy[asyncpg.Record]]:
        """Lend a connection; one without the guard of synchronous commits stays so for good."""
        async with self.pool.acquire(timeout=timeout) as connection:
            if Plant.SYNCHRONOUS_COMMIT in self.plants:
                await connection.execute("SET synchronous_commit = off")
            yield connection

    def _is_due(self, writing: tuple[str, ...], moment: str) -> bool:
        """Count a passage for everything that is written; whether one of them is the one to die at."""
        return True in [self.trap.is_due(f"{what}.{moment}") for what in writing]


@dataclass(frozen=True, slots=True)
class WatchedStore:
    """A `PaymentStore` at which a process can die; what is no point passes through."""

    store: PaymentStore
    place: Place
    trap: Trap
    witness: Witness
    plants: frozenset[Plant]

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.store, name)
        what = _READS[self.place].get(name)
        return method if what is None else self._watched(method, what)

    def _watched(self, method: Callable[..., Awaitable[Any]], what: str) -> Callable[..., Awaitable[Any]]:
        async def watched(*values: Any, **named: Any) -> Any:
            self._passed(f"{what}.before")
            if what == "seen" and Plant.INBOX in self.plants:
                return {}
            result = await method(*values, **named)
            if what == "seen":
                self.witness.had_effect(result)
            if result:
                self._passed(f"{what}.after")
            if what == "waiters" and result:
                self._passed("waiters.final")
            return result

        return watched

    def _passed(self, point: str) -> None:
        if point in BY_NAME:
            self.trap.passed(point)

    async def accept(self, payments: Sequence[NewPayment]) -> Sequence[Accepted]:
        """Claim and save; see the port."""
        async with self._write(("accept",)):
            return await self.store.accept(payments)

    async def save(self, decisions: Sequence[Decision]) -> Sequence[bool]:
        """Save; see the port."""
        whats = {"answer" if one.inbox_id is not None else _SAVES.get(one.event.kind) for one in decisions}
        async with self._write(tuple(sorted(what for what in whats if what is not None))):
            saved = await self.store.save(await self._with_plants(decisions))
        held = zip(decisions, saved, strict=True)
        self.witness.had_effect(one.inbox_id for one, is_saved in held if is_saved and one.inbox_id is not None)
        return saved

    @asynccontextmanager
    async def _write(self, whats: tuple[str, ...]) -> AsyncIterator[None]:
        for what in whats:
            self.trap.passed(f"{what}.before")
        token = _writing.set(whats)
        try:
            yield
        finally:
            _writing.reset(token)
        for what in whats:
            self.trap.passed(f"{what}.committed")

    async def _with_plants(self, decisions: Sequence[Decision]) -> Sequence[Decision]:
        if Plant.INBOX in self.plants:
            decisions = [replace(one, inbox_id=None, inbox_digest=None) for one in decisions]
        if Plant.VERSION_CHECK in self.plants:
            now = await self.store.load([one.payment.payment_id for one in decisions])
            decisions = [
                replace(one, payment=replace(one.payment, version=now[one.payment.payment_id].version))
                for one in decisions
            ]
        return decisions

    async def quarantine(self, messages: Sequence[Quarantined]) -> None:
        """Keep bytes; see the port."""
        self.trap.passed("quarantine.before")
        await self.store.quarantine(messages)
        self.witness.had_effect(name_of(one.message.body) for one in messages)
        self.trap.passed("quarantine.after")

    async def forget(self, delivery_ids: Sequence[UUID]) -> None:
        """Delete outbox rows; see the port."""
        self.trap.passed("forget.before")
        self.witness.forgotten(delivery_ids)
        await self.store.forget(delivery_ids)
        self.trap.passed("forget.after")

    @asynccontextmanager
    async def relay(self, **named: Any) -> AsyncIterator[Sequence[OutboundDelivery]]:
        """Claim outbox rows; see the port."""
        self.trap.passed("relay.before")
        async with self.store.relay(**named) as deliveries:
            if deliveries:
                self.trap.passed("relay.claimed")
            yield deliveries
            self.witness.forgotten(delivery.delivery_id for delivery in deliveries)
            if deliveries:
                self.trap.passed("relay.published")
        if deliveries:
            self.trap.passed("relay.committed")
