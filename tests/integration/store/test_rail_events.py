"""What every `RailEventStore` must do, in memory and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.postgres.connection import open_pool
from adapters.postgres.rail_operations import PostgresRailEvents
from gateway.domain.payment import Rail
from gateway.domain.rail_operations import Codes, RailEvent, RailEventKind
from gateway.service.ports import HeardMessage, MessageClass, MessageDirection, RailEventStore
from tests.conftest import REGION, Database
from tests.fakes.rail_operations import InMemoryRailEvents
from tests.integration.store.harness import NOW, VAULT, raw_message, uuid

SOON = NOW + timedelta(seconds=2)


@pytest.fixture(params=["memory", "postgres"])
def place(request: pytest.FixtureRequest) -> Database | None:
    """A database of its own, or none."""
    return None if request.param == "memory" else request.getfixturevalue("database")


@pytest.fixture
async def stores(place: Database | None) -> AsyncIterator[list[RailEventStore]]:
    """The store as two processes see it."""
    if place is None:
        yield [InMemoryRailEvents()] * 2
        return
    async with AsyncExitStack() as stack:
        pools = [await stack.enter_async_context(open_pool(place.application_dsn)) for _ in range(2)]
        yield [PostgresRailEvents(pool, region=REGION, vault=VAULT) for pool in pools]


def event(message_id: str | None, kind: RailEventKind = RailEventKind.ASKED, *, code: str = "PING") -> RailEvent:
    """An event with nothing left out."""
    return RailEvent(
        event_id=uuid(),
        rail=Rail.FEDNOW,
        kind=kind,
        code=code,
        subjects=("990000107",),
        about="20261120990000107ORIGINAL",
        business_message_id=message_id,
        asked_by="sample operator",
        note="a sample",
        reason_code="SAMPLE",
        description="a description",
        event_time=NOW,
        at=NOW,
    )


async def ask(store: RailEventStore, asked: RailEvent, body: bytes = b"<asked/>") -> None:
    """Keep a message that is to be sent."""
    message = raw_message(MessageDirection.RAIL_OUT, str(asked.business_message_id), body=body)
    await store.ask(asked, message, message_class=MessageClass.SYSTEM)


async def hear(store: RailEventStore, heard: RailEvent, *, digest: bytes = b"digest") -> bytes | None:
    """Keep what the rail said."""
    message = raw_message(MessageDirection.RAIL_IN, str(heard.business_message_id))
    return await store.hear(heard, message, digest=digest)


async def test_what_was_asked_is_handed_out_to_be_sent_until_it_has_left(stores: list[RailEventStore]) -> None:
    """Saved before it leaves; a worker that dies leaves it to the next, after a pause, under the same id."""
    asked = event("20261120990000107FIRST")
    await ask(stores[0], asked)

    first = await stores[0].take_unsent(NOW, again_at=SOON, limit=10)
    meanwhile = await stores[1].take_unsent(NOW, again_at=SOON, limit=10)
    again = await stores[1].take_unsent(SOON, again_at=SOON + timedelta(seconds=2), limit=10)
    await stores[1].sent(asked)
    after = await stores[0].take_unsent(SOON + timedelta(hours=1), again_at=SOON, limit=10)

    assert [(each.event, each.body, each.message_class) for each in first] == [
        (asked, b"<asked/>", MessageClass.SYSTEM)
    ]
    assert (list(meanwhile), [each.event for each in again], list(after)) == ([], [asked], [])
    assert await stores[0].body_of(Rail.FEDNOW, asked.event_id) == b"<asked/>", "what has left is kept"


async def test_what_is_asked_about_one_subject_is_handed_out_in_order_and_the_next_once_the_one_before_has_left(
    stores: list[RailEventStore],
) -> None:
    """While a sign-on may be under way no sign-off overtakes it; another subject's waits for nobody, nor a report."""
    sign_on = event("20261120990000107ON", code="FPON")
    sign_off = replace(event("20261120990000107OFF", code="FPOF"), at=NOW + timedelta(seconds=1))
    other = replace(event("20261120990000107OTHER", code="FPOF"), at=sign_off.at, subjects=("990000204",))
    report = replace(event("20261120990000107REPORT", RailEventKind.REQUESTED, code="camt.060"), at=sign_off.at)
    for each in (sign_on, sign_off, other, report):
        await ask(stores[0], each)

    async def taken(now_s: float) -> set[str | None]:
        now = NOW + timedelta(seconds=now_s)
        unsent = await stores[1].take_unsent(now, again_at=now + timedelta(seconds=2), limit=10)
        return {each.event.business_message_id for each in unsent}

    first, meanwhile = await taken(1), await taken(1.5)
    await stores[0].sent(sign_on)

    assert first == {sign_on.business_message_id, other.business_message_id, report.business_message_id}
    assert (meanwhile, await taken(1.5)) == (set(), {sign_off.business_message_id})


