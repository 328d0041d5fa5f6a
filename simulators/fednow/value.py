"""What moves money at a participant's word, a credit transfer, a return of one or a liquidity transfer, in one form."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from iso20022 import (
    Amount,
    CustomerCreditTransfer,
    EndToEndId,
    InstitutionCreditTransfer,
    InstructionId,
    MessageId,
    PaymentReturn,
    RoutingNumber,
    TransactionId,
    Uetr,
)
from iso20022.messages.actors import Account, Agent, Iban

_NOT_PROVIDED: Final = EndToEndId("NOTPROVIDED")


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value message; a return has the references of what it gives back, and its receiver is who had sent that."""

    message_id: MessageId
    creation_time: datetime
    instruction_id: InstructionId | None
    end_to_end_id: EndToEndId
    transaction_id: TransactionId | None
    uetr: Uetr | None
    amount: Amount
    settlement_date: date | None
    instructing_agent: RoutingNumber
    instructed_agent: RoutingNumber
    creditor_account: str
    is_return: bool
    is_liquidity: bool = False


def value_of(message: CustomerCreditTransfer | PaymentReturn | InstitutionCreditTransfer) -> Value:
    """The message in that form; what the rail's rules demand of it is there."""
    if isinstance(message, InstitutionCreditTransfer):
        return Value(
            message_id=message.message_id,
            creation_time=message.creation_time,
            instruction_id=message.instruction_id,
            end_to_end_id=message.end_to_end_id,
            transaction_id=message.transaction_id,
            uetr=message.uetr,
            amount=message.amount,
            settlement_date=message.settlement_date,
            instructing_agent=member_of(message.instructing_agent),
            instructed_agent=member_of(message.instructed_agent),
            creditor_account=_number(message.creditor_account),
            is_return=False,
            is_liquidity=True,
        )
    if isinstance(message, PaymentReturn):
        chain = message.return_chain
        return Value(
            message_id=message.message_id,
            creation_time=message.creation_time,
            instruction_id=message.original_instruction_id,
            end_to_end_id=message.original_end_to_end_id or _NOT_PROVIDED,
            transaction_id=message.original_transaction_id,
            uetr=message.original_uetr,
            amount=message.amount,
            settlement_date=message.settlement_date,
            instructing_agent=member_of(message.instructing_agent),
            instructed_agent=member_of(message.instructed_agent),
            creditor_account=_number(None if chain is None else chain.creditor_account),
            is_return=True,
        )
    return Value(
        message_id=message.message_id,
        creation_time=message.creation_time,
        instruction_id=message.instruction_id,
        end_to_end_id=message.end_to_end_id,
        transaction_id=message.transaction_id,
        uetr=message.uetr,
        amount=message.amount,
        settlement_date=message.settlement_date,
        instructing_agent=message.instructing_agent,
        instructed_agent=message.instructed_agent,
        creditor_account=message.creditor_account.reveal(),
        is_return=False,
    )


def member_of(agent: Agent | None) -> RoutingNumber:
    """An institution's number; the rail's rules demand it."""
    assert agent is not None, "an institution is named"
    assert agent.member_id is not None, "by its number"
    return agent.member_id


def _number(account: Account | None) -> str:
    if account is None:
        return ""
    return (account.id.text if isinstance(account.id, Iban) else account.id.id).reveal()
