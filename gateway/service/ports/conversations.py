"""The store as far as conversations need it: the same database, tables of their own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.domain.conversation import (
    Act,
    Conversation,
    ConversationId,
    ConversationKind,
    ConversationState,
    RecordedAct,
    Side,
)
from gateway.domain.payment import PaymentId, Rail, Reason, RegionId, TenantId
from gateway.service.ports.bus import OutboundDelivery
from gateway.service.ports.store import RawMessage


@dataclass(frozen=True, slots=True)
class Counted:
    """Under what a message of the rail counts once: its header's id, and the digest of its bytes."""

    inbox_id: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class NewConversation:
    """A conversation that waits to be made durable with its opening message.

    ``content_digest`` tells an honest repeat from other content under the same key or message id. ``counted`` is there
    where the rail has brought it, ``outbox`` where something is to be sent.
    """

    conversation: Conversation
    content_digest: bytes
    messages: tuple[RawMessage, ...]
    outbox: tuple[OutboundDelivery, ...] = ()
    counted: Counted | None = None
    reason: Reason | None = None
    by: str | None = None


class OpenKind(StrEnum):
    """What became of a conversation that was to be opened."""

    OPENED = "opened"
    REPEATED = "repeated"
    OTHER_CONTENT = "other_content"


@dataclass(frozen=True, slots=True)
class Opened:
    """The outcome, and the conversation as it is now."""

    kind: OpenKind
    conversation: Conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationDecision:
    """One act in one conversation with everything that is saved together with it.

    Saved only if the conversation still has the version that ``conversation`` shows, and a message of the rail's only
    if it has had no effect before.
    """

    conversation: Conversation
    act: Act
    state: ConversationState
    due_at: datetime | None
    at: datetime
    reason: Reason | None = None
    business_message_id: str | None = None
    is_strange: bool = False
    needs_attention: bool = False
    payment_id: PaymentId | None = None
    withdrawal_id: str | None = None
    messages: tuple[RawMessage, ...] = ()
    outbox: tuple[OutboundDelivery, ...] = ()
    counted: Counted | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class SettledFor:
    """A request for payment, and the money that has settled for it, and for no other: one that two may claim."""

    conversation: Conversation
    payment_id: PaymentId
    amount_cents: int


@dataclass(frozen=True, slots=True)
class UnprojectedConversation:
    """The other region's conversation of which acts were replicated that its projection may not have yet.

    `opened` says what never changes of it; `digests` are those of the acts, in their order; `notes` say that something
    has come, until the projection has it.
    """

    opened: Conversation
    acts: Sequence[RecordedAct] | ValueError
    """The fault in their place where this release cannot read one."""
    digests: Sequence[bytes | None]
    notes: Sequence[int]

    @property
    def payment_id(self) -> PaymentId:
        """The conversation's id: notes name it as they name a payment."""
        return PaymentId(self.opened.conversation_id)


@dataclass(frozen=True, slots=True)
class ProjectedConversation:
    """What was folded, under which epoch, and the digest of the act that stands last."""

    source: UnprojectedConversation
    conversation: Conversation
    epoch: int
    digest: bytes | None


class ConversationStore(Protocol):
    """The conversations of one region, and, to be looked at, the other's. Facts and events are only ever added."""

    async def open(self, new: NewConversation) -> Opened:
        """Save conversation, first event, messages and deliveries in one transaction; a repeat saves nothing.

        Raises:
            FaultyRowError: it cannot be saved.
            NotHomeError: the other region has opened it: what the rail brings is the other's to hear, too.
            UnavailableError: the database does not answer; whether it has committed is unknown.

        """
        ...

    async def save(self, decision: ConversationDecision) -> bool:
        """Save the decision if it still holds; False: load, and decide again.

        Raises:
            NotHomeError: the conversation goes on in the other region; nothing was done.
            UnavailableError: the database does not answer; whether it has committed is unknown.

        """
        ...

    async def load(self, conversation_id: ConversationId) -> Conversation | None:
        """Return a conversation as it is now."""
        ...

    async def find_by_message_id(
        self, rail: Rail, message_ids: Sequence[str]
    ) -> Mapping[str, Mapping[Side, Conversation]]:
        """Return conversations by the id of what opened them, or of whatever we have said in them, and by who did open.

        Where both institutions are ours, one message has opened two. The newest where one side has several.
        """
        ...

    async def find(
        self,
        tenant_id: TenantId | None,
        *,
        kind: ConversationKind | None = None,
        about: PaymentId | None = None,
        is_open: bool = True,
        limit: int,
    ) -> Sequence[Conversation]:
        """Return a tenant's (None: all), what is due first first, then the newest.

        With `is_open` those alone of which something is to be expected, or that a person must look at; `about` those
        about a payment, or paid with it.
        """
        ...

    async def events(self, conversation_id: ConversationId) -> Sequence[RecordedAct]:
        """Return the history as the conversation's home has written it, oldest first."""
        ...

    async def messages(self, conversation_id: ConversationId) -> Sequence[RawMessage]:
        """Return the raw messages as the conversation's home has kept them, oldest first."""
        ...

    def sending(self, conversation_id: ConversationId) -> AbstractAsyncContextManager[RawMessage | None]:
        """Lend the next message of ours of which it is not known that it left; None where there is none.

        Leaving the context normally notes that it has left, an exception gives it back. While it is lent nobody else
        gets it: whoever asks waits, and then is lent nothing, or the next. Lending may hold a connection: few at once.
        """
        ...

    async def waiting(
        self, rail: Rail, before: datetime, *, but: Collection[ConversationId], limit: int
    ) -> Sequence[Conversation]:
        """Return a rail's conversations with a message of ours saved before then that is not known to have left.

        `but` for these; those whose messages were saved first.
        """
        ...

    async def expired(self, now: datetime, *, limit: int) -> Sequence[Conversation]:
        """Return undecided requests for payment whose time has passed."""
        ...

    async def settled(self, since: datetime, *, limit: int) -> Sequence[SettledFor]:
        """Return requests for payment opened since then, and not known as paid, for which money has settled.

        What settles for a request has its end-to-end id, goes between the same two institutions, has not gone back,
        and pays no other yet. Of two requests for the same money the one of its amount comes first, then the older.
        """
        ...

    async def overdue(self, now: datetime) -> Mapping[RegionId, int]:
        """Return, by their homes, in how many conversations what was due has not come, or was not done.

        This region is always among them; another where there is one: its own does not tell while it is lost.
        """
        ...
