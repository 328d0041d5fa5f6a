"""Rail operations: what is asked of a rail about ourselves is saved, sent by a worker, and answered by the rail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol
from uuid import UUID

from gateway.domain.downtime import Downtime, DowntimeRules, downtime
from gateway.domain.identity import echo_answer_id_of
from gateway.domain.payment import Rail
from gateway.domain.rail_operations import (
    Codes,
    Operation,
    OperationState,
    RailAction,
    RailEvent,
    RailEventKind,
    Standing,
    operations,
    standing,
)
from gateway.service.ports import (
    Clock,
    Identifiers,
    NotServingError,
    Observer,
    RailEventStore,
    RailLink,
    RawMessage,
    UnavailableError,
    UnsentRailMessage,
)
from gateway.service.rail_protocol import EchoAsked, OperationAnswer, OutboundMessage, Reading
from iso20022 import (
    AccountReportMessage,
    MessageReject,
    ParticipantFile,
    SystemEventAcknowledgement,
    SystemEventNotification,
)

LOOK_PAUSE_S: Final = 0.5
"""Between two looks for what is to be sent: a person waits for it."""

SEND_AGAIN_S: Final = 2.0
"""What is not known to have left is sent again after so long, under the same id; the rail refuses a second copy."""

SENDABLE_S: Final = 60.0
"""What could not be handed over for so long is given up: whoever asked has done something else by then."""

ANSWER_SENDABLE_S: Final = 86_400.0
"""What another institution is told of its request for a return is tried for so long: it waits a day for an answer."""

TAKEN_MAX: Final = 16
"""Messages that one look sends, at most."""

SHOWN_EVENTS_MAX: Final = 400
SHOWN: Final = frozenset(
    {
        RailEventKind.ASKED,
        RailEventKind.ACKNOWLEDGED,
        RailEventKind.REFUSED,
        RailEventKind.ABANDONED,
        RailEventKind.BROADCAST,
    }
)
"""What operators have asked, and news: not what is asked every few minutes."""

STANDING_EVENTS_MAX: Final = 2_000
"""The events that a standing is made of: sign-ons of months, at several a day. What others do is not among them."""

_OURS: Final = SHOWN - {RailEventKind.BROADCAST}


class OperationsDialect(Protocol):
    """How one rail is asked about ourselves. Pure."""

    @property
    def rail(self) -> Rail:
        """Which rail."""
        ...

    @property
    def party(self) -> str:
        """Who we are on it."""
        ...

    @property
    def institutions(self) -> frozenset[str]:
        """Our institutions, as far as they are known."""
        ...

    @property
    def codes(self) -> Codes:
        """Its codes for what changes a standing."""
        ...

    @property
    def counts_downtime(self) -> bool:
        """Whether the rail's limits of downtime are known, and so counted."""
        ...

    @property
    def signs_off_institutions(self) -> bool:
        """Whether one institution of several can be signed off; else they have their stand-in alone."""
        ...

    def code_of(self, action: RailAction) -> str:
        """Return the rail's code for an action."""
        ...

    def check(self, action: RailAction, subject: str | None) -> str | None:
        """Return what is wrong with a subject for this action, in words; None where nothing is."""
        ...

    def echo_answer(self, asked: EchoAsked, *, event_id: UUID, at: datetime) -> OutboundMessage:
        """Return the answer to an echo that the rail has asked for."""
        ...

    def message(self, action: RailAction, subject: str | None, *, event_id: UUID, at: datetime) -> OutboundMessage:
        """Return the message that asks."""
        ...


DOWNTIME_RULES: Final = DowntimeRules()
"""The public ones."""


class RailHasNoOperationsError(Exception):
    """Nothing can be asked of this rail about ourselves: it is not served, or we do not know how."""


class SubjectError(ValueError):
    """The subject is none that the action may be about; the text says why."""


