"""Institutions over HTTP: what `docs/receiving.md` asks them to offer, signed after the Standard Webhooks form.

Every request is a POST to the institution's one address. ``type`` says what it is: ``incoming_transfer.decide``,
``incoming_transfer.post``, ``incoming_transfer.not_settled``, ``incoming_transfer.returned`` or
``incoming_transfer.return_failed``; ``webhook-id`` is the same when it is repeated. An
answer that is none of those foreseen is none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from adapters.http_session import LazySession
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import (
    IncomingTransfer,
    InstitutionAnswer,
    PostingAnswer,
    PostingOutcome,
    RecordedFact,
    Verdict,
)
from gateway.domain.payment import TenantId
from gateway.domain.returns import AMOUNT
from gateway.service.incoming.money import account_number, reason_codes
from gateway.service.ports import Clock, Question, ReceivingTenant, UnavailableError
from iso20022 import Amount, CustomerCreditTransfer, PaymentReturn
from iso20022.messages.actors import Actor, PartyDetails

TELL_TIMEOUT_S: Final = 10.0
"""How long an institution may take to post, or to take note."""

CONNECT_TIMEOUT_S: Final = 1.0
"""How long a connection may take, waiting for a free one included."""

REACH_TIMEOUT_S: Final = 2.0
"""How long an institution may take to answer at all."""

CONNECTIONS_MAX: Final = 4_000
"""How many requests may be under way at once: more than are asked and told at once, so that none waits for another
tenant's. How many one institution may hold is bounded by who asks and tells."""

ANSWER_BYTES_MAX: Final = 64 * 1024
"""What is longer than this is no answer."""

TEXT_CHARACTERS_MAX: Final = 105
"""How much of an institution's words is kept: as much as ISO 20022 carries beside a reason."""

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - how a secret begins is none
"""How the specification writes a secret: this, and Base64."""

_OK: Final = 200
_TAKEN: Final = frozenset({200, 202, 204})
_CODE_CHARACTERS: Final = 4


class SecretError(Exception):
    """A signing secret is none; the text says which tenant's, and never what it is."""


