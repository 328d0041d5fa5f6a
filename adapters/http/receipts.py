"""Receipts that are missing, over HTTP: shown where people look, and closed by who has looked into it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from aiohttp import web

from adapters.http.answers import json_response
from adapters.http.api import Api
from adapters.http.authentication import OperatorKeys
from adapters.http.bodies import read_body, require_type
from adapters.http.negotiation import is_json
from adapters.http.notes import note_findings, refuse_if_any
from adapters.http.payment_form import read_object
from adapters.http.problems import NOT_FOUND, ProblemError
from adapters.http.representation import instant_text
from gateway.domain.payment import Rail
from gateway.service.ports.receipts import AwaitedReceipt, ReceiptOf
from gateway.service.receipts import NoReceiptMissingError

_PATHS: Final = {
    ReceiptOf.CONVERSATION: "/v1/conversations/",
    ReceiptOf.PAYMENT: "/v1/payments/",
    ReceiptOf.INCOMING_TRANSFER: "/v1/incoming-transfers/",
}


class ReceiptCloser:
    """Takes a person's word that somebody has looked into what is missing."""

    def __init__(self, api: Api, keys: OperatorKeys) -> None:
        self._api = api
        self._keys = keys

    async def post_closing(self, request: web.Request) -> web.Response:
        """Keep that a person has looked, and why nobody has to any more."""
        operator = await self._keys.operator_of(request.headers)
        message_id = request.match_info["message_id"]
        require_type(request, is_json, taken="application/json")
        members = read_object(await read_body(request, self._api.limits))
        refuse_if_any(note_findings(members, known=("note",)))
        try:
            rail = Rail(request.match_info["rail"])
            closed = await self._api.receipts.close(rail, message_id, by=operator, note=members["note"].strip())
        except (ValueError, NoReceiptMissingError) as error:
            raise ProblemError(NOT_FOUND, "No receipt of a message with this id is missing here.") from error
        return json_response(receipt_json(closed))


def receipt_json(missing: AwaitedReceipt) -> dict[str, Any]:
    """Return a message of ours whose receipt is missing."""
    assert missing.sent_at is not None, "what is not known to have left is not missing"
    return {
        "message_id": missing.message_id,
        "message_type": missing.message_type,
        "sent_at": instant_text(missing.sent_at),
        "link": f"{_PATHS[missing.of]}{missing.of_id}",
    }


def receipts_json(missing: Iterable[AwaitedReceipt]) -> list[dict[str, Any]]:
    """Return those of one list."""
    return [receipt_json(each) for each in missing]