class NotReadyError(Exception):
    """Those who must answer the rail do not: nobody was signed on. ``faults`` say who, in words."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class Readiness(Protocol):
    """Knows whether those who must answer the rail would."""

    async def against(self, institution: str | None) -> Sequence[str]:
        """Return what stands against signing an institution on, in words; None: everybody. Raises UnavailableError."""
        ...


@dataclass(frozen=True, slots=True)
class RailStatus:
    """How we stand on a rail, what was asked of it last, and its last news."""

    standing: Standing
    operations: Sequence[Operation]
    broadcasts: Sequence[RailEvent]
    codes: Codes
    downtime: Mapping[str, Downtime]
    """Of each of our institutions that is known."""
    allowed: DowntimeRules | None
    """What the rail allows; None where that is not known, and nothing is counted."""


@dataclass(frozen=True, slots=True)
class RailOperations:
    """Takes what is to be asked of the rails; a worker's `RailOperationSender` sends it."""

    dialects: Mapping[Rail, OperationsDialect]
    store: RailEventStore
    clock: Clock
    identifiers: Identifiers
    rules: DowntimeRules = DOWNTIME_RULES
    readiness: Readiness | None = None
    """Asked before a sign-on; without it nothing stands against one."""

    async def ask(
        self,
        rail: Rail,
        action: RailAction,
        subject: str | None,
        *,
        by: str,
        note: str,
        event_id: UUID | None = None,
    ) -> RailEvent:
        """Save what is to be asked, and return it: the rail has not heard of it yet.

        A repeat asks once more; under the same `event_id` it asks nothing.

        Raises:
            RailHasNoOperationsError: the rail is not served, or cannot be asked.
            SubjectError: the action is not about such a subject.
            NotReadyError: somebody is to be signed on, and those who must answer the rail do not.
            UnavailableError: the store does not answer; look before asking again.

        """
        event, message = self.prepare(rail, action, subject, by=by, note=note, event_id=event_id)
        readiness = self.readiness if action is RailAction.SIGN_ON else None
        if readiness is not None and (faults := await readiness.against(subject)):
            raise NotReadyError(faults)
        await self.store.ask(event, message.kept(event.event_id, at=event.at), message_class=message.message_class)
        return event

    def prepare(
        self,
        rail: Rail,
        action: RailAction,
        subject: str | None,
        *,
        by: str,
        note: str,
        event_id: UUID | None = None,
    ) -> tuple[RailEvent, OutboundMessage]:
        """Return what is to be kept of a question, and the message that asks it; nothing is saved, and nothing sent.

        Raises:
            RailHasNoOperationsError: the rail is not served, or cannot be asked.
            SubjectError: the action is not about such a subject.

        """
        dialect = self._dialect(rail)
        if (fault := dialect.check(action, subject)) is not None:
            raise SubjectError(fault)
        event_id, now = event_id or self.identifiers.new_uuid(), self.clock.now()
        message = dialect.message(action, subject, event_id=event_id, at=now)
        event = RailEvent(
            event_id=event_id,
            rail=rail,
            kind=RailEventKind.ASKED,
            code=dialect.code_of(action),
            subjects=() if subject is None else (subject,),
            business_message_id=message.business_message_id,
            asked_by=by,
            note=note,
            event_time=now,
            at=now,
        )
        return event, message

    async def disconnect(self, rail: Rail, point: str, *, by: str, note: str) -> bool:
        """Have a connection point disconnected, unless it is, or was asked for a moment ago; says whether it was asked.

        So a takeover may call it as often as it likes. What waits at the point goes to our other points then.

        Raises:
            RailHasNoOperationsError: the rail is not served, or cannot be asked.
            SubjectError: it is no connection point.
            UnavailableError: the store does not answer.

        """
        status = await self.status(rail)
        if status.standing.points.get(point) is False:
            return False
        return await self._ask_once(rail, RailAction.DISCONNECT, point, status, by=by, note=note)

    async def connect(self, rail: Rail, point: str, *, by: str, note: str) -> bool:
        """Have a connection point connected again that is known to be disconnected; as `disconnect`.

        Only what `by` had asked for is undone: whatever else has disconnected it may have been meant.
        """
        status = await self.status(rail)
        if status.standing.points.get(point) is not False or await self._disconnected_by(rail, point) != by:
            return False
        return await self._ask_once(rail, RailAction.CONNECT, point, status, by=by, note=note)

    async def _disconnected_by(self, rail: Rail, point: str) -> str | None:
        """Who has asked last that a connection point be disconnected."""
        codes, kinds = {self._dialect(rail).code_of(RailAction.DISCONNECT)}, {RailEventKind.ASKED}
        asked = await self.store.events(rail, codes=codes, kinds=kinds, limit=STANDING_EVENTS_MAX)
        return next((each.asked_by for each in asked if each.subjects == (point,)), None)

    async def _ask_once(
        self, rail: Rail, action: RailAction, point: str, status: RailStatus, *, by: str, note: str
    ) -> bool:
        """Ask, unless it was asked a moment ago, and the answer may be on its way or was no; says whether it was."""
        code = self._dialect(rail).code_of(action)
        recent = self.clock.now() - timedelta(seconds=SENDABLE_S)
        for known in status.operations:
            is_same = known.asked.code == code and known.asked.subjects == (point,)
            if is_same and known.state is not OperationState.DONE and known.asked.at > recent:
                return False
        await self.ask(rail, action, point, by=by, note=note)
        return True

    async def find(self, rail: Rail, event_id: UUID) -> Operation | None:
        """Return what was asked under this id; None where nothing was."""
        found = await self.store.events(rail, kinds=SHOWN, limit=STANDING_EVENTS_MAX)
        return next((each for each in operations(found) if each.asked.event_id == event_id), None)

    async def status(self, rail: Rail) -> RailStatus:
        """Return how we stand on a rail, as far as it was heard.

        Raises:
            RailHasNoOperationsError: the rail is not served, or cannot be asked.
            UnavailableError: the store does not answer.

        """
        dialect = self._dialect(rail)
        events = await self.store.events(rail, kinds=SHOWN, limit=SHOWN_EVENTS_MAX)
        changes = await self._changes(dialect)
        stands = standing(changes, party=dialect.party, own=dialect.institutions, codes=dialect.codes)
        return RailStatus(
            stands,
            operations(events),
            [each for each in events if each.kind is RailEventKind.BROADCAST],
            dialect.codes,
            {
                institution: downtime(
                    changes,
                    institution=institution,
                    party=dialect.party,
                    codes=dialect.codes,
                    rules=self.rules,
                    now=self.clock.now(),
                )
                for institution in sorted(dialect.institutions | set(stands.institutions))
                if dialect.counts_downtime
            },
            self.rules if dialect.counts_downtime else None,
        )

    async def _changes(self, dialect: OperationsDialect) -> Sequence[RailEvent]:
        """What was asked and answered, and what was broadcast about us: others sign on and off all day."""
        rail, codes = dialect.rail, dialect.codes.changes
        asked = await self.store.events(rail, codes=codes, kinds=_OURS, limit=STANDING_EVENTS_MAX)
        ours = {dialect.party, *dialect.institutions, *(subject for each in asked for subject in each.subjects)}
        kinds = {RailEventKind.BROADCAST}
        told = await self.store.events(rail, codes=codes, kinds=kinds, subjects=ours, limit=STANDING_EVENTS_MAX)
        return [*asked, *told]

    def _dialect(self, rail: Rail) -> OperationsDialect:
        dialect = self.dialects.get(rail)
        if dialect is None:
            raise RailHasNoOperationsError(f"{rail} is not served, or nothing can be asked of it")
        return dialect


