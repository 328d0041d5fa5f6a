"""Dead letters over HTTP: tenants see those of their own payments, operators see all, and act."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from adapters.http.answers import json_response, list_response
from adapters.http.api import Api
from adapters.http.authentication import OperatorKeys
from adapters.http.bodies import read_body, require_type
from adapters.http.incoming_representation import transfer_link
from adapters.http.negotiation import is_json
from adapters.http.notes import note_findings, refuse_if_any
from adapters.http.payment_form import read_object
from adapters.http.problems import (
    DEAD_LETTER_CLOSED,
    DEAD_LETTER_NOT_FOUND,
    DEAD_LETTER_WITHOUT_PAYMENT,
    QUERY_INVALID,
    ProblemError,
    ProblemKind,
)
from adapters.http.representation import instant_text, payment_link
from gateway.domain.payment import Payment, TenantId
from gateway.service.dead_letters import ClosingOutcome, Consequence, ShownDeadLetter
from gateway.service.ports import Closing, DeadLetterState, Delivery, KeptDeadLetter, Queue, QueueDirection

LISTED_MAX: Final = 200
"""Dead letters that one answer lists."""

_REFUSED: Final[Mapping[ClosingOutcome, tuple[ProblemKind, str]]] = {
    ClosingOutcome.NOT_FOUND: (DEAD_LETTER_NOT_FOUND, "No delivery of that id is a dead letter here."),
    ClosingOutcome.CLOSED_BEFORE: (DEAD_LETTER_CLOSED, "It has been redriven or discarded before; nothing was done."),
    ClosingOutcome.NOT_REDRIVABLE: (DEAD_LETTER_WITHOUT_PAYMENT, "No payment of that id exists; nothing was done."),
}

_Act = Callable[[UUID, str, str], Awaitable[ClosingOutcome]]


class DeadLetterDesk:
    """Shows dead letters, and takes what operators decide. Another tenant's is as if it were not there."""

    def __init__(self, api: Api, keys: OperatorKeys) -> None:
        self._api = api
        self._keys = keys

    async def get_list(self, request: web.Request) -> web.Response:
        """Show dead letters, the longest dead first: the parked ones, unless ``state`` says otherwise."""
        tenant_id = await self._keys.sight_of(request.headers)
        queue, state = _filter_in(request.query)
        found = await self._api.dead_letters.find(tenant_id=tenant_id, queue=queue, state=state, limit=LISTED_MAX + 1)
        shown = [letter_json(letter) for letter in found[:LISTED_MAX]]
        return list_response(self._api, "dead_letters", shown, more=len(found) > LISTED_MAX)

    async def get_one(self, request: web.Request) -> web.Response:
        """Show one, with its payment as it is now and what a redrive would do."""
        tenant_id = await self._keys.sight_of(request.headers)
        return json_response(shown_json(await self._shown(_id_in(request), tenant_id=tenant_id)))

    async def post_redrive(self, request: web.Request) -> web.Response:
        """Put the delivery on its queue again, under a fresh id."""

        async def redrive(delivery_id: UUID, by: str, note: str) -> ClosingOutcome:
            return await self._api.dead_letters.redrive(delivery_id, by=by, note=note)

        return await self._act(request, redrive)

    async def post_discard(self, request: web.Request) -> web.Response:
        """Decide that nothing is to be done."""

        async def discard(delivery_id: UUID, by: str, note: str) -> ClosingOutcome:
            return await self._api.dead_letters.discard(delivery_id, by=by, note=note)

        return await self._act(request, discard)

    async def _act(self, request: web.Request, act: _Act) -> web.Response:
        operator = await self._keys.operator_of(request.headers)
        delivery_id = _id_in(request)
        require_type(request, is_json, taken="application/json")
        note = _note_in(await read_body(request, self._api.limits))
        outcome = await act(delivery_id, operator, note)
        if outcome is not ClosingOutcome.DONE:
            kind, detail = _REFUSED[outcome]
            raise ProblemError(kind, detail)
        return json_response(shown_json(await self._shown(delivery_id, tenant_id=None)))

    async def _shown(self, delivery_id: UUID, *, tenant_id: TenantId | None) -> ShownDeadLetter:
        shown = await self._api.dead_letters.show(delivery_id, tenant_id=tenant_id)
        if shown is None:
            raise ProblemError(*_REFUSED[ClosingOutcome.NOT_FOUND])
        return shown


