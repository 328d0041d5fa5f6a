"""FedNow: which messages are acknowledged, and another copy of a request of whose arrival nobody has told.

Source: FedNow Operating Procedures v2.1 (October 2024): a request whose receipt is missing may be sent again under a
new message id, a response is not sent again. What else a copy changes is not public: ours keeps every other reference,
the case's too, so that whoever gets both can tell that they are one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from gateway.domain.conversation import Conversation
from gateway.service.conversations.fednow_answers import manner_of
from gateway.service.dialect import document_in, readable_document_in
from gateway.service.fednow import FedNowDialect
from gateway.service.ports import MessageClass, MessageDirection, RawMessage
from gateway.service.rail_protocol import OutboundMessage
from iso20022 import Element, MessageId
from iso20022.messages import admi007, camt026, camt028, camt029, camt055, camt056, pacs028, pain013, pain014

REQUESTS: Final = frozenset({pain013.MESSAGE_TYPE, camt026.MESSAGE_TYPE, camt055.MESSAGE_TYPE})
"""What is asked in conversations, and may be sent again."""

ACKNOWLEDGED: Final = REQUESTS | {
    *(pain014.MESSAGE_TYPE, camt028.MESSAGE_TYPE, camt029.MESSAGE_TYPE, camt056.MESSAGE_TYPE, pacs028.MESSAGE_TYPE)
}
"""What FedNow, and who receives it, acknowledge by admi.007: nonvalue messages between participants. A pacs.028 is
noted here only where it goes to one: the service answers what it is asked itself."""


class FedNowCopies:
    """Implements `gateway.service.conversations.rail.RequestCopies` for FedNow."""

    types: Final = REQUESTS

    def __init__(self, dialect: FedNowDialect) -> None:
        self._dialect = dialect
        self._manner = manner_of(dialect)

    def again(self, conversation: Conversation, message: RawMessage, *, at: datetime) -> OutboundMessage:
        """Return another copy of a request of ours, under a message id of its own."""
        message_id = self._manner.id_of("copy", f"{conversation.conversation_id}:{conversation.version}", at)
        document = self._copied(message, message_id, at)
        return self._dialect.message(message_id, message.message_type, document, MessageClass.NONVALUE, at)

    def _copied(self, message: RawMessage, message_id: MessageId, at: datetime) -> Element:
        original, creation_time = document_in(message), self._manner.time(at)
        match message.message_type:
            case pain013.MESSAGE_TYPE:
                request = pain013.parse(original)
                return pain013.build(replace(request, message_id=message_id, creation_time=creation_time))
            case camt026.MESSAGE_TYPE:
                question = camt026.parse(original)
                return camt026.build(replace(question, message_id=message_id, creation_time=creation_time))
            case camt055.MESSAGE_TYPE:
                withdrawal = camt055.parse(original)
                return camt055.build(replace(withdrawal, message_id=message_id, creation_time=creation_time))
            case other:
                raise AssertionError(f"{other} is no request")


def copy_heard_of(messages: Sequence[RawMessage]) -> RawMessage:
    """Return the copy of our request for payment that the other side knows: the newest named by it, else the newest."""
    sent = [
        each
        for each in messages
        if each.direction is MessageDirection.RAIL_OUT and each.message_type == pain013.MESSAGE_TYPE
    ]
    named = {_named_by(each) for each in messages if each.direction is MessageDirection.RAIL_IN}
    known = [each for each in sent if each.business_message_id in named]
    return (known or sent)[-1]


def _named_by(message: RawMessage) -> str | None:
    match message.message_type:
        case pain014.MESSAGE_TYPE:
            return pain014.parse(readable_document_in(message)).original_message_id
        case admi007.MESSAGE_TYPE:
            return admi007.parse(readable_document_in(message)).receipts[0].related_reference
        case _:
            return None
