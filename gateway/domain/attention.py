"""Why a person must look at an incoming transfer though its state does not say so, and what ends that. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from gateway.domain.incoming import INCOMING_TRANSITIONS, IncomingEffect, IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import (
    ARRIVED,
    DECIDED_AS,
    GOING_BACK,
    LATE,
    NEVER_ARRIVED,
    POSTED_AS,
    WITH_SCREENING,
    Attention,
    ContraryWord,
    IncomingFact,
    IncomingTransfer,
    PostingOutcome,
    Verdict,
    is_contradicted,
)
from gateway.domain.returns import NOTE, is_left_between_tries

_E = IncomingEvent

BY: Final = "by"
GATEWAY: Final = "gateway"
"""Under this a fact's details have who ordered or recorded it, and so where it is the gateway itself."""

_MOVED: Final = frozenset({_E.SETTLEMENT_ADVISED, _E.ACCEPTANCE_WITHOUT_POSTING_ADVISED})
_NOT_MOVED: Final = frozenset({_E.REJECTION_ADVISED, _E.TIME_OUT_ADVISED, _E.NOT_FOUND_REPORTED})
"""The rail's words that the money has moved, and that it has not."""

_RECORDED: Final = frozenset(
    {_E.OPERATOR_RECORDED_SETTLEMENT, _E.OPERATOR_RECORDED_NO_SETTLEMENT, _E.OPERATOR_RECORDED_RETURN}
)

_SAYS_OF_POSTING: Final[Mapping[IncomingEvent, PostingOutcome]] = MappingProxyType(
    {kind: outcome for outcome, kind in POSTED_AS.items()}
)
_VERDICT_OF: Final[Mapping[IncomingEvent, Verdict]] = MappingProxyType(
    {kind: verdict for verdict, kind in DECIDED_AS.items()}
)


def attention_after(
    transfer: IncomingTransfer, fact: IncomingFact, state: IncomingState, effects: Sequence[IncomingEffect]
) -> Attention | None:
    """Return why a person must look at a transfer after a fact that led to `state` with these effects.

    A contradiction is ended by a person alone, who starts a return all the same, or records what is so. That a return
    has failed is not ended by a word about the settlement: the money is still owed.
    """
    if fact.kind is _E.RETURN_CONTRADICTED:
        return Attention.CONTRADICTED
    if fact.kind in _MOVED and state in NEVER_ARRIVED:
        return Attention.CONTRADICTED
    if fact.kind in _NOT_MOVED and state in ARRIVED:
        return Attention.CONTRADICTED
    is_owed = fact.kind is _E.OPERATOR_RECORDED_SETTLEMENT and transfer.attention is Attention.RETURN_FAILED
    if fact.kind in _RECORDED or NOTE in fact.details:
        return transfer.attention if is_owed else None
    if transfer.attention is Attention.CONTRADICTED:
        return transfer.attention
    if IncomingEffect.START_RETURN in effects:
        return None
    if is_left_between_tries(transfer, fact):
        return Attention.RETURN_FAILED
    if fact.kind in {_E.RETURN_FAILED, _E.RETURNS_ENDED}:
        return Attention.RETURN_FAILED if IncomingEffect.CALL_OPERATOR in effects else None
    return transfer.attention


def late_verdict_in(transfer: IncomingTransfer, fact: IncomingFact) -> Verdict | None:
    """Return what an institution said too late, where it is another verdict than the one that was answered.

    A verdict that screening has taken back is what screening made of it.
    """
    if fact.details.get(LATE) != "yes":
        return None
    changed = fact.details.get(WITH_SCREENING)
    verdict = _VERDICT_OF[fact.kind] if changed is None else Verdict(changed)
    return verdict if is_contradicted(transfer.answer, verdict) else None


def contrary_word_after(
    transfer: IncomingTransfer, fact: IncomingFact, state: IncomingState, effects: Sequence[IncomingEffect]
) -> ContraryWord | None:
    """Return what the institution has said against what is so, unseen to, after a fact that led to `state`.

    It is seen to by what the institution says of the posting later, and by what a person orders or records. A late
    verdict says nothing any more of money that never came, or that does not stay.
    """
    if IncomingEffect.REPORT_CONTRADICTION in effects and fact.kind in _SAYS_OF_POSTING:
        return _SAYS_OF_POSTING[fact.kind]
    is_ordered = fact.kind in {_E.RETURN_STARTED, _E.RETURN_AGREED} and fact.details.get(BY) not in {None, GATEWAY}
    if is_ordered or fact.kind in _RECORDED or fact.kind in _SAYS_OF_POSTING:
        return None
    word = late_verdict_in(transfer, fact) or transfer.contrary_word
    is_over = state is IncomingState.NOT_SETTLED or state in GOING_BACK
    return None if is_over and isinstance(word, Verdict) else word


def is_recordable(transfer: IncomingTransfer, *, settled: bool, is_of_return: bool, may_have_left: bool) -> bool:
    """Whether a person may record now that a transfer has settled, or that it has not.

    What the rail could not tell, or has contradicted itself about, may be either: but what the creditor has, what goes
    back, and what no return can give back is not undone by a word. Where the institution alone contradicts, the rail's
    word is certain, and only that can be recorded. `is_of_return` says that the rail contradicts itself about a return:
    that is ended otherwise. Money that is owed back may be recorded as never come while nothing of a return
    `may_have_left`; that it has come is said by ordering the return.
    """
    state = transfer.state
    kind = _E.OPERATOR_RECORDED_SETTLEMENT if settled else _E.OPERATOR_RECORDED_NO_SETTLEMENT
    if (state, kind) not in INCOMING_TRANSITIONS:
        return False
    if state is IncomingState.AWAITING_OPERATOR:
        return True
    if transfer.attention is Attention.CONTRADICTED:
        if state is IncomingState.RETURN_DUE:
            return not (settled or is_of_return or may_have_left or transfer.returning_cents)
        is_kept = state in ARRIVED and (transfer.is_return or transfer.is_liquidity)
        return not is_of_return and (settled or not is_kept)
    return transfer.contrary_word is not None and settled is (state in ARRIVED)
