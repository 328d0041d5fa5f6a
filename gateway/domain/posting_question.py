"""The question to a receiver what became of the posting: when it is put, and what is not guessed of its answer. Pure.

FedNow Operating Procedures v2.1 (October 2024), section 9: who has accepted a payment without posting it says what has
become of it by midnight Eastern of the next standard business day. Where nothing was heard by then, the sender may ask
it with a pacs.028. It answers with the latest status, or, of what it cannot trace, RJCT with AG09 or NARR.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from gateway.domain.events import Event, EventKind
from gateway.domain.history import RecordedEvent
from gateway.domain.payment import Payment, PaymentState
from gateway.domain.receiving_time import FINAL_SECOND, ZONE, posting_due

ASKED_AGAIN_S: Final = 300.0
"""So long after a question no other is put: an answer comes at once, and a repeat is the same question. Ours."""

ASKED_BY_ITSELF_DAYS: Final = 7
"""What has been overdue for longer is left to people: it was asked about, or nobody was there to ask. Ours."""

_IN_WORDS: Final = "NARR"
"""The one reason that both refuses a posting and says that the question cannot be answered."""


def askable_from(payment: Payment, *, wait: timedelta | None) -> datetime:
    """Return the instant from which the receiver of a payment that it has not posted may be asked.

    `wait` after it was accepted without posting; None for the end of the receiver's own time.
    """
    since = payment.final_at or payment.updated_at
    return posting_due(since) if wait is None else since + wait


def due_before(now: datetime) -> datetime:
    """Return the last instant of those at which what was accepted without posting is overdue now: its day is over."""
    day = now.astimezone(ZONE)
    while posting_due(day) > now:
        day -= timedelta(days=1)
    return datetime.combine(day.date(), FINAL_SECOND, tzinfo=ZONE)


def standing_question(events: Sequence[RecordedEvent], *, at: datetime) -> RecordedEvent | None:
    """Return the question that was put last, where it was so lately that no other is put."""
    asked = [recorded for recorded in events if recorded.event.kind is EventKind.POSTING_ASKED]
    return asked[-1] if asked and at < asked[-1].at + timedelta(seconds=ASKED_AGAIN_S) else None


def may_be_of_question(event: Event, payment: Payment) -> bool:
    """Whether an event may be of a question to the receiver instead, if there was one."""
    is_in_words = event.reason is not None and event.reason.code == _IN_WORDS
    is_refusal = event.kind is EventKind.REJECTION_REPORTED
    return is_refusal and is_in_words and payment.state is PaymentState.ACCEPTED_WITHOUT_POSTING


def unguessed(event: Event, events: Sequence[RecordedEvent]) -> Event:
    """Return what an event that `may_be_of_question` is, by the payment's history.

    However often it was asked, and whatever was heard since: which question an answer is to, it does not say.
    """
    if all(recorded.event.kind is not EventKind.POSTING_ASKED for recorded in events):
        return event
    return replace(event, kind=EventKind.POSTING_REFUSAL_UNCLEAR, status=None)