@dataclass(frozen=True, slots=True)
class RailOperationSender:
    """Sends what was asked: a worker's loop. Of several workers one sends, and a repeat has the same message id.

    What is asked about one subject leaves in the order in which it was asked, and nothing leaves that was asked anew
    since: the rail does what it hears last.
    """

    dialects: Mapping[Rail, OperationsDialect]
    store: RailEventStore
    links: Mapping[Rail, RailLink]
    clock: Clock
    identifiers: Identifiers
    observer: Observer

    async def run(self) -> None:
        """Look for what is to be sent until cancelled. Raises UnavailableError when the store does not answer."""
        while True:
            await self.send_due()
            await self.clock.pause(LOOK_PAUSE_S)

    async def send_due(self) -> None:
        """Send what waits, each at most once; taken one by one, for what waits here behind a slow one another may send.

        Raises:
            UnavailableError: the store does not answer.

        """
        now = self.clock.now()
        for _ in range(TAKEN_MAX):
            again_at = self.clock.now() + timedelta(seconds=SEND_AGAIN_S)
            taken = await self.store.take_unsent(now, again_at=again_at, limit=1)
            if not taken:
                return
            (unsent,) = taken
            await self._send(unsent)

    async def _send(self, unsent: UnsentRailMessage) -> None:
        link, now = self.links.get(unsent.event.rail), self.clock.now()
        sendable_s = ANSWER_SENDABLE_S if unsent.event.answers_another else SENDABLE_S
        if link is None or now - unsent.event.at > timedelta(seconds=sendable_s):
            await self._give_up(unsent, now, f"It could not be handed to the rail within {sendable_s:g} s.")
            return
        if await self._is_asked_anew(unsent.event):
            await self._give_up(unsent, now, "It was asked anew before this could be handed to the rail.")
            return
        try:
            await link.send(unsent.body, message_class=unsent.message_class)
        except (UnavailableError, NotServingError) as error:
            self.observer.fault("rail operation", error)  # it is taken again, under the same id
        else:
            await self.store.sent(unsent.event)

    async def _is_asked_anew(self, asked: RailEvent) -> bool:
        """Whether the same, or its opposite, was asked about the same subject later."""
        dialect = self.dialects.get(asked.rail)
        codes = frozenset[str]() if dialect is None else dialect.codes.pair_of(asked.code)
        if not codes or asked.kind is not RailEventKind.ASKED:
            return False
        same = await self.store.events(asked.rail, codes=codes, kinds={RailEventKind.ASKED}, limit=STANDING_EVENTS_MAX)
        return any(each.subjects == asked.subjects and each.comes_after(asked) for each in same)

    async def _give_up(self, unsent: UnsentRailMessage, now: datetime, why: str) -> None:
        asked = unsent.event
        end = RailEvent(
            event_id=self.identifiers.new_uuid(),
            rail=asked.rail,
            kind=RailEventKind.ABANDONED,
            code=asked.code,
            subjects=asked.subjects,
            about=asked.business_message_id,
            description=why,
            at=now,
        )
        await self.store.note(end)
        await self.store.sent(asked)


