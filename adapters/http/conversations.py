"""Conversations: started, answered, listed by what is due first, and shown with every message."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from adapters.http.answers import json_response, list_response
from adapters.http.api import Api
from adapters.http.authentication import ApiKeys, OperatorKeys
from adapters.http.bodies import read_body, require_type
from adapters.http.conversation_forms import (
    ANSWERS,
    read_answer,
    read_question,
    read_report,
    read_request,
    read_withdrawal,
)
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
from adapters.http.receipts import receipts_json
from adapters.http.representation import instant_text, message_json, reason_json
from adapters.http.submissions import header_key_of
from gateway.domain.conversation import (
    Act,
    Conversation,
    ConversationId,
    ConversationKind,
    RecordedAct,
    Side,
)
from gateway.domain.payment import IdempotencyKey, PaymentId, Rail
from gateway.service.conversations.desk import NotNowError, NotStartedError
from gateway.service.ports import NotSentError, NotServingError, RawMessage
from gateway.service.ports.receipts import AwaitedReceipt
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
        headers = {"Location": _link(conversation.conversation_id)}
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
        asked = await self._api.questions.about(conversation.rail, [conversation.message_id])
        events = await self._api.conversations.events(conversation.conversation_id)
        members = {
            "conversation_id": str(conversation.conversation_id),
            "events": [_event_json(each) for each in events],
            "questions": questions_json(asked),
        }
        return json_response(members)

    async def get_messages(self, request: web.Request) -> web.Response:
        """Show the list of a conversation's messages."""
        conversation = await self._conversation(request)
        link = f"{_link(conversation.conversation_id)}/messages"
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


def conversation_json(
    conversation: Conversation, acts: Collection[Act], missing: Sequence[AwaitedReceipt]
) -> dict[str, Any]:
    """Return a conversation as it stands. ``may`` is what is ours to do in it now: the words of these acts."""
    may = [word for word, act in ANSWERS[conversation.kind].items() if act in acts]
    if Act.WITHDRAWAL_ASKED in acts:
        may.append("withdraw")
    if Act.STATUS_ASKED in acts:
        may.append("ask_status")
    link = _link(conversation.conversation_id)
    return {
        "conversation_id": str(conversation.conversation_id),
        "kind": conversation.kind.value,
        "direction": conversation.side.value,
        "rail": conversation.rail.value,
        "state": conversation.state.value,
        "attention": conversation.needs_attention,
        "missing_receipts": receipts_json(missing),
        "region": conversation.region,
        "due_at": None if conversation.due_at is None else instant_text(conversation.due_at),
        "may": may,
        "message_id": conversation.message_id,
        "own_agent": conversation.own_agent,
        "counterparty": conversation.counterparty,
        "topic": conversation.topic,
        "amount": None if conversation.amount is None else {"value": conversation.amount.text, "currency": "USD"},
        "end_to_end_id": conversation.end_to_end_id,
        "pay_by": None if conversation.pay_by is None else instant_text(conversation.pay_by),
        "expires_at": None if conversation.expires_at is None else instant_text(conversation.expires_at),
        "opened_at": instant_text(conversation.opened_at),
        "updated_at": instant_text(conversation.updated_at),
        "links": {
            "self": link,
            "events": f"{link}/events",
            "messages": f"{link}/messages",
            "about": _money_link(conversation, conversation.about_id),
            "paid_with": _money_link(conversation, conversation.payment_id),
        },
    }


def _money_link(conversation: Conversation, payment_id: PaymentId | None) -> str | None:
    """Where the money is shown: what we ask about, or are paid with, came; what we are asked about, or pay, went."""
    if payment_id is None:
        return None
    came = conversation.side is Side.US
    return f"/v1/incoming-transfers/{payment_id}" if came else f"/v1/payments/{payment_id}"


def _event_json(recorded: RecordedAct) -> dict[str, Any]:
    before = recorded.state_before
    return {
        "sequence": recorded.sequence,
        "kind": recorded.act.value,
        "state_before": None if before is None else before.value,
        "state_after": recorded.state_after.value,
        "reason": reason_json(recorded.reason),
        "business_message_id": recorded.business_message_id,
        "attention": recorded.is_strange,
        "at": instant_text(recorded.at),
        "region": recorded.region,
    }


def _canonical(body: bytes) -> bytes:
    """A body that was read, as equal content is equal: whatever its white space, and the order of its members."""
    return json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()


def _link(conversation_id: ConversationId) -> str:
    return f"/v1/conversations/{conversation_id}"


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
