"""Batches of decisions: one statement for all of a rail's, and where one row brings it down, each alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol, TypeVar
from uuid import UUID

import asyncpg

from adapters.postgres.connection import translated
from gateway.domain.payment import PaymentId, Rail
from gateway.service.ports import FaultyRowError, NotHomeError, PartlyFaultyError

ONE_BAD_ROW: Final = (
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.DataError,
    asyncpg.DeadlockDetectedError,
    ValueError,
)
"""What a single row may bring down a batch with; ValueError is how asyncpg refuses a value before it is sent."""


SaveOutcome = bool | FaultyRowError | NotHomeError
"""False: what was decided on has changed meanwhile, and is to be decided again."""


class Subject(Protocol):
    """What is decided on."""

    @property
    def payment_id(self) -> PaymentId:
        """Its id."""
        ...

    @property
    def rail(self) -> Rail:
        """Whose rail's it is."""
        ...


Decided = TypeVar("Decided")


async def save_each(
    decisions: Sequence[Decided],
    subject_of: Callable[[Decided], Subject],
    save: Callable[[Rail, Sequence[Decided]], Awaitable[Mapping[UUID, SaveOutcome]]],
) -> Sequence[bool]:
    """Save what still holds, and return, in order, whether each did; `save` leaves out those that did not.

    Raises:
        PartlyFaultyError: some decisions cannot be saved; the others are, as far as they hold.
        UnavailableError: the database does not answer; whether it has committed is unknown.

    """
    ids = [subject_of(decision).payment_id for decision in decisions]
    if len(set(ids)) != len(ids):
        raise AssertionError("a batch names a payment twice: one of its two decisions would silently win")
    by_rail: dict[Rail, list[Decided]] = defaultdict(list)
    for decision in decisions:
        by_rail[subject_of(decision).rail].append(decision)
    saved: dict[UUID, SaveOutcome] = {}

    async def save_group(rail: Rail, group: Sequence[Decided]) -> None:
        try:
            outcomes = await save(rail, group)
        except ONE_BAD_ROW as error:
            if len(group) == 1:
                again = "inbox" in constraint_of(error) or isinstance(error, asyncpg.DeadlockDetectedError)
                saved[subject_of(group[0]).payment_id] = False if again else FaultyRowError(str(error))
                return
            for decision in group:  # one bad row never spoils the others: each alone
                await save_group(rail, [decision])
        else:
            group_ids = [subject_of(decision).payment_id for decision in group]
            saved.update({payment_id: outcomes.get(payment_id, False) for payment_id in group_ids})

    with translated():
        for rail, group in by_rail.items():
            await save_group(rail, group)
    outcomes = [saved[payment_id] for payment_id in ids]
    held = [outcome for outcome in outcomes if isinstance(outcome, bool)]
    if len(held) < len(outcomes):
        raise PartlyFaultyError(outcomes)
    return held


def constraint_of(error: Exception) -> str:
    """Return the name of the constraint that a row has broken, if it was one."""
    return getattr(error, "constraint_name", None) or ""
