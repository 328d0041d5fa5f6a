"""Nothing missed: the rail's totals against ours, the details where they differ, and what never came."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from gateway.domain.payment import Rail, RegionId, TenantId
from gateway.domain.rail_operations import RailEvent, RailEventKind
from gateway.domain.reconciliation import (
    Arrivals,
    Details,
    Totals,
    closed_days,
    cycle_begins,
    cycle_day,
    lost_days,
    missing_id,
)
from gateway.domain.regions import SlotMap
from gateway.domain.stand_in import StandInPolicy
from gateway.service.ports import Receivers, ReceivingTenant
from gateway.service.reconcile import (
    MISSING_LISTED_MAX,
    MissingDesk,
    NotMissingError,
    Reconciler,
    ReportsDialect,
)
from gateway.service.regions import last_loss
from iso20022 import RoutingNumber
from simulators.orders import order_from
from tests.fakes.rail_operations import InMemoryRailEvents
from tests.unit.service.operations_world import OperationsWorld, operations_world

OURS = "990000107"
INTERVAL_S = 300.0
OWN, LOST = RegionId("usw2"), RegionId("use1")
CALLED_AFTER_S = 1_200
"""As `RailTotalsDiffer` has it."""


class OneTenant:
    """Receives for one institution."""

    async def receiving_tenants(self) -> Receivers:
        tenant = ReceivingTenant(TenantId("first"), None, StandInPolicy())
        return Receivers({RoutingNumber(OURS): tenant.tenant_id}, {tenant.tenant_id: tenant})


class NoTenant:
    """Receives for nobody."""

    async def receiving_tenants(self) -> Receivers:
        return Receivers({}, {})


@dataclass(slots=True)
class TwoRegions:
    """This region's map, and when it heard of the other."""

    slots: SlotMap = field(default_factory=lambda: SlotMap.first([OWN, LOST]))
    heard: dict[RegionId, datetime] = field(default_factory=dict)

    def takes_over(self, *, heard_until: datetime, ask_after: datetime) -> None:
        """The other is lost, and taken over."""
        self.heard[LOST] = heard_until
        self.slots = self.slots.taken_over(LOST, by=OWN, ask_after=ask_after)

    def hands_back(self) -> None:
        """The other is back, and has its slots."""
        self.slots = self.slots.handed_over(SlotMap.first([OWN, LOST]).slots_of(LOST), to=LOST)

    async def slot_map(self) -> SlotMap | None:
        """The map."""
        return self.slots

    async def pulses(self) -> Mapping[RegionId, datetime]:
        """When."""
        return self.heard


@dataclass(slots=True)
class Books:
    """Ours and the rail's."""

    place: OperationsWorld
    reconcilers: list[Reconciler]
    desk: MissingDesk
    regions: TwoRegions

    def settles(self, *, here: bool, amount: str = "51.74") -> str:
        """Have the rail settle a payment to us, which has come here, or has not."""
        now = self.place.earth.clock.now()
        sent = self.place.simulated.originate(order_from({"swallowed": True, "amount": amount}), now=now)
        if here:
            self.place.events.transfers[sent.message_id] = (OURS, sent.amount.cents, now)
        return sent.message_id

    async def turn(self) -> None:
        """Let an interval pass: totals are asked for, answered and compared, and details where they differ."""
        await self.pass_s(INTERVAL_S)

    async def pass_s(self, seconds: float) -> None:
        """Let time pass, and each worker look: what is asked is answered and compared."""
        self.place.earth.clock.advance(seconds)
        for reconciler in self.reconcilers:
            await reconciler.ask_due()
        for _ in range(2):
            self.place.earth.clock.advance(1)
            await self.place.work()
            for reconciler in self.reconcilers:
                await reconciler.compare()

    async def asked(self) -> list[str]:
        """Which reports were asked for of the day under way: their kinds as the rail answered them."""
        return [event.code for event in await self._reports(of_closed_days=False)]

    async def closed_days(self) -> list[str]:
        """Of which days that were over the rail has reported."""
        asked = await self.place.events.asked(Rail.FEDNOW, self._abouts(await self._reports(of_closed_days=True)))
        return sorted(str(event.note) for event in asked.values())

    async def _reports(self, *, of_closed_days: bool) -> list[RailEvent]:
        events = await self.place.events.events(Rail.FEDNOW, kinds={RailEventKind.REPORTED}, limit=1_000)
        asked = await self.place.events.asked(Rail.FEDNOW, self._abouts(events))
        return [event for event in reversed(events) if (asked[str(event.about)].note is not None) is of_closed_days]

    @staticmethod
    def _abouts(events: Sequence[RailEvent]) -> list[str]:
        return [str(event.about) for event in events]

    async def missing(self) -> list[str | None]:
        """What is missing."""
        return [event.about for event in await self.desk.missing(Rail.FEDNOW)]


