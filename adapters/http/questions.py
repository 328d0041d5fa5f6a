"""Questions of other institutions, over HTTP: beside the history of what they are about, or in a list of their own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from adapters.http.answers import list_response
from adapters.http.api import Api
from adapters.http.authentication import OperatorKeys
from adapters.http.problems import NOT_FOUND, ProblemError
from adapters.http.representation import instant_text
from gateway.domain.payment import Rail
from gateway.service.questions import LISTED_MAX, AskedByAnother, ToldAnother


class QuestionList:
    """Shows operators what was asked about nothing that is known here."""

    def __init__(self, api: Api, keys: OperatorKeys) -> None:
        self._api = api
        self._keys = keys

    async def get_list(self, request: web.Request) -> web.Response:
        """Show them, the newest first, each with what was answered."""
        await self._keys.operator_of(request.headers)
        try:
            rail = Rail(request.match_info["rail"])
        except ValueError as error:
            raise ProblemError(NOT_FOUND, f"A rail is one of {', '.join(Rail)}.") from error
        found = await self._api.questions.about_nothing_here(rail)
        shown = questions_json(found[:LISTED_MAX])
        return list_response(self._api, "questions", shown, more=len(found) > LISTED_MAX)


def questions_json(asked: Iterable[AskedByAnother]) -> list[dict[str, Any]]:
    """Return questions with their answers."""
    return [_question_json(each) for each in asked]


def _question_json(asked: AskedByAnother) -> dict[str, Any]:
    return {
        "message_type": asked.message_type,
        "message_id": asked.message_id,
        "asked_by": asked.asked_by,
        "about": asked.about,
        "at": instant_text(asked.at),
        "answers": [_answer_json(each) for each in asked.answers],
    }


def _answer_json(told: ToldAnother) -> dict[str, Any]:
    return {
        "message_type": told.message_type,
        "message_id": told.message_id,
        "status": told.status,
        "reason_code": told.reason_code,
        "at": instant_text(told.at),
    }
