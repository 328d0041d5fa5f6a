"""Conversations on PostgreSQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

import asyncpg

from adapters.postgres import conversation_statements as sql
from adapters.postgres.connection import translated
from adapters.postgres.conversation_rows import act_from, conversation_from
from adapters.postgres.rows import digest_of, message_from
from adapters.postgres.saving import ONE_BAD_ROW
from gateway.domain.audit import UNCHAINED, chained
from gateway.domain.conversation import (
    MAY_EXPIRE,
    Act,
    Conversation,
    ConversationId,
    ConversationKind,
    RecordedAct,
    Side,
)
from gateway.domain.payment import PaymentId, Rail, RegionId, TenantId
from gateway.domain.regions import FIRST_EPOCH
from gateway.service.chain import act_facts, conversation_facts, message_facts
from gateway.service.ports import (
    FaultyRowError,
    MessageDirection,
    NotHomeError,
    OutboundDelivery,
    RawMessage,
    Sealed,
    Vault,
)
from gateway.service.ports.conversations import (
    ConversationDecision,
    Counted,
    NewConversation,
    Opened,
    OpenKind,
    SettledFor,
)

_Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"


class _TakenError(Exception):
    """What was to be saved has had its effect, or does not hold any more: everything is taken back."""


class PostgresConversations:
    """Implements `gateway.service.ports.conversations.ConversationStore`; the caller opens and closes the pool."""

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], *, region: RegionId, vault: Vault) -> None:
        self._pool = pool
        self._region = region
        self._vault = vault

    async def open(self, new: NewConversation) -> Opened:
        """Save it if it is new; see the port."""
        conversation = new.conversation
        with translated():
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    await self._insert(connection, new)
            except _TakenError:
                known = await self._pool.fetchrow(
                    sql.FIND_TAKEN,
                    conversation.conversation_id,
                    conversation.rail.value,
                    conversation.message_id,
                    conversation.side.value,
                    self._region,
                )
                if known is None:
                    raise FaultyRowError("the message has had an effect, and opened no conversation") from None
            except asyncpg.DeadlockDetectedError:  # the world's fault, and no faulty row's: `translated` says so
                raise
            except ONE_BAD_ROW as error:
                raise FaultyRowError(str(error)) from error
            else:
                return Opened(OpenKind.OPENED, replace(conversation, region=self._region))
        is_elsewhere = known["region"] != self._region
        if is_elsewhere and new.counted is not None:
            raise NotHomeError(f"region {known['region']} has opened the conversation: it is to hear this, too")
        is_same = bytes(known["content_digest"]) == new.content_digest
        found = await self.load(ConversationId(known["conversation_id"]))
        if found is None:
            raise NotHomeError(f"region {known['region']} has opened the conversation, and its acts are not all here")
        return Opened(OpenKind.REPEATED if is_same else OpenKind.OTHER_CONTENT, found)

    async def _insert(self, connection: _Connection, new: NewConversation) -> None:
        now = new.conversation
        row = (
            self._region,
            now.conversation_id,
            now.tenant_id,
            now.rail.value,
            now.kind.value,
            now.side.value,
            now.message_id,
            new.content_digest,
            now.own_agent,
            now.counterparty,
            now.topic,
            None if now.amount is None else now.amount.cents,
            now.end_to_end_id,
            now.about_id,
            now.opened_at,
            now.pay_by,
            now.expires_at,
        )
        if await connection.fetchval(sql.INSERT, *row) is None:
            raise _TakenError
        expires_at = now.expires_at if now.state in MAY_EXPIRE else None
        await connection.execute(
            sql.INSERT_STATE,
            now.conversation_id,
            now.tenant_id,
            now.state.value,
            now.due_at,
            expires_at,
            now.kind is ConversationKind.REQUEST_FOR_PAYMENT,
            now.updated_at,
        )
        recorded = RecordedAct(
            1,
            Act.OPENED,
            None,
            now.state,
            new.reason,
            new.messages[0].business_message_id if new.messages else None,
            is_strange=False,
            at=now.opened_at,
            region=self._region,
            epoch=FIRST_EPOCH,
        )
        await self._keep(
            connection,
            now,
            recorded,
            before=conversation_facts(new, region=self._region).digest(),
            messages=new.messages,
            outbox=new.outbox,
            counted=new.counted,
            by=new.by,
        )

    async def save(self, decision: ConversationDecision) -> bool:
        """Save it if it holds; see the port."""
        home = decision.conversation.region
        if home not in {None, self._region}:
            raise NotHomeError(f"the conversation's home is region {home}")
        with translated():
            try:
                async with self._pool.acquire() as connection, connection.transaction():
                    await self._move(connection, decision)
            except _TakenError:
                return False
        return True

    async def _move(self, connection: _Connection, decision: ConversationDecision) -> None:
        before = decision.conversation
        paid = before.payment_id or decision.payment_id
        moved = await connection.fetchrow(
            sql.MOVE,
            before.conversation_id,
            before.version,
            decision.state.value,
            decision.due_at,
            before.expires_at if decision.state in MAY_EXPIRE else None,
            before.kind is ConversationKind.REQUEST_FOR_PAYMENT and paid is None,
            decision.payment_id,
            decision.withdrawal_id,
            decision.needs_attention,
            decision.at,
        )
        if moved is None:
            raise _TakenError
        recorded = RecordedAct(
            before.version + 1,
            decision.act,
            before.state,
            decision.state,
            decision.reason,
            decision.business_message_id,
            decision.is_strange,
            decision.at,
            self._region,
            FIRST_EPOCH,
            decision.payment_id,
        )
        await self._keep(
            connection,
            before,
            recorded,
            before=moved["event_digest"] or UNCHAINED,
            messages=decision.messages,
            outbox=decision.outbox,
            counted=decision.counted,
            payment_id=decision.payment_id,
            by=decision.by,
        )

    async def _keep(
        self,
        connection: _Connection,
        of: Conversation,
        recorded: RecordedAct,
        *,
        before: bytes,
        messages: Sequence[RawMessage],
        outbox: Sequence[OutboundDelivery],
        counted: Counted | None,
        payment_id: PaymentId | None = None,
        by: str | None,
    ) -> None:
        """Save an act, chained to what was `before`, and what belongs to it.

        Whatever of it has had its effect takes all of it back.
        """
        if counted is not None:
            row = (self._region, of.rail.value, counted.inbox_id, counted.digest, of.tenant_id, of.conversation_id)
            if await connection.fetchval(sql.INSERT_INBOX, *row, recorded.at) is None:
                raise _TakenError
        kept = [(message, self._vault.seal(message.body)) for message in messages]
        said = {"decided_by": by, "payment_id": None if payment_id is None else str(payment_id)}
        details = {name: value for name, value in said.items() if value is not None}
        facts = act_facts(of, recorded, details, region=self._region)
        chained_with = facts.digest([message_facts(message, sealed) for message, sealed in kept])
        digest = chained(before, epoch=FIRST_EPOCH, facts=chained_with)
        await connection.execute(
            sql.INSERT_EVENT,
            self._region,
            of.conversation_id,
            of.tenant_id,
            facts.sequence,
            facts.kind,
            facts.state_before,
            facts.state_after,
            facts.reason_code,
            facts.reason_origin,
            facts.reason_text,
            facts.business_message_id,
            payment_id,
            by,
            facts.contradiction,
            facts.at,
            FIRST_EPOCH,
            digest,
        )
        await connection.execute(sql.CHAIN, of.conversation_id, digest)
        for position, (message, sealed) in enumerate(kept):
            await self._keep_message(connection, of, message, sealed, sequence=facts.sequence, position=position)
        for delivery in outbox:
            await connection.execute(
                sql.INSERT_OUTBOX,
                delivery.delivery_id,
                delivery.queue.value,
                of.tenant_id,
                delivery.payment_id,
                delivery.deadline_at,
                recorded.at,
            )

    async def _keep_message(
        self,
        connection: _Connection,
        of: Conversation,
        message: RawMessage,
        sealed: Sealed,
        *,
        sequence: int,
        position: int,
    ) -> None:
        await connection.execute(
            sql.INSERT_MESSAGE,
            self._region,
            message.message_id,
            of.tenant_id,
            of.conversation_id,
            message.direction.value,
            message.message_type,
            message.business_message_id,
            message.content_type,
            sealed.key_id,
            sealed.ciphertext,
            digest_of(sealed),
            sequence,
            position,
            message.at,
        )
        if message.direction is MessageDirection.RAIL_OUT:
            await connection.execute(sql.INSERT_UNSENT, of.conversation_id, message.message_id)

    # --- reading ---

    async def load(self, conversation_id: ConversationId) -> Conversation | None:
        """Return one as it is now; see the port."""
        with translated():
            row = await self._pool.fetchrow(sql.LOAD, conversation_id, self._region)
        return None if row is None else conversation_from(row)

    async def find_by_message_id(
        self, rail: Rail, message_ids: Sequence[str]
    ) -> Mapping[str, Mapping[Side, Conversation]]:
        """Return those that messages are of; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.FIND_BY_MESSAGE_ID, rail.value, list(message_ids), self._region)
        found: dict[str, dict[Side, Conversation]] = defaultdict(dict)
        for row in rows:
            found[row["known_by"]][Side(row["side"])] = conversation_from(row)
        return dict(found)

    async def find(
        self,
        tenant_id: TenantId | None,
        *,
        kind: ConversationKind | None = None,
        about: PaymentId | None = None,
        is_open: bool = True,
        limit: int,
    ) -> Sequence[Conversation]:
        """Return what is due first first; see the port."""
        with translated():
            wanted = (tenant_id, kind and kind.value, limit)
            if about is not None:
                rows = await self._pool.fetch(sql.FIND_ABOUT, *wanted, about, is_open, self._region)
            else:
                rows = await self._pool.fetch(sql.FIND_OPEN if is_open else sql.FIND, *wanted, self._region)
        return [conversation_from(row) for row in rows]

    async def events(self, conversation_id: ConversationId) -> Sequence[RecordedAct]:
        """Return the history; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.EVENTS, conversation_id, self._region)
        return [act_from(row) for row in rows]

    async def messages(self, conversation_id: ConversationId) -> Sequence[RawMessage]:
        """Return the raw messages; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.MESSAGES, conversation_id, self._region)
        return [message_from(row, self._vault) for row in rows]

    # --- what is still to be done ---

    @asynccontextmanager
    async def sending(self, conversation_id: ConversationId) -> AsyncIterator[RawMessage | None]:
        """Lend the next that may not have left, under its row's lock; see the port."""
        with translated():
            async with self._pool.acquire() as connection, connection.transaction():
                row = await connection.fetchrow(sql.TAKE_UNSENT, conversation_id)
                yield None if row is None else message_from(row, self._vault)
                if row is not None:
                    await connection.execute(sql.SENT, row["unsent_position"])

    async def waiting(
        self, rail: Rail, before: datetime, *, but: Collection[ConversationId], limit: int
    ) -> Sequence[Conversation]:
        """Return what may not have left; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.WAITING, rail.value, before, list(but), limit, self._region)
        return [conversation_from(row) for row in rows]

    async def expired(self, now: datetime, *, limit: int) -> Sequence[Conversation]:
        """Return what has run out; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.EXPIRED, now, limit, self._region)
        return [conversation_from(row) for row in rows]

    async def settled(self, since: datetime, *, limit: int) -> Sequence[SettledFor]:
        """Return what was paid; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.SETTLED, since, limit, self._region)
        return [SettledFor(conversation_from(row), PaymentId(row["settled_id"]), row["settled_cents"]) for row in rows]

    async def overdue(self, now: datetime) -> Mapping[RegionId, int]:
        """Return how many are late; see the port."""
        with translated():
            rows = await self._pool.fetch(sql.OVERDUE, now, self._region)
        return {self._region: 0} | {RegionId(row["region"]): row["count"] for row in rows}
