"""What a client may ask for in JSON: the same payment as a pacs.008, in the field's own words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from gateway.domain.payment import Rail
from iso20022 import Amount, EndToEndId, InstructionId, Personal, RoutingNumber, Uetr

DEFAULT_CATEGORY_PURPOSE: Final = "CONS"
"""A consumer's payment; BIZZ is a business's. A rail that has other words for the two gets its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequest:
    """A credit transfer as JSON asks for it; what is None is derived or left out.

    ``rail`` is the one that was named: content like the rest, so that one key never stands for payments on two rails.
    Already checked for form by the edge that read it; the rail's own rules are checked on the pacs.008 made of it.
    """

    amount: Amount
    debtor_name: Personal
    debtor_account: Personal
    debtor_agent: RoutingNumber
    creditor_name: Personal
    creditor_account: Personal
    creditor_agent: RoutingNumber
    rail: Rail | None = None
    category_purpose: str = DEFAULT_CATEGORY_PURPOSE
    end_to_end_id: EndToEndId | None = None
    instruction_id: InstructionId | None = None
    uetr: Uetr | None = None
    remittance: tuple[Personal, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the request as the API reads it: what is stored, and what equal content is equal in."""
        return {
            "amount": self.amount.text,
            "debtor": {"name": self.debtor_name.reveal()},
            "debtor_account": self.debtor_account.reveal(),
            "debtor_agent": self.debtor_agent,
            "creditor": {"name": self.creditor_name.reveal()},
            "creditor_account": self.creditor_account.reveal(),
            "creditor_agent": self.creditor_agent,
            "category_purpose": self.category_purpose,
            "end_to_end_id": self.end_to_end_id,
            "instruction_id": self.instruction_id,
            "uetr": self.uetr,
            "remittance": [line.reveal() for line in self.remittance],
            **({} if self.rail is None else {"rail": self.rail.value}),
        }

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> PaymentRequest:
        """Return the request of a body whose form is good.

        The edge reads it so, and so does whoever sends the payment later: what was checked is what goes out.
        """
        return cls(
            amount=Amount.parse(stored["amount"]),
            debtor_name=Personal(stored["debtor"]["name"]),
            debtor_account=Personal(stored["debtor_account"]),
            debtor_agent=RoutingNumber(stored["debtor_agent"]),
            creditor_name=Personal(stored["creditor"]["name"]),
            creditor_account=Personal(stored["creditor_account"]),
            creditor_agent=RoutingNumber(stored["creditor_agent"]),
            rail=Rail(stored["rail"]) if stored.get("rail") else None,
            category_purpose=stored.get("category_purpose") or DEFAULT_CATEGORY_PURPOSE,
            end_to_end_id=stored.get("end_to_end_id"),
            instruction_id=stored.get("instruction_id"),
            uetr=stored.get("uetr"),
            remittance=tuple(Personal(line) for line in stored.get("remittance") or ()),
        )
