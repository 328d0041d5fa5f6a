"""Institutions over HTTP: what `docs/receiving.md` asks them to offer, signed after the Standard Webhooks form.

Every request is a POST to the institution's one address. ``type`` says what it is: ``incoming_transfer.decide``,
``incoming_transfer.post``, ``incoming_transfer.not_settled``, ``incoming_transfer.returned`` or
``incoming_transfer.return_failed``; ``webhook-id`` is the same when it is repeated. An
answer that is none of those foreseen is none.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from adapters.http_session import LazySession, answered
from adapters.webhooks import json_answer, keys_of, line_of, signed_headers
from gateway.domain.incoming import IncomingEvent
from gateway.domain.incoming_transfer import (
    IncomingTransfer,
    InstitutionAnswer,
    PostingAnswer,
    PostingOutcome,
    RecordedFact,
    Verdict,
)
from gateway.domain.payment import TenantId, is_reason_code
from gateway.domain.returns import AMOUNT
from gateway.service.incoming.money import account_number, reason_codes
from gateway.service.ports import Clock, Question, ReceivingTenant, UnavailableError
from iso20022 import Amount, CustomerCreditTransfer, InstitutionCreditTransfer, PaymentReturn
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

_TAKEN: Final = frozenset({200, 202, 204})


class WebhookInstitution:
    """Implements `gateway.service.ports.Institution`. Use it as a context manager; it connects when first used.

    `signing` has the tenants' secrets; a tenant without one is not asked at all.
    """

    def __init__(self, signing: Mapping[TenantId, str], clock: Clock, *, tls: ssl.SSLContext | None = None) -> None:
        self._keys = keys_of(signing)
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
            match await json_answer(response, of="the institution"):
                case {"decision": "accept"}:
                    return InstitutionAnswer(Verdict.ACCEPT)
                case {"decision": "reject", "reason_code": str(code), **others} if is_reason_code(code):
                    return InstitutionAnswer(Verdict.REJECT, code, line_of(others.get("text")))
                case {"decision": "accept_without_posting", **others}:
                    return InstitutionAnswer(Verdict.ACCEPT_WITHOUT_POSTING, None, line_of(others.get("text")))
                case _:
                    raise UnavailableError("the institution's answer is no decision")

    async def post(self, tenant: ReceivingTenant, question: Question) -> PostingAnswer:
        """Tell that the money has arrived; see the port."""
        data = _content(question)
        async with self._request(tenant, question.transfer, "post", data, timeout_s=TELL_TIMEOUT_S) as response:
            match await json_answer(response, of="the institution"):
                case {"posting": "posted"}:
                    return PostingAnswer(PostingOutcome.POSTED)
                case {"posting": "pending", **others}:
                    return PostingAnswer(PostingOutcome.PENDING, None, line_of(others.get("text")))
                case {
                    "posting": "blocked" | "refused" as outcome,
                    "reason_code": str(code),
                    **others,
                } if is_reason_code(code):
                    return PostingAnswer(PostingOutcome(outcome), code, line_of(others.get("text")))
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
        body = json.dumps(content).encode()
        webhook_id = f"{what}_{transfer.payment_id.hex}{'' if number is None else f'_{number}'}"
        headers = signed_headers(key, webhook_id=webhook_id, now=now, body=body)
        timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(timeout_s, CONNECT_TIMEOUT_S))
        asking = self._session.opened().post(url, data=body, headers=headers, timeout=timeout, allow_redirects=False)
        async with answered(asking, by="the institution", within_s=timeout_s) as response:
            yield response


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
    if isinstance(message, InstitutionCreditTransfer):
        return {**_references(question.transfer), **_between_institutions(message)}
    return {
        **_references(question.transfer),
        "debtor": {"name": message.debtor.name.reveal()},
        "debtor_account": message.debtor_account.reveal(),
        "creditor": {"name": message.creditor.name.reveal()},
        "creditor_account": message.creditor_account.reveal(),
        "remittance": [line.reveal() for line in message.remittance],
        **({} if question.transfer.original_id is None else _return_of(question.transfer, message)),
    }


def _between_institutions(message: InstitutionCreditTransfer) -> dict[str, Any]:
    """What an institution was sent for its own account: no customer's, and nothing that can be refused."""
    return {
        "liquidity": True,
        "debtor": None,
        "debtor_account": account_number(message.debtor_account) or None,
        "creditor": None,
        "creditor_account": account_number(message.creditor_account) or None,
        "remittance": [line.reveal() for line in message.remittance],
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
