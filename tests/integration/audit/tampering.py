"""Tampering, as the database's owner could: by hand, or with all later digests of the payment computed anew.

Every tamper is applied in a transaction that is rolled back, and is looked for in it with the verifier's own functions:
at the payments and the seals that it touched, which is where a verification of everything would come to as well.
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg

from adapters.postgres.audit import PostgresAuditReader
from gateway.domain.audit import UNCHAINED, Seal, chained, sealed_entry
from gateway.service.ports import Anchor
from gateway.service.verify_audit import Trail, verify_payment, verify_seals
from tests.conftest import REGION

EVENT_EDITS: Final[Mapping[str, str]] = {
    "tenant_id": "tenant_id || 'x'",
    "epoch": "epoch + 1",
    "sequence": "sequence + 100",
    "kind": "kind || 'X'",
    "state_before": "coalesce(state_before, '') || 'X'",
    "state_after": "CASE state_after WHEN 'REJECTED' THEN 'SETTLED' ELSE 'REJECTED' END",
    "status": "coalesce(status, '') || 'X'",
    "reason_code": "coalesce(reason_code, '') || 'X'",
    "reason_origin": "CASE reason_origin WHEN 'rail' THEN 'gateway' ELSE 'rail' END",
    "reason_text": "coalesce(reason_text, '') || 'X'",
    "business_message_id": "coalesce(business_message_id, '') || 'X'",
    "details": """details || '{"note": "X"}'""",
    "contradiction": "NOT contradiction",
    "at": "at + interval '1 microsecond'",
    "digest": "sha256(digest)",
    "sql_transaction": "sql_transaction + 1",
}
PAYMENT_EDITS: Final[Mapping[str, str]] = {
    "tenant_id": "tenant_id || 'x'",
    "rail": "'rtp'",
    "message_id": "message_id || 'X'",
    "end_to_end_id": "end_to_end_id || 'X'",
    "instruction_id": "coalesce(instruction_id, '') || 'X'",
    "uetr": "coalesce(uetr, '') || 'X'",
    "amount_cents": "amount_cents + 1",
    "debtor_agent": "'990000000'",
    "creditor_agent": "'990000000'",
    "debtor_account_index": "sha256(debtor_account_index)",
    "creditor_account_index": "sha256(creditor_account_index)",
    "business_date": "business_date + 1",
    "accepted_at": "accepted_at + interval '1 microsecond'",
    "deadline_at": "deadline_at + interval '1 microsecond'",
    "funds_holder": "CASE funds_holder WHEN 'tenant' THEN 'core' ELSE 'tenant' END",
    "original_id": "gen_random_uuid()",
}
MESSAGE_EDITS: Final[Mapping[str, str]] = {
    "message_id": "gen_random_uuid()",
    "tenant_id": "tenant_id || 'x'",
    "direction": "CASE direction WHEN 'rail_in' THEN 'rail_out' ELSE 'rail_in' END",
    "message_type": "message_type || 'X'",
    "business_message_id": "business_message_id || 'X'",
    "content_type": "content_type || 'X'",
    "key_id": "key_id || 'X'",
    "body": "body || ' '::bytea",
    "digest": "sha256(digest)",
    "at": "at + interval '1 microsecond'",
    "event_sequence": "CASE event_sequence WHEN 1 THEN 2 ELSE NULL END",
}
STATE_EDITS: Final[Mapping[str, str]] = {
    "state": "CASE state WHEN 'REJECTED' THEN 'SETTLED' ELSE 'REJECTED' END",
    "version": "version + 1",
    "epoch": "epoch + 1",
    "updated_at": "updated_at + interval '1 second'",
    "event_digest": "sha256(event_digest)",
}
SEAL_EDITS: Final[Mapping[str, str]] = {
    "number": "number + 1000000",
    "previous": "sha256(previous)",
    "entries": "sha256(entries)",
    "events": "events + 1",
    "transactions_from": "transactions_from - 1",
    "transactions_before": "transactions_before + 1",
    "at": "at + interval '1 microsecond'",
    "digest": "sha256(digest)",
    "covers_conversations": "NOT covers_conversations",
}

Connection = asyncpg.Connection


@dataclass(frozen=True, slots=True)
class History:
    """A sound history before it is tampered with: its payments, seals and anchors."""

    payments: Sequence[UUID]
    seals: Sequence[Seal]
    anchors: Sequence[Anchor]

    def seal_of(self, sql_transaction: int) -> int:
        """The number of the seal that covers a transaction; the one after the last where none does."""
        return bisect_right([seal.transactions_before for seal in self.seals], sql_transaction) + 1


@dataclass(frozen=True, slots=True)
class Tamper:
    """What was done, and where it must show: in these payments, or in the seals from the first to the last of these."""

    kind: str
    what: str
    payments: frozenset[UUID]
    seals: tuple[int, int | None]


Act: TypeAlias = Callable[[Connection, History], Awaitable[Tamper]]
"""Does something to the history, and tells what."""


async def history_of(connection: Connection) -> History:
    """Read what there is."""
    reader = PostgresAuditReader(connection)
    seals = [seal async for part in reader.seals(REGION) for seal, _ in part]
    rows = await connection.fetch("SELECT DISTINCT payment_id FROM payment_event WHERE sql_transaction > 0")
    return History(sorted(row["payment_id"] for row in rows), seals, [Anchor.of(seal) for seal in seals])


async def looked_for(connection: Connection, history: History, tamper: Tamper) -> Trail:
    """Verify what a tamper has touched, on the connection that has applied it."""
    reader, trail = PostgresAuditReader(connection), Trail()
    for payment_id in tamper.payments:
        async for part in reader.payments((payment_id, payment_id)):
            for payment in part:
                verify_payment(payment, trail, local=REGION)
    first, last = tamper.seals
    before = history.seals[first - 2] if first > 1 else None
    after = None if before is None else (before, before.digest())
    await verify_seals(reader, REGION, history.anchors, trail, after=after, until=last)
    return trail


async def applied_and_looked_for(connection: Connection, history: History, tamper: Act) -> tuple[Tamper, Trail]:
    """Apply a tamper, look for it, and take it back."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        done = await tamper(connection, history)
        return done, await looked_for(connection, history, done)
    finally:
        await transaction.rollback()