@dataclass(frozen=True, slots=True)
class RailNotices:
    """Hears what a rail says of itself and of what it was asked: the receiver's side of rail operations."""

    store: RailEventStore
    observer: Observer
    dialects: Mapping[Rail, OperationsDialect]

    async def hear(self, rail: Rail, raw: RawMessage, reading: Reading, *, digest: bytes) -> bytes | None:
        """Keep a notice; return the digest under which its id is known already, None where it is new. A repeat is safe.

        Raises:
            UnavailableError: the store does not answer.

        """
        if isinstance(reading.notice, EchoAsked):
            await self._answer(rail, raw, reading, reading.notice)
            return None
        event = _event_of(rail, raw, reading)
        known = await self.store.hear(event, raw, digest=digest)
        if known is None:
            self.observer.rail_event(event)
        return known

    async def _answer(self, rail: Rail, raw: RawMessage, reading: Reading, asked: EchoAsked) -> None:
        """Have an echo answered, once however often it comes: the answer is a function of it, and is kept."""
        event_id = echo_answer_id_of(rail, reading.business_message_id)
        message = self.dialects[rail].echo_answer(asked, event_id=event_id, at=raw.at)
        event = RailEvent(
            event_id=event_id,
            rail=rail,
            kind=RailEventKind.REQUESTED,
            code=message.message_type[:8],
            business_message_id=message.business_message_id,
            at=raw.at,
        )
        await self.store.ask(event, message.kept(event_id, at=raw.at), message_class=message.message_class)

    async def is_about_ours(self, rail: Rail, reading: Reading) -> bool:
        """Whether a refusal, or a report, answers something that was asked here about ourselves."""
        about = _answered(reading)
        return about is not None and bool(await self.store.asked(rail, [about]))


def _answered(reading: Reading) -> str | None:
    """The id of the message of ours that a refusal or a report answers."""
    if isinstance(reading.talk, AccountReportMessage):
        return None if reading.talk.original_query is None else reading.talk.original_query.message_id
    return reading.about if isinstance(reading.statement, MessageReject) else None


def _event_of(rail: Rail, raw: RawMessage, reading: Reading) -> RailEvent:
    match reading.notice or reading.talk or reading.statement:
        case SystemEventAcknowledgement() as said:
            kind, code, subjects = RailEventKind.ACKNOWLEDGED, said.event_code, said.parameters
            about, reason, described, happened = said.originator_reference, None, said.description, said.event_time
        case OperationAnswer() as said:
            kind = RailEventKind.ACKNOWLEDGED if said.refusal is None else RailEventKind.REFUSED
            code, subjects, about = said.code, (), reading.about
            reason, described, happened = said.refusal, None, said.at
        case SystemEventNotification() as said:
            kind, code, subjects = RailEventKind.BROADCAST, said.event_code, said.parameters
            about, reason, described, happened = None, None, said.description, said.event_time
        case AccountReportMessage() as said:
            kind, code, about = RailEventKind.REPORTED, said.kind.value, None
            subjects = tuple(str(report.account.id) for report in said.reports)
            reason, described, happened = None, None, said.creation_time
            if said.original_query is not None:
                about = said.original_query.message_id
        case ParticipantFile() as said:
            kind, code, subjects, about = RailEventKind.DIRECTORY, said.data_type, (), None
            reason, described, happened = None, f"{said.business_day}", None
        case MessageReject() as said:
            kind, code, subjects = RailEventKind.REFUSED, "", ()
            about, reason, described, happened = reading.about, said.reason_code, said.description, None
        case other:
            raise TypeError(f"{type(other).__name__} is no notice")
    return RailEvent(
        event_id=raw.message_id,
        rail=rail,
        kind=kind,
        code=code,
        subjects=subjects,
        about=about,
        business_message_id=reading.business_message_id,
        reason_code=reason,
        description=described,
        event_time=happened,
        at=raw.at,
    )