def key_of(secret: str) -> bytes:
    """Return the key that a secret stands for: Base64 after ``whsec_``.

    Raises:
        ValueError: it is none, or shorter than the 24 bytes that the specification demands.

    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a signing secret is whsec_ and Base64") from None
    if len(key) < 24:
        raise ValueError("a signing secret has 24 bytes at the least")
    return key


def signature_of(key: bytes, *, webhook_id: str, timestamp: int, body: bytes) -> str:
    """Return the signature of a webhook (Standard Webhooks: HMAC-SHA256 over id, timestamp and body)."""
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


class WebhookInstitution:
    """Implements `gateway.service.ports.Institution`. Use it as a context manager; it connects when first used.

    `signing` has the tenants' secrets; a tenant without one is not asked at all.
    """

    def __init__(self, signing: Mapping[TenantId, str], clock: Clock, *, tls: ssl.SSLContext | None = None) -> None:
        self._keys: dict[TenantId, bytes] = {}
        for tenant_id, secret in signing.items():
            try:
                self._keys[tenant_id] = key_of(secret)
            except ValueError as error:
                raise SecretError(f"tenant {tenant_id}: {error}") from None
        self._clock = clock
        self._session = LazySession(limit=CONNECTIONS_MAX, tls=tls)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._session.close()

    async def reach(self, tenant: ReceivingTenant) -> None:
        """Return if the institution's address answers, whatever it says.

        Raises:
            UnavailableError: nobody answers there.

        """
        assert tenant.institution_url is not None, "who has no address is not asked"
        timeout = aiohttp.ClientTimeout(total=REACH_TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        try:
            async with self._session.opened().head(tenant.institution_url, timeout=timeout, allow_redirects=False):
                return
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise UnavailableError(f"{type(error).__name__}: {error}") from error

    async def decide(self, tenant: ReceivingTenant, question: Question, *, within_s: float) -> InstitutionAnswer:
        """Ask; see the port."""
        data = {**_content(question), "answer_by": question.answer_until.isoformat()}
        async with self._request(tenant, question.transfer, "decide", data, timeout_s=within_s) as response:
            match await _answer(response):
                case {"decision": "accept"}:
                    return InstitutionAnswer(Verdict.ACCEPT)
                case {"decision": "reject", "reason_code": str(code), **others} if _is_code(code):
                    return InstitutionAnswer(Verdict.REJECT, code, _text(others.get("text")))
                case {"decision": "accept_without_posting", **others}:
                    return InstitutionAnswer(Verdict.ACCEPT_WITHOUT_POSTING, None, _text(others.get("text")))
                case _:
                    raise UnavailableError("the institution's answer is no decision")

    async def post(self, tenant: ReceivingTenant, question: Question) -> PostingAnswer:
        """Tell that the money has arrived; see the port."""
        data = _content(question)
        async with self._request(tenant, question.transfer, "post", data, timeout_s=TELL_TIMEOUT_S) as response:
            match await _answer(response):
                case {"posting": "posted"}:
                    return PostingAnswer(PostingOutcome.POSTED)
                case {"posting": "pending", **others}:
                    return PostingAnswer(PostingOutcome.PENDING, None, _text(others.get("text")))
                case {"posting": "blocked" | "refused" as outcome, "reason_code": str(code), **others} if _is_code(
                    code
                ):
                    return PostingAnswer(PostingOutcome(outcome), code, _text(others.get("text")))
                case _:
                    raise UnavailableError("the institution's answer says nothing of the posting")

    async def return_ended(self, tenant: ReceivingTenant, transfer: IncomingTransfer, end: RecordedFact) -> None:
        """Tell what became of a return; see the port."""
        what = "returned" if end.fact.kind is IncomingEvent.RETURN_SETTLED else "return_failed"
        reason, cents = end.fact.reason, end.fact.details.get(AMOUNT)
        data = {
            **_references(transfer),
            "returned": None if cents is None else {"value": Amount(int(cents)).text, "currency": "USD"},
            "reason_code": None if reason is None else reason.code,
            "return_id": end.fact.details.get("return_id"),
        }
        async with self._request(
            tenant, transfer, what, data, timeout_s=TELL_TIMEOUT_S, number=end.sequence
        ) as response:
            if response.status not in _TAKEN:
                raise UnavailableError(f"the institution answered {response.status}")

    async def not_settled(self, tenant: ReceivingTenant, transfer: IncomingTransfer) -> None:
        """Tell that the money did not come; see the port."""
        data = _references(transfer)
        async with self._request(tenant, transfer, "not_settled", data, timeout_s=TELL_TIMEOUT_S) as response:
            if response.status not in _TAKEN:
                raise UnavailableError(f"the institution answered {response.status}")

    @asynccontextmanager
    async def _request(
        self,
        tenant: ReceivingTenant,
        transfer: IncomingTransfer,
        what: str,
        data: Mapping[str, Any],
        *,
        timeout_s: float,
        number: int | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One signed request; every fault of the world leaves as the port's."""
        key, url, now = self._keys.get(tenant.tenant_id), tenant.institution_url, self._clock.now()
        if key is None or url is None:
            raise UnavailableError(f"tenant {tenant.tenant_id} has no address to ask, or no signing secret")
        content = {"type": f"incoming_transfer.{what}", "timestamp": now.isoformat(), "data": data}
        body, webhook_id, timestamp = (
            json.dumps(content).encode(),
            f"{what}_{transfer.payment_id.hex}{'' if number is None else f'_{number}'}",
            int(now.timestamp()),
        )
        headers = {
            "Content-Type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature_of(key, webhook_id=webhook_id, timestamp=timestamp, body=body),
        }
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))
        try:
            async with self._session.opened().post(
                url, data=body, headers=headers, timeout=timeout, allow_redirects=False
            ) as response:
                yield response
        except TimeoutError as error:
            raise UnavailableError(f"the institution did not answer within {timeout_s:.2f} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise UnavailableError(f"the institution cannot be reached: {error!r}") from error


def _references(transfer: IncomingTransfer) -> dict[str, Any]:
    return {
        "transfer_id": str(transfer.payment_id),
        "tenant_id": transfer.tenant_id,
        "rail": transfer.rail.value,
        "message_id": transfer.message_id,
        "end_to_end_id": transfer.end_to_end_id,
        "instruction_id": transfer.instruction_id,
        "uetr": transfer.uetr,
        "amount": {"value": transfer.amount.text, "currency": "USD"},
        "debtor_agent": transfer.debtor_agent,
        "creditor_agent": transfer.creditor_agent,
    }


def _content(question: Question) -> dict[str, Any]:
    """What an institution needs to find the account and to judge: the names and accounts are its customers'."""
    message = question.message
    if isinstance(message, PaymentReturn):
        return {**_references(question.transfer), **_of_return(question.transfer, message)}
    return {
        **_references(question.transfer),
        "debtor": {"name": message.debtor.name.reveal()},
        "debtor_account": message.debtor_account.reveal(),
        "creditor": {"name": message.creditor.name.reveal()},
        "creditor_account": message.creditor_account.reveal(),
        "remittance": [line.reveal() for line in message.remittance],
        **({} if question.transfer.original_id is None else _return_of(question.transfer, message)),
    }


def _of_return(transfer: IncomingTransfer, message: PaymentReturn) -> dict[str, Any]:
    """What came back: the payment of ours that it was, and why; who was its debtor is the creditor now."""
    chain = message.return_chain
    return {
        **_return_of(transfer, message),
        "debtor": None if chain is None else _named(chain.debtor),
        "debtor_account": None if chain is None else account_number(chain.debtor_account) or None,
        "creditor": None if chain is None else _named(chain.creditor),
        "creditor_account": None if chain is None else account_number(chain.creditor_account) or None,
        "remittance": [],
    }


def _return_of(transfer: IncomingTransfer, message: CustomerCreditTransfer | PaymentReturn) -> dict[str, Any]:
    return {"return_of": {"payment_id": str(transfer.original_id), "reason_codes": reason_codes(message)}}


def _named(actor: Actor) -> dict[str, Any] | None:
    if not isinstance(actor, PartyDetails) or actor.name is None:
        return None
    return {"name": actor.name.reveal()}


async def _answer(response: aiohttp.ClientResponse) -> object:
    """The JSON of an answer.

    Raises:
        UnavailableError: it is none.

    """
    if response.status != _OK:
        raise UnavailableError(f"the institution answered {response.status}")
    body = bytearray()
    async for piece in response.content.iter_any():  # an answer may come in any number of pieces
        body += piece
        if len(body) > ANSWER_BYTES_MAX:
            raise UnavailableError(f"the institution's answer is longer than {ANSWER_BYTES_MAX} bytes")
    try:
        answer: object = json.loads(body)
    except ValueError as error:
        raise UnavailableError("the institution's answer is no JSON") from error
    return answer


def _is_code(text: str) -> bool:
    return len(text) == _CODE_CHARACTERS and text.isascii() and text.isalnum() and text.isupper()


def _text(value: object) -> str | None:
    """An institution's words, as far as a line of ISO 20022 carries them: none of them is worth a verdict."""
    if not isinstance(value, str):
        return None
    line = "".join(character if character.isprintable() else " " for character in value)
    return " ".join(line.split())[:TEXT_CHARACTERS_MAX].strip() or None
