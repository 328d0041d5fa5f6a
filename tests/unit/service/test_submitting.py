"""Submitting: one key, one payment; what is refused leaves its fact and nothing else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from gateway.domain.identity import SLOTS
from gateway.domain.payment import IdempotencyKey, Payment, RegionId
from gateway.service.ports import Accepted, ElsewhereError, NewPayment
from gateway.service.requests import PaymentRequest
from gateway.service.submit import EXPLANATIONS_WAITING_MAX, RefusalKind, Refused, Submitted, UnexplainedError
from iso20022 import Amount, FedNowProfile, MessageId, Personal, RoutingNumber, pacs008, serialise
from tests.acceptance.payments import RECEIVER, SENDER, message
from tests.fakes.store import InMemoryStore
from tests.unit.service.world import TENANT, World, transfer, world

REQUEST = PaymentRequest(
    amount=Amount(5174),
    debtor_name=Personal("Debtor Sample"),
    debtor_account=Personal("100000000001"),
    debtor_agent=RoutingNumber(SENDER),
    creditor_name=Personal("Creditor Sample"),
    creditor_account=Personal("200000000001"),
    creditor_agent=RoutingNumber(RECEIVER),
)

BODY = json.dumps(REQUEST.as_json()).encode()


async def test_equal_submissions_at_once_are_one_payment(earth: World) -> None:
    """Fifty at the same moment: one made it, the others found it."""
    body = message(transfer())

    outcomes = await asyncio.gather(
        *(earth.intake.submit_message(TENANT, body, header_key=None, received_at=earth.clock.now()) for _ in range(50))
    )

    made = [outcome for outcome in outcomes if isinstance(outcome, Submitted) and outcome.created]
    assert len(made) == 1
    assert len({outcome.payment for outcome in outcomes if isinstance(outcome, Submitted)}) == 1


class _NeverClaims(InMemoryStore):
    async def accept(self, payments: Sequence[NewPayment]) -> Sequence[Accepted]:
        raise AssertionError(f"{len(payments)} were gathered here to be claimed")


async def test_what_belongs_to_another_region_waits_for_no_window_here() -> None:
    """The way there is long enough: it is gathered with nothing, and no claim of it is tried."""
    store = _NeverClaims()
    store.homes = dict.fromkeys(range(SLOTS), RegionId("usw2"))
    body = message(transfer())

    async with world(store=store) as earth:
        with pytest.raises(ElsewhereError) as elsewhere:
            await earth.intake.submit_message(TENANT, body, header_key=None, received_at=earth.clock.now())

    assert (elsewhere.value.home, elsewhere.value.body) == ("usw2", body)


async def test_a_retry_with_other_creation_times_is_the_same_content(earth: World) -> None:
    """Header and group header are stamped anew by an honest client."""
    payment = transfer()
    first = await earth.submit(payment)

    again = await earth.submit(replace(payment, creation_time=payment.creation_time + timedelta(minutes=5)))

    assert again.payment_id == first.payment_id


async def test_another_amount_under_the_same_key_is_refused(earth: World) -> None:
    """The control of the test above."""
    payment = transfer()
    await earth.submit(payment)

    refused = await earth.refused(message(replace(payment, amount=Amount(payment.amount.cents + 1))))

    assert refused.kind is RefusalKind.OTHER_CONTENT


async def test_a_header_that_names_another_key_than_the_message_is_refused(earth: World) -> None:
    """For XML the message id is the key."""
    body = message(transfer())

    refused = await earth.refused(body, header_key="something-else")

    assert refused.kind is RefusalKind.KEY_DIFFERS


async def test_every_finding_comes_at_once_and_the_fact_alone_is_kept(earth: World) -> None:
    """Three faults, three findings; a digest, no content."""
    body = message(transfer()).replace(b"FDNA", b"CASH").replace(b">CONS<", b">LOAN<").replace(b'"USD"', b'"EUR"')

    refused = await earth.refused(body)

    assert len({finding.code for finding in refused.findings}) >= 3
    assert len(earth.recorder.refusals) == 1
    assert (await earth.store.backlog()).open_payments == {}


async def test_json_under_one_key_is_one_payment_with_derived_ids(earth: World) -> None:
    """A repeat derives the same message id, end-to-end id and UETR."""
    outcomes = [
        await earth.intake.submit_payment(
            TENANT, IdempotencyKey("order-1"), REQUEST, BODY, received_at=earth.clock.now()
        )
        for _ in range(2)
    ]

    first, again = outcomes
    assert isinstance(first, Submitted)
    assert isinstance(again, Submitted)
    assert (first.created, again.created) == (True, False)
    assert first.payment == again.payment


async def over_midnight(earth: World) -> tuple[Payment, Payment]:
    """What one key gives before midnight and after it."""
    given = []
    for _ in range(2):
        submitted = await earth.intake.submit_payment(
            TENANT, IdempotencyKey("order-1"), REQUEST, BODY, received_at=earth.clock.now()
        )
        assert isinstance(submitted, Submitted)
        given.append(submitted.payment)
        earth.clock.advance(86_400)
    return given[0], given[1]


async def test_a_json_retry_after_midnight_is_still_the_payment_of_the_day_before(earth: World) -> None:
    """The date is kept with the claim: ids begin with it, and must not change."""
    first, again = await over_midnight(earth)

    assert first.message_id == again.message_id
    assert first.payment_id == again.payment_id


class _ForgetsClaims(InMemoryStore):
    def _claimed(self, new: NewPayment) -> Accepted | None:
        return None


async def test_control_without_the_claim_a_retry_after_midnight_is_another_payment() -> None:
    """What the test above would find: the ids are those of the day, and the payment would be made twice."""
    async with world(store=_ForgetsClaims()) as earth:
        first, again = await over_midnight(earth)

    assert first.message_id != again.message_id
    assert first.payment_id != again.payment_id


async def test_json_that_the_rail_would_refuse_is_refused_with_the_same_findings_as_xml(earth: World) -> None:
    """The pacs.008 that is made of it is held against schema and rail like any other."""
    wrong = replace(REQUEST, creditor_agent=RoutingNumber("990001204"))

    refused = await earth.intake.submit_payment(
        TENANT, IdempotencyKey("order-2"), wrong, BODY, received_at=earth.clock.now()
    )

    assert isinstance(refused, Refused)
    assert {finding.code for finding in refused.findings} == {"FEDNOW_ABA_CHECK_DIGIT"}


async def test_a_valid_message_that_is_no_transfer_is_refused_with_a_finding(earth: World) -> None:
    """A pacs.028 is the gateway's to send, not a client's."""
    payment = await earth.submit()
    await earth.dispatch(payment)
    await earth.fire_timers(after_s=15)
    await earth.ask(payment)
    question = earth.rail.sent[-1].body

    refused = await earth.refused(question)

    assert [finding.code for finding in refused.findings] == ["NOT_A_TRANSFER"]


async def test_a_new_message_id_of_another_day_is_refused_and_a_known_one_is_a_repeat(earth: World) -> None:
    """The rail answers questions about today and yesterday; an honest repeat is answered at any age."""
    payment = transfer()
    first = await earth.submit(payment)
    earth.clock.advance(3 * 86_400)

    again = await earth.submit(payment)
    refused = await earth.refused(message(replace(transfer(), message_id=MessageId(payment.message_id + "X"))))

    assert again.payment_id == first.payment_id
    assert [finding.code for finding in refused.findings] == ["FEDNOW_MESSAGE_ID_DATE"]


async def test_a_message_id_of_another_connection_party_is_refused(earth: World) -> None:
    """We send as one connection party: the rail would refuse another's id, and doubt would follow."""
    payment = transfer()
    other = payment.message_id.replace("990000107", "990001106")

    refused = await earth.refused(serialise(pacs008.build(replace(payment, message_id=MessageId(other)))))

    assert "FEDNOW_OWN_CONNECTION_PARTY" in {finding.code for finding in refused.findings}


