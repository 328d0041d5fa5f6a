"""A row that the database refuses for what it holds fails alone: its neighbours are saved, and it is shown as ours."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from adapters.postgres.store import PostgresStore
from gateway.domain.events import Event, EventKind
from gateway.domain.payment import PaymentState
from gateway.domain.timing import Timing
from gateway.service.decide import decide
from gateway.service.ports import Accepted, AcceptKind, FaultyRowError, PartlyFaultyError
from iso20022 import EndToEndId
from tests.integration.postgres.test_two_regions import NOW, new_payment

NUL = "\0"
SURROGATE = "\udcff"


@pytest.mark.parametrize("character", [NUL, SURROGATE])
async def test_a_submission_that_cannot_be_stored_fails_alone(postgres_store: PostgresStore, character: str) -> None:
    """A character that PostgreSQL, or its client, refuses: three of four are accepted."""
    payments = [replace(new_payment(key), end_to_end_id=EndToEndId(key)) for key in ("A", "B", "C", "D")]
    payments[1] = replace(payments[1], end_to_end_id=EndToEndId(f"B{character}"))

    with pytest.raises(PartlyFaultyError) as raised:
        await postgres_store.accept(payments)

    outcomes = raised.value.outcomes
    assert isinstance(outcomes[1], FaultyRowError)
    assert [outcome.kind for outcome in outcomes if isinstance(outcome, Accepted)] == [AcceptKind.CREATED] * 3
    stored = await postgres_store.load([payment.payment_id for payment in payments])
    assert payments[1].payment_id not in stored
    assert len(stored) == 3


async def test_a_decision_that_cannot_be_stored_fails_alone(postgres_store: PostgresStore) -> None:
    """Of two payments that start to be sent, one carries a text that cannot be stored."""
    accepted = await postgres_store.accept([new_payment("A"), new_payment("B")])
    decisions = [
        decide(
            outcome.payment,
            Event(EventKind.SENDING_STARTED, business_message_id=text),
            at=NOW + timedelta(seconds=1),
            timing=Timing(),
        )
        for outcome, text in zip(accepted, (NUL, "fine"), strict=True)
        if outcome.payment is not None
    ]

    with pytest.raises(PartlyFaultyError) as raised:
        await postgres_store.save(decisions)

    assert isinstance(raised.value.outcomes[0], FaultyRowError)
    assert raised.value.outcomes[1] is True
    stored = await postgres_store.load([decision.payment.payment_id for decision in decisions])
    assert {payment.state for payment in stored.values()} == {PaymentState.RECEIVED, PaymentState.SENDING}
