"""What institutions are told of a transfer, as JSON; pure. `docs/receiving.md` shows it."""

from __future__ import annotations

from typing import Any

from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.service.incoming.money import account_number, reason_codes
from gateway.service.ports import Question
from iso20022 import CustomerCreditTransfer, InstitutionCreditTransfer, PaymentReturn
from iso20022.messages.actors import Actor, PartyDetails


def content_of(question: Question) -> dict[str, Any]:
    """Return what an institution needs to find the account and to judge: the names and accounts are its customers'."""
    message = question.message
    if isinstance(message, PaymentReturn):
        return {**references(question.transfer), **_of_return(question.transfer, message)}
    if isinstance(message, InstitutionCreditTransfer):
        return {**references(question.transfer), **_between_institutions(message)}
    return {
        **references(question.transfer),
        "debtor": {"name": message.debtor.name.reveal()},
        "debtor_account": message.debtor_account.reveal(),
        "creditor": {"name": message.creditor.name.reveal()},
        "creditor_account": message.creditor_account.reveal(),
        "remittance": [line.reveal() for line in message.remittance],
        **({} if question.transfer.original_id is None else _return_of(question.transfer, message)),
    }


def references(transfer: IncomingTransfer) -> dict[str, Any]:
    """Return what names a transfer, and nobody's customer."""
    return {
        "transfer_id": str(transfer.payment_id),
        "tenant_id": transfer.tenant_id,
        "rail": transfer.rail.value,
        "message_id": transfer.message_id,
        "end_to_end_id": transfer.end_to_end_id,
        "instruction_id": transfer.instruction_id,
        "uetr": transfer.uetr,
        "amount": {"value": transfer.amount.text, "currency": "USD"},
        "debtor_agent": transfer.debtor_agent,
        "creditor_agent": transfer.creditor_agent,
    }


def _between_institutions(message: InstitutionCreditTransfer) -> dict[str, Any]:
    """What an institution was sent for its own account: no customer's, and nothing that can be refused."""
    return {
        "liquidity": True,
        "debtor": None,
        "debtor_account": account_number(message.debtor_account) or None,
        "creditor": None,
        "creditor_account": account_number(message.creditor_account) or None,
        "remittance": [line.reveal() for line in message.remittance],
    }


def _of_return(transfer: IncomingTransfer, message: PaymentReturn) -> dict[str, Any]:
    """What came back: the payment of ours that it was, and why; who was its debtor is the creditor now."""
    chain = message.return_chain
    return {
        **_return_of(transfer, message),
        "debtor": None if chain is None else _named(chain.debtor),
        "debtor_account": None if chain is None else account_number(chain.debtor_account) or None,
        "creditor": None if chain is None else _named(chain.creditor),
        "creditor_account": None if chain is None else account_number(chain.creditor_account) or None,
        "remittance": [],
    }


def _return_of(transfer: IncomingTransfer, message: CustomerCreditTransfer | PaymentReturn) -> dict[str, Any]:
    return {"return_of": {"payment_id": str(transfer.original_id), "reason_codes": reason_codes(message)}}


def _named(actor: Actor) -> dict[str, Any] | None:
    if not isinstance(actor, PartyDetails) or actor.name is None:
        return None
    return {"name": actor.name.reveal()}