async def test_of_two_workers_at_the_same_moment_one_is_given_each_message(stores: list[RailEventStore]) -> None:
    """A race on the database decides; nothing is given to both, and nothing to neither."""
    asked = [replace(event(f"20261120990000107RACE{number}"), subjects=(f"99000{number:04}",)) for number in range(20)]
    for each in asked:
        await ask(stores[0], each)

    taken = await asyncio.gather(*[store.take_unsent(NOW, again_at=SOON, limit=10) for store in stores * 3])

    given = [unsent.event.event_id for batch in taken for unsent in batch]
    assert sorted(given) == sorted(each.event_id for each in asked)


async def test_the_same_question_kept_twice_is_one(stores: list[RailEventStore]) -> None:
    """A repeat under the same event id changes nothing."""
    asked = event("20261120990000107TWICE")
    await ask(stores[0], asked)
    await stores[0].sent(asked)

    await ask(stores[1], asked)

    assert await stores[0].take_unsent(SOON, again_at=SOON, limit=10) == []
    assert await stores[0].events(Rail.FEDNOW, limit=10) == [asked]


async def test_what_the_rail_says_is_kept_once_and_its_digest_tells_a_repeat_from_other_bytes(
    stores: list[RailEventStore],
) -> None:
    """The rail may deliver everything twice."""
    heard = event("NEWS-1", RailEventKind.BROADCAST, code="ROLL")

    first = await hear(stores[0], heard, digest=b"bytes")
    repeat = await hear(stores[1], replace(heard, event_id=uuid()), digest=b"bytes")
    other = await hear(stores[1], replace(heard, event_id=uuid()), digest=b"other")

    assert (first, repeat, other) == (None, b"bytes", b"bytes")
    assert await stores[0].events(Rail.FEDNOW, limit=10) == [heard]


async def test_events_are_found_by_code_and_what_was_asked_by_its_message_id(stores: list[RailEventStore]) -> None:
    """The newest first; a fact without a message is one, too."""
    asked = event("20261120990000107OFF", code="FPOF")
    news = replace(event("NEWS-2", RailEventKind.BROADCAST, code="ROLL"), at=SOON)
    given_up = replace(event(None, RailEventKind.ABANDONED, code="FPOF"), at=SOON + timedelta(seconds=1))
    await ask(stores[0], asked)
    await hear(stores[0], news)
    await stores[0].note(given_up)

    assert await stores[1].events(Rail.FEDNOW, limit=10) == [given_up, news, asked]
    assert await stores[1].events(Rail.FEDNOW, limit=2) == [given_up, news]
    assert await stores[1].events(Rail.FEDNOW, codes={"FPOF"}, limit=10) == [given_up, asked]
    assert await stores[1].events(Rail.RTP, limit=10) == []
    assert await stores[1].asked(Rail.FEDNOW, ["20261120990000107OFF", "NEWS-2", "UNKNOWN"]) == {
        "20261120990000107OFF": asked
    }


async def test_what_was_heard_comes_with_its_bytes_but_for_what_was_read(stores: list[RailEventStore]) -> None:
    """Reports are read by each worker once, the oldest first."""
    reports = [
        replace(event(f"REPORT-{number}", RailEventKind.REPORTED, code="IATR"), at=NOW + timedelta(seconds=number))
        for number in range(3)
    ]
    for report in reports:
        await hear(stores[0], report)
    await hear(stores[0], event("NEWS-3", RailEventKind.BROADCAST))

    def ids(found: Sequence[HeardMessage]) -> list[RailEvent]:
        return [each.event for each in found]

    since_first = await stores[1].heard(Rail.FEDNOW, RailEventKind.REPORTED, since=NOW, but=(), limit=2)
    rest = await stores[1].heard(
        Rail.FEDNOW, RailEventKind.REPORTED, since=NOW, but=[each.event.event_id for each in since_first], limit=2
    )

    assert (ids(since_first), ids(rest)) == (reports[:2], reports[2:])
    assert since_first[0].body == b"<Document/>"
    kinds = {RailEventKind.BROADCAST}
    assert [each.business_message_id for each in await stores[1].events(Rail.FEDNOW, kinds=kinds, limit=10)] == [
        "NEWS-3"
    ]


