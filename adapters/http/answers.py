"""Answers with a payment: as it was accepted, as it is now, or as the rail's own pacs.002."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

import orjson
from aiohttp import web

from adapters.http.api import Api
from adapters.http.negotiation import JSON, XML
from adapters.http.representation import as_accepted, payment_json, payment_link
from gateway.domain.history import has_no_contradiction
from gateway.domain.payment import IdempotencyKey, Payment, RegionId
from gateway.domain.transitions import TRANSITIONS, tells
from gateway.service.ports import MessageDirection, NotServingError, RawMessage, UnavailableError

STATUS_REPORT: Final = "pacs.002."
"""How the type of a message begins that is the rail's answer."""

PENDING_TYPE: Final = "application/vnd.fifteen.pending+json"
"""The type of the answer that is none yet: no client takes it for a payment by mistake."""

NOT_WHOLE: Final = "what the other region has is not all copied"
"""Why what is not found is not said to be not there."""

FAULT: Final = "http"
"""Where faults are reported from; a label of a metric, so one word."""


def json_response(
    members: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return a JSON response."""
    return web.Response(body=orjson.dumps(members), status=status, content_type=JSON, headers=headers)


def list_response(
    api: Api,
    name: str,
    shown: Sequence[Mapping[str, Any]],
    *,
    more: bool,
    members: Mapping[str, Any] = MappingProxyType({}),
) -> web.Response:
    """Return a list of what both regions have, under its name; `more` says that it is longer than what is shown.

    `members` are what the answer has beside.

    While the other region's is being copied it may always be.

    Raises:
        NotServingError: there is nothing to show then: an empty list would say that there is none.

    """
    if not shown:
        demand_whole(api, f"no {name}")
    return json_response({name: shown, "more": more or not api.is_whole(), **members})


def demand_whole(api: Api, found: str) -> None:
    """Return where it is known that there is no more than was `found`, in words.

    Raises:
        NotServingError: what the other region has is being copied.

    """
    if not api.is_whole():
        raise NotServingError(f"{found} found, and {NOT_WHOLE}")


async def payments_shown(api: Api, payments: Sequence[Payment]) -> list[dict[str, Any]]:
    """Return the representations of payments as they are now, each with what contradicts it, if anything does.

    Raises:
        UnavailableError: the store does not answer.

    """
    asked = [payment.payment_id for payment in payments if not has_no_contradiction(payment)]
    said = await api.store.contradictions(asked) if asked else {}
    return [payment_json(payment, said.get(payment.payment_id)) for payment in payments]


async def payment_shown(api: Api, payment: Payment) -> dict[str, Any]:
    """Return the representation of one payment; see `payments_shown`."""
    return (await payments_shown(api, [payment]))[0]


def _accepted_json(payment: Payment) -> dict[str, Any]:
    return payment_json(as_accepted(payment), None)


def accepted_response(
    payment: Payment, *, warnings: Sequence[Mapping[str, Any]], headers: Mapping[str, str]
) -> web.Response:
    """Return 202 with the payment as it was accepted: equal, to the byte, for the first submission and every repeat."""
    members = _accepted_json(payment)
    if warnings:
        members["warnings"] = list(warnings)
    return json_response(members, status=202, headers={"Location": payment_link(payment.payment_id), **headers})


def pending_response(
    key: IdempotencyKey, *, home: RegionId, retry_after_s: int, why: str = "It may have been accepted."
) -> web.Response:
    """Return 202 for what may have reached its home, was accepted there and may not be in both regions, or was lost.

    A repeat finds out.
    """
    members = {
        "state": "PENDING",
        "idempotency_key": key,
        "home": home,
        "detail": f"{why} Repeat it under the same key until it is known: it is never paid twice.",
    }
    return web.Response(
        body=orjson.dumps(members),
        status=202,
        content_type=PENDING_TYPE,
        headers={"Retry-After": str(retry_after_s)},
    )


async def now_after_waiting(
    api: Api, payment: Payment, *, wait_s: int, before_it_is_read: Callable[[], None] = lambda: None
) -> Payment:
    """Return the payment as it is once it is final, or after `wait_s`, or at its deadline, whichever comes first.

    Raises:
        UnavailableError: the store does not answer.

    """
    if payment.state.is_final:
        return payment
    now = api.clock.now()
    until = now + timedelta(seconds=wait_s)
    if now < payment.deadline_at:
        until = min(until, payment.deadline_at)
    await api.waiting.until_final(payment.payment_id, until=until)
    before_it_is_read()
    return (await api.store.load([payment.payment_id]))[payment.payment_id]


async def current_response(
    api: Api, payment: Payment, *, accepts: Sequence[str], headers: Mapping[str, str], status_while_open: int
) -> web.Response | None:
    """Return 200 with the payment as it is now, in the first form of `accepts` that there is.

    XML is there when the rail has answered with a pacs.002. None when no form of `accepts` is there.
    """
    for media_type in accepts:
        if media_type == JSON:
            status = 200 if payment.state.is_final else status_while_open
            shown = await payment_shown(api, payment)
            return json_response(shown, status=status, headers={"Vary": "Accept", **headers})
        if payment.state.is_final and (report := await _telling_report(api, payment)) is not None:
            link = f"{payment_link(payment.payment_id)}/messages/{report.message_id}"
            return web.Response(
                body=report.body,
                content_type=XML,
                headers={"Vary": "Accept", "Content-Location": link, **headers},
            )
    return None


async def submitted_response(
    api: Api, payment: Payment, *, accepts: Sequence[str], wait_s: int, headers: Mapping[str, str]
) -> web.Response:
    """Return the payment as it is after waiting: 200 when it is final, else 202.

    What is accepted is never refused for the form of its answer: where the rail gave no pacs.002, JSON is sent. A store
    that does not answer meanwhile does not make it less accepted: the client gets 202, and asks later.
    """
    headers = {"Location": payment_link(payment.payment_id), "Preference-Applied": f"wait={wait_s}", **headers}
    try:
        now = await now_after_waiting(api, payment, wait_s=wait_s)
        response = await current_response(api, now, accepts=(*accepts, JSON), headers=headers, status_while_open=202)
    except UnavailableError as error:
        api.report_fault(FAULT, error)
        return json_response(_accepted_json(payment), status=202, headers={"Vary": "Accept", **headers})
    assert response is not None
    return response


async def _telling_report(api: Api, payment: Payment) -> RawMessage | None:
    """Return the pacs.002 that the payment's status comes from: not merely the last one that the rail has sent.

    A refused question, progress or a contradiction that came later says something else than the payment's state.
    """
    told_by = None
    for recorded in await api.store.events(payment.payment_id):
        if recorded.state_before is None:
            continue
        transition = TRANSITIONS[recorded.state_before, recorded.event.kind]
        if tells(recorded.state_before, recorded.event, transition):
            told_by = recorded.event
    if told_by is None or told_by.status is None:
        return None
    for message in await api.store.messages(payment.payment_id):
        if (
            message.direction is MessageDirection.RAIL_IN
            and message.message_type.startswith(STATUS_REPORT)
            and message.business_message_id == told_by.business_message_id
        ):
            return message
    return None
