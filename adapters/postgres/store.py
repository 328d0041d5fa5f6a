"""The payment store on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from adapters.postgres import statements
from adapters.postgres.archive import ARCHIVED_OF_PAYMENTS, messages_of, read_archived
from adapters.postgres.connection import translated
from adapters.postgres.homes import Homes
from adapters.postgres.releases import demand_schema
from adapters.postgres.rows import (
    accept_parameters,
    digest_of,
    event_from,
    message_from,
    payment_from,
    save_parameters,
)
from adapters.postgres.saving import ONE_BAD_ROW, SaveOutcome, constraint_of, save_each
from gateway.domain.doubt import NotFoundPolicy
from gateway.domain.history import RecordedEvent
from gateway.domain.payment import (
    FundsHolder,
    IdempotencyKey,
    Payment,
    PaymentId,
    PaymentState,
    Rail,
    RegionId,
    TenantId,
)
from gateway.service.ports import (
    Accepted,
    AcceptKind,
    Alone,
    ArchiveReader,
    Backlog,
    Decision,
    DueTimer,
    ElsewhereError,
    FaultyRowError,
    MessageDirection,
    NewPayment,
    NotHomeError,
    NotServingError,
    OutboundDelivery,
    PartlyFaultyError,
    Quarantined,
    Queue,
    RawMessage,
    Refusal,
    Tenure,
    UnavailableError,
    Vault,
)

ATTEMPTS_MAX: Final = 5
"""How often rows are tried again that lost a race with a transaction which then aborted."""

_NEVER: Final = datetime.max.replace(tzinfo=UTC)
"""An instant that every row was created before."""

_Key = tuple[TenantId, IdempotencyKey]


class PostgresStore:
    """Implements `gateway.service.ports.PaymentStore` over a pool of the application's role.

    Messages that have left for the archive are read there, by `archive`. The caller opens and closes the pool.
    """

    def __init__(
        self,
        pool: asyncpg.Pool,
        *,
        region: RegionId,
        vault: Vault,
        archive: ArchiveReader | None = None,
        tenure: Tenure | None = None,
    ) -> None:
        self._pool = pool
        self._region = region
        self._vault = vault
        self._archive = archive
        self._tenure = tenure or Alone()
        self._has_peer = not isinstance(self._tenure, Alone)
        self._homes = Homes(pool, region=region)

    # --- intake ---

    async def accept(self, payments: Sequence[NewPayment]) -> Sequence[Accepted]:
        """Claim and save; see the port."""
        self._tenure.demand()
        first: dict[_Key, NewPayment] = {}
        for new in payments:
            first.setdefault(_key(new), new)
        outcomes: dict[_Key, _Outcome] = {}
        waiting = sorted(first.values(), key=_key)
        with translated():
            for attempt in range(ATTEMPTS_MAX):
                outcomes |= await self._elsewhere(waiting, anew=attempt > 0)
                if attempt:  # the first claim that was not made says that an id may be
                    outcomes |= await self._taken([new for new in waiting if _key(new) not in outcomes])
                outcomes |= await self._accept_once([new for new in waiting if _key(new) not in outcomes])
                waiting = [new for new in waiting if _key(new) not in outcomes]
                if not waiting:
                    break
            else:
                raise UnavailableError(f"{len(waiting)} claims were neither ours nor anybody's {ATTEMPTS_MAX} times")
        self._demand_still()
        answers = [_answer(new, outcomes[_key(new)], is_first=first[_key(new)] is new) for new in payments]
        accepted = [answer for answer in answers if isinstance(answer, Accepted)]
        if len(accepted) < len(answers):
            raise PartlyFaultyError(answers)
        return accepted

    def _demand_still(self) -> None:
        """Raise UnavailableError where the lease has run out meanwhile: what was saved, nobody may have seen."""
        try:
            self._tenure.demand()
        except NotServingError as error:
            raise UnavailableError(f"saved, or not, and not acknowledged: {error}") from error

    async def _elsewhere(self, waiting: Sequence[NewPayment], *, anew: bool) -> dict[_Key, _Elsewhere]:
        """Return the submissions whose keys have their home in another region, by this region's copy of the map.

        What is kept of it may be old: the statement takes no claim under another epoch than the copy's, and what it
        did not take comes here again, with the copy read `anew`. Nobody is sent elsewhere before it was read again.
        """
        owners = await self._homes.owners_of([new.slot for new in waiting], anew=anew)
        homes = {_key(new): owner.region for new, owner in zip(waiting, owners, strict=True)}
        return {key: _Elsewhere(home) for key, home in homes.items() if home != self._region}

    @property
    def _is_alone(self) -> bool:
        """Whether no other region has accepted anything: there is none, and none of its slots has come here.

        Beside another the map that is kept does not tell: what has moved since then may have been accepted there.
        """
        return not self._has_peer and self._homes.have_never_moved

    async def _taken(self, waiting: Sequence[NewPayment]) -> dict[_Key, _Taken]:
        """Return the submissions of whose ids a payment under another key has one, here or in the other region."""
        if not waiting:
            return {}
        rows = await self._pool.fetch(
            statements.IDS_TAKEN,
            [new.tenant_id for new in waiting],
            [new.idempotency_key for new in waiting],
            [new.rail.value for new in waiting],
            [new.message_id for new in waiting],
            [new.instruction_id for new in waiting],
        )
        return {
            (TenantId(row["tenant_id"]), IdempotencyKey(row["idempotency_key"])): _Taken(
                AcceptKind.MESSAGE_ID_TAKEN if row["by_message_id"] else AcceptKind.INSTRUCTION_ID_TAKEN
            )
            for row in rows
        }

    async def _accept_once(self, waiting: Sequence[NewPayment]) -> dict[_Key, _Outcome]:
        outcomes: dict[_Key, _Outcome] = dict(self._of_unknown_day(waiting))
        waiting = [new for new in waiting if _key(new) not in outcomes] if outcomes else waiting
        if not waiting:
            return outcomes
        try:
            claimed = await self._insert(waiting)
        except ONE_BAD_ROW as error:
            if len(waiting) == 1:
                lost_a_race = isinstance(error, asyncpg.DeadlockDetectedError)
                return outcomes if lost_a_race else outcomes | {_key(waiting[0]): _refusal(error)}
            for new in waiting:  # one bad row never spoils the others: each alone
                outcomes |= await self._accept_once([new])
            return outcomes
        for new in waiting:
            if _key(new) in claimed:
                outcomes[_key(new)] = _Claimed(
                    new.accepted(claimed[_key(new)], region=self._region), new.content_digest, created=True
                )
        return outcomes | await self._read_claims([new for new in waiting if _key(new) not in claimed])

    def _of_unknown_day(self, waiting: Sequence[NewPayment]) -> Mapping[_Key, _OfUnknownDay]:
        """Return what a lost region may have named on another day, under the epochs by which the next claim goes."""
        if not self._has_peer:
            return {}
        found: dict[_Key, _OfUnknownDay] = {}
        for new in waiting:
            asked_from = self._homes.asked_from(new.slot) if new.is_named_by_day else None
            if asked_from is not None and asked_from != new.day_known_to:
                found[_key(new)] = _OfUnknownDay(asked_from)
        return found

    async def _insert(self, payments: Sequence[NewPayment]) -> dict[_Key, FundsHolder]:
        epochs = [self._homes.epoch_of(new.slot) for new in payments]
        parameters = accept_parameters(payments, self._vault, region=self._region, epochs=epochs)
        statement = statements.ACCEPT if self._is_alone else statements.ACCEPT_BESIDE_ANOTHER
        rows = await self._pool.fetch(statement, self._region, *parameters)
        return {(row["tenant_id"], row["idempotency_key"]): FundsHolder(row["funds_holder"]) for row in rows}

    async def _read_claims(self, unseen: Sequence[NewPayment]) -> dict[_Key, _Outcome]:
        if not unseen:
            return {}
        rows = await self._pool.fetch(
            statements.CLAIMS, [new.tenant_id for new in unseen], [new.idempotency_key for new in unseen]
        )
        return {
            (TenantId(row["tenant_id"]), IdempotencyKey(row["idempotency_key"])): _Claimed(
                payment_from(row), bytes(row["content_digest"]), created=False
            )
            for row in rows
        }

    async def home_elsewhere(self, payment: NewPayment) -> RegionId | None:
        """Return the other region whose key it is; see the port."""
        self._tenure.demand()
        if self._is_alone:
            return None
        with translated():
            [owner] = await self._homes.owners_of([payment.slot], anew=False)
        return None if owner.region == self._region else owner.region

    async def find_claim(self, payment: NewPayment) -> Accepted | None:
        """Look, and save nothing; see the port."""
        with translated():
            outcome = (await self._read_claims([payment])).get(_key(payment))
            elsewhere = {} if outcome else await self._elsewhere([payment], anew=not self._is_alone)
        for other in elsewhere.values():
            raise ElsewhereError(other.home, payment.idempotency_key, payment.message.body)
        if outcome is None:
            return None
        answer = _answer(payment, outcome, is_first=False)
        assert isinstance(answer, Accepted)
        return answer

    async def asks_first(self, payment: NewPayment) -> bool:
        """Look into the map as it is now; see the port."""
        with translated():
            [owner] = await self._homes.owners_of([payment.slot], anew=True)
        return owner.region == self._region and owner.ask_after is not None

    async def claimed(self, tenant_id: TenantId, keys: Sequence[IdempotencyKey]) -> Sequence[Payment]:
        """Return what was accepted under keys; see the port."""
        with translated():
            rows = await self._pool.fetch(statements.CLAIMS, [tenant_id] * len(keys), list(keys))
        found = {row["idempotency_key"]: payment_from(row) for row in rows}
        return [found[key] for key in keys if key in found]

    async def refuse(self, refusals: Sequence[Refusal]) -> None:
        """Keep the fact; see the port."""
        rows = [
            (self._region, r.refusal_id, r.tenant_id, r.content_digest, r.size, list(r.codes), r.at) for r in refusals
        ]
        with translated():
            await self._pool.executemany(statements.REFUSE, rows)

    # --- decisions ---

    async def save(self, decisions: Sequence[Decision]) -> Sequence[bool]:
        """Save what still holds; see the port."""
        self._tenure.demand()

        async def save(rail: Rail, group: Sequence[Decision]) -> Mapping[UUID, SaveOutcome]:
            parameters = save_parameters(group, self._vault, region=self._region)
            rows = await self._pool.fetch(statements.SAVE, self._region, rail.value, *parameters)
            return {row["payment_id"]: True if row["is_ours"] else self._not_home(row["payment_id"]) for row in rows}

        return await save_each(decisions, lambda decision: decision.payment, save)

    def _not_home(self, payment_id: UUID) -> NotHomeError:
        return NotHomeError(f"the home of payment {payment_id} is not region {self._region}")

    async def due_timers(self, now: datetime, *, limit: int) -> Sequence[DueTimer]:
        """Return what is due; see the port."""
        with translated():
            rows = await self._pool.fetch(statements.DUE_TIMERS, now, limit)
        return [DueTimer(PaymentId(row["payment_id"]), row["timer_at"]) for row in rows]

    async def due_deadlines(self, now: datetime, *, limit: int) -> Sequence[DueTimer]:
        """Return what is due, and ended by time alone; see the port."""
        with translated():
            rows = await self._pool.fetch(statements.DUE_DEADLINES, now, limit)
        return [DueTimer(PaymentId(row["payment_id"]), row["timer_at"]) for row in rows]

    @asynccontextmanager
    async def relay(
        self, *, limit: int, created_before: datetime | None = None
    ) -> AsyncIterator[Sequence[OutboundDelivery]]:
        """Claim and delete outbox rows around the caller's publish; see the port."""
        before = created_before or _NEVER
        with translated():
            left = await self._pool.fetch(statements.LEFT_TO_RELAY, before)
        if not left:
            yield []
            return
        async with AsyncExitStack() as stack:
            with translated():
                connection = await stack.enter_async_context(self._pool.acquire())
                transaction = connection.transaction()
                await transaction.start()
                rows = await connection.fetch(statements.RELAY, limit, before)
            try:
                yield [
                    OutboundDelivery(
                        row["delivery_id"], Queue(row["queue"]), PaymentId(row["payment_id"]), row["deadline_at"]
                    )
                    for row in rows
                ]
            except BaseException:
                with translated():
                    await transaction.rollback()
                raise
            with translated():
                await transaction.commit()

    async def forget(self, delivery_ids: Sequence[UUID]) -> None:
        """Delete outbox rows; see the port."""
        with translated():
            await self._pool.execute(statements.FORGET, list(delivery_ids))

    # --- the rail's messages ---

    async def seen(self, rail: Rail, inbox_ids: Sequence[str]) -> Mapping[str, bytes]:
        """Return what has had its effect; see the port."""
        with translated():
            rows = await self._pool.fetch(statements.SEEN, rail.value, list(inbox_ids))
        return {row["inbox_id"]: bytes(row["digest"]) for row in rows}

    async def find_by_message_id(self, rail: Rail, message_ids: Sequence[str]) -> Mapping[str, Payment]:
        """Return payments by what was sent about them; see the port."""
        with translated():
            rows = await self._pool.fetch(statements.FIND_BY_MESSAGE_SENT, list(message_ids))
            found = _by_message_sent(rows, rail)
            if missing := [message_id for message_id in message_ids if message_id not in found]:
                rows = await self._pool.fetch(statements.FIND_BY_OWN_MESSAGE_ID, rail.value, missing)
                found |= _by_message_sent(rows, rail)
            if missing := [message_id for message_id in missing if message_id not in found]:
                rows = await self._pool.fetch(statements.FIND_BY_ARCHIVED_MESSAGE_SENT, missing)
                found |= _by_message_sent(rows, rail)
        return {message_id: payment for message_id, payment in found.items() if payment is not None}

    async def quarantine(self, messages: Sequence[Quarantined]) -> None:
        """Keep the bytes; see the port."""
        rows: list[tuple[Any, ...]] = []
        for item in messages:
            sealed = self._vault.seal(item.message.body)
            raw = item.message
            rows.append(
                (
                    self._region,
                    item.rail.value,
                    digest_of(sealed),
                    raw.message_id,
                    raw.message_type,
                    raw.business_message_id,
                    sealed.key_id,
                    sealed.ciphertext,
                    list(item.codes),
                    raw.at,
                )
            )
        with translated():
            await self._pool.executemany(statements.QUARANTINE, rows)

    # --- reading ---

    async def load(self, payment_ids: Sequence[PaymentId]) -> Mapping[PaymentId, Payment]:
        """Return payments as they are now; see the port."""
        with translated():
            rows = await self._pool.fetch(statements.LOAD, list(payment_ids))
        payments = [payment_from(row) for row in rows]
        return {payment.payment_id: payment for payment in payments}

    async def find(
        self, tenant_id: TenantId, *, uetr: str | None = None, end_to_end_id: str | None = None, limit: int
    ) -> Sequence[Payment]:
        """Return the tenant's payments by reference; see the port."""
        with translated():
            if uetr is not None:
                rows = await self._pool.fetch(statements.FIND_BY_UETR, tenant_id, uetr, limit)
                found = [payment_from(row) for row in rows]
                return [p for p in found if end_to_end_id is None or p.end_to_end_id == end_to_end_id]
            rows = await self._pool.fetch(statements.FIND_BY_END_TO_END_ID, tenant_id, end_to_end_id, limit)
            return [payment_from(row) for row in rows]

    async def load_with_message(
        self, wanted: Sequence[tuple[PaymentId, MessageDirection]]
    ) -> Mapping[PaymentId, tuple[Payment, RawMessage]]:
        """Return payments with a raw message each; see the port."""
        ids, directions = [payment_id for payment_id, _ in wanted], [direction.value for _, direction in wanted]
        with translated():
            rows = await self._pool.fetch(statements.LOAD_WITH_MESSAGE, ids, directions)
        found: dict[UUID, tuple[Payment, RawMessage]] = {}
        for row in rows:
            payment = payment_from(row)
            found[payment.payment_id] = payment, message_from(row, self._vault)
        # Of a final payment the oldest may have left for the archive: with all the others, or before them.
        final = [each for each in wanted if each[0] not in found or found[each[0]][0].final_at is not None]
        found |= await self._load_archived(final, found) if final else {}
        return {payment.payment_id: (payment, message) for payment, message in found.values()}

    async def _load_archived(
        self,
        wanted: Sequence[tuple[PaymentId, MessageDirection]],
        found: Mapping[UUID, tuple[Payment, RawMessage]],
    ) -> Mapping[UUID, tuple[Payment, RawMessage]]:
        """Those of which the archive has an older message than was found."""
        ids = [payment_id for payment_id, _ in wanted]
        with translated():
            rows = await self._pool.fetch(ARCHIVED_OF_PAYMENTS, ids)
        direction = {payment_id: direction.value for payment_id, direction in wanted}
        oldest: dict[UUID, asyncpg.Record] = {}
        for row in rows:
            if row["direction"] == direction[row["payment_id"]]:
                oldest.setdefault(row["payment_id"], row)
        known = {message.message_id for _, message in found.values()}
        messages = await read_archived(list(oldest.values()), self._archive, self._vault, but=known)
        older = {id_: read[0] for id_, read in messages.items() if id_ not in found or read[0].at <= found[id_][1].at}
        payments = await self.load([PaymentId(payment_id) for payment_id in older])
        return {payment_id: (payments[PaymentId(payment_id)], message) for payment_id, message in older.items()}

    async def final_since(self, payment_ids: Sequence[PaymentId]) -> Mapping[PaymentId, datetime]:
        """Return those that are final; see the port."""
        with translated():
            rows = await self._pool.fetch(statements.FINAL_SINCE, list(payment_ids))
        return {PaymentId(row["payment_id"]): row["final_at"] for row in rows}

    async def not_found_policy(self, tenant_id: TenantId) -> NotFoundPolicy:
        """Return the tenant's policy; see the port."""
        with translated():
            policy = await self._pool.fetchval(statements.NOT_FOUND_POLICY, tenant_id)
        if policy is None:
            raise LookupError(f"no tenant {tenant_id}")
        return NotFoundPolicy(policy)

    async def waiting_since(self, *, behind: int) -> datetime | None:
        """Return since when a payment waits that has so many before it; see the port."""
        with translated():
            since: datetime | None = await self._pool.fetchval(statements.WAITING_SINCE, behind)
        return since

    async def requested(self, tenant_id: TenantId | None, *, limit: int) -> Sequence[Payment]:
        """Return what is asked back; see the port."""
        with translated():
            rows = await self._pool.fetch(statements.REQUESTED, tenant_id, limit)
        return [payment_from(row) for row in rows]

    async def held(self, tenant_id: TenantId | None, *, limit: int) -> Sequence[Payment]:
        """Return what screening has held; see the port."""
        with translated():
            rows = await self._pool.fetch(statements.HELD, tenant_id, limit)
        return [payment_from(row) for row in rows]

    async def unposted(
        self, rail: Rail, *, after: tuple[datetime, PaymentId], until: datetime, limit: int
    ) -> Sequence[Payment]:
        """Return what its receiver is to be asked about; see the port."""
        with translated():
            rows = await self._pool.fetch(statements.UNPOSTED, rail.value, *after, until, self._region, limit)
        return [payment_from(row) for row in rows]

    async def awaiting_operator(self, tenant_id: TenantId | None, *, limit: int) -> Sequence[Payment]:
        """Return what a person must look into; see the port."""
        with translated():
            rows = await self._pool.fetch(statements.AWAITING_OPERATOR, tenant_id, limit)
        return [payment_from(row) for row in rows]

    async def contradictions(self, payment_ids: Sequence[PaymentId]) -> Mapping[PaymentId, RecordedEvent]:
        """Return what contradicts what is certain; see the port."""
        with translated():
            rows = await self._pool.fetch(statements.CONTRADICTIONS, list(payment_ids))
        return {PaymentId(row["payment_id"]): event_from(row) for row in rows}

    async def events(self, payment_id: PaymentId) -> Sequence[RecordedEvent]:
        """Return the history; see the port."""
        with translated():
            rows = await self._pool.fetch(statements.EVENTS, payment_id)
        return [event_from(row) for row in rows]

    async def messages(self, payment_id: PaymentId) -> Sequence[RawMessage]:
        """Return the raw messages; see the port."""
        return await messages_of(self._pool, payment_id, vault=self._vault, archive=self._archive)

    async def tenant_of_api_key(self, digest: bytes) -> TenantId | None:
        """Return whose key it is; see the port."""
        with translated():
            tenant = await self._pool.fetchval(statements.TENANT_OF_API_KEY, digest)
        return None if tenant is None else TenantId(tenant)

    async def backlog(self) -> Backlog:
        """Return what waits; see the port."""
        with translated():
            row = (await self._pool.fetch(statements.BACKLOG))[0]
            counts = await self._pool.fetch(statements.OPEN_PAYMENTS)
        return Backlog(
            outbox=row["outbox"],
            outbox_oldest_at=row["outbox_oldest_at"],
            open_payments={PaymentState(count["state"]): count["count"] for count in counts},
            oldest_in_doubt_at=row["oldest_in_doubt_at"],
            contradictions=row["contradictions"],
            attention=row["attention"],
        )

    async def check(self) -> None:
        """Return if the database answers and has this program's schema; see the port."""
        await demand_schema(self._pool)


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """The key's slot is another region's."""

    home: RegionId


