"""Incoming transfers: listed, shown with their history and messages, and what the institution decides later."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from aiohttp import web

from adapters.http.answers import demand_whole, json_response, list_response, payments_shown
from adapters.http.api import Api
from adapters.http.authentication import OperatorKeys
from adapters.http.bodies import read_body, require_type
from adapters.http.incoming_forms import code_findings, read_note, read_return, read_settlement, text_findings, unknown
from adapters.http.incoming_representation import facts_json, transfer_json, transfer_messages_json
from adapters.http.negotiation import is_json
from adapters.http.notes import refuse_if_any
from adapters.http.payment_form import FormFinding, read_object
from adapters.http.problems import (
    IDEMPOTENCY_KEY_MISSING,
    INCOMING_TRANSFER_NOT_FOUND,
    MESSAGE_NOT_FOUND,
    NOT_RECORDABLE,
    NOT_RETURNABLE,
    POSTING_NOT_DECIDABLE,
    QUERY_INVALID,
    RETURN_DIFFERS,
    ProblemError,
)
from adapters.http.questions import questions_json
from adapters.http.submissions import header_key_of
from gateway.domain.incoming import IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer, PostingAnswer, PostingOutcome
from gateway.domain.payment import PaymentId
from gateway.service.incoming.desk import NotRecordableError, NotReturnableError, OtherReturnError
from gateway.service.incoming.post import NotDecidableError

LISTED_MAX: Final = 100
"""Transfers that one answer lists."""

_OUTCOMES: Final = ", ".join(PostingOutcome)
_MEMBERS: Final = ("outcome", "reason_code", "text")
_WITH_REASON: Final = frozenset({PostingOutcome.REFUSED, PostingOutcome.BLOCKED})


class IncomingTransfers:
    """Shows incoming transfers to the tenant whose they are, and to operators all; takes what a tenant decides."""

    def __init__(self, api: Api, keys: OperatorKeys) -> None:
        self._api = api
        self._keys = keys

    async def get_list(self, request: web.Request) -> web.Response:
        """Show transfers: what must be decided first comes first, then the newest."""
        tenant_id = await self._keys.sight_of(request.headers)
        states = _states_in(request)
        found = await self._api.incoming.find(tenant_id, states=states, limit=LISTED_MAX + 1)
        shown = [transfer_json(transfer) for transfer in found[:LISTED_MAX]]
        return list_response(self._api, "incoming_transfers", shown, more=len(found) > LISTED_MAX)

    async def get_one(self, request: web.Request) -> web.Response:
        """Show one transfer."""
        return json_response(transfer_json(await self._transfer(request)))

    async def get_events(self, request: web.Request) -> web.Response:
        """Show a transfer's history, and what others have asked about it."""
        transfer = await self._transfer(request)
        asked = await self._api.questions.about(transfer.rail, transfer.message_id, since=transfer.received_at)
        history = facts_json(transfer, await self._api.incoming.events(transfer.payment_id))
        return json_response({**history, "questions": questions_json(asked)})

    async def get_returns(self, request: web.Request) -> web.Response:
        """Show the payments that give a transfer back, also the one under way."""
        transfer = await self._transfer(request)
        found = await payments_shown(self._api, await self._api.incoming.returns(transfer))
        if not found:
            demand_whole(self._api, "no returns")
        return json_response({"transfer_id": str(transfer.payment_id), "returns": found})

    async def get_messages(self, request: web.Request) -> web.Response:
        """Show the list of a transfer's raw messages."""
        transfer = await self._transfer(request)
        return json_response(transfer_messages_json(transfer, await self._api.incoming.messages(transfer.payment_id)))

    async def get_message(self, request: web.Request) -> web.Response:
        """Show a raw message, byte for byte as it was received or sent."""
        transfer = await self._transfer(request)
        for message in await self._api.incoming.messages(transfer.payment_id):
            if str(message.message_id) == request.match_info["message_id"]:
                return web.Response(body=message.body, content_type=message.content_type)
        raise ProblemError(MESSAGE_NOT_FOUND, "No message of this transfer has that id.")

    async def post_posting(self, request: web.Request) -> web.Response:
        """Take what the institution has decided of money that arrived, and show the transfer as it is then."""
        tenant_id = await self._keys.sight_of(request.headers)
        transfer = await self._transfer(request)
        require_type(request, is_json, taken="application/json")
        answer = _read_answer(await read_body(request, self._api.limits))
        by = "operator" if tenant_id is None else f"tenant {tenant_id}"
        try:
            decided = await self._api.incoming.decide_posting(transfer.payment_id, answer, by=by)
        except NotDecidableError as error:
            raise ProblemError(
                POSTING_NOT_DECIDABLE,
                f"The transfer is {error.state}; nothing was done.",
                members={"state": error.state},
            ) from error
        return json_response(transfer_json(decided))

    async def post_return(self, request: web.Request) -> web.Response:
        """Have a transfer given back, all that is left or a part, once under one key, and show it as it is then."""
        tenant_id = await self._keys.sight_of(request.headers)
        transfer = await self._transfer(request)
        require_type(request, is_json, taken="application/json")
        key = header_key_of(request)
        if key is None:
            raise ProblemError(
                IDEMPOTENCY_KEY_MISSING,
                "A return needs the header Idempotency-Key: under one key one return is started.",
            )
        taken = self._api.incoming.return_reasons(transfer)
        order = read_return(await read_body(request, self._api.limits), transfer, reasons=taken)
        if order.note is not None:
            await self._keys.operator_of(request.headers)
        by = "operator" if tenant_id is None else f"tenant {tenant_id}"
        try:
            started = await self._api.incoming.give_back(
                transfer.payment_id, order.amount, key=key, reason=order.reason, by=by, note=order.note
            )
        except OtherReturnError as error:
            raise ProblemError(RETURN_DIFFERS, "Under this key another return was asked for.") from error
        except NotReturnableError as error:
            raise ProblemError(
                NOT_RETURNABLE, f"{error}. Nothing was done.".capitalize(), members={"state": error.state}
            ) from error
        return json_response(transfer_json(started))

    async def post_settlement(self, request: web.Request) -> web.Response:
        """Record the rail's word, heard on another way, and show the transfer as it is then."""
        operator = await self._keys.operator_of(request.headers)
        transfer = await self._transfer(request)
        require_type(request, is_json, taken="application/json")
        settled, note = read_settlement(await read_body(request, self._api.limits))
        try:
            ended = await self._api.incoming.record_settlement(
                transfer.payment_id, settled=settled, note=note, by=operator
            )
        except NotRecordableError as error:
            raise ProblemError(
                NOT_RECORDABLE, f"The transfer is {error.state}; nothing was done.", members={"state": error.state}
            ) from error
        return json_response(transfer_json(ended))

    async def post_return_record(self, request: web.Request) -> web.Response:
        """Record that what was owed has gone back beside this gateway, and show the transfer as it is then."""
        operator = await self._keys.operator_of(request.headers)
        transfer = await self._transfer(request)
        require_type(request, is_json, taken="application/json")
        note = read_note(await read_body(request, self._api.limits))
        try:
            ended = await self._api.incoming.record_return(transfer.payment_id, note=note, by=operator)
        except NotRecordableError as error:
            why = "a return of it is under way" if error.state is IncomingState.RETURN_DUE else "nothing of it is owed"
            raise ProblemError(
                NOT_RECORDABLE,
                f"The transfer is {error.state}, and {why}; nothing was done.",
                members={"state": error.state},
            ) from error
        return json_response(transfer_json(ended))

    async def _transfer(self, request: web.Request) -> IncomingTransfer:
        tenant_id = await self._keys.sight_of(request.headers)
        try:
            payment_id = PaymentId(UUID(request.match_info["transfer_id"]))
        except ValueError as error:
            raise _not_found() from error
        transfer = await self._api.incoming.show(payment_id, tenant_id=tenant_id)
        if transfer is None:
            raise _not_found()
        return transfer