async def test_events_are_found_by_whom_they_are_about(stores: list[RailEventStore]) -> None:
    """One of several will do; what is about nobody is about none of them."""
    ours = replace(event("NEWS-4", RailEventKind.BROADCAST, code="FPOF"), subjects=("990000107", "990000204"))
    others = replace(event("NEWS-5", RailEventKind.BROADCAST, code="FPOF"), subjects=("990001203",))
    nobodys = replace(event("NEWS-6", RailEventKind.BROADCAST, code="FPOF"), subjects=())
    for each in (ours, others, nobodys):
        await hear(stores[0], each)

    found = await stores[1].events(Rail.FEDNOW, subjects={"990000204", "990009999"}, limit=10)

    assert found == [ours]
    assert len(await stores[1].events(Rail.FEDNOW, limit=10)) == 3


async def test_who_is_signed_off_is_who_was_by_the_latest_news_of_its_own_time(stores: list[RailEventStore]) -> None:
    """News come out of order; what was heard before the time that is looked back to says nothing, nor what is asked."""

    def news(name: str, code: str, *subjects: str, happened_s: float, heard_s: float) -> RailEvent:
        return replace(
            event(name, RailEventKind.BROADCAST, code=code),
            subjects=subjects,
            event_time=NOW + timedelta(seconds=happened_s),
            at=NOW + timedelta(seconds=heard_s),
        )

    heard = [
        news("LATE-OFF", "FPOF", "990001203", happened_s=10, heard_s=30),
        news("LATER-ON", "FPON", "990001203", happened_s=20, heard_s=21),
        news("ON", "FPON", "990001300", happened_s=10, heard_s=11),
        news("OFF", "FPOF", "990001300", "990001407", happened_s=20, heard_s=21),
        news("LONG-AGO", "FPOF", "990001504", happened_s=-90, heard_s=-90),
        replace(news("ASKED", "FPOF", "990001106", happened_s=20, heard_s=21), kind=RailEventKind.ACKNOWLEDGED),
    ]
    for each in heard:
        await hear(stores[0], each)
    codes = Codes(sign_on="FPON", sign_off="FPOF", connect="FPCR", disconnect="FPCD")

    found = await stores[1].signed_off(Rail.FEDNOW, codes, since=NOW)

    assert found == dict.fromkeys(("990001300", "990001407"), NOW + timedelta(seconds=20))
    assert await stores[1].signed_off(Rail.RTP, codes, since=NOW) == {}


async def test_a_message_is_found_by_the_event_that_it_brought(stores: list[RailEventStore]) -> None:
    """None where nothing came with it, or on another rail."""
    file, fact = event("FILE-1", RailEventKind.DIRECTORY), event(None, RailEventKind.ABANDONED)
    await hear(stores[0], file)
    await stores[0].note(fact)

    found = [
        await stores[1].body_of(rail, each.event_id)
        for rail, each in ((Rail.FEDNOW, file), (Rail.RTP, file), (Rail.FEDNOW, fact))
    ]

    assert found == [b"<Document/>", None, None]


async def test_what_is_missing_is_shown_once_until_it_is_closed_however_many_came_in_the_end(
    stores: list[RailEventStore],
) -> None:
    """The limit counts what is still missing; and of two closings the second is told that it is none."""
    missing = [
        replace(
            event(None, RailEventKind.MISSING, code=""),
            about=f"MESSAGE-{number}",
            note="12.34",
            at=NOW + timedelta(seconds=number),
        )
        for number in range(4)
    ]
    found_again = replace(missing[3], event_id=uuid(), at=SOON + timedelta(hours=1))
    for each in (*missing, found_again):
        assert await stores[0].note(each)
    assert not await stores[1].note(missing[0])

    for number in (0, 1):
        closed = replace(event(None, RailEventKind.CLOSED, code=""), about=f"MESSAGE-{number}")
        assert [await stores[1].note(closed) for _ in range(2)] == [True, False]

    assert await stores[1].still_missing(Rail.FEDNOW, limit=2) == missing[2:]
    assert await stores[1].still_missing(Rail.RTP, limit=2) == []
    alone = [await stores[1].still_missing(Rail.FEDNOW, message_id=str(each.about), limit=1) for each in missing]
    assert alone == [*([] for _ in missing[:2]), *([each] for each in missing[2:])]


async def test_events_are_found_by_their_own_ids(stores: list[RailEventStore]) -> None:
    """Those that are there, whatever they are; nothing for an id that nobody has given."""
    message_id = "20261120990000107ASKED"
    asked, noted = event(message_id), event(None, RailEventKind.MISSING)
    body = raw_message(MessageDirection.RAIL_OUT, message_id)
    await stores[0].ask(asked, body, message_class=MessageClass.SYSTEM)
    await stores[0].note(noted)

    assert await stores[1].with_ids([asked.event_id, uuid(), noted.event_id]) == {
        asked.event_id: asked,
        noted.event_id: noted,
    }
    assert await stores[1].with_ids([]) == {}
