"""Problem documents (RFC 9457): the one table of everything that the API says no with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import orjson
from aiohttp import web

PROBLEM_TYPE: Final = "application/problem+json"

SAFE_TO_REPEAT: Final = (
    "It is safe to repeat the same request under the same key: it is never paid twice, and the answer then is certain."
)


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One kind of problem: its stable code, the status, a title for people, and what the client should do."""

    code: str
    status: int
    title: str
    advice: str

    @property
    def type(self) -> str:
        """The relative URI that names the kind, and where it is described."""
        return f"/problems/{self.code}"


BODY_INCOMPLETE: Final = ProblemKind(
    "body_incomplete", 400, "The body did not arrive whole", "Check Content-Length or the chunks, and send it again."
)
HEADER_INVALID: Final = ProblemKind(
    "header_invalid", 400, "A header cannot be read", "Correct the header that the detail names."
)
IDEMPOTENCY_KEY_MISSING: Final = ProblemKind(
    "idempotency_key_missing",
    400,
    "A payment in JSON needs an Idempotency-Key",
    "Make one unique value for each payment, keep it, and send it in the header Idempotency-Key, repeats included.",
)
JSON_UNREADABLE: Final = ProblemKind(
    "json_unreadable", 400, "The body is not readable JSON", "Send one JSON object in UTF-8, each member once."
)
MESSAGE_UNREADABLE: Final = ProblemKind(
    "message_unreadable", 400, "The body is no message that can be read", "Mend what each finding says."
)
QUERY_INVALID: Final = ProblemKind("query_invalid", 400, "The query is not understood", "Ask as the detail says.")
UNAUTHENTICATED: Final = ProblemKind(
    "unauthenticated", 401, "No valid API key", "Send the API key as Authorization: Bearer <key>, or as X-Api-Key."
)
OPERATOR_NEEDED: Final = ProblemKind(
    "operator_needed", 403, "Only an operator may do this", "Use an operator's key; a tenant's own sees, and acts not."
)
LIQUIDITY_NOT_ALLOWED: Final = ProblemKind(
    "liquidity_not_allowed",
    403,
    "This key may not move the institution's own money",
    "Use the key of a tenant that may: FIFTEEN_FEDNOW__LIQUIDITY_TENANTS where the gateway runs.",
)
NOT_FOUND: Final = ProblemKind("not_found", 404, "There is nothing here", "See / for what there is.")
PAYMENT_NOT_FOUND: Final = ProblemKind(
    "payment_not_found", 404, "No such payment", "Ask by payment id, UETR or end-to-end id, with its owner's API key."
)
DEAD_LETTER_NOT_FOUND: Final = ProblemKind(
    "dead_letter_not_found", 404, "No such dead letter", "The list of dead letters has their ids."
)
MESSAGE_NOT_FOUND: Final = ProblemKind(
    "message_not_found", 404, "The payment has no such message", "The payment's list of messages has their links."
)
INCOMING_TRANSFER_NOT_FOUND: Final = ProblemKind(
    "incoming_transfer_not_found", 404, "No such incoming transfer", "The list of incoming transfers has their ids."
)
NOT_READY_TO_ANSWER: Final = ProblemKind(
    "not_ready_to_answer",
    409,
    "Those who must answer the rail do not",
    "Nobody was signed on. Mend what the detail names, and sign on then.",
)
POSTING_NOT_DECIDABLE: Final = ProblemKind(
    "posting_not_decidable",
    409,
    "Nothing is to be decided of the posting",
    "Look at the transfer: its state says where it stands. Nothing was changed.",
)
NOT_RETURNABLE: Final = ProblemKind(
    "not_returnable",
    409,
    "Nothing, or not so much, may be given back",
    "Look at the transfer: `returnable` says how much may be given back now. Nothing was changed.",
)
RETURN_DIFFERS: Final = ProblemKind(
    "return_differs",
    409,
    "The key belongs to another return",
    "Repeat a return exactly, or use a fresh Idempotency-Key for another one. Nothing was done.",
)
RETURN_NOT_ASKABLE: Final = ProblemKind(
    "return_not_askable",
    409,
    "The return of this payment cannot be asked for now",
    "`why` says why, `return_request` of the payment what was asked and until when an answer is due. Nothing was sent.",
)
POSTING_NOT_ASKABLE: Final = ProblemKind(
    "posting_not_askable",
    409,
    "The receiver of this payment cannot be asked about it now",
    "`why` says why, `askable_from` when it may be asked, where it may be later. Nothing was sent.",
)
RETURN_NOT_ANSWERABLE: Final = ProblemKind(
    "return_not_answerable",
    409,
    "No request for its return waits for this answer",
    "Look at the transfer: `return_request` says where the request stands. Nothing was changed.",
)
CONVERSATION_NOT_FOUND: Final = ProblemKind(
    "conversation_not_found", 404, "No such conversation", "The list of conversations has their ids."
)
CONVERSATION_NOT_STARTED: Final = ProblemKind(
    "conversation_not_started",
    409,
    "The conversation cannot be started",
    "`why` says why. Nothing was sent.",
)
CONVERSATION_NOT_WAITING: Final = ProblemKind(
    "conversation_not_waiting",
    409,
    "The conversation does not wait for this",
    "Look at it: `state` says where it stands, `may` what can be done in it. Nothing was changed.",
)
NOT_RECORDABLE: Final = ProblemKind(
    "not_recordable",
    409,
    "The transfer does not wait for the rail's word",
    "Look at the transfer: its state says where it stands. Nothing was changed.",
)
DEAD_LETTER_CLOSED: Final = ProblemKind(
    "dead_letter_closed", 409, "Somebody has acted on it before", "Look at it: it says who, when and why."
)
DEAD_LETTER_WITHOUT_PAYMENT: Final = ProblemKind(
    "dead_letter_without_payment", 409, "There is no payment to redrive it for", "Discard it, and say what it was."
)
METHOD_NOT_ALLOWED: Final = ProblemKind(
    "method_not_allowed", 405, "Not with this method", "Use one of the methods in the header Allow."
)
NOT_ACCEPTABLE: Final = ProblemKind(
    "not_acceptable", 406, "None of the accepted forms can be given", "Accept application/json, or application/xml."
)
REQUEST_TIMEOUT: Final = ProblemKind(
    "request_timeout", 408, "The body did not arrive in time", "Send it again, without a pause. " + SAFE_TO_REPEAT
)
AMBIGUOUS_REFERENCE: Final = ProblemKind(
    "ambiguous_reference", 409, "Several payments have this reference", "Follow the link of the one that is meant."
)
IDEMPOTENCY_KEY_REUSED: Final = ProblemKind(
    "idempotency_key_reused",
    409,
    "The key belongs to a payment with other content",
    "Send another payment under another key; to see the first one, follow its link. Nothing was changed.",
)
MESSAGE_ID_TAKEN: Final = ProblemKind(
    "message_id_taken",
    409,
    "Another payment goes to the rail under this message id",
    "Give each message an id of its own. Nothing was changed.",
)
INSTRUCTION_ID_TAKEN: Final = ProblemKind(
    "instruction_id_taken",
    409,
    "Another payment goes to the rail under this instruction id",
    "Give each payment an instruction id of its own, or in JSON leave it out. Nothing was changed.",
)
NOT_HELD: Final = ProblemKind(
    "not_held",
    409,
    "Screening does not hold the payment",
    "Look at the payment: its state says where it stands. Nothing was changed.",
)
NOT_AWAITING_OPERATOR: Final = ProblemKind(
    "not_awaiting_operator",
    409,
    "The payment waits for nobody",
    "Look at the payment: its state says where it stands. Nothing was changed.",
)
MESSAGES_EXPIRED: Final = ProblemKind(
    "messages_expired",
    410,
    "The messages are no longer kept",
    "The years for which messages are kept are over; the payment and its history are still here.",
)
BODY_TOO_LARGE: Final = ProblemKind(
    "body_too_large", 413, "The body is too large", "Send one payment per request, without attachments."
)
UNSUPPORTED_MEDIA_TYPE: Final = ProblemKind(
    "unsupported_media_type", 415, "The body's type is not taken here", "Set Content-Type to one that is named."
)
UNSUPPORTED_CONTENT_ENCODING: Final = ProblemKind(
    "unsupported_content_encoding", 415, "Encoded bodies are not taken", "Send the body plainly, uncompressed."
)
EXPECTATION_FAILED: Final = ProblemKind(
    "expectation_failed", 417, "The expectation cannot be met", "Send Expect: 100-continue, or nothing."
)
MISDIRECTED: Final = ProblemKind(
    "misdirected",
    421,
    "Not at this address",
    "Clients and the other region's gateway have an address each. Nothing was done.",
)
IDEMPOTENCY_KEY_DIFFERS: Final = ProblemKind(
    "idempotency_key_differs",
    422,
    "The header names another key than the message's own id",
    "An ISO 20022 message is claimed under its message id: leave Idempotency-Key out, or set it to that.",
)
MESSAGE_INVALID: Final = ProblemKind(
    "message_invalid", 422, "The message breaks the schema or the rail's rules", "Mend what each finding says."
)
PAYMENT_INVALID: Final = ProblemKind(
    "payment_invalid", 422, "The payment breaks the form or the rail's rules", "Mend what each finding says."
)
RAIL_NOT_SERVED: Final = ProblemKind(
    "rail_not_served", 422, "The gateway does not serve this rail", "Send it over a rail that the finding names."
)
NOT_REACHED: Final = ProblemKind(
    "not_reached",
    422,
    "By its participant directory the rail would refuse it",
    "Nothing was sent. Mend what the finding says; a receiver that is signed off can be paid once it is back.",
)
DIRECTORY_STALE: Final = ProblemKind(
    "directory_stale",
    503,
    "The rail's participant directory is not fresh here, and nothing is sent without",
    "Nothing was done, and nothing is wrong with the request. Repeat after the pause in Retry-After.",
)
ACTION_INVALID: Final = ProblemKind(
    "action_invalid", 422, "The action is not understood", "Mend what each finding says; nothing was done."
)
INTERNAL_ERROR: Final = ProblemKind(
    "internal_error",
    500,
    "We failed",
    "This is our fault, not the request's. Tell us the instance. " + SAFE_TO_REPEAT,
)
NOT_READY: Final = ProblemKind("not_ready", 503, "Not ready", "Send requests elsewhere until this is ready.")
OVERLOADED: Final = ProblemKind(
    "overloaded", 503, "No more is taken at the moment", "Nothing was done. Repeat after the pause in Retry-After."
)
UNAVAILABLE: Final = ProblemKind(
    "unavailable",
    503,
    "Something that this needs does not answer",
    "Repeat after the pause in Retry-After. " + SAFE_TO_REPEAT,
)

