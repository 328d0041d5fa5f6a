"""Enclosing: a delivery brings along what whoever handles it would ask the store, sealed.

Whoever has accepted a payment knows it, and what the client sent; whoever sends it needs both, a moment later. So a
transfer's first delivery carries them, under a key that every role has and the broker has not. The copy is what was
true when the payment was accepted, and no fact: SENDING is saved against the version that it was decided on, under the
epoch of its slot, and whatever has changed since is loaded afresh. Nothing rests on it but a question that it spares: a
repeat brings none, nor does the relay, nor a bus that has none to carry.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from gateway.domain.payment import FundsHolder, Payment, PaymentId, Rail, TenantId
from gateway.domain.transitions import ACCEPTANCE
from gateway.service.ports import Cipher, Delivery, MessageDirection, OutboundDelivery, RawMessage
from iso20022 import Amount, EndToEndId, InstructionId, MessageId, RoutingNumber, Uetr

ENCLOSED_BYTES_MAX: Final = 64 * 1024
"""A larger message is loaded: a broker keeps its messages in memory, and a transfer has some 4 KiB."""

_FORM: Final = 1
"""Changes with what is enclosed: what another program has enclosed is loaded."""


@dataclass(frozen=True, slots=True)
class Enclosing:
    """Encloses accepted payments in their deliveries, and opens them where they are handled."""

    cipher: Cipher

    def enclose(self, delivery: OutboundDelivery, payment: Payment, received: RawMessage) -> OutboundDelivery:
        """Return the delivery with a payment as it was accepted, and the message that the client sent."""
        assert (payment.state, payment.version) == (ACCEPTANCE.state, 1), "it has just been accepted"
        if len(received.body) > ENCLOSED_BYTES_MAX:
            return delivery
        head = json.dumps({"form": _FORM, **_facts(payment), **_facts_of_message(received)}, separators=(",", ":"))
        return replace(delivery, enclosed=self.cipher.seal(head.encode() + b"\n" + received.body))

    def opened(self, delivery: Delivery) -> tuple[Payment, RawMessage] | None:
        """Return what a delivery that is handed out for the first time encloses; None where that is nothing.

        Raises:
            LookupError: it cannot be opened: another key has sealed it, another program, or for another payment.

        """
        if delivery.enclosed is None or delivery.attempt > 1:
            return None
        head, _, body = self.cipher.open(delivery.enclosed).partition(b"\n")
        facts: Mapping[str, Any] = json.loads(head)
        if facts["form"] != _FORM or facts["payment_id"] != str(delivery.payment_id):
            raise LookupError(f"what the delivery of payment {delivery.payment_id} encloses is not of it, or not ours")
        return _payment(facts), _message(facts, body)


def _facts(payment: Payment) -> Mapping[str, Any]:
    """What is known of a payment that was accepted and nothing else: all that `_payment` reads."""
    return {
        "payment_id": str(payment.payment_id),
        "tenant_id": payment.tenant_id,
        "rail": payment.rail,
        "message_id": payment.message_id,
        "end_to_end_id": payment.end_to_end_id,
        "instruction_id": payment.instruction_id,
        "uetr": payment.uetr,
        "amount_cents": payment.amount.cents,
        "debtor_agent": payment.debtor_agent,
        "creditor_agent": payment.creditor_agent,
        "business_date": payment.business_date.isoformat(),
        "accepted_at": payment.accepted_at.isoformat(),
        "deadline_at": payment.deadline_at.isoformat(),
        "next_step_at": None if payment.next_step_at is None else payment.next_step_at.isoformat(),
        "funds_holder": payment.funds_holder,
        "original_id": None if payment.original_id is None else str(payment.original_id),
        "ask_after": None if payment.ask_after is None else payment.ask_after.isoformat(),
    }


def _payment(facts: Mapping[str, Any]) -> Payment:
    instruction_id, uetr, original_id = facts["instruction_id"], facts["uetr"], facts["original_id"]
    accepted_at = datetime.fromisoformat(facts["accepted_at"])
    return Payment(
        payment_id=PaymentId(UUID(facts["payment_id"])),
        tenant_id=TenantId(facts["tenant_id"]),
        rail=Rail(facts["rail"]),
        state=ACCEPTANCE.state,
        version=1,
        message_id=MessageId(facts["message_id"]),
        end_to_end_id=EndToEndId(facts["end_to_end_id"]),
        instruction_id=None if instruction_id is None else InstructionId(instruction_id),
        uetr=None if uetr is None else Uetr(uetr),
        amount=Amount(facts["amount_cents"]),
        debtor_agent=RoutingNumber(facts["debtor_agent"]),
        creditor_agent=RoutingNumber(facts["creditor_agent"]),
        business_date=date.fromisoformat(facts["business_date"]),
        accepted_at=accepted_at,
        deadline_at=datetime.fromisoformat(facts["deadline_at"]),
        updated_at=accepted_at,
        next_step_at=_instant(facts["next_step_at"]),
        funds_holder=FundsHolder(facts["funds_holder"]),
        original_id=None if original_id is None else PaymentId(UUID(original_id)),
        ask_after=_instant(facts["ask_after"]),
    )


def _facts_of_message(message: RawMessage) -> Mapping[str, Any]:
    return {
        "raw_id": str(message.message_id),
        "message_type": message.message_type,
        "business_message_id": message.business_message_id,
        "content_type": message.content_type,
        "at": message.at.isoformat(),
    }


def _message(facts: Mapping[str, Any], body: bytes) -> RawMessage:
    return RawMessage(
        message_id=UUID(facts["raw_id"]),
        direction=MessageDirection.CLIENT_IN,
        message_type=facts["message_type"],
        business_message_id=facts["business_message_id"],
        content_type=facts["content_type"],
        body=body,
        at=datetime.fromisoformat(facts["at"]),
    )


def _instant(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
