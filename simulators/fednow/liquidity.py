"""Liquidity transfers as an institution beyond the rail makes them: a pacs.009 to a participant's account."""

from __future__ import annotations

from datetime import datetime

from iso20022 import EndToEndId, InstitutionCreditTransfer, InstructionId, MessageId, Personal, Uetr
from iso20022.messages.actors import Account, Agent, OtherIdentification
from iso20022.messages.original import PaymentType
from iso20022.messages.shape import Proprietary
from simulators.fednow.decide import cycle_day
from simulators.forwarding import Order


def liquidity_of(
    order: Order, message_id: MessageId, number: int, *, created: datetime, reference: str
) -> InstitutionCreditTransfer:
    """The transfer of an order, between the institutions that it names."""
    debtor, creditor = Agent(member_id=order.debtor_agent), Agent(member_id=order.creditor_agent)
    return InstitutionCreditTransfer(
        message_id=message_id,
        creation_time=created,
        instruction_id=InstructionId(f"I{reference}"),
        end_to_end_id=EndToEndId(order.end_to_end_id or f"E{reference}"),
        uetr=made_uetr(number, reference),
        payment_type=PaymentType(local_instrument=Proprietary("LMT1")),
        amount=order.amount,
        settlement_date=cycle_day(created),
        instructing_agent=debtor,
        instructed_agent=creditor,
        debtor=debtor,
        creditor=creditor,
        creditor_account=Account(id=OtherIdentification(id=Personal(order.creditor_account))),
        remittance=(Personal(order.remittance),),
    )


def made_uetr(number: int, reference: str) -> Uetr:
    """A UETR in the form of a random UUID, made of a reference: the same order gives the same."""
    digits = f"{int(reference, 36):024x}"[-18:] + f"{number:06x}"[-6:]
    return Uetr(f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-8{digits[15:18]}-{digits[12:24]}")
