"""A conversation's history, and the fold that makes its present state of it; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from gateway.domain.conversation import (
    Act,
    Conversation,
    ConversationState,
    RecordedAct,
    Side,
    due_after,
    needs_attention_after,
)
from gateway.domain.history import events_that_count


def fold(fact: Conversation, acts: Sequence[RecordedAct]) -> Conversation:
    """Return the conversation that the acts make, whichever regions wrote them and in whatever order they came.

    Of `fact` what never changes counts. The highest epoch wins, as of payments (`gateway.domain.history.fold`).

    Raises:
        ValueError: there are no acts: nothing was opened; or two regions have written the same act of it under one
            epoch.

    """
    first, *later = events_that_count(acts)
    conversation = replace(
        fact,
        state=first.state_after,
        version=first.sequence,
        due_at=_due(fact, first.state_after, at=first.at),
        updated_at=first.at,
        payment_id=None,
        withdrawal_id=None,
        needs_attention=False,
    )
    for recorded in later:
        conversation = _followed_by(conversation, recorded)
    return conversation


def last_of(acts: Sequence[RecordedAct]) -> int:
    """Return the place, among acts as they came, of the one that stands last; raises as `fold`."""
    last = events_that_count(acts)[-1]
    return next(place for place, each in enumerate(acts) if each is last)


def due_then(conversation: Conversation, act: Act, state: ConversationState, *, at: datetime) -> datetime | None:
    """Return until when what comes next is due after an act that leads to this state: a deferral may be renewed."""
    is_renewed = state is not conversation.state or act is Act.DEFERRED
    return _due(conversation, state, at=at) if is_renewed else conversation.due_at


def _followed_by(conversation: Conversation, recorded: RecordedAct) -> Conversation:
    is_our_withdrawal = recorded.act is Act.WITHDRAWAL_ASKED and conversation.side is Side.US
    return replace(
        conversation,
        state=recorded.state_after,
        version=recorded.sequence,
        due_at=due_then(conversation, recorded.act, recorded.state_after, at=recorded.at),
        updated_at=recorded.at,
        payment_id=conversation.payment_id or recorded.payment_id,
        withdrawal_id=recorded.business_message_id if is_our_withdrawal else conversation.withdrawal_id,
        needs_attention=needs_attention_after(conversation, recorded.act, is_strange=recorded.is_strange),
    )


def _due(conversation: Conversation, state: ConversationState, *, at: datetime) -> datetime | None:
    return due_after(conversation.kind, state, at=at, pay_by=conversation.pay_by, expires_at=conversation.expires_at)
