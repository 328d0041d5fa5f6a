"""Payments that screening holds: listed by what expires first, and released or rejected by an operator."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from aiohttp import web

from adapters.http.answers import json_response, list_response, payment_shown, payments_shown
from adapters.http.api import Api
from adapters.http.authentication import OperatorKeys
from adapters.http.bodies import read_body, require_type
from adapters.http.incoming_forms import code_findings
from adapters.http.negotiation import is_json
from adapters.http.notes import note_findings, refuse_if_any
from adapters.http.payment_form import FormFinding, read_object
from adapters.http.problems import NOT_HELD, PAYMENT_NOT_FOUND, ProblemError
from gateway.domain.events import EventKind
from gateway.domain.payment import Payment, PaymentId
from gateway.service.operate import NotHeldError

LISTED_MAX: Final = 100
"""Payments that one answer lists."""

DECISIONS: Final = ("release", "reject")
"""What may be decided."""


class HeldDesk:
    """Shows what is held to the tenant whose it is, and to operators all; takes what operators decide."""

    def __init__(self, api: Api, keys: OperatorKeys) -> None:
        self._api = api
        self._keys = keys

    async def get_list(self, request: web.Request) -> web.Response:
        """Show what is held, with what was found: what is rejected first if nobody decides comes first."""
        tenant_id = await self._keys.sight_of(request.headers)
        found = await self._api.store.held(tenant_id, limit=LISTED_MAX + 1)
        shown = await payments_shown(self._api, found[:LISTED_MAX])
        held = [
            {"payment": each, "screening": await self._screening_of(payment)}
            for each, payment in zip(shown, found[:LISTED_MAX], strict=True)
        ]
        return list_response(self._api, "held", held, more=len(found) > LISTED_MAX)

    async def _screening_of(self, payment: Payment) -> dict[str, str]:
        """What the event says that holds it."""
        events = await self._api.store.events(payment.payment_id)
        holding = [each.event.details for each in events if each.event.kind is EventKind.SCREENING_HELD]
        return dict(holding[-1]) if holding else {}

    async def post_decision(self, request: web.Request) -> web.Response:
        """Release or reject a payment, and show it as it is then."""
        operator = await self._keys.operator_of(request.headers)
        try:
            payment_id = PaymentId(UUID(request.match_info["payment_id"]))
        except ValueError as error:
            raise ProblemError(PAYMENT_NOT_FOUND, "There is no payment with this id.") from error
        require_type(request, is_json, taken="application/json")
        decision, note, code = _read_decision(await read_body(request, self._api.limits))
        operators = self._api.operators
        try:
            if decision == "release":
                decided = await operators.release(payment_id, note=note, by=operator)
            else:
                decided = await operators.reject_held(payment_id, code=code, note=note, by=operator)
        except NotHeldError as error:
            raise ProblemError(
                NOT_HELD, f"The payment is {error.state}; nothing was done.", members={"state": error.state}
            ) from error
        except LookupError as error:
            raise ProblemError(PAYMENT_NOT_FOUND, "There is no payment with this id.") from error
        return json_response(await payment_shown(self._api, decided))


def _read_decision(body: bytes) -> tuple[str, str, str | None]:
    """Read ``{"decision": …, "note": …, "reason_code": …}``; every fault at once.

    Raises:
        ProblemError: 400 for what is no JSON object, 422 for what it says.

    """
    members = read_object(body)
    findings = note_findings(members, known=("decision", "note", "reason_code"))
    decision = members.get("decision")
    if not isinstance(decision, str) or decision not in DECISIONS:
        findings.append(
            FormFinding(
                code="FORM_DECISION",
                pointer="/decision",
                rule=f"A decision is one of {', '.join(DECISIONS)}.",
                hint="Name one.",
            )
        )
    elif decision == "release" and "reason_code" in members:
        findings.append(
            FormFinding(
                code="FORM_REASON_CODE",
                pointer="/reason_code",
                rule="A reason belongs to a rejection.",
                hint="Leave it out: the note says why it is released.",
            )
        )
    else:
        findings += code_findings(members, needed=False)
    refuse_if_any(findings)
    return str(decision), members["note"].strip(), members.get("reason_code")
