"""Nothing missed: every few minutes our count of what has settled to us is held against the rail's.

Totals first (camt.060 IATR); where they differ, each message by its id (AADR), and so once more when a day is over.
A takeover has that done at once: what the lost region had acknowledged and not replicated is known to the rail alone.
What the rail has settled and is not settled here is a fact of its own, and a person's to look at: that it can be
fetched is not public (admi.006 is "not yet available", Operating Procedures v2.1).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from gateway.domain.payment import Rail
from gateway.domain.rail_operations import RailEvent, RailEventKind
from gateway.domain.reconciliation import (
    Details,
    Here,
    Totals,
    closed_day_request_id,
    closed_days,
    closing_id,
    cycle_begins,
    cycle_day,
    details_request_id,
    lost_day_request_id,
    lost_days,
    missing_id,
    totals_request_id,
)
from gateway.service.ports import Clock, IncomingStore, Observer, RailEventStore, UnavailableError
from gateway.service.rail_protocol import OutboundMessage
from gateway.service.regions import Loss
from gateway.service.supervise import Verdict
from iso20022 import Amount

LOOK_PAUSE_S: Final = 2.0
"""Between two looks for reports that have come."""

LOOKED_BACK: Final = timedelta(minutes=15)
"""Reports of so long are looked at, by each worker: what is found twice is one fact."""

REPORTS_AT_ONCE: Final = 20
MISSING_LISTED_MAX: Final = 1_000


class ReportsDialect(Protocol):
    """How one rail is asked for reports, and what they say. Pure."""

    @property
    def rail(self) -> Rail:
        """Which rail."""
        ...

    def totals_request(self, institution: str, *, event_id: UUID, at: datetime) -> OutboundMessage:
        """Return the request for an institution's totals of the cycle day under way."""
        ...

    def details_request(self, institution: str, day: date, *, event_id: UUID, at: datetime) -> OutboundMessage:
        """Return the request for each message of an institution's cycle day."""
        ...

    def read_report(self, body: bytes) -> Sequence[Totals | Details]:
        """Return what a report says that was read before; one of another kind says nothing here."""
        ...


class NotMissingError(Exception):
    """No message of this id is missing, or a person has closed it: nothing was done."""


