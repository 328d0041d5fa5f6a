"""Every institution that receives here: what each is asked and told, and how its answers are understood.

The scheme of its address says the way to it: ``https`` a webhook, ``queue`` a queue of its broker. Whichever it is, the
content, the signature and the answers are the same; ``type`` says what a request is: ``incoming_transfer.decide``,
``incoming_transfer.post``, ``incoming_transfer.not_settled``, ``incoming_transfer.returned`` or
``incoming_transfer.return_failed``. An answer that is none of those foreseen is none (docs/receiving.md).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from adapters.institution.content import content_of, references
from adapters.institution.way import Request, Way
from adapters.webhooks import keys_of, line_of, signed_headers
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
from gateway.service.ports import Clock, Question, ReceivingTenant, UnavailableError
from iso20022 import Amount

TELL_TIMEOUT_S: Final = 10.0
"""How long an institution may take to post, or to take note."""


class Institutions:
    """Implements `gateway.service.ports.Institution` over the ways that there are, by the scheme of an address.

    `signing` has the tenants' secrets; a tenant without one is not asked at all. The ways are opened and closed by who
    makes them.
    """

    def __init__(self, signing: Mapping[TenantId, str], clock: Clock, ways: Mapping[str, Way]) -> None:
        self._keys = keys_of(signing)
        self._clock = clock
        self._ways = ways

    async def reach(self, tenant: ReceivingTenant) -> None:
        """Return if the institution's address answers, whatever it says.

        Raises:
            UnavailableError: nobody answers there.

        """
        await self._way_to(tenant).reach(tenant)

    async def decide(self, tenant: ReceivingTenant, question: Question, *, within_s: float) -> InstitutionAnswer:
        """Ask; see the port."""
        data = {**content_of(question), "answer_by": question.answer_until.isoformat()}
        request = self._request(tenant, question.transfer, "decide", data, until=question.answer_until)
        match await self._way_to(tenant).ask(tenant, request, within_s=within_s):
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
        request = self._request(tenant, question.transfer, "post", content_of(question))
        match await self._way_to(tenant).ask(tenant, request, within_s=TELL_TIMEOUT_S):
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
            **references(transfer),
            "returned": None if cents is None else {"value": Amount(int(cents)).text, "currency": "USD"},
            "reason_code": None if reason is None else reason.code,
            "return_id": end.fact.details.get("return_id"),
        }
        request = self._request(tenant, transfer, what, data, number=end.sequence)
        await self._way_to(tenant).tell(tenant, request, within_s=TELL_TIMEOUT_S)

    async def not_settled(self, tenant: ReceivingTenant, transfer: IncomingTransfer) -> None:
        """Tell that the money did not come; see the port."""
        request = self._request(tenant, transfer, "not_settled", references(transfer))
        await self._way_to(tenant).tell(tenant, request, within_s=TELL_TIMEOUT_S)

    def _request(
        self,
        tenant: ReceivingTenant,
        transfer: IncomingTransfer,
        what: str,
        data: Mapping[str, Any],
        *,
        number: int | None = None,
        until: datetime | None = None,
    ) -> Request:
        """What is asked or told, signed as of now.

        Raises:
            UnavailableError: the tenant has no secret to sign with.

        """
        key, now = self._keys.get(tenant.tenant_id), self._clock.now()
        if key is None:
            raise UnavailableError(f"tenant {tenant.tenant_id} has no signing secret: nobody is asked unsigned")
        content = {"type": f"incoming_transfer.{what}", "timestamp": now.isoformat(), "data": data}
        body = json.dumps(content).encode()
        request_id = f"{what}_{transfer.payment_id.hex}{'' if number is None else f'_{number}'}"
        headers = signed_headers(key, webhook_id=request_id, now=now, body=body)
        return Request(request_id, body, headers, key, until)

    def _way_to(self, tenant: ReceivingTenant) -> Way:
        assert tenant.institution_url is not None, "who has no address is not asked"
        scheme = tenant.institution_url.partition(":")[0]
        way = self._ways.get(scheme)
        if way is None:
            raise UnavailableError(f"tenant {tenant.tenant_id}: there is no way to an address that begins {scheme!r}")
        return way
