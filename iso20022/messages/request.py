"""What a request for payment and the answers to it share: the conditions under which may be paid."""

from dataclasses import dataclass
from typing import Final

from iso20022.amount import Amount
from iso20022.messages.shape import BOOLEAN, MONEY, PERSONAL, Alternative, Leaf, OneOf, Shape
from iso20022.personal import Personal


@dataclass(frozen=True, slots=True)
class Percentage:
    """A percentage, as it stands in the message."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCondition:
    """Whether another amount or an earlier day is welcome, what delay costs, whether payment is to be guaranteed."""

    amount_modification_allowed: bool
    early_payment_allowed: bool
    delay_penalty: Personal | None = None
    immediate_payment_rebate: Amount | Percentage | None = None
    guaranteed_payment_requested: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionStatus:
    """Which amount the debtor accepts, whether payment is guaranteed, and whether it comes early."""

    accepted_amount: Amount | None = None
    guaranteed_payment: bool
    early_payment: bool


PAYMENT_CONDITION: Final = Shape(
    PaymentCondition,
    (
        ("AmtModAllwd", "amount_modification_allowed", BOOLEAN),
        ("EarlyPmtAllwd", "early_payment_allowed", BOOLEAN),
        ("DelyPnlty", "delay_penalty", PERSONAL),
        (
            "ImdtPmtRbt",
            "immediate_payment_rebate",
            OneOf(
                {
                    "amount": Alternative("Amt", Amount, MONEY),
                    "rate": Alternative("Rate", Percentage, Leaf(Percentage, lambda rate: rate.text)),
                }
            ),
        ),
        ("GrntedPmtReqd", "guaranteed_payment_requested", BOOLEAN),
    ),
)
"""The conditions of a request for payment."""

CONDITION_STATUS: Final = Shape(
    ConditionStatus,
    (
        ("AccptdAmt", "accepted_amount", MONEY),
        ("GrntedPmt", "guaranteed_payment", BOOLEAN),
        ("EarlyPmt", "early_payment", BOOLEAN),
    ),
)
"""What the debtor says to the conditions."""