async def two_workers(place: OperationsWorld) -> Books:
    """Two workers that compare, in the interval in which they began."""
    regions = TwoRegions()
    reconcilers = [
        Reconciler(
            place.operations.dialects,  # type: ignore[arg-type]
            place.events,
            OneTenant(),  # type: ignore[arg-type]
            place.earth.clock,
            place.earth.recorder,
            INTERVAL_S,
            OWN,
            lambda: last_loss(regions, OWN, LOST),
        )
        for _ in range(2)
    ]
    for reconciler in reconcilers:
        await reconciler.ask_due()
    return Books(place, reconcilers, MissingDesk(place.events, place.earth.clock), regions)


@pytest.fixture
async def books() -> AsyncIterator[Books]:
    """Ours and the rail's."""
    async with operations_world() as place:
        yield await two_workers(place)


async def test_where_all_is_here_the_totals_alone_are_asked_for_once_an_interval(books: Books) -> None:
    """Two workers ask once; nothing is missing."""
    books.settles(here=True)
    await books.turn()
    await books.turn()

    assert await books.asked() == ["IATR", "IATR"]
    assert await books.missing() == []
    assert not books.place.earth.recorder.quarantines


async def test_what_never_came_is_found_by_its_id_within_an_interval_and_stays_until_somebody_closes_it(
    books: Books,
) -> None:
    """Count and sum differ, the details name it; the same difference is looked into once."""
    books.settles(here=True)
    lost = books.settles(here=False)
    await books.turn()
    first = await books.missing()
    await books.turn()

    assert first == [lost]
    assert await books.asked() == ["IATR", "AADR", "IATR"]
    assert await books.missing() == [lost]
    await books.desk.close(Rail.FEDNOW, lost, by="sample operator", note="the sender has it back")
    assert await books.missing() == []
    with pytest.raises(NotMissingError):
        await books.desk.close(Rail.FEDNOW, lost, by="sample operator", note="again")


async def test_a_difference_in_the_sum_alone_is_a_difference(books: Books) -> None:
    """As many, and not as much: one never came, and one is counted here that the rail does not have."""
    lost = books.settles(here=False, amount="99.00")
    books.place.events.transfers["ONLY-HERE"] = (OURS, 5174, books.place.earth.clock.now())

    await books.turn()

    assert await books.missing() == [lost]


async def test_totals_that_differ_call_somebody_though_the_rail_refuses_the_details() -> None:
    """E301, above so many messages a day: no id is named, totals are compared on, and it shows how long they differ."""
    async with operations_world(details_max=2) as place:
        books = await two_workers(place)
        lost = [books.settles(here=False) for _ in range(3)]

        for _ in range(5):
            await books.turn()
        named, different_s = await books.missing(), place.earth.recorder.totals_different_s[-1]
        refused = await place.events.events(Rail.FEDNOW, kinds={RailEventKind.REFUSED}, limit=100)
        for message_id in lost:
            place.events.transfers[message_id] = (OURS, 5174, place.earth.clock.now())
        await books.turn()

        assert await books.asked() == ["IATR"] * 6, "the loop goes on, and no details come"
        assert named == []
        assert refused
        assert {each.reason_code for each in refused} == {"E301"}
        assert different_s >= CALLED_AFTER_S
        assert place.earth.recorder.totals_different_s[-1] == 0
        assert place.earth.recorder.faults == []


async def test_institutions_whose_totals_agree_hide_none_whose_totals_differ(books: Books) -> None:
    """The rail's figure is that of the one that has differed longest; equal ones between count for nothing."""
    books.settles(here=False)
    (first, _) = books.reconcilers
    totals = Totals(institution="990000204", at=books.place.earth.clock.now(), arrivals=Arrivals(0, 0))
    for _ in range(3):
        await books.turn()
    assert first._different_s(Rail.RTP, totals, is_equal=True) == 0, "another rail's are its own"

    different_s = first._different_s(Rail.FEDNOW, replace(totals, at=books.place.earth.clock.now()), is_equal=True)

    assert different_s >= 2 * INTERVAL_S