async def rechained(connection: Connection, payment_id: UUID) -> None:
    """Compute a payment's digests anew, and the state's: what a tamperer who has read docs/audit.md would do."""
    async for part in PostgresAuditReader(connection).payments((payment_id, payment_id)):
        for payment in part:
            if not payment.events or not payment.facts:
                continue
            head = payment.facts[0].digest()
            for event in payment.events:
                messages = [each.facts for each in payment.messages if each.event_sequence == event.facts.sequence]
                head = chained(head, epoch=event.epoch, facts=event.facts.digest(messages))
                await connection.execute(
                    "UPDATE payment_event SET digest = $3 WHERE payment_id = $1 AND sequence = $2",
                    payment_id, event.facts.sequence, head,
                )  # fmt: skip
            last = payment.events[-1]
            await connection.execute(
                "UPDATE payment_state SET event_digest = $2, version = $3, state = $4, updated_at = $5, epoch = $6 "
                "WHERE payment_id = $1",
                payment_id, head, last.facts.sequence, last.facts.state_after, last.facts.at, last.epoch,
            )  # fmt: skip


async def resealed(connection: Connection, history: History, *, first: int) -> None:
    """Compute all seals from this one on anew: only what was written down outside can tell then."""
    reader = PostgresAuditReader(connection)
    head = history.seals[first - 2].digest() if first > 1 else UNCHAINED
    for seal in history.seals[first - 1 :]:
        entries, events = sha256(), 0
        async for part in reader.entries(REGION, since=seal.transactions_from, before=seal.transactions_before):
            events += len(part)
            entries.update(b"".join(sealed_entry(entry.sql_transaction, entry.digest) for entry in part))
        forged = replace(seal, previous=head, entries=entries.digest(), events=events)
        head = forged.digest()
        await connection.execute(
            "UPDATE audit_seal SET previous = $2, entries = $3, events = $4, digest = $5 WHERE number = $1",
            seal.number, forged.previous, forged.entries, forged.events, head,
        )  # fmt: skip


# --- Tampers ----------------------------------------------------------------------------------------------------


