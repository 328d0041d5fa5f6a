"""The rail: the asynchronous way to it and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from iso20022 import Finding


class MessageClass(StrEnum):
    """How a rail separates its traffic (FedNow Operating Procedures v2.1 section 14)."""

    VALUE = "value"
    NONVALUE = "nonvalue"
    INQUIRY = "inquiry"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class RailDelivery:
    """Bytes that the rail has for us, and the handle that acknowledges them.

    ``signature`` is what came beside them, where the rail signs so. With ``unverified`` set they may be anybody's: they
    are kept, and nothing reads them.
    """

    receipt: str
    body: bytes
    signature: str | None = None
    unverified: Finding | None = None


class RailLink(Protocol):
    """The asynchronous way to a rail and back: what is sent is acknowledged, answers are fetched and acknowledged."""

    async def send(self, body: bytes, *, message_class: MessageClass) -> None:
        """Hand a message to the rail; returns once the rail's queue has it. Never repeats by itself.

        Raises:
            NotSentError: certain that no byte has left.
            UnavailableError: the rail may have it.

        """
        ...

    async def receive(self, *, messages_max: int, wait_s: float) -> Sequence[RailDelivery]:
        """Fetch what the rail has for us, waiting up to `wait_s` for a first one; what is not acknowledged comes again.

        Raises:
            UnavailableError: the rail cannot be reached.

        """
        ...

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Tell the rail that these are saved; a repeat is safe.

        Raises:
            UnavailableError: not certain; they may come again.

        """
        ...

    async def check(self) -> None:
        """Return if the rail can be reached now.

        Raises:
            UnavailableError: it cannot.

        """
        ...
