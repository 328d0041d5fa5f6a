"""What other institutions ask us, and what they were told: shown with what it is about, or else in a list of its own.

They ask what became of what they have sent (pacs.028), and ask for money back that never came here (camt.056). Nobody
has to decide of either: the gateway answers by itself, and nothing changes by it. So they stand in no history; they are
kept with the rail's events, and found there by the message that they name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from gateway.domain.identity import status_answer_id_of
from gateway.domain.payment import Rail
from gateway.domain.rail_operations import EVER, RailEvent, RailEventKind
from gateway.service.ports import IncomingStore, PaymentStore, RailEventStore
from gateway.service.ports.conversations import ConversationStore

STATUS_QUESTION: Final = "pacs.028"
RETURN_REFUSED: Final = "camt.029"
"""The codes under which they are kept: the question, and the answer to a request that is kept elsewhere."""

LISTED_MAX: Final = 100
"""Questions that are shown at once."""

LOOKED_THROUGH: Final = 1_000
"""The newest so many are looked through for those that are about nothing here."""

BEFORE: Final = timedelta(hours=1)
"""A question may be kept so long before what it is about, by another region's clock, or because it came first."""

_ANSWERS: Final = ("0", "1")
"""What is said to a status question: that it has arrived, and the status."""


@dataclass(frozen=True, slots=True)
class ToldAnother:
    """One message of ours to who has asked; ``status`` is None where it says only that the question has arrived."""

    message_type: str
    message_id: str | None
    status: str | None
    reason_code: str | None
    at: datetime


@dataclass(frozen=True, slots=True)
class AskedByAnother:
    """A question of another institution: who asks, by which message, about which one, and what it was told.

    ``about`` and ``asked_by`` are None where they are not known: it does not say so, or a former release has kept it.
    """

    message_type: str
    message_id: str | None
    asked_by: str | None
    about: str | None
    at: datetime
    answers: tuple[ToldAnother, ...]


@dataclass(frozen=True, slots=True)
class QuestionDesk:
    """Shows what others have asked, whichever region they have asked it in."""

    events: RailEventStore
    payments: PaymentStore
    incoming: IncomingStore
    conversations: ConversationStore

    async def about(self, rail: Rail, message_id: str, *, since: datetime) -> Sequence[AskedByAnother]:
        """Return what was asked about a message that is known `since` then, the first first; the newest of very many.

        Raises:
            UnavailableError: the store does not answer.

        """
        found = await self._kept(rail, subjects=[message_id], since=since - BEFORE, limit=LISTED_MAX)
        return await self._shown([*reversed(found)])

    async def about_nothing_here(self, rail: Rail) -> Sequence[AskedByAnother]:
        """Return what was asked about no message that is known here, the newest first, `LISTED_MAX` + 1 at the most.

        Raises:
            UnavailableError: the store does not answer.

        """
        kept = await self._kept(rail, subjects=None, since=EVER, limit=LOOKED_THROUGH)
        known = await self._known(rail, {about for each in kept if (about := _about(each)) is not None})
        strange = [each for each in kept if _about(each) not in known]
        return await self._shown(strange[: LISTED_MAX + 1])

    async def _kept(
        self, rail: Rail, *, subjects: Collection[str] | None, since: datetime, limit: int
    ) -> Sequence[RailEvent]:
        codes, kinds = {STATUS_QUESTION, RETURN_REFUSED}, {RailEventKind.REQUESTED}
        return await self.events.events(rail, codes=codes, kinds=kinds, subjects=subjects, since=since, limit=limit)

    async def _known(self, rail: Rail, message_ids: Collection[str]) -> Collection[str]:
        ids = sorted(message_ids)
        if not ids:
            return ()
        return {
            *await self.payments.find_by_message_id(rail, ids),
            *await self.incoming.find_by_message_id(rail, ids),
            *await self.conversations.find_by_message_id(rail, ids),
        }

    async def _shown(self, kept: Sequence[RailEvent]) -> Sequence[AskedByAnother]:
        ids = [answer_id for each in kept for answer_id in _answer_ids(each)]
        answers = await self.events.with_ids(ids) if ids else {}
        return [_asked(each, [answers[one] for one in _answer_ids(each) if one in answers]) for each in kept]


def subjects_of(asked_by: str | None, about: str | None) -> tuple[str, ...]:
    """Return what a question is kept with: who asks, and the message that it names, where both are said."""
    return () if asked_by is None else (asked_by,) if about is None else (asked_by, about)


def _about(kept: RailEvent) -> str | None:
    return kept.subjects[1] if len(kept.subjects) > 1 else None


def _answer_ids(kept: RailEvent) -> Sequence[UUID]:
    """The ids of what a question was answered with, if it was; a refusal is its own answer."""
    if kept.code == RETURN_REFUSED:
        return ()
    return [status_answer_id_of(kept.rail, kept.business_message_id or "", each) for each in _ANSWERS]


def _asked(kept: RailEvent, answers: Sequence[RailEvent]) -> AskedByAnother:
    asked_by, about = (*kept.subjects, None, None)[:2]
    if kept.code == RETURN_REFUSED:
        return AskedByAnother("camt.056", kept.about, asked_by, about, kept.at, (_told(kept),))
    told = tuple(map(_told, answers))
    return AskedByAnother(STATUS_QUESTION, kept.business_message_id, asked_by, about, kept.at, told)


def _told(answer: RailEvent) -> ToldAnother:
    return ToldAnother(answer.code, answer.business_message_id, answer.description, answer.reason_code, answer.at)