@dataclass(frozen=True, slots=True)
class _OfUnknownDay:
    """The key was a lost region's, and the day on which that may have named the payment was not looked for."""

    asked_from: datetime


@dataclass(frozen=True, slots=True)
class _Claimed:
    """Who holds a key."""

    payment: Payment
    digest: bytes
    created: bool


@dataclass(frozen=True, slots=True)
class _Taken:
    """An id of it is another payment's, and so the key is free."""

    kind: AcceptKind


_Outcome = _Claimed | _Taken | _Elsewhere | _OfUnknownDay | FaultyRowError


def _answer(new: NewPayment, outcome: _Outcome, *, is_first: bool) -> Accepted | FaultyRowError:
    if isinstance(outcome, FaultyRowError):
        return outcome
    if isinstance(outcome, _Elsewhere):
        return Accepted(AcceptKind.ELSEWHERE, None, outcome.home)
    if isinstance(outcome, _OfUnknownDay):
        return Accepted(AcceptKind.DAY_UNKNOWN, None, asked_from=outcome.asked_from)
    if isinstance(outcome, _Taken):
        return Accepted(outcome.kind, None)
    if outcome.digest != new.content_digest:
        return Accepted(AcceptKind.OTHER_CONTENT, outcome.payment)
    return Accepted(AcceptKind.CREATED if outcome.created and is_first else AcceptKind.REPLAYED, outcome.payment)


_UNIQUE: Final = {"message_id": AcceptKind.MESSAGE_ID_TAKEN, "instruction_claim": AcceptKind.INSTRUCTION_ID_TAKEN}
"""What the names of the constraints have in them, of whatever partition, by which a payment's ids are its own."""


def _refusal(error: Exception) -> _Taken | FaultyRowError:
    if isinstance(error, asyncpg.UniqueViolationError):
        for name, kind in _UNIQUE.items():
            if name in constraint_of(error):
                return _Taken(kind)
    return FaultyRowError(str(error))


def _by_message_sent(rows: Sequence[asyncpg.Record], rail: Rail) -> dict[str, Payment | None]:
    """Return the payment that each id was sent for; None where two were: what is said of it is said of neither."""
    found: dict[str, Payment | None] = {}
    for row in rows:
        if row["rail"] != rail.value:
            continue
        payment = payment_from(row)
        known = found.setdefault(row["sent_message_id"], payment)
        if known is not None and known.payment_id != payment.payment_id:
            found[row["sent_message_id"]] = None
    return found


def _key(new: NewPayment) -> _Key:
    return (new.tenant_id, new.idempotency_key)
