"""The institutions of a payment, each known by its ABA routing number alone."""

from typing import Final

from iso20022.identifiers import RoutingNumber
from iso20022.layout import Row

CLEARING_SYSTEM: Final = "USABA"
"""The code that says "ABA routing number" (ISO external clearing system identification)."""

MEMBER_PATH: Final = "FinInstnId/ClrSysMmbId/MmbId"
"""Where an agent's routing number stands."""

CLEARING_SYSTEM_PATH: Final = "FinInstnId/ClrSysMmbId/ClrSysId/Cd"
"""Where an agent's clearing system stands."""


def agent_rows(path: str, agent: RoutingNumber, *, clearing_system: str | None = CLEARING_SYSTEM) -> list[Row]:
    """The rows of an agent at a path; RTP names no clearing system there."""
    return [(f"{path}/{CLEARING_SYSTEM_PATH}", clearing_system), (f"{path}/{MEMBER_PATH}", agent)]
