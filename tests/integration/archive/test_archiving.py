"""Archiving on a real PostgreSQL: what is due goes, what is not stays, and all of it is found as before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.archive.directory import DirectoryArchive
from adapters.archive.s3 import S3Archive
from adapters.postgres.archive import PostgresArchiveIndex, PostgresArchiveStore
from adapters.postgres.incoming import PostgresIncoming
from adapters.postgres.store import PostgresStore
from adapters.system import SystemIdentifiers
from gateway.domain.events import EventKind
from gateway.domain.incoming import IncomingEvent
from gateway.domain.payment import Rail
from gateway.service.archive import PAUSE_S
from gateway.service.incoming.decide import IncomingDecider
from gateway.service.ports import Archive, MessageDirection, ObjectMissingError, RetentionOverError, UnavailableError
from gateway.service.verify_audit import ViolationKind
from iso20022 import Uetr
from tests.conftest import REGION, TENANT, Database
from tests.fakes.clock import VirtualClock
from tests.fakes.incoming_rail import receiving_rail
from tests.integration.archive.harness import AFTER, KEYS, LATER, Place, open_place, reader_at, some_payments
from tests.integration.audit.harness import settled
from tests.integration.store.harness import NOW, accepted, decision, now_of, raw_message, saved
from tests.integration.store.test_incoming_contract import Subject


@pytest.fixture(params=["directory", "s3"])
def real_archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    """Both that are real."""
    if request.param == "directory":
        return DirectoryArchive(tmp_path)
    return S3Archive(request.getfixturevalue("bucket"), "messages")


@pytest.fixture
async def place(database: Database, tmp_path: Path) -> AsyncIterator[Place]:
    """A database, and a directory."""
    async with open_place(database, DirectoryArchive(tmp_path)) as opened:
        yield opened


async def test_what_was_archived_and_has_left_the_database_is_read_as_before(
    database: Database, real_archive: Archive
) -> None:
    """The whole way: archived, verified, the month dropped; messages, references and audit are what they were."""
    async with open_place(database, real_archive) as place:
        payments = [await settled(place.store, f"key-{number}") for number in range(4)]
        before = [await place.messages(payment) for payment in payments]

        passed = await place.archiver().archive_due()
        verdicts = await place.verdicts()
        [retired] = await place.retire()

        assert (passed.segments, passed.messages, passed.left_at) == (1, 12, None)
        assert [(verdict.messages, verdict.is_sound) for verdict in verdicts] == [(12, True)]
        assert retired.is_dropped
        assert await place.value("SELECT count(*) FROM message") == 0
        assert [await place.messages(payment) for payment in payments] == before
        assert [len(messages) for messages in before] == [3, 3, 3, 3]
        trail = await place.audited()
        assert (trail.violations, trail.messages, trail.archived_messages) == ([], 12, 12)


async def test_a_message_of_a_payment_that_is_not_final_stays_and_so_does_its_month(place: Place) -> None:
    """It is told since when: somebody has to look at a payment that has been open for months."""
    await some_payments(place)

    passed = await place.archiver().archive_due()
    [retired] = await place.retire()

    assert (passed.messages, passed.left_at) == (12, NOW)
    assert (retired.is_dropped, retired.left) == (False, 1)
    assert await place.value("SELECT count(*) FROM message") == 13


async def test_what_stayed_goes_with_a_later_pass(place: Place) -> None:
    """Nothing is forgotten because the walk has passed it once."""
    payment = await accepted(place.store, "slow")
    await settled(place.store, "quick")
    await place.archiver().archive_due()
    rejected = decision(payment, EventKind.DEADLINE_PASSED, after_s=30.0)
    assert await place.store.save([rejected]) == [True]

    passed = await place.archiver().archive_due()
    [retired] = await place.retire()

    assert (passed.segments, passed.messages, passed.left_at) == (1, 1, None)
    assert retired.is_dropped
    assert len(await place.messages(payment)) == 1
    assert [verdict.is_sound for verdict in await place.verdicts()] == [True, True]


async def test_nothing_goes_before_its_time_and_whole_days_alone_go(place: Place) -> None:
    """`NOW` is an afternoon: 90 days later to the minute its day is not over yet."""
    await settled(place.store, "one")

    early = await place.archiver(now=NOW + AFTER + timedelta(minutes=5)).archive_due()
    due = await place.archiver(now=NOW + AFTER + timedelta(days=1)).archive_due()

    assert (early.messages, due.messages) == (0, 3)


async def test_a_clock_that_is_set_back_archives_less_and_loses_nothing(place: Place) -> None:
    """What was archived stays so; the rest waits."""
    await settled(place.store, "one")
    await place.archiver().archive_due()
    await settled(place.store, "two")

    back = await place.archiver(now=NOW - timedelta(days=400)).archive_due()
    again = await place.archiver().archive_due()

    assert (back.messages, again.messages) == (0, 3)
    assert [verdict.messages for verdict in await place.verdicts()] == [3, 3]


async def test_a_second_pass_archives_nothing_twice(place: Place) -> None:
    """While the rows are still there."""
    await settled(place.store, "one")

    first = await place.archiver().archive_due()
    second = await place.archiver().archive_due()

    assert (first.messages, second.messages, second.segments) == (3, 0, 0)
    assert [name async for name in place.archive.names("")] == ["local/0000000001.segment"]


async def test_many_messages_make_several_segments(place: Place) -> None:
    """Bounded in bytes, so that memory and the waiting transaction are; and so is what one statement looks at."""
    payments = [await settled(place.store, f"key-{number}") for number in range(5)]
    before = [await place.messages(payment) for payment in payments]

    store = PostgresArchiveStore(place.pool, region=REGION, walked_max=4)
    passed = await replace(place.archiver(store=store), segment_bytes=200).archive_due()
    [retired] = await place.retire()

    assert passed.messages == 15
    assert passed.segments > 3
    assert sum(verdict.messages for verdict in await place.verdicts()) == 15
    assert all(verdict.is_sound for verdict in await place.verdicts())
    assert retired.is_dropped
    assert [await place.messages(payment) for payment in payments] == before


async def test_a_late_answer_to_a_payment_whose_messages_have_left_finds_it(place: Place) -> None:
    """By the id of what was sent, and what it brings is kept; a delivery that comes again finds its message, too."""
    payment = await settled(place.store, "late")
    await place.archiver().archive_due()
    await place.retire()

    found = await place.store.find_by_message_id(Rail.FEDNOW, ["SENT-late", "default-late", "nobodys"])
    loaded = await place.store.load_with_message([(payment.payment_id, MessageDirection.RAIL_OUT)])
    answer = raw_message(MessageDirection.RAIL_IN, "SECOND-ANSWER", after_s=86_400.0)
    late = decision(
        await now_of(place.store, payment),
        EventKind.POSTING_REPORTED,
        answer,
        inbox_id="SECOND-ANSWER",
        after_s=86_400.0,
    )

    assert {key: each.payment_id for key, each in found.items()} == {
        "SENT-late": payment.payment_id,
        "default-late": payment.payment_id,
    }
    assert loaded[payment.payment_id][1].business_message_id == "SENT-late"
    assert await place.store.find_by_message_id(Rail.RTP, ["SENT-late"]) == {}
    assert await place.store.save([late]) == [True]
    assert [message.business_message_id for message in await place.messages(payment)] == [
        *("late", "SENT-late", "ANSWER-late", "SECOND-ANSWER")
    ]
    assert (await place.audited()).violations == []


async def test_the_oldest_message_is_found_though_a_younger_one_is_still_in_the_database(place: Place) -> None:
    """A payment over the end of a month: the month of what was sent first is gone, that of a later question is not."""
    sent_first = datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC)
    payment = await accepted(place.store, "over")
    for name, at in (("FIRST", sent_first), ("SECOND", sent_first + timedelta(seconds=2))):
        sent = replace(raw_message(MessageDirection.RAIL_OUT, name), at=at)
        kind = EventKind.SENDING_STARTED if name == "FIRST" else EventKind.SETTLEMENT_REPORTED
        payment = await saved(place.store, payment, kind, sent)
    wanted = [(payment.payment_id, MessageDirection.RAIL_OUT)]
    before = await place.store.load_with_message(wanted)

    await place.archiver().archive_due()
    while_both = await place.store.load_with_message(wanted)
    [retired] = await place.retire()
    after = await place.store.load_with_message(wanted)

    assert retired.is_dropped
    assert await place.value("SELECT string_agg(business_message_id, ' ') FROM message") == "SECOND"
    assert before == while_both == after
    assert after[payment.payment_id][1].business_message_id == "FIRST"
    assert [message.business_message_id for message in await place.messages(payment)] == ["over", "FIRST", "SECOND"]


async def test_without_an_archive_it_is_said_where_the_messages_are(place: Place) -> None:
    """Never an empty list: that would say that there were none."""
    payment = await settled(place.store, "one")
    await place.archiver().archive_due()
    alone = PostgresStore(place.pool, region=REGION, vault=KEYS)

    while_there = await alone.messages(payment.payment_id)
    await place.retire()

    assert len(while_there) == 3
    with pytest.raises(UnavailableError, match="FIFTEEN_ARCHIVE_URL"):
        await alone.messages(payment.payment_id)
    with pytest.raises(UnavailableError, match="FIFTEEN_ARCHIVE_URL"):
        await alone.load_with_message([(payment.payment_id, MessageDirection.CLIENT_IN)])


@pytest.mark.unbalanced("the history is tampered with")
async def test_a_message_that_was_tampered_with_in_the_database_is_not_archived_and_its_month_stays(
    place: Place,
) -> None:
    """Its bytes are evidence: they are not vouched for, and not dropped; the others go on."""
    await settled(place.store, "one")
    await settled(place.store, "two")
    await place.execute("UPDATE message SET body = body || ' '::bytea WHERE business_message_id = 'SENT-one'")

    passed = await place.archiver().archive_due()
    [retired] = await place.retire()

    assert (passed.messages, passed.left_at) == (5, NOW + timedelta(seconds=1))
    assert (retired.is_dropped, retired.left) == (False, 1)
    assert {each.kind for each in (await place.audited()).violations} == {ViolationKind.MESSAGE_CHANGED}


async def test_the_index_can_be_added_to_and_never_changed_by_the_application(place: Place) -> None:
    """As every fact; and a month can be dropped by the owner alone."""
    await settled(place.store, "one")
    await place.archiver().archive_due()

    for statement in (
        "UPDATE archived_message SET segment = 2",
        "DELETE FROM archive_segment",
        "DROP TABLE message_local_y2026m11",
        "ALTER TABLE message_local DETACH PARTITION message_local_y2026m11",
    ):
        with pytest.raises(Exception, match=r"permission denied|must be owner"):
            await place.pool.execute(statement)


async def test_the_loop_passes_once_a_day_and_again_when_it_was_turned_away(place: Place) -> None:
    """A pass walks through all that has not left: every hour it is only asked whether another day is due."""
    archiver = place.archiver()
    clock = archiver.clock
    assert isinstance(clock, VirtualClock)
    store = PostgresArchiveStore(place.pool, region=REGION)
    async with asyncio.TaskGroup() as group:
        async with store.turn():
            loop = group.create_task(archiver.run())
            await clock.until_asleep(1)
        turned_away = archiver.succeeded_at
        passes: list[int] = []
        for hours in (1, 1, 24):
            await settled(place.store, f"after-{len(passes)}")
            clock.advance(hours * PAUSE_S)
            await until_it_sleeps_again(clock)
            passes.append(archiver.messages)
        loop.cancel()

    assert turned_away is None
    assert passes == [3, 3, 9]


async def until_it_sleeps_again(clock: VirtualClock) -> None:
    """Who was woken has gone, and come back."""
    async with asyncio.timeout(10):
        while clock.sleepers:
            await asyncio.sleep(0)
    await clock.until_asleep(1, timeout_s=10)


async def test_what_is_archived_is_counted(place: Place) -> None:
    """What the gauges show; months are there until the beginning of the fourth month after this one."""
    await settled(place.store, "one")
    archiver = place.archiver()
    await archiver.archive_due()

    totals = await archiver.store.totals()

    assert (totals.segments, archiver.messages, archiver.succeeded_at) == (1, 3, LATER)
    assert totals.months_until is not None
    assert totals.months_until.isoformat() == "2027-03-01T00:00:00+00:00"


async def test_what_came_in_is_archived_when_nothing_more_can_become_of_it(place: Place) -> None:
    """By its state: what is blocked, or owed back, stays in the database until it is done with."""
    decider = IncomingDecider({Rail.FEDNOW: receiving_rail()}, SystemIdentifiers())
    reader = reader_at(place.archive, NOW)
    subject = Subject(PostgresIncoming(place.pool, region=REGION, vault=KEYS, archive=reader), decider)
    ways = {
        "posted": (IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.SETTLEMENT_ADVISED, IncomingEvent.POSTING_CONFIRMED),
        "owed": (IncomingEvent.ACCEPTANCE_DECIDED, IncomingEvent.SETTLEMENT_ADVISED, IncomingEvent.POSTING_REFUSED),
    }
    transfers = {}
    for name, way in ways.items():
        transfers[name] = await subject.admitted(uetr=Uetr("7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d"))
        for kind in way:
            transfers[name] = await subject.befalls(transfers[name], kind)
    before = {name: await subject.store.messages(transfer.payment_id) for name, transfer in transfers.items()}

    passed = await place.archiver().archive_due()
    after = {name: await subject.store.messages(transfer.payment_id) for name, transfer in transfers.items()}
    async with place.pool.acquire() as connection:
        index = PostgresArchiveIndex(connection)
        archived = {name: await index.of_payments([transfer.payment_id]) for name, transfer in transfers.items()}
        found = await index.of_uetr(TENANT, "7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d", limit=10)

    assert passed.left_at is not None
    assert (len(archived["posted"]), len(archived["owed"])) == (len(before["posted"]), 0)
    assert after == before
    assert set(found) == {transfer.payment_id for transfer in transfers.values()}


async def test_messages_whose_years_are_over_are_told_from_messages_that_are_lost(place: Place) -> None:
    """An object that is gone is a fault of the archive until the years are over, and none from then on."""
    payment = await settled(place.store, "one")
    await place.archiver().archive_due()
    await place.retire()
    [name] = [name async for name in place.archive.names("")]
    assert isinstance(place.archive, DirectoryArchive)
    await place.archive.remove(name)

    with pytest.raises(ObjectMissingError) as lost:
        await place.store.messages(payment.payment_id)
    late = reader_at(place.archive, NOW + timedelta(days=7 * 366))
    store = PostgresStore(place.pool, region=REGION, vault=KEYS, archive=late)
    with pytest.raises(RetentionOverError, match=name):
        await store.messages(payment.payment_id)

    assert type(lost.value) is ObjectMissingError
