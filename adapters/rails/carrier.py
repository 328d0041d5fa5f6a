"""What the ways to a rail have in common beneath the port: something may travel beside a message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.service.ports import MessageClass, RailDelivery


class Carrier(Protocol):
    """A `RailLink` that carries a signature beside a message, where there is one."""

    async def send(self, body: bytes, *, message_class: MessageClass, signature: str | None = None) -> None:
        """Hand a message to the rail, and what travels beside it; as the port says otherwise."""
        ...

    async def receive(self, *, messages_max: int, wait_s: float) -> Sequence[RailDelivery]:
        """Fetch what the rail has for us, with what came beside it; see the port."""
        ...

    async def acknowledge(self, receipts: Sequence[str]) -> None:
        """Acknowledge; see the port."""
        ...

    async def check(self) -> None:
        """Return if the rail can be reached; see the port."""
        ...
