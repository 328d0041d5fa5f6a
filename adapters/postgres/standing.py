"""Which of two facts of one payment, or transfer, counts where both regions have accepted it (docs/adr/0044)."""

from __future__ import annotations


def stands(fact: str = "fact") -> str:
    """Return the condition that a fact is the one that every read shows: of two, that of the later acceptance.

    `fact` is the alias of `payment` or `incoming_transfer`. The first event that the history counts is that of the
    highest epoch (`gateway.domain.history.events_that_count`), and the state and the postings follow from it: so the
    fact is the one that was written with that event. It stays so wherever the slot goes, in both regions alike.

    A subquery with a LIMIT is run for each row, along the primary key of `payment_event`; no planner makes a join of
    it, which without statistics could walk through all events.
    """
    return f"""{fact}.region = (
        SELECT accepted.region FROM payment_event AS accepted
        WHERE accepted.payment_id = {fact}.payment_id AND accepted.sequence = 1
        ORDER BY accepted.epoch DESC, accepted.region LIMIT 1
    )"""  # noqa: S608 - ours