NOT_SERVING: Final = ProblemKind(
    "not_serving",
    503,
    "This region cannot take it at the moment",
    "Nothing was done. Repeat after the pause in Retry-After, here or in the other region.",
)

LEASE_OVER: Final = "This region's lease has run out"
"""The beginning of the detail where that is why; whoever counts refusals goes by it."""

MAY_BE_ELSEWHERE: Final = frozenset(
    {
        PAYMENT_NOT_FOUND,
        MESSAGE_NOT_FOUND,
        DEAD_LETTER_NOT_FOUND,
        INCOMING_TRANSFER_NOT_FOUND,
        CONVERSATION_NOT_FOUND,
    }
)
"""What may not be said while the other region's is being copied: it would be believed, and the payment made again."""

PROBLEMS: Final[Mapping[str, ProblemKind]] = {
    kind.code: kind
    for kind in (
        BODY_INCOMPLETE,
        HEADER_INVALID,
        IDEMPOTENCY_KEY_MISSING,
        JSON_UNREADABLE,
        MESSAGE_UNREADABLE,
        QUERY_INVALID,
        UNAUTHENTICATED,
        OPERATOR_NEEDED,
        LIQUIDITY_NOT_ALLOWED,
        NOT_FOUND,
        PAYMENT_NOT_FOUND,
        MESSAGE_NOT_FOUND,
        DEAD_LETTER_NOT_FOUND,
        INCOMING_TRANSFER_NOT_FOUND,
        METHOD_NOT_ALLOWED,
        NOT_ACCEPTABLE,
        REQUEST_TIMEOUT,
        AMBIGUOUS_REFERENCE,
        IDEMPOTENCY_KEY_REUSED,
        MESSAGE_ID_TAKEN,
        INSTRUCTION_ID_TAKEN,
        DEAD_LETTER_CLOSED,
        DEAD_LETTER_WITHOUT_PAYMENT,
        NOT_AWAITING_OPERATOR,
        NOT_HELD,
        NOT_READY_TO_ANSWER,
        POSTING_NOT_DECIDABLE,
        NOT_RETURNABLE,
        RETURN_DIFFERS,
        RETURN_NOT_ASKABLE,
        POSTING_NOT_ASKABLE,
        RETURN_NOT_ANSWERABLE,
        CONVERSATION_NOT_FOUND,
        CONVERSATION_NOT_STARTED,
        CONVERSATION_NOT_WAITING,
        NOT_RECORDABLE,
        MESSAGES_EXPIRED,
        BODY_TOO_LARGE,
        UNSUPPORTED_MEDIA_TYPE,
        UNSUPPORTED_CONTENT_ENCODING,
        EXPECTATION_FAILED,
        MISDIRECTED,
        IDEMPOTENCY_KEY_DIFFERS,
        MESSAGE_INVALID,
        PAYMENT_INVALID,
        RAIL_NOT_SERVED,
        NOT_REACHED,
        ACTION_INVALID,
        INTERNAL_ERROR,
        NOT_READY,
        DIRECTORY_STALE,
        OVERLOADED,
        NOT_SERVING,
        UNAVAILABLE,
    )
}
"""Every kind, by its code."""

