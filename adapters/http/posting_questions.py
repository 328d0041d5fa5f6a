"""What became of the posting: the question to the receiver of a payment, as a tenant or an operator has it asked."""

from __future__ import annotations

from uuid import UUID

from aiohttp import web

from adapters.http.answers import json_response, payment_shown
from adapters.http.api import Api
from adapters.http.authentication import OperatorKeys
from adapters.http.problems import PAYMENT_NOT_FOUND, POSTING_NOT_ASKABLE, ProblemError
from adapters.http.representation import instant_text
from gateway.domain.payment import PaymentId
from gateway.service.posting_questions import PostingNotAskableError


class PostingQuestionDesk:
    """Has the receiver asked by the tenant whose payment it is, or by an operator."""

    def __init__(self, api: Api, keys: OperatorKeys) -> None:
        self._api = api
        self._keys = keys

    async def post_question(self, request: web.Request) -> web.Response:
        """Ask the receiver of a payment what became of it, and show the payment as it is then."""
        tenant_id = await self._keys.sight_of(request.headers)
        unknown = ProblemError(PAYMENT_NOT_FOUND, "You have no such payment.")
        by = "operator" if tenant_id is None else f"tenant {tenant_id}"
        try:
            payment_id = PaymentId(UUID(request.match_info["payment_id"]))
            asked = await self._api.posting_questions.ask(payment_id, tenant_id=tenant_id, by=by)
        except (LookupError, ValueError) as error:
            raise unknown from error
        except PostingNotAskableError as error:
            since = {} if error.askable_from is None else {"askable_from": instant_text(error.askable_from)}
            members = {"why": error.code, **since}
            raise ProblemError(POSTING_NOT_ASKABLE, f"{error} Nothing was sent.", members=members) from error
        return json_response(await payment_shown(self._api, asked))
