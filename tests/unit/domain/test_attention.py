"""Who calls a person to an incoming transfer, and what ends that."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.domain.attention import attention_after, contrary_word_after, is_recordable
from gateway.domain.incoming import INCOMING_TRANSITIONS, IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import (
    CONTRARY_WORD,
    LATE,
    WITH_SCREENING,
    Attention,
    ContraryWord,
    IncomingFact,
    IncomingTransfer,
    PostingOutcome,
    Verdict,
)
from tests.unit.domain.transfers import transfer

_S, _E = IncomingState, IncomingEvent


def befallen(now: IncomingTransfer, kind: IncomingEvent, **details: str) -> IncomingTransfer:
    """The transfer as a fact leaves it: its state, and why a person must look."""
    fact, transition = IncomingFact(kind, details=details), INCOMING_TRANSITIONS[now.state, kind]
    return replace(
        now,
        state=transition.state,
        attention=attention_after(now, fact, transition.state, transition.effects),
        contrary_word=contrary_word_after(now, fact, transition.state, transition.effects),
    )


@pytest.mark.parametrize("kind", [_E.REJECTION_ADVISED, _E.TIME_OUT_ADVISED, _E.NOT_FOUND_REPORTED])
@pytest.mark.parametrize("state", [_S.SETTLED, _S.PENDING, _S.POSTED, _S.BLOCKED, _S.RETURN_DUE, _S.RETURNED])
def test_a_no_of_the_rail_after_its_yes_calls_a_person(state: IncomingState, kind: IncomingEvent) -> None:
    """ACSC, then RJCT: the money would look certain."""
    told = befallen(transfer(state=state, answer="ACTC"), kind)

    assert (told.state, told.attention, told.shown_attention) == (state, Attention.CONTRADICTED, "contradicted")


@pytest.mark.parametrize("kind", [_E.REJECTION_ADVISED, _E.TIME_OUT_ADVISED])
def test_control_a_no_of_the_rail_before_any_yes_calls_nobody(kind: IncomingEvent) -> None:
    """It is the end."""
    assert befallen(transfer(state=_S.ACCEPTED, answer="ACTC"), kind).shown_attention is None


@pytest.mark.parametrize(
    ("answer", "state", "kind", "word"),
    [
        ("ACTC", _S.ACCEPTED, _E.REJECTION_DECIDED, Verdict.REJECT),
        ("ACTC", _S.POSTED, _E.REJECTION_DECIDED, Verdict.REJECT),
        ("ACTC", _S.POSTED, _E.ACCEPTANCE_WITHOUT_POSTING_DECIDED, Verdict.ACCEPT_WITHOUT_POSTING),
        ("RJCT", _S.REJECTED, _E.ACCEPTANCE_DECIDED, Verdict.ACCEPT),
        ("ACWP", _S.PENDING, _E.ACCEPTANCE_DECIDED, Verdict.ACCEPT),
        ("ACTC", _S.POSTED, _E.ACCEPTANCE_DECIDED, None),
        ("RJCT", _S.REJECTED, _E.REJECTION_DECIDED, None),
        ("ACTC", _S.NOT_SETTLED, _E.REJECTION_DECIDED, None),
        ("ACTC", _S.RETURN_DUE, _E.REJECTION_DECIDED, None),
    ],
)
def test_a_late_verdict_calls_a_person_where_it_is_another_and_still_matters(
    answer: str, state: IncomingState, kind: IncomingEvent, word: Verdict | None
) -> None:
    """What did not come, or goes back, is no question any more."""
    told = befallen(transfer(state=state, answer=answer), kind, **{LATE: "yes"})

    assert (told.state, told.contrary_word) == (state, word)
    assert told.shown_attention == (None if word is None else CONTRARY_WORD)
    assert told.attention is None, "returns go on: the rail's word is certain"


def test_a_late_verdict_that_screening_has_taken_back_calls_nobody() -> None:
    """ACWP is what a yes and a hit come to."""
    held = transfer(state=_S.PENDING, answer="ACWP")
    details = {LATE: "yes", WITH_SCREENING: Verdict.ACCEPT_WITHOUT_POSTING.value}

    assert befallen(held, _E.ACCEPTANCE_DECIDED, **details).contrary_word is None


@pytest.mark.parametrize(
    ("state", "kind", "word"),
    [
        (_S.RETURN_DUE, _E.POSTING_CONFIRMED, PostingOutcome.POSTED),
        (_S.POSTED, _E.POSTING_REFUSED, PostingOutcome.REFUSED),
        (_S.RETURNED, _E.POSTING_CONFIRMED, PostingOutcome.POSTED),
        (_S.NOT_SETTLED, _E.POSTING_CONFIRMED, PostingOutcome.POSTED),
        (_S.POSTED, _E.POSTING_CONFIRMED, None),
        (_S.SETTLED, _E.POSTING_REFUSED, None),
    ],
)
def test_what_the_institution_says_of_a_posting_against_what_is_so_calls_a_person(
    state: IncomingState, kind: IncomingEvent, word: PostingOutcome | None
) -> None:
    """Refused by hand, and posted all the same: the creditor may be paid twice."""
    assert befallen(transfer(state=state, answer="ACTC"), kind).contrary_word is word


@pytest.mark.parametrize(
    ("state", "kind", "details", "stays"),
    [
        (_S.SETTLED, _E.POSTING_CONFIRMED, {}, False),
        (_S.SETTLED, _E.POSTING_REFUSED, {}, False),
        (_S.ACCEPTED, _E.SETTLEMENT_ADVISED, {}, True),
        (_S.ACCEPTED, _E.REJECTION_ADVISED, {}, False),
        (_S.POSTED, _E.RETURN_STARTED, {"by": "tenant"}, False),
        (_S.POSTED, _E.RETURN_STARTED, {}, True),
        (_S.POSTED, _E.OPERATOR_RECORDED_SETTLEMENT, {"by": "operator"}, False),
        (_S.REJECTED, _E.OPERATOR_RECORDED_NO_SETTLEMENT, {"by": "operator"}, False),
        (_S.POSTED, _E.RETURN_REQUESTED, {}, True),
    ],
)
def test_who_has_seen_to_a_late_verdict_ends_it(
    state: IncomingState, kind: IncomingEvent, details: dict[str, str], *, stays: bool
) -> None:
    """The institution's own word of the money counts more than its late one; else a person."""
    told = replace(transfer(state=state, answer="ACTC"), contrary_word=Verdict.REJECT)

    assert (befallen(told, kind, **details).contrary_word is not None) is stays


