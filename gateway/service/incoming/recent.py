"""What this process has just decided: the rail's advice, and the posting, find their transfer without asking the store.

Whoever hears the advice mostly is the process that has answered a moment ago, and whoever is handed the delivery that
has it posted the one that heard the advice: both know the transfer as they saved it. As with `gateway.service.sent`
nothing rests on this memory but the questions that it spares. A decision is saved only against the version that it was
taken on, and the inbox takes a message once. A transfer is given out once, and to the very delivery that was saved with
what is remembered of it: who comes again, or for something else, asks the store.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar
from uuid import UUID

from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import Rail
from gateway.service.ports import OutboundDelivery

RECENT_MAX: Final = 4_096
"""Transfers that wait for their advice, and as many that wait for their posting; the oldest are forgotten first."""

Key = TypeVar("Key")

_ACCEPTED: Final = frozenset({IncomingState.ACCEPTED, IncomingState.ACCEPTED_WITHOUT_POSTING})

REMEMBERED: Final = _ACCEPTED | {IncomingState.SETTLED}
"""In which states something is to come of a transfer at once."""


class RecentTransfers:
    """Transfers that were answered until their advice, and transfers that have settled until their posting."""

    def __init__(self) -> None:
        self._answered: dict[tuple[Rail, str], IncomingTransfer] = {}
        self._settled: dict[UUID, IncomingTransfer] = {}

    def remember(self, transfer: IncomingTransfer, deliveries: Iterable[OutboundDelivery]) -> None:
        """Remember a transfer as a decision has just left it, with these deliveries, once that is saved."""
        if transfer.state in _ACCEPTED:
            self._answered[transfer.rail, transfer.message_id] = transfer
            _bound(self._answered)
        elif transfer.state is IncomingState.SETTLED:
            for delivery in deliveries:
                self._settled[delivery.delivery_id] = transfer
                _bound(self._settled)

    def answered(self, rail: Rail, message_ids: Iterable[str]) -> dict[str, IncomingTransfer]:
        """Return those of these ids that were answered, as they were then, and forget them."""
        taken = {message_id: self._answered.pop((rail, message_id), None) for message_id in set(message_ids)}
        return {message_id: transfer for message_id, transfer in taken.items() if transfer is not None}

    def settled(self, delivery_id: UUID) -> IncomingTransfer | None:
        """Return the transfer whose settling was saved with this delivery, as it was then, and forget it."""
        return self._settled.pop(delivery_id, None)


def _bound(kept: dict[Key, IncomingTransfer]) -> None:
    if len(kept) > RECENT_MAX:
        del kept[next(iter(kept))]
