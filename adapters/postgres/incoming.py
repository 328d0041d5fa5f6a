"""Incoming transfers on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import compress
from typing import Final
from uuid import UUID

import asyncpg

from adapters.postgres import incoming_statements as sql
from adapters.postgres.archive import messages_of
from adapters.postgres.connection import translated
from adapters.postgres.homes import Homes
from adapters.postgres.incoming_rows import admit_columns, fact_from, incoming_save_columns, transfer_from
from adapters.postgres.saving import ONE_BAD_ROW, SaveOutcome, save_each
from adapters.postgres.statements import EVENTS
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import TO_BE_DECIDED, UNENDED, IncomingTransfer, RecordedFact
from gateway.domain.payment import Payment, PaymentId, Rail, RegionId, TenantId
from gateway.domain.receiving_time import in_order_of_deciding
from gateway.domain.stand_in import REJECT_ALL, AccountStanding, policy_from
from gateway.service.ports import (
    Admitted,
    Alone,
    ArchiveReader,
    DueTimer,
    FaultyRowError,
    IncomingBacklog,
    IncomingDecision,
    NewTransfer,
    NotHomeError,
    PartlyFaultyError,
    RawMessage,
    Receivers,
    ReceivingTenant,
    Standing,
    Tenure,
    UnavailableError,
    Unsent,
    Vault,
)
from iso20022 import RoutingNumber

ATTEMPTS_MAX: Final = 5
"""How often a transfer is admitted again that was neither new nor known, because another transaction had aborted."""

_Outcome = Admitted | FaultyRowError | NotHomeError


class PostgresIncoming:
    """Implements `gateway.service.ports.IncomingStore` over a pool of the application's role.

    Messages that have left for the archive are read there, by `archive`. The caller opens and closes the pool.
    """

    def __init__(
        self,
        pool: asyncpg.Pool[asyncpg.Record],
        *,
        region: RegionId,
        vault: Vault,
        archive: ArchiveReader | None = None,
        tenure: Tenure | None = None,
    ) -> None:
        self._archive = archive
        self._tenure = tenure or Alone()
        self._homes = Homes(pool, region=region)
        self._pool = pool
        self._region = region
        self._vault = vault

    # --- who receives ---

    async def receiving_tenants(self) -> Receivers:
        """Return who receives; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.RECEIVING_TENANTS)
        return Receivers(
            {
                RoutingNumber(row["routing_number"]): TenantId(row["tenant_id"])
                for row in rows
                if row["routing_number"] is not None
            },
            {TenantId(row["tenant_id"]): _tenant_from(row) for row in rows},
        )

    async def account_standing(self, tenant_id: TenantId, account_index: bytes) -> AccountStanding:
        """Return what the directory says; see the port."""
        with translated():
            standing = await self._pool.fetchval(sql.ACCOUNT_STANDING, tenant_id, account_index)
        return AccountStanding.UNKNOWN if standing is None else AccountStanding(standing)

    # --- what the rail brings ---

    async def admit(self, transfers: Sequence[NewTransfer]) -> Sequence[Admitted]:
        """Make durable what is new; see the port."""
        self._tenure.demand()
        first: dict[tuple[Rail, str], NewTransfer] = {}
        for new in transfers:
            first.setdefault((new.rail, new.message_id), new)
        outcomes: dict[tuple[Rail, str], _Outcome] = {}
        waiting = list(first.values())
        with translated():
            for attempt in range(ATTEMPTS_MAX):
                owners = await self._homes.owners_of([new.slot for new in waiting], anew=attempt > 0)
                at_home = [owner.region == self._region for owner in owners]
                outcomes |= {
                    (new.rail, new.message_id): NotHomeError(f"the home of this transfer is region {owner.region}")
                    for new, owner, is_at_home in zip(waiting, owners, at_home, strict=True)
                    if not is_at_home
                }
                outcomes |= await self._admit_once(
                    list(compress(waiting, at_home)), [owner.epoch for owner in compress(owners, at_home)]
                )
                waiting = [new for new in waiting if (new.rail, new.message_id) not in outcomes]
                if not waiting:
                    break
            else:
                raise UnavailableError(f"{len(waiting)} transfers were neither new nor known {ATTEMPTS_MAX} times")
        answers: list[_Outcome] = []
        for new in transfers:
            key = (new.rail, new.message_id)
            answers.append(outcomes[key])
            outcome = outcomes[key]
            if isinstance(outcome, Admitted):  # whoever else has the id in this call comes after the first
                outcomes[key] = Admitted(outcome.transfer, is_new=False)
        admitted = [answer for answer in answers if isinstance(answer, Admitted)]
        if len(admitted) < len(answers):
            raise PartlyFaultyError(answers)
        return admitted

    async def _admit_once(
        self, waiting: Sequence[NewTransfer], epochs: Sequence[int]
    ) -> dict[tuple[Rail, str], _Outcome]:
        outcomes: dict[tuple[Rail, str], _Outcome] = {}
        if not waiting:
            return outcomes
        try:
            parameters = admit_columns(waiting, self._vault, region=self._region, epochs=epochs)
            rows = await self._pool.fetch(sql.ADMIT, self._region, *parameters)
        except ONE_BAD_ROW as error:
            if len(waiting) == 1:
                new = waiting[0]
                lost_a_race = isinstance(error, asyncpg.DeadlockDetectedError)
                return {} if lost_a_race else {(new.rail, new.message_id): FaultyRowError(str(error))}
            for new, epoch in zip(waiting, epochs, strict=True):  # one bad row never spoils the others: each alone
                outcomes |= await self._admit_once([new], [epoch])
            return outcomes
        fresh = {row["payment_id"] for row in rows}
        for new in waiting:
            if new.payment_id in fresh:
                outcomes[new.rail, new.message_id] = Admitted(new.received(region=self._region), is_new=True)
        # What another transaction has just inserted is read in a statement of its own, never in the same snapshot.
        known = [new for new in waiting if new.payment_id not in fresh]
        for rail in {new.rail for new in known}:
            rows = await self._pool.fetch(
                sql.FIND_BY_MESSAGE_ID, rail.value, [new.message_id for new in known if new.rail is rail]
            )
            for transfer in map(transfer_from, rows):
                outcomes[rail, transfer.message_id] = Admitted(transfer, is_new=False)
        return outcomes

    async def backlog(self, now: datetime) -> IncomingBacklog:
        """Return what is not at its end; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.BACKLOG, [state.value for state in UNENDED])
            overdue: int = await self._pool.fetchval(sql.REQUESTS_OVERDUE, now)
            attention: int = await self._pool.fetchval(sql.ATTENTION_COUNT)
        standing = {
            IncomingState(row["state"]): Standing(row["count"], row["oldest_at"], row["forwarded_at"]) for row in rows
        }
        return IncomingBacklog(standing, overdue, attention)

    async def requested(self, tenant_id: TenantId | None, *, limit: int) -> Sequence[IncomingTransfer]:
        """Return what is asked back; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.REQUESTED, tenant_id, limit)
        return [transfer_from(row) for row in rows]

    async def returns_of(self, payment: Payment) -> Sequence[IncomingTransfer]:
        """Return what came back of a payment; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.RETURNS_OF, payment.payment_id)
        return [transfer_from(row) for row in rows]

    async def find_by_message_id(self, rail: Rail, message_ids: Sequence[str]) -> Mapping[str, IncomingTransfer]:
        """Return transfers by the sender's ids and ours; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.FIND_BY_MESSAGE_ID, rail.value, list(message_ids))
            found: dict[str, IncomingTransfer] = {row["message_id"]: transfer_from(row) for row in rows}
            if missing := [message_id for message_id in message_ids if message_id not in found]:
                for statement in (sql.FIND_BY_MESSAGE_SENT, sql.FIND_BY_ARCHIVED_MESSAGE_SENT):
                    rows = await self._pool.fetch(statement, missing)
                    found |= {row["sent_message_id"]: transfer_from(row) for row in rows if row["rail"] == rail.value}
        return found

    # --- decisions ---

    async def save(self, decisions: Sequence[IncomingDecision]) -> Sequence[bool]:
        """Save what still holds; see the port."""
        self._tenure.demand()

        async def save(rail: Rail, group: Sequence[IncomingDecision]) -> Mapping[UUID, SaveOutcome]:
            parameters = incoming_save_columns(group, self._vault, region=self._region)
            rows = await self._pool.fetch(sql.SAVE, self._region, rail.value, *parameters)
            return {row["payment_id"]: True if row["is_ours"] else self._not_home(row["payment_id"]) for row in rows}

        return await save_each(decisions, lambda decision: decision.transfer, save)

    def _not_home(self, payment_id: UUID) -> NotHomeError:
        return NotHomeError(f"the home of incoming transfer {payment_id} is not region {self._region}")

    # --- what is still to be done ---

    async def sent(self, unsent: Sequence[Unsent]) -> None:
        """Note what has left; see the port."""
        with translated():
            await self._pool.execute(
                sql.SENT, [each.payment_id for each in unsent], [each.unsent_at for each in unsent]
            )

    async def take_unsent(self, now: datetime, *, again_at: datetime, limit: int) -> Sequence[Unsent]:
        """Lend what may not have left; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.TAKE_UNSENT, now, again_at, limit)
        return [Unsent(PaymentId(row["payment_id"]), again_at) for row in rows]

    async def take_over(self, due: DueTimer, *, again_at: datetime) -> bool:
        """Move a timer, if it is still where it was; see the port."""
        with translated():
            moved = await self._pool.fetchval(sql.TAKE_OVER, due.payment_id, due.due_at, again_at)
        return moved is not None

    async def due_timers(self, now: datetime, *, limit: int) -> Sequence[DueTimer]:
        """Return what is due; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.DUE_TIMERS, now, limit)
        return [DueTimer(PaymentId(row["payment_id"]), row["timer_at"]) for row in rows]

    # --- reading ---

    async def load(self, payment_ids: Sequence[PaymentId]) -> Mapping[PaymentId, IncomingTransfer]:
        """Return transfers as they are now; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.LOAD, list(payment_ids))
        return {transfer.payment_id: transfer for transfer in map(transfer_from, rows)}

    async def find(
        self, tenant_id: TenantId | None, *, states: Sequence[IncomingState], limit: int
    ) -> Sequence[IncomingTransfer]:
        """Return a tenant's transfers; see the port."""
        asked = [state.value for state in states or IncomingState]
        with translated():
            rows = await self._pool.fetch(sql.ATTENTION, limit, asked, tenant_id)
            for state, statement in sql.TO_BE_DECIDED_IN.items():
                if state in asked:
                    rows += await self._pool.fetch(statement, limit, tenant_id)
            for state in states:
                if state not in TO_BE_DECIDED:
                    rows += await self._pool.fetch(sql.NEWEST_IN_STATE, limit, state.value, tenant_id)
            if not states:
                rows += await (
                    self._pool.fetch(sql.NEWEST, limit)
                    if tenant_id is None
                    else self._pool.fetch(sql.NEWEST_OF_TENANT, limit, tenant_id)
                )
        found = {transfer.payment_id: transfer for transfer in map(transfer_from, rows)}
        return in_order_of_deciding(found.values())[:limit]

    async def messages(self, payment_id: PaymentId) -> Sequence[RawMessage]:
        """Return the raw messages; see the port."""
        return await messages_of(self._pool, payment_id, vault=self._vault, archive=self._archive)

    async def events(self, payment_id: PaymentId) -> Sequence[RecordedFact]:
        """Return the history; see the port."""
        with translated():
            rows = await self._pool.fetch(EVENTS, payment_id)
        return [fact_from(row) for row in rows]


def _tenant_from(row: asyncpg.Record) -> ReceivingTenant:
    tenant_id, url = TenantId(row["tenant_id"]), row["institution_url"]
    try:
        return ReceivingTenant(tenant_id, url, policy_from(json.loads(row["stand_in"])))
    except ValueError as error:
        return ReceivingTenant(tenant_id, url, REJECT_ALL, f"the stand-in policy of tenant {tenant_id}: {error}")
