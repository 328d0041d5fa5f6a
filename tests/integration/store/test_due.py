"""What a list of all that is due must be, held by PostgreSQL and by the one in memory alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import pytest

from adapters.postgres.connection import open_pool
from adapters.postgres.conversations import PostgresConversations
from adapters.postgres.due import PostgresDue
from adapters.postgres.incoming import PostgresIncoming
from adapters.postgres.store import PostgresStore
from adapters.system import SystemIdentifiers
from gateway.domain.conversation import Act, Conversation, ConversationKind, Side
from gateway.domain.due import START, Due, DueKind, DuePlace
from gateway.domain.events import Event, EventKind
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import Payment, PaymentId, Rail, Reason, ReasonOrigin
from gateway.domain.receiving_time import business_days_later, posting_due
from gateway.domain.screening import HELD_BY_A_HIT, HELD_UNTIL
from gateway.service.conversations.decide import decided
from gateway.service.decide import decide
from gateway.service.incoming.decide import IncomingDecider
from gateway.service.ports import PaymentStore
from gateway.service.ports.conversations import ConversationStore
from gateway.service.ports.due import DueStore
from tests.conftest import REGION, TENANT, Database
from tests.fakes.conversations import InMemoryConversations
from tests.fakes.due import InMemoryDue
from tests.fakes.incoming import InMemoryIncoming
from tests.fakes.incoming_rail import receiving_rail
from tests.fakes.store import InMemoryStore
from tests.integration.store.harness import OTHER_TENANT, TIMING, VAULT, accepted, now_of, saved
from tests.integration.store.test_conversations_contract import NOW, new
from tests.integration.store.test_incoming_contract import Subject

_E, _I = EventKind, IncomingEvent
_HELD: Final = (_I.ACCEPTANCE_WITHOUT_POSTING_DECIDED, _I.ACCEPTANCE_WITHOUT_POSTING_ADVISED)
_POSTED: Final = (_I.ACCEPTANCE_DECIDED, _I.SETTLEMENT_ADVISED, _I.POSTING_CONFIRMED)
_MONDAY_ENDS: Final = posting_due(NOW - timedelta(days=3))
_TUESDAY_ENDS: Final = posting_due(NOW)


@dataclass(slots=True)
class Stores:
    """Everything on one database, or in one memory."""

    due: DueStore
    payments: PaymentStore
    transfers: Subject
    conversations: ConversationStore

    async def listed(self, *, kinds: Collection[DueKind] = tuple(DueKind)) -> list[UUID]:
        """The ids of what is due to the tenant, in order."""
        return [each.subject_id for each in await self.due.find(TENANT, kinds=kinds, limit=99)]


@pytest.fixture
async def stores(where: Database | None) -> AsyncIterator[Stores]:
    """Stores, of either kind."""
    decider = IncomingDecider({Rail.FEDNOW: receiving_rail()}, SystemIdentifiers())
    if where is None:
        payments = InMemoryStore()
        conversations = InMemoryConversations(InMemoryIncoming(payments))
        transfers = Subject(conversations.incoming, decider)
        yield Stores(InMemoryDue(conversations), payments, transfers, conversations)
        return
    async with open_pool(where.application_dsn) as pool:
        yield Stores(
            PostgresDue(pool, region=REGION),
            PostgresStore(pool, region=REGION, vault=VAULT),
            Subject(PostgresIncoming(pool, region=REGION, vault=VAULT), decider),
            PostgresConversations(pool, region=REGION, vault=VAULT),
        )


async def held(stores: Stores, key: str, *, until: datetime) -> Payment:
    """A payment that screening holds."""
    payment = await accepted(stores.payments, key)
    event = Event(_E.SCREENING_HELD, reason=HELD_BY_A_HIT, details={HELD_UNTIL: until.isoformat()})
    assert await stores.payments.save([decide(payment, event, at=NOW, timing=TIMING)]) == [True]
    return await now_of(stores.payments, payment)


async def befallen(stores: Stores, key: str, *kinds: EventKind) -> Payment:
    """A payment that all this has befallen."""
    payment = await accepted(stores.payments, key)
    for kind in kinds:
        payment = await saved(stores.payments, payment, kind)
    return payment


async def arrived(stores: Stores, *kinds: IncomingEvent, days_ago: int = 0, tenant: str = TENANT) -> IncomingTransfer:
    """A transfer that the rail has brought so many days ago, and that all this has befallen since."""
    brought_at = NOW - timedelta(days=days_ago)
    transfer = await stores.transfers.admitted(forwarded_at=brought_at, tenant_id=type(TENANT)(tenant))
    for second, kind in enumerate(kinds):
        at = NOW + timedelta(seconds=second)
        why = Reason("AC04", ReasonOrigin.INSTITUTION) if kind is _I.POSTING_REFUSED else None
        transfer = await stores.transfers.befalls(transfer, kind, at=at, reason=why)
    return transfer


async def asked(stores: Stores, *acts: Act, **changes: object) -> Conversation:
    """A conversation that the other side, or we, have opened, and in which all this was said."""
    plain = new()
    made = replace(plain.conversation, **{"side": Side.THEM, **changes})  # type: ignore[arg-type]
    opened = (await stores.conversations.open(replace(plain, conversation=made))).conversation
    for minute, act in enumerate(acts, start=1):
        assert await stores.conversations.save(decided(opened, act, at=NOW + timedelta(minutes=minute)))
        found = await stores.conversations.load(opened.conversation_id)
        assert found is not None
        opened = found
    return opened


async def test_everything_that_is_due_is_in_one_order_with_by_when_and_since_when(stores: Stores) -> None:
    """One of each kind, and one of what looks like it and waits for nobody here, made in another order."""
    information = {"kind": ConversationKind.INFORMATION_REQUEST, "due_at": NOW + timedelta(hours=3)}
    odd = await asked(stores, Act.OPENING_REFUSED, Act.RECEIPT, side=Side.US)
    asked_of_us = await asked(stores, **information)
    request = await asked(stores, due_at=NOW + timedelta(hours=2))
    promised = await asked(stores, Act.ACCEPTED, pay_by=NOW + timedelta(hours=9))
    taken_back = await asked(stores, Act.WITHDRAWAL_ASKED, expires_at=NOW + timedelta(hours=1))
    owed = await arrived(stores, *_POSTED[:2], _I.POSTING_REFUSED, days_ago=3)
    open_posting = await arrived(stores, *_HELD, days_ago=3)
    to_give_back = await arrived(stores, *_POSTED, _I.RETURN_REQUESTED)
    in_doubt = await arrived(stores, _I.ACCEPTANCE_DECIDED, _I.REJECTION_ADVISED, _I.SETTLEMENT_ADVISED)
    screened = await held(stores, "held", until=NOW + timedelta(minutes=30))
    lost = await befallen(stores, "lost", _E.SENDING_STARTED, _E.DEADLINE_PASSED, _E.LOOK_BACK_ENDED)
    denied = await befallen(stores, "denied", _E.SENDING_STARTED, _E.SETTLEMENT_REPORTED, _E.REJECTION_REPORTED)
    await befallen(stores, "settled", _E.SENDING_STARTED, _E.SETTLEMENT_REPORTED)
    await arrived(stores, *_POSTED)
    await asked(stores, Act.REFUSED)
    await asked(stores, side=Side.US, **information)

    found = await stores.due.find(TENANT, limit=99)

    waits = [(each.kind, each.subject, each.by) for each in found]
    both = sorted((lost, denied), key=lambda payment: payment.payment_id)
    assert waits[:2] == [(DueKind.PAYMENT_IN_DOUBT, payment, payment.deadline_at) for payment in both]
    assert waits[2:] == [
        (DueKind.HELD_PAYMENT, screened, NOW + timedelta(minutes=30)),
        (DueKind.WITHDRAWAL, taken_back, NOW + timedelta(hours=1)),
        (DueKind.REQUEST_FOR_PAYMENT, request, NOW + timedelta(hours=2)),
        (DueKind.INFORMATION_REQUEST, asked_of_us, NOW + timedelta(hours=3)),
        (DueKind.REQUEST_FOR_PAYMENT, promised, NOW + timedelta(hours=9)),
        *sorted(
            ((DueKind.RETURN, owed, _MONDAY_ENDS), (DueKind.POSTING, open_posting, _MONDAY_ENDS)),
            key=lambda row: row[1].payment_id,
        ),
        (DueKind.TRANSFER_IN_DOUBT, in_doubt, _TUESDAY_ENDS),
        (DueKind.RETURN_REQUEST, to_give_back, business_days_later(NOW, 1)),
        (DueKind.CONVERSATION_IN_DOUBT, odd, None),
    ]
    since = {(each.kind, each.subject_id): each.since for each in found}
    assert since[DueKind.HELD_PAYMENT, screened.payment_id] == NOW
    assert since[DueKind.WITHDRAWAL, taken_back.conversation_id] == NOW + timedelta(minutes=1)
    assert since[DueKind.REQUEST_FOR_PAYMENT, request.conversation_id] == NOW
    assert since[DueKind.RETURN, owed.payment_id] == NOW + timedelta(seconds=2)
    assert since[DueKind.TRANSFER_IN_DOUBT, in_doubt.payment_id] == NOW + timedelta(seconds=2)
    assert since[DueKind.RETURN_REQUEST, to_give_back.payment_id] == NOW + timedelta(seconds=3)
    assert since[DueKind.CONVERSATION_IN_DOUBT, odd.conversation_id] == NOW + timedelta(minutes=2)


async def many(stores: Stores) -> None:
    """Several of everything, many of one deadline, and of one moment."""
    for number in range(3):
        await held(stores, f"held-{number}", until=_TUESDAY_ENDS)
        await befallen(stores, f"lost-{number}", _E.SENDING_STARTED, _E.DEADLINE_PASSED, _E.LOOK_BACK_ENDED)
        await arrived(stores, *_HELD, days_ago=number)
        await arrived(stores, *_POSTED[:2], _I.POSTING_REFUSED, _I.RETURN_REQUESTED)
        await asked(stores, due_at=_TUESDAY_ENDS)
        await asked(stores, Act.OPENING_REFUSED, Act.RECEIPT, side=Side.US)


async def paged(stores: Stores, size: int, kinds: Collection[DueKind]) -> Sequence[Due]:
    """The whole list, page by page."""
    found: list[Due] = []
    after: DuePlace = START
    while page := await stores.due.find(TENANT, kinds=kinds, after=after, limit=size):
        assert len(page) <= size
        found += page
        after = page[-1].place
    return found


async def test_a_list_read_page_by_page_is_the_list(stores: Stores) -> None:
    """Nothing twice, nothing left out, whatever the size of a page and whichever kinds; and every kind by itself."""
    await many(stores)

    whole = await stores.due.find(TENANT, limit=99)

    assert len(whole) == 21
    assert [each.place.order for each in whole] == sorted(each.place.order for each in whole)
    for size in (1, 2, 5):
        assert await paged(stores, size, tuple(DueKind)) == whole
    for kind in DueKind:
        assert await paged(stores, 2, [kind]) == [each for each in whole if each.kind is kind]
    assert await stores.due.find(TENANT, kinds=(), limit=99) == []


async def test_what_was_done_between_two_pages_moves_nothing_else(stores: Stores) -> None:
    """The next page begins after a place, not after a number of entries: what is gone takes no other's place."""
    await many(stores)
    whole = await stores.due.find(TENANT, limit=99)
    first = whole[:4]
    gone = next(each.subject for each in first if isinstance(each.subject, Payment))

    await saved(stores.payments, gone, _E.OPERATOR_RECORDED_REJECTION)

    assert await stores.due.find(TENANT, after=first[-1].place, limit=99) == whole[4:]


