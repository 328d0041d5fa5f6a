"""Conversations: started, answered, listed by what is due first, and shown with every message."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from adapters.http.answers import json_response, list_response
from adapters.http.api import Api
from adapters.http.authentication import ApiKeys, OperatorKeys
from adapters.http.bodies import read_body, require_type
from adapters.http.conversation_forms import (
    read_answer,
    read_question,
    read_report,
    read_request,
    read_withdrawal,
)
from adapters.http.conversation_representation import act_json, conversation_json, conversation_link
from adapters.http.headers import FORWARDED_FROM
from adapters.http.incoming_forms import read_note
from adapters.http.negotiation import is_json
from adapters.http.problems import (
    CONVERSATION_NOT_FOUND,
    CONVERSATION_NOT_STARTED,
    CONVERSATION_NOT_WAITING,
    DIRECTORY_RETRY,
    DIRECTORY_STALE,
    IDEMPOTENCY_KEY_MISSING,
    INCOMING_TRANSFER_NOT_FOUND,
    MESSAGE_INVALID,
    MESSAGE_NOT_FOUND,
    NOT_REACHED,
    QUERY_INVALID,
    ProblemError,
)
from adapters.http.questions import questions_json
from adapters.http.representation import message_json
from adapters.http.submissions import header_key_of
from gateway.domain.conversation import (
    Act,
    Conversation,
    ConversationId,
    ConversationKind,
)
from gateway.domain.payment import IdempotencyKey, PaymentId, Rail
from gateway.service.conversations.desk import NotNowError, NotStartedError
from gateway.service.ports import NotSentError, NotServingError, RawMessage
from iso20022 import EndToEndId

_OF_THE_DIRECTORY: Final = {"not_reached": NOT_REACHED, "directory_stale": DIRECTORY_STALE}

LISTED_MAX: Final = 100
"""Conversations that one answer lists."""

_KINDS: Final = ", ".join(ConversationKind)
_QUERY: Final = frozenset({"kind", "about", "all"})


class ConversationApi:
    """Shows conversations to the tenant whose they are, and to operators all; takes what is started and answered."""

    def __init__(self, api: Api, keys: ApiKeys, operator_keys: OperatorKeys) -> None:
        self._api = api
        self._keys = keys
        self._operator_keys = operator_keys

    # --- starting ---

    async def post_request(self, request: web.Request) -> web.Response:
        """Ask for a payment, once under one key, and show the conversation as it is then."""
        tenant_id = await self._keys.tenant_of(request.headers)
        key, body = await self._keyed(request)
        reference = hashlib.sha256(f"{tenant_id}:{key}".encode()).hexdigest()[:30].upper()
        asked, named = read_request(body, default_end_to_end_id=EndToEndId(f"RFP{reference}"))
        return await self._started(
            self._api.conversations.ask_for_payment(
                tenant_id, key, asked, rail=named or Rail.FEDNOW, content=b"request:" + _canonical(body)
            )
        )

    async def post_question(self, request: web.Request) -> web.Response:
        """Ask the sender of a transfer about it, once under one key, and show the conversation as it is then."""
        tenant_id = await self._operator_keys.sight_of(request.headers)
        key, body = await self._keyed(request)
        asked = read_question(body)
        unknown = ProblemError(INCOMING_TRANSFER_NOT_FOUND, "You have no incoming transfer with this id.")
        try:
            transfer_id = PaymentId(UUID(request.match_info["transfer_id"]))
        except ValueError as error:
            raise unknown from error
        try:
            return await self._started(
                self._api.conversations.ask_for_information(
                    tenant_id, key, transfer_id, asked, content=b"question:" + transfer_id.bytes + _canonical(body)
                )
            )
        except LookupError as error:
            raise unknown from error

    async def post_request_question(self, request: web.Request) -> web.Response:
        """Ask who has asked us for a payment about the request, once under one key, and show the conversation."""
        conversation = await self._conversation(request)
        if (at_home := await self._answered_at_home(request, conversation)) is not None:
            return at_home  # so that what is asked under one key is asked in one place
        tenant_id, about = await self._operator_keys.sight_of(request.headers), conversation.conversation_id
        key, body = await self._keyed(request)
        asked = read_question(body)
        return await self._started(
            self._api.conversations.ask_about_request(
                tenant_id, key, about, asked, content=b"question:" + about.bytes + _canonical(body)
            )
        )

    async def post_report(self, request: web.Request) -> web.Response:
        """Ask the rail for a report, once under one key, and show the conversation as it is then."""
        tenant_id = await self._keys.tenant_of(request.headers)
        key, body = await self._keyed(request)
        asked, named = read_report(body)
        return await self._started(
            self._api.conversations.ask_for_report(
                tenant_id, key, asked, rail=named or Rail.FEDNOW, content=b"report:" + _canonical(body)
            )
        )

    async def _keyed(self, request: web.Request) -> tuple[IdempotencyKey, bytes]:
        require_type(request, is_json, taken="application/json")
        key = header_key_of(request)
        if key is None:
            raise ProblemError(
                IDEMPOTENCY_KEY_MISSING,
                "What is started needs the header Idempotency-Key: under one key one conversation is started.",
            )
        return IdempotencyKey(key), await read_body(request, self._api.limits)

    async def _started(self, starting: Awaitable[Conversation]) -> web.Response:
        with _refusals():
            conversation = await starting
        headers = {"Location": conversation_link(conversation.conversation_id)}
        return json_response(await self._shown_one(conversation), headers=headers)

    # --- going on ---

    async def post_answer(self, request: web.Request) -> web.Response:
        """Answer in a conversation, and show it as it is then; a worker sends the answer."""
        conversation = await self._conversation(request)
        if (at_home := await self._answered_at_home(request, conversation)) is not None:
            return at_home
        require_type(request, is_json, taken="application/json")
        answering = read_answer(await read_body(request, self._api.limits), conversation)
        tenant_id = await self._operator_keys.sight_of(request.headers)
        with _refusals():
            answered = await self._api.conversations.answer(
                conversation.conversation_id,
                answering.act,
                tenant_id=tenant_id,
                reason=answering.reason,
                information=answering.information,
                by="operator" if tenant_id is None else f"tenant {tenant_id}",
            )
        return json_response(await self._shown_one(answered))

    async def post_withdrawal(self, request: web.Request) -> web.Response:
        """Take a request for payment of ours back, and show the conversation as it is then."""
        conversation = await self._conversation(request)
        if (at_home := await self._answered_at_home(request, conversation)) is not None:
            return at_home
        require_type(request, is_json, taken="application/json")
        reason = read_withdrawal(await read_body(request, self._api.limits))
        tenant_id = await self._operator_keys.sight_of(request.headers)
        with _refusals():
            asked = await self._api.conversations.answer(
                conversation.conversation_id,
                Act.WITHDRAWAL_ASKED,
                tenant_id=tenant_id,
                reason=reason,
                by="operator" if tenant_id is None else f"tenant {tenant_id}",
            )
        return json_response(await self._shown_one(asked))

    async def post_resend(self, request: web.Request) -> web.Response:
        """Have a request of ours sent again whose receipt is missing, and show the conversation as it is then."""
        conversation = await self._conversation(request)
        if (at_home := await self._answered_at_home(request, conversation)) is not None:
            return at_home
        tenant_id = await self._operator_keys.sight_of(request.headers)
        by = "operator" if tenant_id is None else f"tenant {tenant_id}"
        with _refusals():
            sent = await self._api.sending_again.send_again(conversation.conversation_id, tenant_id=tenant_id, by=by)
        return json_response(await self._shown_one(sent))

    async def post_status_request(self, request: web.Request) -> web.Response:
        """Ask who was asked for a payment how the request stands, and show the conversation as it is then."""
        conversation = await self._conversation(request)
        if (at_home := await self._answered_at_home(request, conversation)) is not None:
            return at_home
        tenant_id = await self._operator_keys.sight_of(request.headers)
        by = "operator" if tenant_id is None else f"tenant {tenant_id}"
        with _refusals():
            asked = await self._api.conversations.answer(
                conversation.conversation_id, Act.STATUS_ASKED, tenant_id=tenant_id, reason=None, by=by
            )
        return json_response(await self._shown_one(asked))

    async def post_note(self, request: web.Request) -> web.Response:
        """Keep what a person has found out about a conversation that needs attention, and show it as it is then."""
        conversation = await self._conversation(request)
        if (at_home := await self._answered_at_home(request, conversation)) is not None:
            return at_home
        require_type(request, is_json, taken="application/json")
        words = read_note(await read_body(request, self._api.limits))
        tenant_id = await self._operator_keys.sight_of(request.headers)
        by = "operator" if tenant_id is None else f"tenant {tenant_id}"
        noted = await self._api.conversations.note(conversation.conversation_id, words, tenant_id=tenant_id, by=by)
        return json_response(await self._shown_one(noted))

    async def _answered_at_home(self, request: web.Request, conversation: Conversation) -> web.Response | None:
        """Return the home's answer, as it is, where the conversation goes on in the other region; None where here.

        Raises:
            NotServingError: nothing was forwarded: the home cannot be reached.
            UnavailableError: the home may have done it: look at the conversation before repeating.

        """
        home = conversation.region
        if home is None or home == self._api.region or self._api.peer is None or FORWARDED_FROM in request.headers:
            return None
        body = await read_body(request, self._api.limits)
        try:
            return await self._api.peer.forward(request, body, home=home, wait_s=0)
        except NotSentError as error:
            raise NotServingError(f"nothing was forwarded: {error}") from error

    # --- looking ---

    async def get_list(self, request: web.Request) -> web.Response:
        """Show conversations of which something is to be expected (or all), what is due first first."""
        tenant_id = await self._operator_keys.sight_of(request.headers)
        kind, about, is_open = _query_of(request)
        found = await self._api.conversations.store.find(
            tenant_id, kind=kind, about=about, is_open=is_open, limit=LISTED_MAX + 1
        )
        shown = await self._shown(found[:LISTED_MAX])
        return list_response(self._api, "conversations", shown, more=len(found) > LISTED_MAX)

    async def get_one(self, request: web.Request) -> web.Response:
        """Show one conversation."""
        return json_response(await self._shown_one(await self._conversation(request)))

    async def get_events(self, request: web.Request) -> web.Response:
        """Show a conversation's history, and what others have asked about it."""
        conversation = await self._conversation(request)
        rail, message_id, since = conversation.rail, conversation.message_id, conversation.opened_at
        asked = await self._api.questions.about(rail, message_id, since=since)
        events = await self._api.conversations.events(conversation.conversation_id)
        members = {
            "conversation_id": str(conversation.conversation_id),
            "events": [act_json(each) for each in events],
            "questions": questions_json(asked),
        }
        return json_response(members)

    async def get_messages(self, request: web.Request) -> web.Response:
        """Show the list of a conversation's messages."""
        conversation = await self._conversation(request)
        link = f"{conversation_link(conversation.conversation_id)}/messages"
        messages = await self._messages(conversation)
        shown = [message_json(link, message) for message in messages]
        return json_response({"conversation_id": str(conversation.conversation_id), "messages": shown})

    async def get_message(self, request: web.Request) -> web.Response:
        """Show a message, byte for byte as it was received or sent."""
        for message in await self._messages(await self._conversation(request)):
            if str(message.message_id) == request.match_info["message_id"]:
                return web.Response(body=message.body, content_type=message.content_type)
        raise ProblemError(MESSAGE_NOT_FOUND, "No message of this conversation has that id.")

    async def _shown_one(self, conversation: Conversation) -> dict[str, Any]:
        (shown,) = await self._shown([conversation])
        return shown

    async def _shown(self, conversations: Sequence[Conversation]) -> list[dict[str, Any]]:
        missing = await self._api.receipts.missing_of([each.conversation_id for each in conversations])
        return [
            conversation_json(each, self._api.conversations.may(each), missing.get(each.conversation_id, ()))
            for each in conversations
        ]

    async def _messages(self, conversation: Conversation) -> list[RawMessage]:
        return list(await self._api.conversations.messages(conversation.conversation_id))

    async def _conversation(self, request: web.Request) -> Conversation:
        tenant_id = await self._operator_keys.sight_of(request.headers)
        try:
            conversation_id = ConversationId(UUID(request.match_info["conversation_id"]))
            return await self._api.conversations.show(conversation_id, tenant_id=tenant_id)
        except (LookupError, ValueError) as error:
            raise ProblemError(CONVERSATION_NOT_FOUND, "You have no conversation with this id.") from error


