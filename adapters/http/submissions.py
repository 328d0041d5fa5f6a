"""Submissions: `POST /v1/messages` (ISO 20022 XML), `POST /v1/payments` and `POST /v1/liquidity-transfers` (JSON)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import web

from adapters.http.answers import FAULT, accepted_response, pending_response, submitted_response
from adapters.http.api import Api, Sender, Takes
from adapters.http.authentication import ApiKeys
from adapters.http.bodies import read_body, require_type
from adapters.http.headers import FORWARDED_FROM
from adapters.http.negotiation import JSON, XML, is_json, is_xml, preferred, wait_s
from adapters.http.payment_form import read_liquidity_request, read_payment_request
from adapters.http.pointers import with_pointer
from adapters.http.problems import (
    DIRECTORY_RETRY,
    DIRECTORY_STALE,
    HEADER_INVALID,
    IDEMPOTENCY_KEY_DIFFERS,
    IDEMPOTENCY_KEY_MISSING,
    IDEMPOTENCY_KEY_REUSED,
    INSTRUCTION_ID_TAKEN,
    LIQUIDITY_NOT_ALLOWED,
    MESSAGE_ID_TAKEN,
    MESSAGE_INVALID,
    MESSAGE_UNREADABLE,
    MISDIRECTED,
    NOT_ACCEPTABLE,
    NOT_REACHED,
    PAYMENT_INVALID,
    QUERY_INVALID,
    RAIL_NOT_SERVED,
    ProblemError,
    ProblemKind,
)
from adapters.http.representation import payment_link
from gateway.domain.payment import IdempotencyKey, Rail, TenantId
from gateway.service.liquidity import LiquidityRequest
from gateway.service.ports import (
    DayUnknownError,
    ElsewhereError,
    NotHomeError,
    NotInBothError,
    NotSentError,
    NotServingError,
    UnavailableError,
)
from gateway.service.requests import PaymentRequest
from gateway.service.submit import RefusalKind, Refused, Submitted
from iso20022 import Finding

REPLAYED: Final = {"Idempotency-Replayed": "true"}
"""Tells a repeat from the submission that made the payment."""

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
RAIL: Final = "rail"
"""The parameter that names the rail of a message which shows none."""

MOVING_MAX_S: Final = 4.0
"""So long a submission waits for a slot that is being handed over: a planned one takes some two seconds."""

MOVING_PAUSE_S: Final = 0.1

_UNKNOWN_DAY: Final = "day of a lost payment"

_BODY: Final = web.RequestKey("fifteen.body", bytes)
"""Where a request keeps the body that was read of it, for another try."""

_IN_PROGRESS: Final = web.RequestKey("fifteen.in-progress", Sender)
"""Where it keeps as whose submission it was counted."""

_KEY: Final = re.compile(r'"?([\x21\x23-\x7e]{1,255})"?')
"""Visible ASCII without the quotation mark, which may stand around it as in a structured header (RFC 9651)."""

XML_TAKEN: Final = "application/xml, text/xml or application/*+xml"

_REFUSALS: Final[Mapping[RefusalKind, tuple[ProblemKind, str]]] = {
    RefusalKind.UNREADABLE: (MESSAGE_UNREADABLE, "The body cannot be read as a message; nothing was accepted."),
    RefusalKind.INVALID: (MESSAGE_INVALID, "The message is not valid; nothing was accepted."),
    RefusalKind.RAIL_NOT_SERVED: (
        RAIL_NOT_SERVED,
        "This gateway does not serve that rail; nothing was done. A payment that it accepted before stays as it is.",
    ),
    RefusalKind.NOT_REACHED: (
        NOT_REACHED,
        "By its participant directory the rail would refuse it; nothing was accepted.",
    ),
    RefusalKind.DIRECTORY_STALE: (
        DIRECTORY_STALE,
        "The rail's participant directory is stale, or was never heard; nothing was accepted.",
    ),
    RefusalKind.LIQUIDITY_NOT_ALLOWED: (
        LIQUIDITY_NOT_ALLOWED,
        "A liquidity transfer is sent for a tenant that may move the institution's own money; nothing was accepted.",
    ),
    RefusalKind.KEY_DIFFERS: (
        IDEMPOTENCY_KEY_DIFFERS,
        "The header Idempotency-Key and the message's own id differ; nothing was accepted.",
    ),
    RefusalKind.OTHER_CONTENT: (
        IDEMPOTENCY_KEY_REUSED,
        "The key was used before, for a payment with other content; that payment is as it was.",
    ),
    RefusalKind.MESSAGE_ID_TAKEN: (
        MESSAGE_ID_TAKEN,
        "Another payment, under another key, goes to the rail with this message id; nothing was accepted.",
    ),
    RefusalKind.INSTRUCTION_ID_TAKEN: (
        INSTRUCTION_ID_TAKEN,
        "Another payment goes to the rail with this instruction id, by which it tells repeats; nothing was accepted.",
    ),
}


_MISDIRECTED: Final[Mapping[Takes, str]] = {
    Takes.OWN: f"The header {FORWARDED_FROM} is the other region's gateway's, which has an address of its own here.",
    Takes.FORWARDED: "This address is for the other region's gateway alone.",
}


@dataclass(frozen=True, slots=True)
class _Wanted:
    """How the client wants to be answered."""

    accepts: tuple[str, ...]
    wait_s: int | None


class Submissions:
    """Takes payments; each is claimed under its key, and a repeat gets the first answer again."""

    def __init__(self, api: Api, keys: ApiKeys) -> None:
        self._api = api
        self._keys = keys

    async def post_message(self, request: web.Request) -> web.Response:
        """Submit an ISO 20022 message; its own message id is the key."""
        return await self._taken(request, self._submit_message)

    async def post_payment(self, request: web.Request) -> web.Response:
        """Submit a payment in JSON, under the key in the header ``Idempotency-Key``."""
        return await self._taken(request, self._submit_payment)

    async def post_liquidity_transfer(self, request: web.Request) -> web.Response:
        """Submit a liquidity transfer in JSON, likewise."""
        return await self._taken(request, self._submit_liquidity_transfer)

    async def _taken(
        self,
        request: web.Request,
        submit: Callable[[TenantId, web.Request], Awaitable[Submitted]],
    ) -> web.Response:
        self._demand_way(request)
        tenant_id = await self._keys.tenant_of(request.headers)
        give_up_s = self._api.clock.monotonic_s() + MOVING_MAX_S
        try:
            while True:
                try:
                    return await self._taken_once(tenant_id, request, submit)
                except NotHomeError:
                    if self._api.clock.monotonic_s() >= give_up_s:
                        raise
                await self._api.clock.pause(MOVING_PAUSE_S)
        finally:
            if _IN_PROGRESS in request:
                self._api.count_submission(request[_IN_PROGRESS], -1)

    def _demand_way(self, request: web.Request) -> None:
        """Refuse what came to the wrong listener: what is forwarded comes with a certificate, where that is asked for.

        Raises:
            ProblemError: it did; nothing was done.

        """
        if self._api.takes is Takes.EITHER:
            return
        if (FORWARDED_FROM in request.headers) is not (self._api.takes is Takes.FORWARDED):
            raise ProblemError(MISDIRECTED, _MISDIRECTED[self._api.takes])

    async def _taken_once(
        self,
        tenant_id: TenantId,
        request: web.Request,
        submit: Callable[[TenantId, web.Request], Awaitable[Submitted]],
    ) -> web.Response:
        """Take a submission where the key's home is; raises NotHomeError while that is in neither region."""
        try:
            wanted = self._wanted(request)
            submitted = await submit(tenant_id, request)
        except ElsewhereError as elsewhere:
            return await self._forwarded(request, elsewhere)
        except NotInBothError as error:
            self._api.report_fault(FAULT, error)
            return pending_response(error.key, home=error.home, retry_after_s=self._api.limits.retry_after_s)
        except DayUnknownError as error:
            self._api.report_fault(_UNKNOWN_DAY, error)
            limits = self._api.limits
            return pending_response(error.key, home=error.home, retry_after_s=limits.retry_after_s, why=f"{error}.")
        except _RecordedError as recorded:
            raise recorded.problem from None
        except ProblemError as problem:
            await self._record(tenant_id, problem, request)
            raise
        return await self._answer(submitted, wanted)

    async def _forwarded(self, request: web.Request, elsewhere: ElsewhereError) -> web.Response:
        """Return what the key's home answers; 202 and pending where it may have got the request and did not answer.

        Raises:
            NotHomeError: the slot is being handed over, and the home is neither here nor there: nothing was done.
            NotServingError: nothing was forwarded: the home cannot be reached, or is said to be here by who sent it.

        """
        if self._api.peer is None or FORWARDED_FROM in request.headers:
            raise elsewhere
        try:
            wait_s = self._wanted(request).wait_s
            return await self._api.peer.forward(request, elsewhere.body, home=elsewhere.home, wait_s=wait_s or 0)
        except NotHomeError:
            request[_BODY] = elsewhere.body
            raise
        except NotSentError as error:
            raise NotServingError(f"nothing was forwarded: {error}") from error
        except UnavailableError as error:
            self._api.report_fault(FAULT, error)
            return pending_response(elsewhere.key, home=elsewhere.home, retry_after_s=self._api.limits.retry_after_s)

    async def _body_of(self, request: web.Request) -> bytes:
        """Return the body. Once it is whole the submission is in progress, until it is answered (`_taken`).

        Raises:
            ProblemError: as `read_body`.

        """
        if _BODY in request:
            return request[_BODY]
        body = await read_body(request, self._api.limits)
        request[_IN_PROGRESS] = Sender.PEER if FORWARDED_FROM in request.headers else Sender.CLIENT
        self._api.count_submission(request[_IN_PROGRESS], 1)
        return body

    async def _submit_message(self, tenant_id: TenantId, request: web.Request) -> Submitted:
        require_type(request, is_xml, taken=XML_TAKEN)
        header_key, rail = header_key_of(request), _rail_in(request)
        body = await self._body_of(request)
        outcome = await self._api.intake.submit_message(
            tenant_id, body, header_key=header_key, received_at=self._api.clock.now(), named=rail
        )
        return _submitted(outcome, invalid=MESSAGE_INVALID, as_json=Finding.as_json)

    async def _submit_payment(self, tenant_id: TenantId, request: web.Request) -> Submitted:
        return await self._submit_json(tenant_id, request, read_payment_request)

    async def _submit_liquidity_transfer(self, tenant_id: TenantId, request: web.Request) -> Submitted:
        return await self._submit_json(tenant_id, request, read_liquidity_request)

    async def _submit_json(
        self,
        tenant_id: TenantId,
        request: web.Request,
        read: Callable[[bytes], PaymentRequest | LiquidityRequest],
    ) -> Submitted:
        require_type(request, is_json, taken=JSON)
        header_key = header_key_of(request)
        if header_key is None:
            raise ProblemError(
                IDEMPOTENCY_KEY_MISSING,
                "Send a header such as Idempotency-Key: invoice-2291-attempt-1. The same key with the same payment is "
                "never paid twice, however often it is sent.",
            )
        body = await self._body_of(request)
        outcome = await self._api.intake.submit_payment(
            tenant_id,
            IdempotencyKey(header_key),
            read(body),
            body,
            received_at=self._api.clock.now(),
        )
        return _submitted(outcome, invalid=PAYMENT_INVALID, as_json=with_pointer)

    def _wanted(self, request: web.Request) -> _Wanted:
        accepts = preferred(request.headers.getall("Accept", ()), (JSON, XML))
        if not accepts:
            raise ProblemError(NOT_ACCEPTABLE, "The answer is JSON, or the rail's pacs.002 in XML.")
        waits = wait_s(request.headers.getall("Prefer", ()), wait_max_s=self._api.limits.wait_max_s)
        return _Wanted(accepts, waits)

    async def _answer(self, submitted: Submitted, wanted: _Wanted) -> web.Response:
        headers = {} if submitted.created else REPLAYED
        if wanted.wait_s:
            return await submitted_response(
                self._api, submitted.payment, accepts=wanted.accepts, wait_s=wanted.wait_s, headers=headers
            )
        warnings = [finding.as_json() for finding in submitted.warnings]
        return accepted_response(submitted.payment, warnings=warnings, headers=headers)

    async def _record(self, tenant_id: TenantId, problem: ProblemError, request: web.Request) -> None:
        """Keep the fact of a refusal: the digest is over what was read, the size as announced or read."""
        await self._api.intake.record_refusal(
            tenant_id,
            codes=problem.codes,
            content_digest=hashlib.sha256(problem.received).digest(),
            size=max(request.content_length or 0, len(problem.received)),
            at=self._api.clock.now(),
        )