class Tamperer:
    """Draws tampers of every kind; the same seed, the same tampers."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.kinds: Mapping[str, Sequence[Act]] = {
            "edit": (
                self.edit_event,
                self.edit_event_and_rechain,
                self.edit_payment,
                self.edit_message,
                self.edit_seal,
            ),
            "delete": (self.delete_event, self.delete_payment, self.delete_message, self.delete_seal),
            "insert": (self.insert_event, self.insert_event_and_rechain, self.insert_payment),
            "reorder": (self.reorder_events, self.reorder_events_and_rechain, self.reorder_transactions),
            "cut": (self.cut_payment, self.cut_history, self.cut_seals, self.rewrite_history),
        }

    async def draw(self, connection: Connection, history: History) -> Tamper:
        """Apply one of a random kind."""
        kind = self._random.choice(list(self.kinds))
        return await self._random.choice(self.kinds[kind])(connection, history)

    async def _event(self, connection: Connection, history: History) -> asyncpg.Record:
        payment_id = self._random.choice(history.payments)
        rows = await connection.fetch("SELECT * FROM payment_event WHERE payment_id = $1 ORDER BY sequence", payment_id)
        return self._random.choice(rows)

    async def _edited_event(self, connection: Connection, history: History, columns: Sequence[str]) -> Tamper:
        event = await self._event(connection, history)
        column = self._random.choice(columns)
        await connection.execute(
            f"UPDATE payment_event SET {column} = {EVENT_EDITS[column]} WHERE payment_id = $1 AND sequence = $2",
            event["payment_id"], event["sequence"],
        )  # fmt: skip
        return _of_event("edit", f"payment_event.{column}", event, history)

    async def edit_event(self, connection: Connection, history: History) -> Tamper:
        """Any column of an event."""
        return await self._edited_event(connection, history, list(EVENT_EDITS))

    async def edit_event_and_rechain(self, connection: Connection, history: History) -> Tamper:
        """What an event says, with all digests of the payment computed anew."""
        columns = [name for name in EVENT_EDITS if name not in {"tenant_id", "sequence", "digest"}]
        tamper = await self._edited_event(connection, history, columns)
        [payment_id] = tamper.payments
        await rechained(connection, payment_id)
        return replace(tamper, what=f"{tamper.what}, rechained")

    async def edit_payment(self, connection: Connection, history: History) -> Tamper:
        """Any column of a payment."""
        event = await self._event(connection, history)
        column = self._random.choice(list(PAYMENT_EDITS))
        await connection.execute(
            f"UPDATE payment SET {column} = {PAYMENT_EDITS[column]} WHERE payment_id = $1", event["payment_id"]
        )
        return _of_event("edit", f"payment.{column}", event, history)

    async def edit_message(self, connection: Connection, history: History) -> Tamper:
        """Any column of a message."""
        event = await self._event(connection, history)
        column = self._random.choice(list(MESSAGE_EDITS))
        await connection.execute(
            f"UPDATE message SET {column} = {MESSAGE_EDITS[column]} WHERE payment_id = $1", event["payment_id"]
        )
        return _of_event("edit", f"message.{column}", event, history)

    async def edit_seal(self, connection: Connection, history: History) -> Tamper:
        """Any column of a seal."""
        number = self._random.randrange(1, len(history.seals) + 1)
        column = self._random.choice(list(SEAL_EDITS))
        await connection.execute(f"UPDATE audit_seal SET {column} = {SEAL_EDITS[column]} WHERE number = $1", number)
        return Tamper("edit", f"audit_seal.{column}", frozenset(), (number, min(number + 1, len(history.seals))))

    async def delete_event(self, connection: Connection, history: History) -> Tamper:
        """One event, with its messages."""
        event = await self._event(connection, history)
        await _delete_event(connection, event)
        return _of_event("delete", "an event", event, history)

    async def delete_payment(self, connection: Connection, history: History) -> Tamper:
        """A payment as if it had never been: no chain is left that could tell."""
        event = await self._event(connection, history)
        for table in ("payment_event", "payment", "message", "payment_state", "claim"):
            await connection.execute(f"DELETE FROM {table} WHERE payment_id = $1", event["payment_id"])
        return _of_event("delete", "a whole payment", event, history)

    async def delete_message(self, connection: Connection, history: History) -> Tamper:
        """A payment's raw messages."""
        event = await self._event(connection, history)
        await connection.execute("DELETE FROM message WHERE payment_id = $1", event["payment_id"])
        return _of_event("delete", "the messages", event, history)

    async def delete_seal(self, connection: Connection, history: History) -> Tamper:
        """One seal."""
        number = self._random.randrange(1, len(history.seals) + 1)
        await connection.execute("DELETE FROM audit_seal WHERE number = $1", number)
        return Tamper("delete", "a seal", frozenset(), (number, min(number + 1, len(history.seals))))

    async def _insert_after(self, connection: Connection, history: History) -> asyncpg.Record:
        event = await self._event(connection, history)
        rows = await connection.fetch(
            "SELECT sequence FROM payment_event WHERE payment_id = $1 AND sequence > $2 ORDER BY sequence DESC",
            event["payment_id"], event["sequence"],
        )  # fmt: skip
        for row in rows:
            for table, column in (("payment_event", "sequence"), ("message", "event_sequence")):
                await connection.execute(
                    f"UPDATE {table} SET {column} = {column} + 1 WHERE payment_id = $1 AND {column} = $2",
                    event["payment_id"], row["sequence"],
                )  # fmt: skip
        await connection.execute(
            """
            INSERT INTO payment_event (region, payment_id, tenant_id, epoch, sequence, kind, state_before, state_after,
                details, contradiction, at, digest, sql_transaction)
            SELECT region, payment_id, tenant_id, epoch, sequence + 1, 'PostingReported', state_after, 'SETTLED', '{}',
                false, at, sha256(digest), sql_transaction
            FROM payment_event WHERE payment_id = $1 AND sequence = $2
            """,
            event["payment_id"], event["sequence"],
        )  # fmt: skip
        return event

    async def insert_event(self, connection: Connection, history: History) -> Tamper:
        """An event between two, or after the last."""
        event = await self._insert_after(connection, history)
        return _of_event("insert", "an event", event, history)

    async def insert_event_and_rechain(self, connection: Connection, history: History) -> Tamper:
        """The same, with all digests of the payment computed anew."""
        event = await self._insert_after(connection, history)
        await rechained(connection, event["payment_id"])
        return _of_event("insert", "an event, rechained", event, history)

    async def insert_payment(self, connection: Connection, history: History) -> Tamper:
        """A copy of a payment's first event under another id, as if it had been there."""
        event = await self._event(connection, history)
        payment_id = UUID(int=event["payment_id"].int ^ self._random.getrandbits(64))
        await connection.execute(
            """
            INSERT INTO payment_event (region, payment_id, tenant_id, epoch, sequence, kind, state_after, details,
                contradiction, at, digest, sql_transaction)
            SELECT region, $2, tenant_id, epoch, sequence, kind, state_after, details, contradiction, at, digest,
                sql_transaction
            FROM payment_event WHERE payment_id = $1 AND sequence = 1
            """,
            event["payment_id"], payment_id,
        )  # fmt: skip
        tamper = _of_event("insert", "a payment", event, history)
        return replace(tamper, payments=frozenset({payment_id}))

    async def reorder_events(self, connection: Connection, history: History) -> Tamper:
        """Two events of a payment change places."""
        event = await self._event(connection, history)
        await _swapped(connection, event["payment_id"])
        return _of_event("reorder", "two events", event, history)

    async def reorder_events_and_rechain(self, connection: Connection, history: History) -> Tamper:
        """The same, with all digests of the payment computed anew."""
        event = await self._event(connection, history)
        await _swapped(connection, event["payment_id"])
        await rechained(connection, event["payment_id"])
        return _of_event("reorder", "two events, rechained", event, history)

    async def reorder_transactions(self, connection: Connection, history: History) -> Tamper:
        """Two events of different payments change their place in the region's history."""
        one = await self._event(connection, history)
        other = await self._event(connection, history)
        while other["sql_transaction"] == one["sql_transaction"]:
            other = await self._event(connection, history)
        for event, number in ((one, other["sql_transaction"]), (other, one["sql_transaction"])):
            await connection.execute(
                "UPDATE payment_event SET sql_transaction = $3 WHERE payment_id = $1 AND sequence = $2",
                event["payment_id"], event["sequence"], number,
            )  # fmt: skip
        number = history.seal_of(one["sql_transaction"])
        return Tamper("reorder", "two transactions", frozenset(), (number, number))

    async def cut_payment(self, connection: Connection, history: History) -> Tamper:
        """The end of one payment's history, with the state set back to it."""
        event = await self._event(connection, history)
        rows = await connection.fetch(
            "SELECT * FROM payment_event WHERE payment_id = $1 ORDER BY sequence DESC LIMIT 1", event["payment_id"]
        )
        await _delete_event(connection, rows[0])
        await rechained(connection, event["payment_id"])
        return _of_event("cut", "a payment's end", rows[0], history)

    async def cut_history(self, connection: Connection, history: History) -> Tamper:
        """The last seals, and every trace of what they cover; only anchors can tell."""
        first = self._late_seal(history)
        since = history.seals[first - 1].transactions_from
        rows = await connection.fetch("DELETE FROM payment_event WHERE sql_transaction >= $1 RETURNING *", since)
        payments = {row["payment_id"] for row in rows}
        gone = [row["payment_id"] for row in rows if row["sequence"] == 1]
        await connection.execute("DELETE FROM audit_seal WHERE number >= $1", first)
        await connection.execute(
            "DELETE FROM message USING unnest($1::uuid[], $2::integer[]) AS gone (id, sequence) "
            "WHERE payment_id = gone.id AND event_sequence = gone.sequence",
            [row["payment_id"] for row in rows], [row["sequence"] for row in rows],
        )  # fmt: skip
        for table in ("payment", "payment_state"):
            await connection.execute(f"DELETE FROM {table} WHERE payment_id = ANY ($1::uuid[])", gone)
        for payment_id in sorted(payments - set(gone))[:20]:
            await rechained(connection, payment_id)
        return Tamper(
            "cut", f"the last {len(history.seals) - first + 1} seals and all below", frozenset(), (first, None)
        )

    async def cut_seals(self, connection: Connection, history: History) -> Tamper:
        """The last seals alone: their events would look as if they had never been sealed."""
        first = self._late_seal(history)
        await connection.execute("DELETE FROM audit_seal WHERE number >= $1", first)
        return Tamper("cut", f"the last {len(history.seals) - first + 1} seals", frozenset(), (first, None))

    async def rewrite_history(self, connection: Connection, history: History) -> Tamper:
        """A late event is changed, its payment rechained, and every seal from there on made anew."""
        first = self._late_seal(history)
        seal = history.seals[first - 1]
        [row] = await connection.fetch(
            "SELECT payment_id, sequence FROM payment_event "
            "WHERE sql_transaction >= $1 AND sql_transaction < $2 LIMIT 1",
            seal.transactions_from, seal.transactions_before,
        )  # fmt: skip
        await connection.execute(
            "UPDATE payment_event SET reason_text = 'X' WHERE payment_id = $1 AND sequence = $2",
            row["payment_id"], row["sequence"],
        )  # fmt: skip
        await rechained(connection, row["payment_id"])
        await resealed(connection, history, first=first)
        return Tamper("cut", "rewritten, rechained, resealed", frozenset({row["payment_id"]}), (first, None))

    def _late_seal(self, history: History) -> int:
        count = len(history.seals)
        return self._random.randrange(max(1, count - 10), count + 1)


def _of_event(kind: str, what: str, event: asyncpg.Record, history: History) -> Tamper:
    number = min(history.seal_of(event["sql_transaction"]), len(history.seals))
    return Tamper(kind, what, frozenset({event["payment_id"]}), (number, number))


async def _delete_event(connection: Connection, event: asyncpg.Record) -> None:
    await connection.execute(
        "DELETE FROM payment_event WHERE payment_id = $1 AND sequence = $2", event["payment_id"], event["sequence"]
    )
    await connection.execute(
        "DELETE FROM message WHERE payment_id = $1 AND event_sequence = $2", event["payment_id"], event["sequence"]
    )


async def _swapped(connection: Connection, payment_id: UUID) -> None:
    for before, after in ((2, 1000), (3, 2), (1000, 3)):
        for table, column in (("payment_event", "sequence"), ("message", "event_sequence")):
            await connection.execute(
                f"UPDATE {table} SET {column} = $3 WHERE payment_id = $1 AND {column} = $2", payment_id, before, after
            )