@dataclass(slots=True)
class Reconciler:
    """Asks for totals and compares: a worker's loop. Several workers ask, and find, each thing once.

    With two regions each asks for itself, and compares what it has heard itself with what both have.
    """

    dialects: Mapping[Rail, ReportsDialect]
    store: RailEventStore
    incoming: IncomingStore
    clock: Clock
    observer: Observer
    interval_s: float
    region: str
    loss: Callable[[], Awaitable[Loss | None]]
    """Returns the last takeover of the other region."""
    _asked_turn: int | None = None
    _asked_of: Loss | None = None
    _closed: set[tuple[Rail, str, date]] = field(default_factory=set)
    """The days that are over whose details were looked at; forgotten with the process, for looking twice is no harm."""
    _read: dict[UUID, datetime] = field(default_factory=dict)
    """The reports that were looked at, and when they came."""
    _differing: dict[tuple[Rail, str], datetime] = field(default_factory=dict)
    """The institutions whose totals differed when they were last compared, and since when at every comparison."""

    async def run(self) -> None:
        """Ask and compare until cancelled. Raises UnavailableError when the store does not answer."""
        while True:
            await self.ask_due()
            await self.compare()
            await self.clock.pause(LOOK_PAUSE_S)

    async def ask_due(self) -> None:
        """Ask for the totals of every institution, once in each interval; not in the one in which we began.

        And for the details of each day that is over, until they have been looked at; and about the days on which the
        other region was lost, once it is taken over and the rail's clock has run out for whatever it did last.
        """
        now = self.clock.now()
        turn = int(now.timestamp() // self.interval_s)
        if self._asked_turn is None:
            self._asked_turn = turn
        if turn != self._asked_turn:
            about = await self._asked_about()
            institutions = {institution for _, institution in about}
            self._differing = {known: since for known, since in self._differing.items() if known[1] in institutions}
            for dialect, institution in about:
                event_id = totals_request_id(self.region, dialect.rail, institution, turn=turn)
                message = dialect.totals_request(institution, event_id=event_id, at=now)
                await self._request(dialect.rail, institution, message, event_id, now)
                await self._ask_of_closed_days(dialect, institution, turn, now)
            self._asked_turn = turn
        loss = await self.loss()
        if loss is not None and loss.ask_after <= now and loss != self._asked_of:
            await self._ask_of_lost_days(loss, now)
            self._asked_of = loss

    async def _asked_about(self) -> Sequence[tuple[ReportsDialect, str]]:
        institutions = sorted((await self.incoming.receiving_tenants()).by_agent)
        return [(dialect, institution) for dialect in self.dialects.values() for institution in institutions]

    async def _ask_of_lost_days(self, loss: Loss, now: datetime) -> None:
        """Totals of the day under way, details of one that is over; another worker, or a later life, asks no more."""
        for dialect, institution in await self._asked_about():
            for day in lost_days(loss.heard_until, loss.ask_after):
                event_id = lost_day_request_id(self.region, dialect.rail, institution, day, asked_from=loss.ask_after)
                if day == cycle_day(now):
                    message = dialect.totals_request(institution, event_id=event_id, at=now)
                else:
                    message = dialect.details_request(institution, day, event_id=event_id, at=now)
                await self._request(dialect.rail, institution, message, event_id, now)

    async def _ask_of_closed_days(self, dialect: ReportsDialect, institution: str, turn: int, now: datetime) -> None:
        days, began = closed_days(now), datetime.fromtimestamp(turn * self.interval_s, tz=UTC)
        self._closed = {known for known in self._closed if known[2] in days}
        for day in days:
            if (dialect.rail, institution, day) not in self._closed:
                event_id = closed_day_request_id(self.region, dialect.rail, institution, day, at=began)
                message = dialect.details_request(institution, day, event_id=event_id, at=now)
                await self._request(dialect.rail, institution, message, event_id, now, closed_day=day)

    async def compare(self) -> None:
        """Compare what the rail has reported since the last look; a report that cannot be read stops no other."""
        for rail, dialect in self.dialects.items():
            since = self.clock.now() - LOOKED_BACK
            self._read = {event_id: at for event_id, at in self._read.items() if at >= since}
            for report in await self.store.heard(
                rail, RailEventKind.REPORTED, since=since, but=self._read, limit=REPORTS_AT_ONCE
            ):
                verdict = Verdict(but=(UnavailableError,))
                async with verdict:
                    for said in dialect.read_report(report.body):
                        await self._compare(dialect, said, report.event)
                if verdict.fault is not None:
                    self.observer.fault("reconciliation", verdict.fault)
                self._read[report.event.event_id] = report.event.at

    async def _compare(self, dialect: ReportsDialect, said: Totals | Details, report: RailEvent) -> None:
        if isinstance(said, Details):
            await self._find_missing(dialect.rail, said)
            about = str(report.about)
            asked = (await self.store.asked(dialect.rail, [about])).get(about)
            if said.is_last and asked is not None and asked.note is not None:
                self._closed.add((dialect.rail, said.institution, date.fromisoformat(asked.note)))
            return
        day = cycle_day(said.at)
        since, until = cycle_begins(day), max(said.at, report.at)
        ours = await self.store.arrivals(dialect.rail, said.institution, since=since, until=until)
        different_s = self._different_s(dialect.rail, said, is_equal=ours == said.arrivals)
        self.observer.totals_compared(dialect.rail, theirs=said.arrivals, ours=ours, different_s=different_s)
        if ours == said.arrivals:
            return
        event_id = details_request_id(
            self.region, dialect.rail, said.institution, at=said.at, theirs=said.arrivals, ours=ours
        )
        now = self.clock.now()
        message = dialect.details_request(said.institution, day, event_id=event_id, at=now)
        await self._request(dialect.rail, said.institution, message, event_id, now)

    def _different_s(self, rail: Rail, said: Totals, *, is_equal: bool) -> float:
        """For how long the totals of an institution have differed at every comparison: of the one for longest."""
        if is_equal:
            self._differing.pop((rail, said.institution), None)
        else:
            self._differing.setdefault((rail, said.institution), said.at)
        since = min((at for (of, _), at in self._differing.items() if of is rail), default=said.at)
        return max((said.at - since).total_seconds(), 0.0)

    async def _find_missing(self, rail: Rail, details: Details) -> None:
        known = await self.store.known_here(rail, [message_id for message_id, _ in details.credited])
        now = self.clock.now()
        for message_id, cents in details.credited:
            here = known.get(message_id)
            if here is not None and (here.is_of(cents) or here.is_under_way(cents, now)):
                continue
            missing = RailEvent(
                event_id=missing_id(rail, message_id),
                rail=rail,
                kind=RailEventKind.MISSING,
                code="",
                subjects=(details.institution,),
                about=message_id,
                note=str(Amount(cents)),
                description=f"{Amount(cents)} dollars were settled to us, and {_said_of(here, cents)}.",
                at=now,
            )
            if await self.store.note(missing):
                self.observer.rail_event(missing)

    async def _request(
        self,
        rail: Rail,
        institution: str,
        message: OutboundMessage,
        event_id: UUID,
        now: datetime,
        *,
        closed_day: date | None = None,
    ) -> None:
        event = RailEvent(
            event_id=event_id,
            rail=rail,
            kind=RailEventKind.REQUESTED,
            code=message.message_type,
            subjects=(institution,),
            business_message_id=message.business_message_id,
            asked_by="reconciliation",
            note=None if closed_day is None else closed_day.isoformat(),
            event_time=now,
            at=now,
        )
        await self.store.ask(event, message.kept(event_id, at=now), message_class=message.message_class)


def _said_of(here: Here | None, cents: int) -> str:
    """What is wrong with what is here."""
    if here is None:
        return "the message never came"
    if here.cents != cents:
        return f"the message that came is of {Amount(here.cents)}"
    return "the message came, and has not settled here"


@dataclass(frozen=True, slots=True)
class MissingDesk:
    """Shows what the rail has settled and is not settled here, and takes a person's word that it was looked at."""

    store: RailEventStore
    clock: Clock

    async def missing(self, rail: Rail) -> Sequence[RailEvent]:
        """Return what is missing and was not closed, nor has come and settled since; the oldest first."""
        return await self.store.still_missing(rail, limit=MISSING_LISTED_MAX)

    async def close(self, rail: Rail, message_id: str, *, by: str, note: str) -> RailEvent:
        """Keep that a person has looked, and why nobody has to any more; return what was missing.

        Raises:
            NotMissingError: nothing of this id is missing, or somebody has just closed it.
            UnavailableError: the store does not answer.

        """
        missing = await self.store.still_missing(rail, message_id=message_id, limit=1)
        if not missing:
            raise NotMissingError(message_id)
        (found,) = missing
        closed = RailEvent(
            event_id=closing_id(rail, message_id),
            rail=rail,
            kind=RailEventKind.CLOSED,
            code="",
            subjects=found.subjects,
            about=message_id,
            asked_by=by,
            note=note,
            at=self.clock.now(),
        )
        if not await self.store.note(closed):
            raise NotMissingError(message_id)
        return found
