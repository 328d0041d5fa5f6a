"""Questions of other institutions: beside the history of what they are about, or in a list of those about nothing."""

from __future__ import annotations

from typing import Final
from uuid import UUID

import pytest

from gateway.domain.identity import status_answer_id_of
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import Rail
from gateway.domain.rail_operations import RailEvent, RailEventKind
from tests.unit.http.test_incoming import arrived
from tests.unit.http.world import OPERATOR, World, open_world

ASKER: Final = "990001106"
QUESTION: Final = "20261120021150706QUESTION"
ANSWERS: Final = (("admi.007", None, None), ("pacs.002", "RJCT", "AG09"))


async def asked_by_another(
    world: World, *, about: str, question: str = QUESTION, after: IncomingTransfer | None = None
) -> None:
    """Another institution has asked about a message, now or once a transfer had come, and was told."""
    events, at = world.api.questions.events, world.clock.now() if after is None else after.received_at
    asked = RailEvent(
        event_id=UUID(int=len(about)),
        rail=Rail.FEDNOW,
        kind=RailEventKind.REQUESTED,
        code="pacs.028",
        subjects=(ASKER, about),
        business_message_id=question,
        at=at,
    )
    await events.note(asked)
    for number, (code, status, reason) in enumerate(ANSWERS):
        told = RailEvent(
            event_id=status_answer_id_of(Rail.FEDNOW, question, str(number)),
            rail=Rail.FEDNOW,
            kind=RailEventKind.REQUESTED,
            code=code,
            business_message_id=f"OURS{number}",
            description=status,
            reason_code=reason,
            at=at,
        )
        await events.note(told)


async def test_a_question_stands_beside_the_history_of_what_it_is_about() -> None:
    """Of a payment and of an incoming transfer; the list of the others has neither."""
    async with open_world() as world:
        payment = await world.accepted()
        transfer = await arrived(world, state=IncomingState.PENDING)
        before = await world.get(f"/v1/payments/{payment.payment_id}/events")
        await asked_by_another(world, about=transfer.message_id, after=transfer)

        history = await world.get(f"/v1/incoming-transfers/{transfer.payment_id}/events")
        others = await world.get("/v1/rails/fednow/questions", OPERATOR)

        (question,) = history.json["questions"]
        assert before.json["questions"] == []
        assert (question["asked_by"], question["about"], question["message_id"]) == (
            ASKER,
            transfer.message_id,
            QUESTION,
        )
        assert [(each["message_type"], each["status"], each["reason_code"]) for each in question["answers"]] == [
            *ANSWERS
        ]
        assert others.json == {"questions": [], "more": False}


async def test_a_question_about_a_payment_of_ours_stands_beside_its_history() -> None:
    """It may ask about what was sent to it."""
    async with open_world() as world:
        payment = await world.accepted()
        await asked_by_another(world, about=payment.message_id)

        history = await world.get(f"/v1/payments/{payment.payment_id}/events")

        assert [each["about"] for each in history.json["questions"]] == [payment.message_id]


@pytest.mark.parametrize(("key", "status"), [(OPERATOR, 200), (None, 403)])
async def test_what_is_about_nothing_here_is_an_operators_to_see(key: dict[str, str] | None, status: int) -> None:
    """It is no tenant's."""
    async with open_world() as world:
        await asked_by_another(world, about="20261120990001106NEVERCAME")

        answer = await world.get("/v1/rails/fednow/questions", key)

        assert answer.status == status
        if status == 200:
            (question,) = answer.json["questions"]
            assert question["about"] == "20261120990001106NEVERCAME"
