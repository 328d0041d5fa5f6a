"""The settlement date of a transfer that we made ourselves, as the event with which it left keeps it.

It is kept where it is not the payment's business date, which the ids carry. An event that keeps none left with the
business date: so does what left before settlement dates followed the rail's cycle day, and replay makes both again.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from gateway.domain.events import Event

SETTLEMENT_DATE: Final = "settlement_date"
"""Under this the details of a `SENDING_STARTED` have it, as YYYY-MM-DD."""


def settlement_details(settlement_date: date | None, *, business_date: date) -> dict[str, str]:
    """Return what the event keeps of a settlement date; None is that of a Document that a client made."""
    if settlement_date is None or settlement_date == business_date:
        return {}
    return {SETTLEMENT_DATE: settlement_date.isoformat()}


def settlement_date_with(event: Event, *, business_date: date) -> date:
    """Return the settlement date with which a transfer that we made left."""
    kept = event.details.get(SETTLEMENT_DATE)
    return business_date if kept is None else date.fromisoformat(kept)