DIRECTORY_RETRY: Final[Mapping[str, str]] = {"Retry-After": "60"}
"""A file that is late comes within minutes."""


class ProblemError(Exception):
    """A request that is answered with a problem document.

    ``findings`` are all faults at once, ready for JSON; ``members`` are further members of the document; ``received``
    is what had been read of the body, and ``closes`` says that the connection cannot be used any more.
    """

    def __init__(
        self,
        kind: ProblemKind,
        detail: str,
        *,
        findings: Sequence[Mapping[str, Any]] = (),
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        received: bytes = b"",
        closes: bool = False,
    ) -> None:
        super().__init__(f"{kind.code}: {detail}")
        self.kind = kind
        self.detail = detail
        self.findings = findings
        self.members = members or {}
        self.headers = headers or {}
        self.received = received
        self.closes = closes

    @property
    def codes(self) -> tuple[str, ...]:
        """The findings' codes, or the problem's own where there are none: what a refusal is recorded under."""
        return tuple(finding["code"] for finding in self.findings) or (self.kind.code,)


def problem_document(problem: ProblemError, instance: UUID) -> dict[str, Any]:
    """Return the members of the document; ``instance`` names this one occurrence, for logs and support."""
    kind = problem.kind
    return {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": problem.detail,
        "instance": f"urn:uuid:{instance}",
        "code": kind.code,
        "advice": kind.advice,
        "findings": list(problem.findings),
        **problem.members,
    }


def problem_response(problem: ProblemError, instance: UUID) -> web.Response:
    """Return the response that carries the problem."""
    response = web.Response(
        body=orjson.dumps(problem_document(problem, instance)),
        status=problem.kind.status,
        content_type=PROBLEM_TYPE,
        headers=problem.headers,
    )
    if problem.closes:
        response.force_close()
    return response


def described(kind: ProblemKind) -> dict[str, Any]:
    """Return what is served at the kind's own address."""
    return {
        "type": kind.type,
        "code": kind.code,
        "status": kind.status,
        "title": kind.title,
        "advice": kind.advice,
    }
