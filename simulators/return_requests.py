"""What the receiver of a payment decides of a request for its return, by the request's reason; on either network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from iso20022 import Amount, PaymentCancellationRequest
from iso20022.messages.camt029 import Confirmation
from simulators.conversations import SILENT_REASON, first_reason
from simulators.facts import PaymentBooked
from simulators.forwarding import Order


@dataclass(frozen=True, slots=True)
class Decided:
    """The answer, None where there is none; why it is a refusal; and the return that follows, if one does."""

    confirmation: Confirmation | None
    reason: str | None = None
    order: Order | None = None


def decided(
    request: PaymentCancellationRequest, original: PaymentBooked | None, confirmed: Mapping[str, Confirmation]
) -> Decided:
    """Return the decision; `confirmed` has the reasons that are not refused."""
    code = first_reason(request.reasons)
    if original is None:
        return Decided(Confirmation.RJCR, "NOOR")
    if code == SILENT_REASON:
        return Decided(None)
    confirmation = confirmed.get(code, Confirmation.RJCR)
    if confirmation is Confirmation.RJCR:
        return Decided(confirmation, "CUST")
    if confirmation not in {Confirmation.IPAY, Confirmation.PECR}:
        return Decided(confirmation)
    half = Amount(original.amount.cents // 2) if confirmation is Confirmation.PECR else None
    order = Order(
        debtor_agent=original.instructed_agent,
        creditor_agent=original.instructing_agent,
        returns=original.message_id,
        returned=half,
        reason="FOCR",
    )
    return Decided(confirmation, order=order)
