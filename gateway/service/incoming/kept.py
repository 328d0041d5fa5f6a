"""What is looked for among the messages that are kept of a payment or a transfer. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.service.dialect import readable_document_in
from gateway.service.ports import MessageDirection, RawMessage
from iso20022 import PaymentCancellationRequest
from iso20022.messages import camt056


def request_in(messages: Sequence[RawMessage], message_id: str | None) -> PaymentCancellationRequest | None:
    """Return the request with this message id among a transfer's messages."""
    for message in messages:
        if message.message_type == camt056.MESSAGE_TYPE and message.direction is MessageDirection.RAIL_IN:
            request = camt056.parse(readable_document_in(message))
            if request.message_id == message_id:
                return request
    return None


def newest(messages: Sequence[RawMessage], message_type: str, direction: MessageDirection) -> RawMessage | None:
    """Return the last of these messages of a type and a direction."""
    found = all_of(messages, message_type, direction)
    return found[-1] if found else None


def all_of(messages: Sequence[RawMessage], message_type: str, direction: MessageDirection) -> Sequence[RawMessage]:
    """Return all of a type and a direction, the oldest first."""
    return [each for each in messages if each.message_type == message_type and each.direction is direction]