def test_that_a_return_has_failed_is_not_ended_by_a_word_about_the_settlement() -> None:
    """The money is still owed."""
    owed = replace(transfer(state=_S.RETURN_DUE, answer="ACTC"), attention=Attention.RETURN_FAILED)

    assert befallen(owed, _E.OPERATOR_RECORDED_SETTLEMENT).attention is Attention.RETURN_FAILED


_CONTRADICTED = Attention.CONTRADICTED


def recordable_now(
    now: IncomingTransfer, *, settled: bool, is_of_return: bool = False, may_have_left: bool = False
) -> bool:
    """Whether it may be recorded of a transfer of which, unless said, no return has left or is contradicted."""
    return is_recordable(now, settled=settled, is_of_return=is_of_return, may_have_left=may_have_left)


@pytest.mark.parametrize(
    ("state", "attention", "word", "recordable"),
    [
        (_S.AWAITING_OPERATOR, None, None, {True, False}),
        (_S.REJECTED, _CONTRADICTED, None, {True, False}),
        (_S.REJECTED, None, Verdict.ACCEPT, {False}),
        (_S.REJECTED, None, None, set()),
        (_S.SETTLED, _CONTRADICTED, None, {True, False}),
        (_S.PENDING, _CONTRADICTED, None, {True, False}),
        (_S.POSTED, _CONTRADICTED, None, {True}),
        (_S.POSTED, None, Verdict.REJECT, {True}),
        (_S.POSTED, Attention.RETURN_FAILED, None, set()),
        (_S.RETURN_DUE, _CONTRADICTED, None, {False}),
        (_S.RETURN_DUE, None, PostingOutcome.POSTED, {True}),
        (_S.RETURNED, _CONTRADICTED, None, {True}),
        (_S.ACCEPTED, None, Verdict.REJECT, set()),
    ],
)
def test_a_person_records_only_what_is_in_question(
    state: IncomingState, attention: Attention | None, word: ContraryWord | None, recordable: set[bool]
) -> None:
    """What the creditor has does not come undone by a word, and no money is made by one that nobody asked for."""
    now = replace(transfer(state=state, answer="ACTC"), attention=attention, contrary_word=word)

    assert {each for each in (True, False) if recordable_now(now, settled=each)} == recordable


def test_what_contradicts_a_return_is_ended_otherwise() -> None:
    """By a return with a note: a second one might go."""
    now = replace(transfer(state=_S.POSTED, answer="ACTC"), attention=_CONTRADICTED)

    assert not recordable_now(now, settled=True, is_of_return=True)


def test_a_return_that_came_is_not_recorded_as_never_settled() -> None:
    """Its payment shows the money as back: a word here would not undo that."""
    now = replace(transfer(state=_S.PENDING, answer="ACTC"), attention=_CONTRADICTED, message_type="pacs.004.001.10")

    assert not recordable_now(now, settled=False)
    assert recordable_now(now, settled=True)


def test_what_may_be_on_its_way_back_is_not_recorded_as_never_come() -> None:
    """A return is under way, may have left, or is one that the rail contradicts itself about: it is ended otherwise."""
    now = replace(transfer(state=_S.RETURN_DUE, answer="ACTC"), attention=_CONTRADICTED)

    assert recordable_now(now, settled=False), "the control"
    assert not recordable_now(now, settled=False, may_have_left=True)
    assert not recordable_now(now, settled=False, is_of_return=True)
    assert not recordable_now(replace(now, returning_cents=now.amount.cents), settled=False)