async def test_a_repeat_is_answered_whatever_the_rules_have_become() -> None:
    """To be told "nothing was accepted" of a payment that was, a client would pay again."""
    async with world() as earth:
        payment = transfer()
        first = await earth.submit(payment)
        async with world(profile=FedNowProfile(sender_limit_cents=1), store=earth.store) as later:
            again = await later.submit(payment)
            refused = await later.refused(message(transfer()))

    assert again.payment_id == first.payment_id
    assert [finding.code for finding in refused.findings] == ["FEDNOW_SENDER_LIMIT"]


async def test_so_many_messages_with_faults_are_explained_and_more_are_turned_away_at_once(earth: World) -> None:
    """Who sends garbage without end fills no memory; what was turned away has left nothing, and may come again."""

    async def submit() -> Refused | UnexplainedError:
        try:
            outcome = await earth.intake.submit_message(
                TENANT, b"<Document/>", header_key=None, received_at=earth.clock.now()
            )
        except UnexplainedError as error:
            return error
        assert isinstance(outcome, Refused)
        return outcome

    outcomes = await asyncio.gather(*(submit() for _ in range(EXPLANATIONS_WAITING_MAX + 3)))
    later = await submit()

    turned_away = [outcome for outcome in outcomes if isinstance(outcome, UnexplainedError)]
    assert len(turned_away) == 3
    assert len(earth.recorder.refusals) == EXPLANATIONS_WAITING_MAX + 1
    assert isinstance(later, Refused)
