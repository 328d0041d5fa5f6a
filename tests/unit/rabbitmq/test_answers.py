"""Answers on a channel: few frames, and never one that acknowledges what is still being worked on."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from hypothesis import given
from hypothesis import strategies as st

from adapters.amqp.answers import Answer, AnswerKind, Answers


class Step(Enum):
    """What may happen to a consumer."""

    HAND_OUT = auto()
    SETTLE = auto()
    GIVE_BACK = auto()
    REFUSE = auto()
    SEND = auto()


class Broker:
    """What a broker makes of answers (AMQP 0-9-1 section 1.8.3.13): it is strict."""

    def __init__(self) -> None:
        self.unanswered: list[int] = []
        self.acknowledged: set[int] = set()
        self.frames = 0

    def hear(self, answers: Sequence[Answer]) -> None:
        for answer in answers:
            self.frames += 1
            assert answer.tag in self.unanswered, "an unknown tag closes the channel"
            answered = [tag for tag in self.unanswered if tag == answer.tag or (answer.multiple and tag < answer.tag)]
            self.unanswered = [tag for tag in self.unanswered if tag not in answered]
            if answer.kind is AnswerKind.ACKNOWLEDGE:
                self.acknowledged.update(answered)


@given(st.lists(st.tuples(st.sampled_from(Step), st.integers(0, 7)), max_size=80))
def test_what_is_acknowledged_is_what_was_settled(steps: list[tuple[Step, int]]) -> None:
    """Whatever the order: nothing that is open or given back is lost, and nothing that is settled is left over."""
    answers, broker = Answers(), Broker()
    open_tags, settled, tag = list[int](), set[int](), 0
    act = {Step.SETTLE: answers.settle, Step.GIVE_BACK: answers.give_back, Step.REFUSE: answers.refuse}

    for step, which in [*steps, (Step.SEND, 0)]:
        if step is Step.HAND_OUT:
            tag += 1
            answers.hand_out(tag)
            broker.unanswered.append(tag)
            open_tags.append(tag)
        elif step is Step.SEND:
            broker.hear(answers.due())
            assert broker.acknowledged == settled
        elif open_tags:
            chosen = open_tags.pop(which % len(open_tags))
            act[step](chosen)
            settled.update([chosen] if step is Step.SETTLE else [])

    assert broker.acknowledged == settled
    assert broker.unanswered == open_tags


def test_many_settled_deliveries_need_one_frame() -> None:
    """That is what it is for."""
    answers, broker = Answers(), Broker()
    for tag in range(1, 65):
        answers.hand_out(tag)
        broker.unanswered.append(tag)
    for tag in range(64, 0, -1):
        answers.settle(tag)

    broker.hear(answers.due())

    assert (broker.frames, broker.unanswered, len(broker.acknowledged)) == (1, [], 64)
    assert answers.due() == []


def test_one_open_delivery_keeps_the_later_ones_apart() -> None:
    """What came before it goes together, what came after goes one by one."""
    answers = Answers()
    for tag in range(1, 7):
        answers.hand_out(tag)
    for tag in (1, 2, 4, 6):
        answers.settle(tag)

    assert answers.due() == [
        Answer(AnswerKind.ACKNOWLEDGE, 2, multiple=True),
        Answer(AnswerKind.ACKNOWLEDGE, 4),
        Answer(AnswerKind.ACKNOWLEDGE, 6),
    ]


def test_what_is_given_back_is_said_before_anything_is_acknowledged() -> None:
    """In the other order the acknowledgement of a later one would take it along, and lose it."""
    answers = Answers()
    for tag in (1, 2):
        answers.hand_out(tag)
    answers.settle(2)
    answers.give_back(1)

    assert answers.due() == [Answer(AnswerKind.GIVE_BACK, 1), Answer(AnswerKind.ACKNOWLEDGE, 2)]
