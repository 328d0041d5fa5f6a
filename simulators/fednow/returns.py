"""Returns as the receiver of a payment makes them: a pacs.004 for what a participant has sent."""

from __future__ import annotations

from datetime import datetime

from iso20022 import ConnectionPartyId, PaymentReturn, Personal, fednow_message_id
from iso20022.messages.actors import Account, Agent, OtherIdentification, PartyDetails
from iso20022.messages.original import OriginalMessage, OriginalTransaction, PaymentType, Reason
from iso20022.messages.pacs004 import ReturnChain
from iso20022.messages.shape import Code, Proprietary
from simulators.facts import PaymentBooked
from simulators.fednow.decide import cycle_day
from simulators.forwarding import Order


def return_of(original: PaymentBooked, order: Order, *, created: datetime, reference: str) -> PaymentReturn:
    """The return of a payment, of all or of the part that the order says, from its receiver to its sender."""
    author = Agent(member_id=original.instructed_agent)
    reader = Agent(member_id=original.instructing_agent)
    return PaymentReturn(
        message_id=fednow_message_id(
            business_date=created.date(),
            connection_party=ConnectionPartyId(original.instructed_agent),
            reference=reference,
        ),
        creation_time=created,
        original_message=OriginalMessage(
            message_id=original.message_id,
            message_name=original.message_type,
            creation_time=original.document_creation_time,
        ),
        original_instruction_id=original.instruction_id,
        original_end_to_end_id=original.end_to_end_id,
        original_transaction_id=original.transaction_id,
        original_uetr=original.uetr,
        original_amount=original.amount,
        original_settlement_date=cycle_day(original.completes_at),
        amount=order.returned or original.amount,
        settlement_date=cycle_day(created),
        instructing_agent=author,
        instructed_agent=reader,
        return_chain=ReturnChain(
            debtor=PartyDetails(name=Personal(order.creditor_name)),
            debtor_account=Account(id=OtherIdentification(id=Personal(order.creditor_account))),
            debtor_agent=author,
            creditor_agent=reader,
            creditor=PartyDetails(name=Personal(order.debtor_name)),
            creditor_account=Account(id=OtherIdentification(id=Personal(order.debtor_account))),
        ),
        reasons=(Reason(reason=Code(order.reason)),),
        original_transaction=OriginalTransaction(payment_type=PaymentType(local_instrument=Proprietary("FDNA"))),
    )