def _canonical(body: bytes) -> bytes:
    """A body that was read, as equal content is equal: whatever its white space, and the order of its members."""
    return json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()


def _query_of(request: web.Request) -> tuple[ConversationKind | None, PaymentId | None, bool]:
    query = request.query
    try:
        is_known = set(query) <= _QUERY and query.get("all", "true") == "true" and len(query) == len(set(query))
        kind = None if "kind" not in query else ConversationKind(query["kind"])
        about = None if "about" not in query else PaymentId(UUID(query["about"]))
    except ValueError as error:
        raise _bad_query() from error
    if not is_known:
        raise _bad_query()
    return kind, about, "all" not in query and about is None


def _bad_query() -> ProblemError:
    detail = f"Give kind (one of {_KINDS}), about (a payment's id) or all=true, each once; and nothing else."
    return ProblemError(QUERY_INVALID, detail)


@contextmanager
def _refusals() -> Iterator[None]:
    """Make problems of what the desk refuses."""
    try:
        yield
    except NotNowError as error:
        raise ProblemError(
            CONVERSATION_NOT_WAITING, f"It is {error.state}; nothing was done.", members={"state": error.state}
        ) from error
    except NotStartedError as error:
        if error.findings:
            findings = [finding.as_json() for finding in error.findings]
            kind = _OF_THE_DIRECTORY.get(error.code, MESSAGE_INVALID)
            headers = DIRECTORY_RETRY if kind is DIRECTORY_STALE else None
            raise ProblemError(kind, str(error), findings=findings, headers=headers) from error
        raise ProblemError(CONVERSATION_NOT_STARTED, str(error), members={"why": error.code}) from error