def letter_json(kept: KeptDeadLetter) -> dict[str, Any]:
    """Return a dead letter's representation."""
    letter, delivery = kept.letter, kept.letter.delivery
    link = f"/v1/dead-letters/{delivery.delivery_id}"
    return {
        "delivery_id": str(delivery.delivery_id),
        "state": kept.state.value,
        "queue": delivery.queue.value,
        "payment_id": str(delivery.payment_id),
        "attempts": delivery.attempt,
        "reason": letter.reason.value,
        "fault": letter.fault,
        "published_at": instant_text(letter.published_at),
        "died_at": instant_text(letter.died_at),
        "deadline_at": instant_text(delivery.deadline_at),
        "closing": None if kept.closing is None else _closing_json(kept.closing),
        "links": {"self": link, "payment": _subject_link(delivery)},
    }


def _subject_link(delivery: Delivery) -> str:
    """The path of the payment, or of the received transfer, that a delivery is about."""
    is_received = delivery.queue.direction is QueueDirection.IN
    return transfer_link(delivery.payment_id) if is_received else payment_link(delivery.payment_id)


def shown_json(shown: ShownDeadLetter) -> dict[str, Any]:
    """Return a dead letter with its payment and what a redrive would do."""
    return {
        **letter_json(shown.letter),
        "payment": None if shown.payment is None else _payment_json(shown.payment),
        "redrive": None if shown.consequence is None else _consequence_json(shown.consequence),
    }


def _closing_json(closing: Closing) -> dict[str, Any]:
    return {
        "at": instant_text(closing.at),
        "by": closing.by,
        "note": closing.note,
        "redriven_as": None if closing.redriven_as is None else str(closing.redriven_as),
    }


def _payment_json(payment: Payment) -> dict[str, Any]:
    return {
        "state": payment.state.value,
        "final": payment.state.is_final,
        "region": payment.region,
        "uetr": payment.uetr,
        "deadline_at": instant_text(payment.deadline_at),
    }


def _consequence_json(consequence: Consequence) -> dict[str, Any]:
    return {"would": consequence.value, "meaning": CONSEQUENCES[consequence]}


CONSEQUENCES: Final[Mapping[Consequence, str]] = {
    Consequence.NOTHING: "The payment has moved on: the delivery would be settled without any effect.",
    Consequence.SENDS: "The payment waits to be sent and has time left: it would be sent.",
    Consequence.REJECTS: "The payment waits to be sent and its time has run out: it would be rejected, unsent.",
    Consequence.ASKS: "The payment is in doubt: the rail would be asked about it.",
    Consequence.IS_HANDLED_AGAIN: "The delivery would be handled once more.",
    Consequence.IS_REFUSED: "There is no such payment: there is nothing to redrive. Discard it.",
}
"""What a redrive would do, in plain words."""


def _filter_in(query: Mapping[str, str]) -> tuple[Queue | None, DeadLetterState | None]:
    """Return the queue and the state that are asked for; the state is parked by default, and ``any`` is every one.

    Raises:
        ProblemError: 400, the query is not understood.

    """
    queue, state = query.get("queue"), query.get("state", DeadLetterState.PARKED.value)
    known = {"queue", "state"}.issuperset(query) and len(set(query)) == len(query)
    if not known or (queue is not None and queue not in set(Queue)) or state not in {*DeadLetterState, "any"}:
        states = ", ".join((*DeadLetterState, "any"))
        raise ProblemError(
            QUERY_INVALID, f"Give a queue (rail.direction.class), a state ({states}), both or neither, each once."
        )
    return None if queue is None else Queue(queue), None if state == "any" else DeadLetterState(state)


def _id_in(request: web.Request) -> UUID:
    try:
        return UUID(request.match_info["delivery_id"])
    except ValueError:
        raise ProblemError(*_REFUSED[ClosingOutcome.NOT_FOUND]) from None


def _note_in(body: bytes) -> str:
    """Read ``{"note": …}``; every fault at once.

    Raises:
        ProblemError: 400 for what is no JSON object, 422 for what it says.

    """
    members = read_object(body)
    refuse_if_any(note_findings(members, known=("note",)))
    note: str = members["note"]
    return note.strip()
