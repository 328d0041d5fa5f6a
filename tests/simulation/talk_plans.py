"""What a seed decides of the conversations of a world: requests for payment, ours and the other side's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final


class Reply(StrEnum):
    """What who is asked for a payment says."""

    ACCEPTS = "accepts"
    REFUSES = "refuses"
    PRESENTS = "says that it was presented"
    IS_SILENT = "says nothing"
    CONTRADICTS = "accepts and refuses"
    IS_NOT_REACHED = "is not reached: the rail refuses the request"


class Closing(StrEnum):
    """What who is asked says when the request is taken back."""

    AGREES = "agrees"
    REFUSES = "refuses"
    DEFERS = "defers"
    IS_SILENT = "says nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkPlan:
    """One request for payment: who asks, when, how often it is said, what is answered, and the money.

    ``copies`` counts how often we order it, or how often the rail delivers it; ``is_told_twice`` is of the other
    side's answers, as ``answers_lost``. The money comes, or is sent, at ``money_at_s``, whatever was answered.
    """

    number: int
    at_s: float
    is_ours: bool
    reply: Reply = Reply.ACCEPTS
    replies_after_s: float = 0.1
    expires_in_s: float | None = None
    copies: int = 1
    is_told_twice: bool = False
    answers_lost: int = 0
    withdrawn_after_s: float | None = None
    closing: Closing = Closing.AGREES
    money_at_s: float | None = None
    is_of_other_amount: bool = False

    @property
    def words(self) -> str:
        """Its name for people."""
        return f"our request {self.number}" if self.is_ours else f"their request {self.number}"


TALKS_EVERY: Final = 8
TALKS_REST: Final = 3
"""In one world of so many there are conversations; the others are as they were before there could be."""


def talks_of(seed: int) -> tuple[TalkPlan, ...]:
    """Return the conversations of a seed: drawn apart, so that nothing else is drawn otherwise."""
    if seed % TALKS_EVERY != TALKS_REST:
        return ()
    random = Random(f"conversations {seed}")
    return tuple(_talk(random, number + 1) for number in range(random.choice((1, 2, 3, 4))))


def _talk(random: Random, number: int) -> TalkPlan:
    is_ours = random.random() < 0.5
    replies = (*[Reply.ACCEPTS] * 3, *[each for each in Reply if is_ours or each is not Reply.IS_NOT_REACHED])
    return TalkPlan(
        number=number,
        at_s=round(random.choice((random.uniform(0, 0.1), random.uniform(0, 5), random.uniform(0, 20))), 3),
        is_ours=is_ours,
        reply=random.choice(replies),
        replies_after_s=random.choice((0.05, 0.05, 0.5, 3.0, 7.9, 8.0, 8.05, 12.0, 40.0)),
        expires_in_s=random.choice((None, 8.0, 8.0, 20.0, 60.0)),
        copies=random.choice((1, 1, 2, 3)),
        is_told_twice=random.random() < 0.3,
        answers_lost=random.choice((0, 0, 0, 1, 2)),
        withdrawn_after_s=random.choice((None, None, 0.05, 2.0, 8.0, 30.0)),
        closing=random.choice((Closing.AGREES, *Closing)),
        money_at_s=random.choice((None, 1.0, 6.0, 15.0, 30.0, 45.0)),
        is_of_other_amount=random.random() < 0.2,
    )
