"""Reading: payments by id, UETR or end-to-end id, their events and their raw messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final
from uuid import UUID

from aiohttp import web

from adapters.http.answers import current_response, json_response, list_response, now_after_waiting, payments_shown
from adapters.http.api import Api
from adapters.http.authentication import ApiKeys
from adapters.http.freshness import note_freshness
from adapters.http.negotiation import JSON, XML, preferred, wait_s
from adapters.http.problems import (
    AMBIGUOUS_REFERENCE,
    MESSAGE_NOT_FOUND,
    NOT_ACCEPTABLE,
    PAYMENT_NOT_FOUND,
    QUERY_INVALID,
    ProblemError,
)
from adapters.http.questions import questions_json
from adapters.http.representation import candidate_json, events_json, messages_json
from gateway.domain.payment import Payment, PaymentId, TenantId

FOUND_MAX: Final = 50
"""Payments that one answer lists."""

REFERENCE_MAX: Final = 128
"""Characters of a reference; ISO's longest has 36, and a UUID may be written in braces or as a URN."""

_REFERENCES: Final = frozenset({"uetr", "end_to_end_id"})


class Payments:
    """Shows payments to the tenant whose they are; another tenant's payment is as if it were not there."""

    def __init__(self, api: Api, keys: ApiKeys) -> None:
        self._api = api
        self._keys = keys

    async def get_payment(self, request: web.Request) -> web.Response:
        """Show one payment, after ``Prefer: wait`` if it is still open; as JSON, or as the rail's pacs.002."""
        tenant_id = await self._keys.tenant_of(request.headers)
        accepts = preferred(request.headers.getall("Accept", ()), (JSON, XML))
        payment = await self._payment(tenant_id, request.match_info["reference"])
        headers: Mapping[str, str] = {}
        waits_s = wait_s(request.headers.getall("Prefer", ()), wait_max_s=self._api.limits.wait_max_s)
        if waits_s:
            note = partial(note_freshness, self._api, request)
            payment = await now_after_waiting(self._api, payment, wait_s=waits_s, before_it_is_read=note)
            headers = {"Preference-Applied": f"wait={waits_s}"}
        response = await current_response(self._api, payment, accepts=accepts, headers=headers, status_while_open=200)
        if response is None:
            raise ProblemError(
                NOT_ACCEPTABLE, "The payment is there as JSON, and as XML once the rail has answered with a pacs.002."
            )
        return response

    async def find_payments(self, request: web.Request) -> web.Response:
        """Show the tenant's payments that have a UETR or an end-to-end id, newest first."""
        tenant_id = await self._keys.tenant_of(request.headers)
        _require_json(request)
        query = request.query
        understood = _REFERENCES.issuperset(query) and all(_is_reference(value) for value in query.values())
        if not query or not understood or len(set(query)) < len(query):
            detail = "Give uetr or end_to_end_id, or both, each once and not empty, and nothing else."
            raise ProblemError(QUERY_INVALID, detail)
        found = await self._api.store.find(
            tenant_id,
            uetr=query["uetr"].lower() if "uetr" in query else None,
            end_to_end_id=query.get("end_to_end_id"),
            limit=FOUND_MAX + 1,
        )
        shown = await payments_shown(self._api, found[:FOUND_MAX])
        return list_response(self._api, "payments", shown, more=len(found) > FOUND_MAX)

    async def get_events(self, request: web.Request) -> web.Response:
        """Show a payment's history, and what others have asked about it."""
        tenant_id = await self._keys.tenant_of(request.headers)
        _require_json(request)
        payment = await self._payment(tenant_id, request.match_info["reference"])
        asked = await self._api.questions.about(payment.rail, payment.message_id, since=payment.accepted_at)
        history = events_json(payment.payment_id, await self._api.store.events(payment.payment_id))
        return json_response({**history, "questions": questions_json(asked)})

    async def get_messages(self, request: web.Request) -> web.Response:
        """Show the list of a payment's raw messages."""
        tenant_id = await self._keys.tenant_of(request.headers)
        _require_json(request)
        payment = await self._payment(tenant_id, request.match_info["reference"])
        return json_response(messages_json(payment.payment_id, await self._api.store.messages(payment.payment_id)))

    async def get_message(self, request: web.Request) -> web.Response:
        """Show a raw message, byte for byte as it was received or sent."""
        tenant_id = await self._keys.tenant_of(request.headers)
        payment = await self._payment(tenant_id, request.match_info["reference"])
        wanted = request.match_info["message_id"]
        for message in await self._api.store.messages(payment.payment_id):
            if str(message.message_id) == wanted:
                return web.Response(body=message.body, content_type=message.content_type)
        raise ProblemError(MESSAGE_NOT_FOUND, "No message of this payment has that id.")

    async def _payment(self, tenant_id: TenantId, reference: str) -> Payment:
        """Return the tenant's payment with this id, else with this UETR, else with this end-to-end id.

        Raises:
            ProblemError: 404 when there is none, 409 when there are several.

        """
        if not _is_reference(reference):
            raise _not_found()
        if (payment_id := _uuid_in(reference)) is not None:
            payment = (await self._api.store.load([payment_id])).get(payment_id)
            if payment is not None and payment.tenant_id == tenant_id:
                return payment
            found = await self._api.store.find(tenant_id, uetr=str(payment_id), limit=FOUND_MAX)
            if found:
                return _the_one(found)
        found = await self._api.store.find(tenant_id, end_to_end_id=reference, limit=FOUND_MAX)
        if not found:
            raise _not_found()
        return _the_one(found)


def _the_one(found: Sequence[Payment]) -> Payment:
    if len(found) > 1:
        raise ProblemError(
            AMBIGUOUS_REFERENCE,
            f"{len(found)} payments have this reference.",
            members={"candidates": [candidate_json(payment) for payment in found]},
        )
    return found[0]


def _is_reference(text: str) -> bool:
    """Whether a store can be asked for the text at all."""
    return 0 < len(text) <= REFERENCE_MAX and text.isprintable()


def _uuid_in(reference: str) -> PaymentId | None:
    try:
        return PaymentId(UUID(reference))
    except ValueError:
        return None


def _not_found() -> ProblemError:
    return ProblemError(PAYMENT_NOT_FOUND, "You have no payment with this id, UETR or end-to-end id.")


def _require_json(request: web.Request) -> None:
    if not preferred(request.headers.getall("Accept", ()), (JSON,)):
        raise ProblemError(NOT_ACCEPTABLE, "This is there as JSON alone.")