async def test_an_institution_that_receives_here_no_more_differs_no_more(books: Books) -> None:
    """Nobody compares its totals again: what they were last calls nobody for good."""
    books.settles(here=False)
    await books.turn()
    (first, _) = books.reconcilers
    gone = Totals(institution="990000204", at=books.place.earth.clock.now(), arrivals=Arrivals(0, 0))
    later = replace(gone, at=gone.at + timedelta(hours=1))
    assert first._different_s(Rail.FEDNOW, later, is_equal=True) > 0, "the control: it differs still"

    first.incoming = NoTenant()  # type: ignore[assignment]
    books.place.earth.clock.advance(INTERVAL_S)
    await first.ask_due()

    assert first._different_s(Rail.FEDNOW, later, is_equal=True) == 0


async def test_what_comes_later_is_missing_no_more(books: Books) -> None:
    """The advice was late, or the other region had it."""
    late = books.settles(here=False)
    await books.turn()
    books.place.events.transfers[late] = (OURS, 5174, books.place.earth.clock.now())

    assert await books.missing() == []


async def test_what_is_under_way_makes_a_difference_and_is_not_missing(books: Books) -> None:
    """It has come, and is not settled here yet: details are asked for, and name nothing that is not here."""
    came = books.settles(here=True)
    books.place.events.unsettled.add(came)

    await books.turn()

    assert await books.asked() == ["IATR", "AADR"]
    assert await books.missing() == []


async def test_what_the_rail_has_settled_and_is_rejected_or_open_here_for_ten_minutes_is_missing(books: Books) -> None:
    """The money is ours, and nobody has it: that the message came is no comfort. Once it settles here all is well."""
    came = books.settles(here=True)
    books.place.events.unsettled.add(came)

    for _ in range(6):
        await books.turn()

    (found,) = await books.desk.missing(Rail.FEDNOW)
    assert (found.about, found.description) == (
        came,
        "51.74 dollars were settled to us, and the message came, and has not settled here.",
    )
    books.place.events.unsettled.clear()
    assert await books.missing() == []


async def test_what_came_with_another_amount_than_the_rail_has_settled_is_missing_until_it_is_closed(
    books: Books,
) -> None:
    """The same id, and other money."""
    came = books.settles(here=True)
    books.place.events.transfers[came] = (OURS, 5173, books.place.earth.clock.now())

    await books.turn()

    (found,) = await books.desk.missing(Rail.FEDNOW)
    assert found.description == "51.74 dollars were settled to us, and the message that came is of 51.73."
    await books.desk.close(Rail.FEDNOW, came, by="sample operator", note="the rail has corrected it")
    assert await books.missing() == []


async def test_a_difference_whose_details_were_lost_is_looked_into_again_within_half_an_hour(books: Books) -> None:
    """The one request could not be handed over for a minute: nothing else would ever ask again that day."""
    lost = books.settles(here=False)
    clock = books.place.earth.clock
    clock.advance(INTERVAL_S)
    for reconciler in books.reconcilers:
        await reconciler.ask_due()
    clock.advance(1)
    await books.place.work()
    for reconciler in books.reconcilers:
        await reconciler.compare()
    books.place.earth.rail.reachable = False
    for _ in range(35):
        clock.advance(2)
        await books.place.sender.send_due()
    books.place.earth.rail.reachable = True

    for _ in range(6):
        await books.turn()

    assert await books.missing() == [lost]


async def test_a_worker_that_starts_again_finds_the_same_and_makes_no_second_fact_of_it(books: Books) -> None:
    """Ids are derived from what was found."""
    lost = books.settles(here=False)
    await books.turn()
    books.reconcilers[0]._read.clear()
    await books.reconcilers[0].compare()

    events = await books.place.events.events(Rail.FEDNOW, kinds={RailEventKind.MISSING}, limit=100)
    assert [event.about for event in events] == [lost]


async def test_what_settled_in_the_last_minute_of_a_cycle_day_is_found_when_the_day_is_over(books: Books) -> None:
    """It is in no later total; the day is looked at once, by whoever asks, and those before it."""
    clock = books.place.earth.clock
    day = cycle_day(clock.now())
    rolls = cycle_begins(day + timedelta(days=1))
    clock.advance((rolls - clock.now()).total_seconds() - 60)
    for reconciler in books.reconcilers:
        await reconciler.ask_due()
    lost = books.settles(here=False)

    for _ in range(24):
        await books.turn()

    assert await books.missing() == [lost]
    over = await books.closed_days()
    assert over.count(day.isoformat()) == 1