async def test_a_tenant_sees_its_own_and_operators_all(stores: Stores) -> None:
    """Of each source: what is another's is not even counted into a page."""
    await many(stores)
    theirs = [
        (await asked(stores, tenant_id=OTHER_TENANT, due_at=NOW)).conversation_id,
        (await arrived(stores, *_HELD, days_ago=9, tenant=OTHER_TENANT)).payment_id,
        (await arrived(stores, *_POSTED, _I.RETURN_REQUESTED, days_ago=9, tenant=OTHER_TENANT)).payment_id,
    ]

    others = await stores.due.find(OTHER_TENANT, limit=99)

    assert {each.subject_id for each in others} == set(theirs)
    assert len(await stores.due.find(TENANT, limit=2)) == 2
    assert set(theirs).isdisjoint(await stores.listed())
    assert len(await stores.due.find(None, limit=99)) == 24


async def test_what_was_done_is_not_due_any_more(stores: Stores) -> None:
    """Posted, answered, noted, released: each is gone from the list at once."""
    odd = await asked(stores, Act.OPENING_REFUSED, Act.RECEIPT, side=Side.US)
    request = await asked(stores, due_at=NOW)
    posting = await arrived(stores, *_HELD)
    screened = await held(stores, "held", until=_TUESDAY_ENDS)
    assert len(await stores.listed()) == 4

    assert await stores.conversations.save(decided(odd, Act.NOTED, at=NOW))
    assert await stores.conversations.save(decided(request, Act.REFUSED, at=NOW))
    await stores.transfers.befalls(posting, _I.POSTING_CONFIRMED)
    await saved(stores.payments, screened, _E.HOLD_REJECTED)

    assert await stores.listed() == []


@pytest.mark.parametrize("number", range(2))
async def test_an_id_of_nothing_is_no_place(stores: Stores, number: int) -> None:
    """A place may be of what is not there any more, or never was: the list goes on behind it."""
    await many(stores)
    whole = await stores.due.find(TENANT, limit=99)
    place = replace(whole[8 + number].place, subject_id=PaymentId(UUID(int=number)))

    found = await stores.due.find(TENANT, after=place, limit=99)

    assert [each.place.order for each in found] == [x.place.order for x in whole if x.place.order > place.order]
