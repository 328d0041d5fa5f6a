"""A refusal (admi.002) under a code that nobody has set as definite: in doubt, with a finding for whoever looks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adapters.http.representation import events_json
from gateway.cli.desk import print_timeline
from gateway.domain.events import Event, EventKind
from gateway.domain.history import RecordedEvent
from gateway.domain.payment import Payment, PaymentState, Reason, ReasonOrigin
from gateway.service.ports import PaymentHistory
from gateway.service.replay import DivergedError
from iso20022.code_book import explained
from tests.unit.service.test_settlement_dates import KEY, running_again
from tests.unit.service.world import World, world

UNKNOWN = "SIM-NEVER-HEARD-OF"
FINDING = {"findings": "VALUE_REFUSAL_CODE"}


async def refused(earth: World, *, code: str = UNKNOWN, copies: int = 1) -> tuple[Payment, RecordedEvent]:
    """A payment whose message the rail has refused, and the event that says so."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    for copy in range(1, copies):
        earth.store.rows.payments[payment.payment_id] = replace(await earth.now(payment), transfers=copy + 1)
    await earth.hear(earth.reject(payment.message_id, code))
    return await earth.now(payment), (await earth.store.events(payment.payment_id))[-1]


async def test_a_refusal_under_an_unknown_code_is_in_doubt_with_a_finding(
    earth: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the event itself: so it is in the history, over the API, and in what `fifteen payment show` prints."""
    payment, said = await refused(earth)
    shown = events_json(payment.payment_id, [said])["events"]
    print_timeline({"events": shown, "questions": []}, [])

    assert (payment.state, said.event.kind) == (PaymentState.IN_DOUBT, EventKind.REFUSAL_UNEXPLAINED)
    assert (shown[0]["details"], shown[0]["reason"]["code"]) == (FINDING, UNKNOWN)
    assert "VALUE_REFUSAL_CODE" in capsys.readouterr().out
    assert explained("VALUE_REFUSAL_CODE"), "`fifteen explain` says what to do"


@pytest.mark.parametrize(
    ("copies", "state"), [(1, PaymentState.REJECTED), (2, PaymentState.IN_DOUBT)], ids=["one copy", "two copies"]
)
async def test_a_code_that_is_known_is_no_finding(copies: int, state: PaymentState) -> None:
    """The control: it is the code that is strange. Of a second copy it decides nothing, and is known all the same."""
    async with world(definite_refusals=frozenset({UNKNOWN})) as earth:
        payment, said = await refused(earth, copies=copies)

    assert (payment.state, said.event.details) == (state, {})


async def kept(earth: World, payment: Payment) -> PaymentHistory:
    """What is kept of a payment."""
    events = tuple(await earth.store.events(payment.payment_id))
    messages = tuple(await earth.store.messages(payment.payment_id))
    return PaymentHistory(payment, KEY, events, digests=(), messages=messages, postings=())


async def test_a_history_from_before_there_was_the_finding_comes_out_as_it_is_kept(earth: World) -> None:
    """What is known of codes changes with settings and releases; what the rail has said does not."""
    payment, said = await refused(earth)
    history = await kept(earth, payment)
    before = replace(history, events=(*history.events[:-1], replace(said, event=replace(said.event, details={}))))

    for each in (history, before):
        async with running_again() as again:
            found = await again.comes_out(each)
        assert found.events == each.events


async def test_a_history_in_which_the_rail_says_something_else_comes_out_otherwise(earth: World) -> None:
    """The control of the test above."""
    payment, said = await refused(earth)
    history = await kept(earth, payment)
    other = replace(said.event, reason=Reason("OTHER", ReasonOrigin.RAIL))

    async with running_again() as again:
        with pytest.raises(DivergedError, match="means"):
            await again.comes_out(replace(history, events=(*history.events[:-1], replace(said, event=other))))


def test_events_say_the_same_where_they_differ_in_findings_alone() -> None:
    """All else of the details counts."""
    plain = Event(EventKind.REFUSAL_UNEXPLAINED, details={"by": "a test"})

    assert plain.says_the_same_as(replace(plain, details={**plain.details, **FINDING}))
    assert not plain.says_the_same_as(replace(plain, details=dict(FINDING)))
    assert not plain.says_the_same_as(replace(plain, kind=EventKind.TRANSFER_REFUSED))