class _RecordedError(Exception):
    """A refusal that the use case has recorded already."""

    def __init__(self, problem: ProblemError) -> None:
        super().__init__(str(problem))
        self.problem = problem


def _submitted(
    outcome: Submitted | Refused, *, invalid: ProblemKind, as_json: Callable[[Finding], dict[str, Any]]
) -> Submitted:
    if isinstance(outcome, Submitted):
        return outcome
    kind, detail = _REFUSALS[outcome.kind]
    members: dict[str, Any] = {}
    if outcome.payment is not None:
        members["payment"] = payment_link(outcome.payment.payment_id)
    findings = [as_json(finding) for finding in outcome.findings]
    kind = invalid if outcome.kind is RefusalKind.INVALID else kind
    headers = DIRECTORY_RETRY if kind is DIRECTORY_STALE else None
    raise _RecordedError(ProblemError(kind, detail, findings=findings, members=members, headers=headers))


def _rail_in(request: web.Request) -> Rail | None:
    """Return the rail that the query names, None where it names none."""
    named = request.query.getall(RAIL, [])
    if not named:
        return None
    if len(named) > 1 or named[0] not in set(Rail):
        raise ProblemError(QUERY_INVALID, f"The parameter {RAIL} is sent once, and is {' or '.join(Rail)}.")
    return Rail(named[0])


def header_key_of(request: web.Request) -> str | None:
    """Return the idempotency key that a request names, if it does.

    Raises:
        ProblemError: 400, what it names is none.

    """
    values = request.headers.getall(IDEMPOTENCY_KEY, ())
    if not values:
        return None
    match = _KEY.fullmatch(values[0].strip())
    if match is None or len(values) > 1:
        raise ProblemError(
            HEADER_INVALID, "Idempotency-Key is sent once, and has 1 to 255 visible ASCII characters, without spaces."
        )
    return match[1]
