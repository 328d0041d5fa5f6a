"""Payments that wait for a person: the rail could not tell what became of them, or contradicts itself about them.

Tenants see their own, operators see all, and act.
"""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from aiohttp import web

from adapters.http.answers import json_response, list_response, payment_shown, payments_shown
from adapters.http.api import Api
from adapters.http.authentication import OperatorKeys
from adapters.http.bodies import read_body, require_type
from adapters.http.negotiation import is_json
from adapters.http.notes import note_findings, refuse_if_any
from adapters.http.payment_form import FormFinding, read_object
from adapters.http.problems import NOT_AWAITING_OPERATOR, PAYMENT_NOT_FOUND, ProblemError
from gateway.domain.payment import PaymentId
from gateway.service.operate import NotAwaitingOperatorError, OperatorAction

LISTED_MAX: Final = 200
"""Payments that one answer lists."""

_ACTIONS: Final = ", ".join(OperatorAction)


class OperatorDesk:
    """Lists the payments that wait for a person, and takes what operators do."""

    def __init__(self, api: Api, keys: OperatorKeys) -> None:
        self._api = api
        self._keys = keys

    async def get_payments(self, request: web.Request) -> web.Response:
        """Show the payments that wait for a person, the longest open first."""
        tenant_id = await self._keys.sight_of(request.headers)
        found = await self._api.store.awaiting_operator(tenant_id, limit=LISTED_MAX + 1)
        shown = await payments_shown(self._api, found[:LISTED_MAX])
        return list_response(self._api, "payments", shown, more=len(found) > LISTED_MAX)

    async def post_action(self, request: web.Request) -> web.Response:
        """Do what the person says, and show the payment as it is then."""
        operator = await self._keys.operator_of(request.headers)
        payment_id = _id_in(request)
        require_type(request, is_json, taken="application/json")
        action, note = _read_action(await read_body(request, self._api.limits))
        try:
            ended = await self._api.operators.act(payment_id, action, note=note, by=operator)
        except NotAwaitingOperatorError as error:
            instead = f" It waits for {' or '.join(error.actions)}." if error.actions else ""
            raise ProblemError(
                NOT_AWAITING_OPERATOR,
                f"The payment is {error.state}; nothing was done.{instead}",
                members={"state": error.state},
            ) from error
        except LookupError as error:
            raise ProblemError(PAYMENT_NOT_FOUND, "There is no payment with this id.") from error
        return json_response(await payment_shown(self._api, ended))


def _id_in(request: web.Request) -> PaymentId:
    try:
        return PaymentId(UUID(request.match_info["payment_id"]))
    except ValueError as error:
        raise ProblemError(PAYMENT_NOT_FOUND, "There is no payment with this id.") from error


def _read_action(body: bytes) -> tuple[OperatorAction, str]:
    """Read ``{"action": …, "note": …}``; every fault at once.

    Raises:
        ProblemError: 400 for what is no JSON object, 422 for what it says.

    """
    members = read_object(body)
    findings = note_findings(members, known=("action", "note"))
    if not _is_action(members.get("action")):
        findings.append(
            FormFinding(
                code="FORM_ACTION", pointer="/action", rule=f"An action is one of {_ACTIONS}.", hint="Name one."
            )
        )
    refuse_if_any(findings)
    return OperatorAction(members["action"]), members["note"].strip()


def _is_action(value: Any) -> bool:
    return isinstance(value, str) and value in set(OperatorAction)
