"""What this process has just sent: an answer to it finds its payment without asking the store.

Whoever fetches an answer mostly is the process that sent the transfer a moment ago, and knows the payment as it saved
it. A decision is saved only against the version that it was taken on, and the inbox takes a message once: where the
payment has changed since, or the message has had its effect, the save says so, or the state table, and the store is
asked. Whoever asks here is told of a status alone: its references are compared with facts that never change. So nothing
rests on this memory but the two questions that it spares, in each batch of answers and on each payment's way.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from gateway.domain.payment import Payment, PaymentState, Rail
from gateway.service.ports import Decision

SENT_MAX: Final = 4_096
"""Payments that are remembered; the oldest are forgotten first. Some 1 KiB each, and seconds of the highest rate."""


class SentPayments:
    """Payments whose transfer this process has sent, each until its first answer."""

    def __init__(self) -> None:
        self._payments: dict[tuple[Rail, str], Payment] = {}

    def remember(self, decision: Decision) -> None:
        """Remember the payment of a decision that is saved, where its transfer leaves with it."""
        if decision.state is not PaymentState.SENDING:
            return
        payment = decision.outcome
        self._payments[payment.rail, payment.message_id] = payment
        if len(self._payments) > SENT_MAX:
            del self._payments[next(iter(self._payments))]

    def take(self, rail: Rail, message_ids: Iterable[str]) -> dict[str, Payment]:
        """Return those that were sent under these ids, as they were then, and forget them: the next answer asks."""
        taken = {message_id: self._payments.pop((rail, message_id), None) for message_id in set(message_ids)}
        return {message_id: payment for message_id, payment in taken.items() if payment is not None}