async def test_what_a_lost_region_had_acknowledged_and_not_replicated_is_found_missing_once_it_is_taken_over(
    books: Books,
) -> None:
    """At once, whatever the interval's turn, and not before the rail's clock has run out for what that one did last.

    The control is the time before: nothing was asked, and nothing would have been for the rest of the interval.
    """
    lost = books.settles(here=False)
    now = books.place.earth.clock.now()
    books.regions.takes_over(heard_until=now - timedelta(seconds=1), ask_after=now + timedelta(seconds=25))

    await books.pass_s(20)
    before = await books.asked()
    await books.pass_s(5)

    assert before == []
    assert await books.asked() == ["IATR", "AADR"]
    assert await books.missing() == [lost]


async def test_about_one_takeover_is_asked_once_by_whichever_worker_and_life_and_about_the_next_one_again(
    books: Books,
) -> None:
    """The map says for as long as it stands that the slots were taken over; what is handed back does not."""
    now = books.place.earth.clock.now()
    books.regions.takes_over(heard_until=now, ask_after=now)
    await books.pass_s(5)
    for reconciler in books.reconcilers:
        reconciler._asked_of = None
    await books.pass_s(5)
    once = await books.asked()
    books.regions.hands_back()
    await books.pass_s(5)
    back = await books.asked()
    again = books.place.earth.clock.now()
    books.regions.takes_over(heard_until=again, ask_after=again)
    await books.pass_s(5)

    assert once == back == ["IATR"]
    assert await books.asked() == ["IATR", "IATR"]


async def test_a_day_that_ended_while_a_region_was_being_lost_is_asked_about_in_its_details(books: Books) -> None:
    """What settled before the roll is in no total of the day under way, as those of the interval's turn at the roll.

    More days than the rail keeps are not asked about.
    """
    clock = books.place.earth.clock
    day = cycle_day(clock.now())
    rolls = cycle_begins(day + timedelta(days=1))
    clock.advance((rolls - clock.now()).total_seconds() - 10)
    for reconciler in books.reconcilers:
        await reconciler.ask_due()
    await books.pass_s(0)
    lost = books.settles(here=False)
    ask_after = rolls + timedelta(seconds=15)
    books.regions.takes_over(heard_until=clock.now(), ask_after=ask_after)
    asked = len(await books.asked())

    await books.pass_s(26)

    assert await books.missing() == [lost]
    assert sorted((await books.asked())[asked:]) == ["AADR", "IATR", "IATR"]
    assert len(lost_days(ask_after - timedelta(days=30), ask_after)) == 4


async def test_days_that_went_by_without_a_worker_are_looked_at_when_one_starts(books: Books) -> None:
    """Three of them, once each while the answer comes, and again every hour while it does not."""
    lost = books.settles(here=False)
    clock, rail = books.place.earth.clock, books.place.earth.rail
    clock.advance(timedelta(days=2, hours=12).total_seconds())
    answering, rail.answering = rail.answering, lambda _body, _class: ()

    await books.turn()
    before = await books.closed_days()
    rail.answering = answering
    for _ in range(24):
        await books.turn()

    assert before == []
    assert await books.closed_days() == sorted(day.isoformat() for day in closed_days(clock.now()))
    assert await books.missing() == [lost]


async def test_of_two_people_who_close_the_same_one_did_it_and_the_other_is_told_that_nothing_is_missing(
    books: Books,
) -> None:
    """Both have seen it in the list; whose word is kept is the database's to say, and the other is not told "done"."""
    lost = books.settles(here=False)
    await books.turn()
    both_see = await books.place.events.still_missing(Rail.FEDNOW, limit=10)
    seen_before = replace(books.desk, store=_AsSeenBefore(books.place.events, both_see))  # type: ignore[arg-type]

    closed = await books.desk.close(Rail.FEDNOW, lost, by="first", note="the sender has it back")
    with pytest.raises(NotMissingError):
        await seen_before.close(Rail.FEDNOW, lost, by="second", note="I have looked, too")

    (kept,) = await books.place.events.events(Rail.FEDNOW, kinds={RailEventKind.CLOSED}, limit=10)
    assert (closed.about, kept.asked_by) == (lost, "first")


async def test_what_lies_behind_all_that_is_listed_is_closed_all_the_same(books: Books) -> None:
    """As much is missing as a list shows, and one more: a person who knows its id closes it."""
    at = books.place.earth.clock.now()
    for number in range(MISSING_LISTED_MAX + 1):
        message_id = f"LOST{number:04d}"
        event = RailEvent(
            event_id=missing_id(Rail.FEDNOW, message_id),
            rail=Rail.FEDNOW,
            kind=RailEventKind.MISSING,
            code="",
            subjects=(OURS,),
            about=message_id,
            at=at + timedelta(seconds=number),
        )
        assert await books.place.events.note(event)
    last = f"LOST{MISSING_LISTED_MAX:04d}"
    assert last not in await books.missing(), "the list ends before it"

    closed = await books.desk.close(Rail.FEDNOW, last, by="sample operator", note="the sender has it back")

    assert closed.about == last
    with pytest.raises(NotMissingError):
        await books.desk.close(Rail.FEDNOW, last, by="sample operator", note="again")


