"""What a message brings, in one form: the money, and the references under which it is known here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from gateway.domain.conversation import NO_REFERENCE
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

REASON_ENDS: Final = ": "
"""Where a return is a pacs.008, which has no reason, its code stands before this in the remittance information."""

_NOT_PROVIDED: Final = EndToEndId(NO_REFERENCE)
"""ISO 20022's word for a reference that its author has not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """Money that a rail brings. A return has the references of the payment that it gives back.

    Between institutions each is its own agent, and an account that is not named is the one at the reserve bank.
    """

    message_id: MessageId
    creation_time: datetime
    instruction_id: InstructionId | None
    end_to_end_id: EndToEndId
    transaction_id: TransactionId | None
    uetr: Uetr | None
    amount: Amount
    instructing_agent: RoutingNumber
    instructed_agent: RoutingNumber
    debtor_agent: RoutingNumber
    creditor_agent: RoutingNumber
    debtor_account: str
    creditor_account: str


def sent(message: CustomerCreditTransfer) -> Money:
    """Return what a credit transfer brings."""
    return Money(
        message_id=message.message_id,
        creation_time=message.creation_time,
        instruction_id=message.instruction_id,
        end_to_end_id=message.end_to_end_id,
        transaction_id=message.transaction_id,
        uetr=message.uetr,
        amount=message.amount,
        instructing_agent=message.instructing_agent,
        instructed_agent=message.instructed_agent,
        debtor_agent=message.debtor_agent,
        creditor_agent=message.creditor_agent,
        debtor_account=message.debtor_account.reveal(),
        creditor_account=message.creditor_account.reveal(),
    )


def between_institutions(message: InstitutionCreditTransfer) -> Money:
    """Return what a liquidity transfer brings.

    Raises:
        AssertionError: it does not name the institutions, which the rail's rules demand.

    """
    return Money(
        message_id=message.message_id,
        creation_time=message.creation_time,
        instruction_id=message.instruction_id,
        end_to_end_id=message.end_to_end_id,
        transaction_id=message.transaction_id,
        uetr=message.uetr,
        amount=message.amount,
        instructing_agent=_number(message.instructing_agent),
        instructed_agent=_number(message.instructed_agent),
        debtor_agent=_number(message.debtor),
        creditor_agent=_number(message.creditor),
        debtor_account=account_number(message.debtor_account),
        creditor_account=account_number(message.creditor_account),
    )


def receiver_of(message: CustomerCreditTransfer | PaymentReturn | InstitutionCreditTransfer) -> RoutingNumber:
    """Return the institution that a message brings money to: between institutions, on whose account it settles."""
    if isinstance(message, PaymentReturn | InstitutionCreditTransfer):
        return _number(message.instructed_agent)
    return message.creditor_agent


def names_institutions(message: CustomerCreditTransfer | PaymentReturn) -> bool:
    """Whether it says by their numbers who pays whom, as the rail's rules demand."""
    if isinstance(message, CustomerCreditTransfer):
        return True
    agents = (message.instructing_agent, message.instructed_agent)
    return all(agent is not None and agent.member_id is not None for agent in agents)


def returned(message: PaymentReturn, end_to_end_id: EndToEndId | None) -> Money:
    """Return what a return brings; `end_to_end_id` is that of the payment of ours, if one is known.

    Raises:
        AssertionError: it does not name the institutions, which the rail's rules demand.

    """
    chain = message.return_chain
    sender, receiver = _number(message.instructing_agent), _number(message.instructed_agent)
    return Money(
        message_id=message.message_id,
        creation_time=message.creation_time,
        instruction_id=message.original_instruction_id,
        end_to_end_id=message.original_end_to_end_id or end_to_end_id or _NOT_PROVIDED,
        transaction_id=message.original_transaction_id,
        uetr=message.original_uetr,
        amount=message.amount,
        instructing_agent=sender,
        instructed_agent=receiver,
        debtor_agent=sender,
        creditor_agent=receiver,
        debtor_account=account_number(None if chain is None else chain.debtor_account),
        creditor_account=account_number(None if chain is None else chain.creditor_account),
    )


def account_number(account: Account | None) -> str:
    """Return an account's number; the empty text where none is given."""
    if account is None:
        return ""
    return (account.id.text if isinstance(account.id, Iban) else account.id.id).reveal()


def reason_codes(message: CustomerCreditTransfer | PaymentReturn | InstitutionCreditTransfer) -> list[str]:
    """Return the codes of why it is returned; only a pacs.004 has a place for one."""
    if not isinstance(message, PaymentReturn):
        return []
    return [each.reason.text for each in message.reasons if each.reason is not None]


def _number(agent: Agent | None) -> RoutingNumber:
    assert agent is not None, "it names its institutions"
    assert agent.member_id is not None, "by their routing numbers"
    return agent.member_id
