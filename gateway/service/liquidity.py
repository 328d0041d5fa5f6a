"""Liquidity transfers: an institution's own money goes to another's account, with no customer on either side.

A liquidity transfer is a payment like any other: claimed, saved, dispatched, answered, doubted and resolved by the same
tables. What differs is its message, a pacs.009, and that nobody screens it, reserves it or takes it back by a return.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateway.domain.payment import Rail
from gateway.service.incoming.money import between_institutions
from iso20022 import (
    Amount,
    EndToEndId,
    InstitutionCreditTransfer,
    InstructionId,
    MessageId,
    Personal,
    RoutingNumber,
    Uetr,
)
from iso20022.messages.actors import Agent

LIQUIDITY_REQUEST_TYPE: Final = "liquidity-request.v1"
"""The message type of a liquidity transfer that was asked for in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityRequest:
    """A liquidity transfer as JSON asks for it; what is None is derived or left out. See `PaymentRequest`."""

    amount: Amount
    debtor_agent: RoutingNumber
    creditor_agent: RoutingNumber
    rail: Rail | None = None
    end_to_end_id: EndToEndId | None = None
    instruction_id: InstructionId | None = None
    uetr: Uetr | None = None
    remittance: tuple[Personal, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the request as the API reads it: what is stored, and what equal content is equal in."""
        return {
            "amount": self.amount.text,
            "debtor_agent": self.debtor_agent,
            "creditor_agent": self.creditor_agent,
            "end_to_end_id": self.end_to_end_id,
            "instruction_id": self.instruction_id,
            "uetr": self.uetr,
            "remittance": [line.reveal() for line in self.remittance],
            **({} if self.rail is None else {"rail": self.rail.value}),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> LiquidityRequest:
        """Return the request of a body whose form is good: what was checked is what goes out."""
        return cls(
            amount=Amount.parse(stored["amount"]),
            debtor_agent=RoutingNumber(stored["debtor_agent"]),
            creditor_agent=RoutingNumber(stored["creditor_agent"]),
            rail=Rail(stored["rail"]) if stored.get("rail") else None,
            end_to_end_id=stored.get("end_to_end_id"),
            instruction_id=stored.get("instruction_id"),
            uetr=stored.get("uetr"),
            remittance=tuple(Personal(line) for line in stored.get("remittance") or ()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityTransfer:
    """What the intake takes of a pacs.009, in the words of a credit transfer: each institution is its own agent."""

    message_id: MessageId
    end_to_end_id: EndToEndId
    instruction_id: InstructionId | None
    uetr: Uetr | None
    amount: Amount
    debtor_agent: RoutingNumber
    creditor_agent: RoutingNumber
    debtor_account: Personal
    creditor_account: Personal


def taken(message: InstitutionCreditTransfer) -> LiquidityTransfer | None:
    """Return what the intake takes of a message; None where it names its institutions otherwise than by number."""
    named = (message.instructing_agent, message.instructed_agent, message.debtor, message.creditor)
    if not all(map(_has_number, named)):
        return None
    money = between_institutions(message)
    return LiquidityTransfer(
        message_id=money.message_id,
        end_to_end_id=money.end_to_end_id,
        instruction_id=money.instruction_id,
        uetr=money.uetr,
        amount=money.amount,
        debtor_agent=money.debtor_agent,
        creditor_agent=money.creditor_agent,
        debtor_account=Personal(money.debtor_account),
        creditor_account=Personal(money.creditor_account),
    )


def _has_number(agent: Agent | None) -> bool:
    return agent is not None and agent.member_id is not None
