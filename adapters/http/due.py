"""All that is due: whatever waits for a person or an institution, of every kind, what expires first first."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from aiohttp import web

from adapters.http.answers import list_response
from adapters.http.api import Api
from adapters.http.authentication import OperatorKeys
from adapters.http.conversation_representation import conversation_link, money_link, words_of
from adapters.http.held import DECISIONS
from adapters.http.incoming_representation import transfer_link
from adapters.http.problems import QUERY_INVALID, ProblemError
from adapters.http.representation import instant_text, payment_link
from adapters.http.return_requests import ANSWERS
from gateway.domain.conversation import Conversation, ConversationState
from gateway.domain.due import NEVER, START, Due, DueKind, DuePlace, Source
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingTransfer
from gateway.domain.payment import Payment
from gateway.service.incoming.post import decidable
from gateway.service.operate import actions_in

LISTED_MAX: Final = 100
"""Entries that one answer lists."""

_KINDS: Final = ", ".join(DueKind)
_QUERY: Final = frozenset({"kind", "after"})

PAY: Final = "pay"
"""What is expected where a request for payment was accepted: a payment with its end-to-end id."""


class DueDesk:
    """Shows what is due to the tenant whose it is, and to operators all."""

    def __init__(self, api: Api, keys: OperatorKeys) -> None:
        self._api = api
        self._keys = keys

    async def get_list(self, request: web.Request) -> web.Response:
        """Show a page of what is due, what expires first first, and where the next page begins."""
        tenant_id = await self._keys.sight_of(request.headers)
        kinds, after = _query_of(request)
        found = await self._api.due.find(tenant_id, kinds=kinds, after=after, limit=LISTED_MAX + 1)
        page, more = found[:LISTED_MAX], len(found) > LISTED_MAX
        following = {"next": token_of(page[-1].place) if more else None}
        return list_response(self._api, "due", [self._shown(each) for each in page], more=more, members=following)

    def _shown(self, due: Due) -> dict[str, Any]:
        subject, by, expected = due.subject, due.by, self._expected(due)
        return {
            "kind": due.kind.value,
            "id": str(due.subject_id),
            "rail": subject.rail.value,
            "region": subject.region,
            "state": _state_of(due),
            "amount": None if subject.amount is None else {"value": subject.amount.text, "currency": "USD"},
            "expected": expected,
            "by": None if by is None else instant_text(by),
            "overdue": by is not None and by < self._api.clock.now(),
            "since": None if due.since is None else instant_text(due.since),
            "links": _links(due),
        }

    def _expected(self, due: Due) -> list[str]:
        """The words of what may be done, as its path takes them; what has no word is the last part of that path."""
        match due.subject:
            case Payment() as payment:
                return list(DECISIONS if due.kind is DueKind.HELD_PAYMENT else actions_in(payment.state))
            case IncomingTransfer() as transfer:
                return self._expected_of(transfer, due.kind)
            case Conversation() as conversation:
                if due.kind is DueKind.CONVERSATION_IN_DOUBT:
                    return ["note"]
                if is_to_be_paid(due):
                    return [PAY]
                return words_of(conversation, self._api.conversations.may(conversation))

    def _expected_of(self, transfer: IncomingTransfer, kind: DueKind) -> list[str]:
        if kind is DueKind.RETURN_REQUEST:
            served = self._api.requests.incoming.decider.rails.get(transfer.rail)
            defers = served is not None and served.requests.defers
            return [word for word, answer in ANSWERS.items() if defers or answer is not IncomingEvent.RETURN_DEFERRED]
        if kind is DueKind.POSTING:
            return sorted(decidable(transfer))
        if kind is DueKind.RETURN:
            return ["return", "return-record"]
        return ["settlement"] if transfer.state is IncomingState.AWAITING_OPERATOR else ["settlement", "return"]


_DONE_AT: Final[Mapping[DueKind, str]] = {
    DueKind.HELD_PAYMENT: "hold-decision",
    DueKind.PAYMENT_IN_DOUBT: "operator-actions",
    DueKind.POSTING: "posting",
    DueKind.RETURN: "return",
    DueKind.TRANSFER_IN_DOUBT: "settlement",
    DueKind.RETURN_REQUEST: "return-answer",
    DueKind.REQUEST_FOR_PAYMENT: "answer",
    DueKind.WITHDRAWAL: "answer",
    DueKind.INFORMATION_REQUEST: "answer",
    DueKind.CONVERSATION_IN_DOUBT: "note",
}
"""Below the thing's own path: where what is expected is posted."""


def is_to_be_paid(due: Due) -> bool:
    """Whether it is a request for payment that was accepted: a payment is all that is expected."""
    return due.kind is DueKind.REQUEST_FOR_PAYMENT and due.subject.state is ConversationState.ACCEPTED


def _state_of(due: Due) -> str:
    """Where it stands: of a request for a return, the request."""
    if isinstance(due.subject, IncomingTransfer) and due.kind is DueKind.RETURN_REQUEST:
        return due.subject.request.state.value
    return due.subject.state.value


def _links(due: Due) -> dict[str, str | None]:
    """The thing itself, where what is expected is posted, and the payment or the transfer that it is about."""
    subject = due.subject
    if isinstance(subject, Payment):
        own = about = payment_link(subject.payment_id)
    elif isinstance(subject, IncomingTransfer):
        own = transfer_link(subject.payment_id)
        about = own if subject.original_id is None else payment_link(subject.original_id)
    else:
        own, asked_about = conversation_link(subject.conversation_id), money_link(subject)
        do = "/v1/payments" if is_to_be_paid(due) else f"{own}/{_DONE_AT[due.kind]}"
        return {"self": own, "do": do, "payment": asked_about}
    return {"self": own, "do": f"{own}/{_DONE_AT[due.kind]}", "payment": about}


def token_of(place: DuePlace) -> str:
    """Return a place as text that a query carries."""
    words = (place.by.isoformat(), place.source.value, place.began_at.isoformat(), str(place.subject_id))
    return urlsafe_b64encode("|".join(words).encode()).decode().rstrip("=")


def place_of(token: str) -> DuePlace:
    """Return the place that `token_of` made a token of.

    Raises:
        ValueError: it is none.

    """
    words = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode().split("|")
    by, source, began_at, subject_id = words
    place = DuePlace(datetime.fromisoformat(by), Source(source), datetime.fromisoformat(began_at), UUID(subject_id))
    if place.by.tzinfo is None or place.began_at.tzinfo is None:
        raise ValueError("an instant without its offset is no place")
    if not all(START.by <= instant <= NEVER for instant in (place.by, place.began_at)):
        raise ValueError("what lies beyond all deadlines is no place")
    return place


def _query_of(request: web.Request) -> tuple[list[DueKind], DuePlace]:
    query = request.query
    try:
        is_known = set(query) <= _QUERY and len(query.getall("after", [])) <= 1
        kinds = [DueKind(each) for each in query.getall("kind", [])]
        after = place_of(query["after"]) if "after" in query else START
    except ValueError as error:
        raise _bad_query() from error
    if not is_known:
        raise _bad_query()
    return kinds or list(DueKind), after


def _bad_query() -> ProblemError:
    detail = (
        f"Give kind, as often as you like, each one of {_KINDS}, and after, once, with the next of the page before; "
        "and nothing else."
    )
    return ProblemError(QUERY_INVALID, detail)