def _not_found() -> ProblemError:
    return ProblemError(INCOMING_TRANSFER_NOT_FOUND, "You have no incoming transfer with this id.")


def _states_in(request: web.Request) -> list[IncomingState]:
    query = request.query
    known = set(query) <= {"state"} and set(query.getall("state", [])) <= {state.value for state in IncomingState}
    if not known:
        states = ", ".join(IncomingState)
        raise ProblemError(QUERY_INVALID, f"Give state, as often as you like, each one of {states}; and nothing else.")
    return [IncomingState(value) for value in query.getall("state", [])]


def _read_answer(body: bytes) -> PostingAnswer:
    """Read ``{"outcome": …, "reason_code": …, "text": …}``; every fault at once.

    Raises:
        ProblemError: 400 for what is no JSON object, 422 for what it says.

    """
    members = read_object(body)
    refuse_if_any(list(_findings(members)))
    outcome = PostingOutcome(members["outcome"])
    return PostingAnswer(outcome, members.get("reason_code"), members.get("text"))


def _findings(members: dict[str, Any]) -> list[FormFinding]:
    outcome = members.get("outcome")
    findings = unknown(members, _MEMBERS)
    if not isinstance(outcome, str) or outcome not in set(PostingOutcome):
        findings.append(
            FormFinding(
                code="FORM_OUTCOME", pointer="/outcome", rule=f"An outcome is one of {_OUTCOMES}.", hint="Name one."
            )
        )
    needs_reason = isinstance(outcome, str) and outcome in _WITH_REASON
    return [*findings, *code_findings(members, needed=needs_reason), *text_findings(members)]
