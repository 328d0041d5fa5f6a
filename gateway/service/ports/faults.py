"""The faults of the world, and of ours, as the ports raise them."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.domain.payment import IdempotencyKey, RegionId


class UnavailableError(Exception):
    """The other side cannot be reached or does not answer: try again later, within a limit. It may have acted."""


class BlockedError(UnavailableError):
    """The bus answers, and takes nothing until its own need is over: it is short of memory or disk."""


class NotSentError(UnavailableError):
    """Certain: no byte of the message has reached the other side. The same message may be tried again."""


class NotServingError(UnavailableError):
    """The region may not act now: it does not hold its lease, or the payment's home is another. Nothing was done."""


class LeaseOverError(NotServingError):
    """The region's lease has run out, or had, and the map was not read since it is held again: nothing was done."""


class ContradictedMapError(NotServingError):
    """Two maps give a slot to two regions under the same epoch, which no move makes: nothing was changed."""


class NotHomeError(NotServingError):
    """The home of a payment or a conversation is another region, which alone decides on it: nothing was done here."""


class ElsewhereError(NotServingError):
    """The home of a submission's key is another region, which alone accepts it: nothing was done here.

    ``body`` is the submission as it came, ``key`` its idempotency key.
    """

    def __init__(self, home: RegionId, key: IdempotencyKey, body: bytes) -> None:
        super().__init__(f"the key's home is region {home}")
        self.home = home
        self.key = key
        self.body = body


class NotInBothError(UnavailableError):
    """Accepted in this region, and not known to be in the other: nothing is acknowledged. A repeat finds out.

    ``home`` is this region, ``key`` the submission's idempotency key.
    """

    def __init__(self, home: RegionId, key: IdempotencyKey, why: str) -> None:
        super().__init__(f"accepted, and not acknowledged: {why}")
        self.home = home
        self.key = key


class DayUnknownError(UnavailableError):
    """A lost region may have accepted the key on a day about which nobody can be asked now: nothing was done here.

    ``home`` is this region, ``key`` the submission's idempotency key.
    """

    def __init__(self, home: RegionId, key: IdempotencyKey, why: str) -> None:
        super().__init__(why)
        self.home = home
        self.key = key


class UnroutableError(Exception):
    """No queue of that name exists; others of the same batch may be on theirs. A fault of the topology."""


# --- Ours -------------------------------------------------------------------------------------------------------


class FaultyRowError(Exception):
    """The store refuses a row for what it holds: a fault of ours. Nothing of it was saved; a repeat fails again."""


class PartlyFaultyError(Exception):
    """Some rows of a batch are faulty; the others are saved.

    ``outcomes`` are in the order of the batch: what the call would have returned, or a `FaultyRowError`.
    """

    def __init__(self, outcomes: Sequence[object]) -> None:
        faulty = sum(isinstance(outcome, FaultyRowError) for outcome in outcomes)
        super().__init__(f"{faulty} of {len(outcomes)} rows are faulty")
        self.outcomes = outcomes
