"""Requests for the return of a payment, either way: listed by what is due first, started, and answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from adapters.http.answers import json_response, list_response, payment_shown
from adapters.http.api import Api
from adapters.http.authentication import OperatorKeys
from adapters.http.bodies import read_body, require_type
from adapters.http.incoming_forms import amount_findings, code_findings, text_findings, unknown
from adapters.http.incoming_representation import transfer_json, transfer_link
from adapters.http.negotiation import is_json
from adapters.http.notes import refuse_if_any
from adapters.http.payment_form import FormFinding, read_object
from adapters.http.problems import (
    INCOMING_TRANSFER_NOT_FOUND,
    NOT_RETURNABLE,
    PAYMENT_NOT_FOUND,
    RETURN_NOT_ANSWERABLE,
    RETURN_NOT_ASKABLE,
    ProblemError,
)
from adapters.http.receipts import receipts_json
from adapters.http.representation import payment_link, request_json
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import Payment, PaymentId, Reason, ReasonOrigin
from gateway.service.incoming.desk import NotReturnableError
from gateway.service.incoming.requests import NotAnswerableError, NotAskableError
from iso20022 import Amount

LISTED_MAX: Final = 100
"""Requests that one answer lists."""

ANSWERS: Final[Mapping[str, IncomingEvent]] = {
    "agreed": IncomingEvent.RETURN_AGREED,
    "pending": IncomingEvent.RETURN_DEFERRED,
    "refused": IncomingEvent.RETURN_REFUSED,
}
"""What may be answered."""

_ASKING: Final = ("reason_code", "text")
_ANSWERING: Final = ("answer", "amount", "reason_code", "text")
_ANSWERS: Final = ", ".join(ANSWERS)


class ReturnRequestDesk:
    """Shows open requests to the tenant whose they are, and to operators all; takes what is asked and answered."""

    def __init__(self, api: Api, keys: OperatorKeys) -> None:
        self._api = api
        self._keys = keys

    async def get_list(self, request: web.Request) -> web.Response:
        """Show the open requests, ours and theirs: what is due first comes first."""
        tenant_id = await self._keys.sight_of(request.headers)
        limit = LISTED_MAX + 1
        ours = await self._api.store.requested(tenant_id, limit=limit)
        theirs = await self._api.requests.incoming.store.requested(tenant_id, limit=limit)
        shown = [*map(_of_ours, ours), *map(_of_theirs, theirs)]
        missing = await self._api.receipts.missing_of([UUID(each["id"]) for each in shown])
        shown = [{**each, "missing_receipts": receipts_json(missing.get(UUID(each["id"]), ()))} for each in shown]
        found = sorted(shown, key=lambda each: str(each["request"]["due_at"]))
        return list_response(self._api, "return_requests", found[:LISTED_MAX], more=len(found) > LISTED_MAX)

    async def post_request(self, request: web.Request) -> web.Response:
        """Ask the receiver of a payment for its return, and show the payment as it is then."""
        tenant_id = await self._keys.sight_of(request.headers)
        payment_id = _id_in(request, "payment_id", ProblemError(PAYMENT_NOT_FOUND, "You have no such payment."))
        require_type(request, is_json, taken="application/json")
        members = read_object(await read_body(request, self._api.limits))
        refuse_if_any([*unknown(members, _ASKING), *code_findings(members, needed=True), *text_findings(members)])
        reason = Reason(members["reason_code"], ReasonOrigin.INSTITUTION, members.get("text"))
        by = "operator" if tenant_id is None else f"tenant {tenant_id}"
        try:
            asked = await self._api.requests.ask(payment_id, reason, tenant_id=tenant_id, by=by)
        except LookupError as error:
            raise ProblemError(PAYMENT_NOT_FOUND, "You have no payment with this id that was sent.") from error
        except NotAskableError as error:
            raise ProblemError(RETURN_NOT_ASKABLE, str(error), members={"why": error.code}) from error
        return json_response(await payment_shown(self._api, asked))

    async def post_answer(self, request: web.Request) -> web.Response:
        """Answer the request for a transfer's return, and show the transfer as it is then."""
        tenant_id = await self._keys.sight_of(request.headers)
        unknown_transfer = ProblemError(INCOMING_TRANSFER_NOT_FOUND, "You have no incoming transfer with this id.")
        payment_id = _id_in(request, "transfer_id", unknown_transfer)
        if await self._api.incoming.show(payment_id, tenant_id=tenant_id) is None:
            raise unknown_transfer
        require_type(request, is_json, taken="application/json")
        kind, amount, reason = _read_answer(await read_body(request, self._api.limits))
        by = "operator" if tenant_id is None else f"tenant {tenant_id}"
        try:
            answered = await self._api.requests.answer(payment_id, kind, amount=amount, reason=reason, by=by)
        except NotAnswerableError as error:
            raise ProblemError(
                RETURN_NOT_ANSWERABLE,
                f"Not answered: {error}; nothing was done.",
                members={"state": error.state},
            ) from error
        except NotReturnableError as error:
            raise ProblemError(
                NOT_RETURNABLE, f"Not agreed: {error}; nothing was done.", members={"state": error.state}
            ) from error
        return json_response(transfer_json(answered))


def _id_in(request: web.Request, name: str, problem: ProblemError) -> PaymentId:
    try:
        return PaymentId(UUID(request.match_info[name]))
    except ValueError as error:
        raise problem from error


def _read_answer(body: bytes) -> tuple[IncomingEvent, Amount | None, Reason | None]:
    """Read ``{"answer": …, "amount": …, "reason_code": …, "text": …}``; every fault at once.

    Raises:
        ProblemError: 400 for what is no JSON object, 422 for what it says.

    """
    members = read_object(body)
    answer = members.get("answer")
    findings = [
        *unknown(members, _ANSWERING),
        *amount_findings(members),
        *code_findings(members, needed=answer == "refused"),
        *text_findings(members),
    ]
    if not isinstance(answer, str) or answer not in ANSWERS:
        findings.append(
            FormFinding(
                code="FORM_ANSWER", pointer="/answer", rule=f"An answer is one of {_ANSWERS}.", hint="Name one."
            )
        )
    refuse_if_any(findings)
    amount, code = members.get("amount"), members.get("reason_code")
    reason = None if code is None else Reason(code, ReasonOrigin.INSTITUTION, members.get("text"))
    return ANSWERS[members["answer"]], None if amount is None else Amount.parse(amount), reason


def _of_ours(payment: Payment) -> dict[str, Any]:
    return {
        "direction": "out",
        "id": str(payment.payment_id),
        "region": payment.region,
        "request": request_json(payment.request),
        "amount": {"value": payment.amount.text, "currency": "USD"},
        "link": payment_link(payment.payment_id),
    }


def _of_theirs(transfer: IncomingTransfer) -> dict[str, Any]:
    return {
        "direction": "in",
        "id": str(transfer.payment_id),
        "region": transfer.region,
        "request": request_json(transfer.request),
        "amount": {"value": transfer.amount.text, "currency": "USD"},
        "link": transfer_link(transfer.payment_id),
    }
