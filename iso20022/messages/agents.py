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


def agent_rows(path: str, agent: RoutingNumber) -> list[Row]:
    """The rows of an agent at a path."""
    return [(f"{path}/{CLEARING_SYSTEM_PATH}", CLEARING_SYSTEM), (f"{path}/{MEMBER_PATH}", agent)]
