"""The answers to what one channel was handed, as few frames as is safe; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto


class AnswerKind(Enum):
    """What is said of a delivery."""

    ACKNOWLEDGE = auto()
    GIVE_BACK = auto()
    REFUSE = auto()


@dataclass(frozen=True, slots=True)
class Answer:
    """One frame. ``multiple``: it answers ``tag`` and every earlier one that is still unanswered."""

    kind: AnswerKind
    tag: int
    multiple: bool = False


class Answers:
    """Keeps which deliveries of a channel are open, and which answers are due.

    One frame acknowledges many deliveries only if no earlier one is open: otherwise it would acknowledge, and lose,
    what a handler is still working on. Answers must be sent in the order in which `due` returns them, all of them.
    """

    def __init__(self) -> None:
        self._open: dict[int, None] = {}
        self._settled: list[int] = []
        self._others: list[Answer] = []

    def hand_out(self, tag: int) -> None:
        """A delivery has come; tags of a channel only grow (AMQP 0-9-1 section 3.1.1)."""
        self._open[tag] = None

    def settle(self, tag: int) -> None:
        """It is done."""
        del self._open[tag]
        self._settled.append(tag)

    def give_back(self, tag: int) -> None:
        """Another consumer shall have it."""
        del self._open[tag]
        self._others.append(Answer(AnswerKind.GIVE_BACK, tag))

    def refuse(self, tag: int) -> None:
        """Nobody shall have it: it becomes a dead letter."""
        del self._open[tag]
        self._others.append(Answer(AnswerKind.REFUSE, tag))

    def due(self) -> Sequence[Answer]:
        """Return the answers that have not been returned yet, in the order in which they must be sent."""
        # What is given back goes first, so that no later frame can still acknowledge it.
        due, self._others = self._others, []
        settled, self._settled = sorted(self._settled), []
        earliest_open = next(iter(self._open), None)
        together = [tag for tag in settled if earliest_open is None or tag < earliest_open]
        if together:
            due.append(Answer(AnswerKind.ACKNOWLEDGE, together[-1], multiple=len(together) > 1))
        due += [Answer(AnswerKind.ACKNOWLEDGE, tag) for tag in settled[len(together) :]]
        return due