@dataclass(slots=True)
class _AsSeenBefore:
    """The store to somebody whose list is a moment old."""

    store: InMemoryRailEvents
    seen: Sequence[RailEvent]

    async def still_missing(self, rail: Rail, *, message_id: str | None = None, limit: int) -> Sequence[RailEvent]:
        """What was missing then."""
        return [each for each in self.seen if each.rail is rail][:limit]

    async def note(self, event: RailEvent) -> bool:
        """Keep it now."""
        return await self.store.note(event)


async def test_what_two_workers_find_is_reported_once(books: Books) -> None:
    """The fact is one; so is what is told of it."""
    books.settles(here=False)

    await books.turn()

    told = [each for each in books.place.earth.recorder.rail_events if each.kind is RailEventKind.MISSING]
    assert len(told) == 1


async def test_a_report_that_cannot_be_read_stops_no_other(books: Books) -> None:
    """It is reported as a fault, once, and what the others say is compared."""
    lost = books.settles(here=False)
    place = books.place
    unreadable = RailEvent(
        event_id=UUID(int=2**100),
        rail=Rail.FEDNOW,
        kind=RailEventKind.REPORTED,
        code="IATR",
        at=place.earth.clock.now(),
    )
    place.events.kept[unreadable.event_id], place.events.bodies[unreadable.event_id] = unreadable, b"no message"

    await books.turn()

    assert await books.missing() == [lost]
    assert place.earth.recorder.faults.count("reconciliation") == len(books.reconcilers)


async def test_a_day_that_is_over_is_looked_at_until_the_last_page_of_its_details_has_come(books: Books) -> None:
    """A page that says that another follows ends nothing: the day is asked for again in the next hour."""
    for reconciler in books.reconcilers:
        reconciler.dialects = {Rail.FEDNOW: _NeverTheLast(reconciler.dialects[Rail.FEDNOW])}  # type: ignore[dict-item]
    await books.turn()
    days = closed_days(books.place.earth.clock.now())
    first = await books.closed_days()

    books.place.earth.clock.advance(3_600)
    await books.turn()

    assert first == sorted(day.isoformat() for day in days)
    assert len(await books.closed_days()) == 2 * len(days)


@dataclass(frozen=True, slots=True)
class _NeverTheLast:
    """The dialect, where every page of details says that another follows."""

    dialect: ReportsDialect

    def __getattr__(self, name: str) -> object:
        return getattr(self.dialect, name)

    def read_report(self, body: bytes) -> Sequence[Totals | Details]:
        """What it says, but for the last page."""
        read = self.dialect.read_report(body)
        return [replace(each, is_last=False) if isinstance(each, Details) else each for each in read]


@pytest.mark.parametrize(
    ("instant", "day", "begins"),
    [
        ("2026-11-20T23:59:59", date(2026, 11, 20), "2026-11-20T00:00:00"),
        ("2026-11-21T00:00:00", date(2026, 11, 21), "2026-11-21T00:00:00"),
        ("2026-07-03T22:59:59", date(2026, 7, 3), "2026-07-02T23:00:00"),
        ("2026-07-03T23:00:00", date(2026, 7, 4), "2026-07-03T23:00:00"),
        ("2026-11-01T12:00:00", date(2026, 11, 1), "2026-10-31T23:00:00"),
        ("2027-01-01T12:00:00", date(2027, 1, 1), "2027-01-01T00:00:00"),
        ("2027-03-14T12:00:00", date(2027, 3, 14), "2027-03-14T00:00:00"),
    ],
)
def test_a_cycle_day_begins_at_seven_on_the_evening_before_in_new_york(instant: str, day: date, begins: str) -> None:
    """Every day, weekends, holidays and the days on which clocks change included."""
    now = datetime.fromisoformat(instant).replace(tzinfo=UTC)

    assert cycle_day(now) == day
    assert cycle_begins(day) == datetime.fromisoformat(begins).replace(tzinfo=UTC)
    assert cycle_day(cycle_begins(day)) == day
    assert cycle_day(cycle_begins(day) - timedelta(microseconds=1)) == day - timedelta(days=1)
