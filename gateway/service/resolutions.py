"""What the answer to a return request of ours says (camt.029), on either rail."""

from __future__ import annotations

from typing import Final

from gateway.domain.events import Event, EventKind
from gateway.domain.payment import Payment, Reason, ReasonOrigin
from gateway.service.rail_protocol import differing
from iso20022 import Resolution

_BY_CONFIRMATION: Final = {
    "IPAY": EventKind.RETURN_AGREED_REPORTED,
    "PECR": EventKind.RETURN_AGREED_REPORTED,
    "PDCR": EventKind.RETURN_PENDING_REPORTED,
    "RJCR": EventKind.RETURN_REFUSED_REPORTED,
}


def resolved(statement: Resolution) -> Event:
    """Return what the answer to a return request means; one that no rail knows is a fault of who sent it."""
    given = [each for payment in statement.payments for each in payment.reasons if each.reason is not None]
    code = given[0].reason.text if given and given[0].reason is not None else None
    return Event(
        _BY_CONFIRMATION[statement.confirmation or ""],
        reason=None if code is None else Reason(code, ReasonOrigin.RAIL),
        details={"confirmation": statement.confirmation or ""},
    )


def resolution_mismatches(said: Resolution, payment: Payment, *, case_id: str | None) -> tuple[str, ...]:
    """Return the references of an answer to a return request that are not those of the payment, or of its request."""
    given: list[tuple[str, object, object]] = []
    for each in said.payments:
        given += [
            ("ORIGINAL_UETR_DIFFERS", each.original_uetr, payment.uetr),
            ("ORIGINAL_END_TO_END_ID_DIFFERS", each.original_end_to_end_id, payment.end_to_end_id),
        ]
    if said.resolved_case is not None:
        given.append(("CASE_DIFFERS", said.resolved_case.id, case_id))
    return differing(given)
