"""What this process has just answered: the rail's advice finds its transfer without asking the store.

Whoever hears the advice mostly is the process that has answered a moment ago, and knows the transfer as it saved it. As
with `gateway.service.sent` nothing rests on this memory but the questions that it spares: what the advice makes of the
transfer is saved only against the version that it was taken on, before anybody is told of it, and the inbox takes a
message once. A posting is told to the institution before it is saved, and so always asks the store.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import Rail

RECENT_MAX: Final = 4_096
"""Transfers that wait for their advice; the oldest are forgotten first."""

REMEMBERED: Final = frozenset({IncomingState.ACCEPTED, IncomingState.ACCEPTED_WITHOUT_POSTING})
"""In which states an advice is to come at once."""


class RecentTransfers:
    """Transfers that were answered, until their advice."""

    def __init__(self) -> None:
        self._answered: dict[tuple[Rail, str], IncomingTransfer] = {}

    def remember(self, transfer: IncomingTransfer) -> None:
        """Remember a transfer as a decision has just left it, once that is saved."""
        self._answered[transfer.rail, transfer.message_id] = transfer
        if len(self._answered) > RECENT_MAX:
            del self._answered[next(iter(self._answered))]

    def answered(self, rail: Rail, message_ids: Iterable[str]) -> dict[str, IncomingTransfer]:
        """Return those of these ids that were answered, as they were then, and forget them."""
        taken = {message_id: self._answered.pop((rail, message_id), None) for message_id in set(message_ids)}
        return {message_id: transfer for message_id, transfer in taken.items() if transfer is not None}
