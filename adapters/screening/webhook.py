"""Screening over HTTP: what `docs/screening.md` asks a service to offer, signed after the Standard Webhooks form.

The request is a POST; ``webhook-id`` is the same when it is repeated. An answer that is neither of the two foreseen is
none, and what has no answer has not passed.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self

import aiohttp

from adapters.http_session import LazySession, answered
from adapters.webhooks import json_answer, keys_of, line_of, signed_headers
from gateway.domain.payment import TenantId
from gateway.domain.screening import HITS_KEPT_MAX, ScreeningHit, ScreeningRules, Source, Subject
from gateway.service.ports import Clock, UnavailableError

CONNECTIONS_MAX: Final = 1_000
"""How many questions may be under way at once, of all tenants."""

ABOUT: Final = frozenset({"debtor name", "debtor account", "creditor name", "creditor account", "remittance"})
"""What a hit may be about; no other words of a service are kept, since they could be somebody's name."""

_WHO: Final = "the screening service"


class WebhookScreener:
    """Implements `gateway.service.ports.Screener`. Use it as a context manager; it connects when first used.

    `signing` has the tenants' secrets; for a tenant without one nothing is asked, and nothing passes.
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

    async def screen(self, rules: ScreeningRules, subject: Subject, *, within_s: float) -> Sequence[ScreeningHit]:
        """Ask; see the port."""
        key = self._keys.get(subject.tenant_id)
        if key is None or rules.webhook is None:
            raise UnavailableError(f"tenant {subject.tenant_id} has no address to ask, or no signing secret")
        now = self._clock.now()
        content = {"type": f"payment.screen_{subject.way}", "timestamp": now.isoformat(), "data": _content(subject)}
        body = json.dumps(content).encode()
        headers = signed_headers(key, webhook_id=f"screen_{subject.way}_{subject.payment_id.hex}", now=now, body=body)
        timeout = aiohttp.ClientTimeout(total=within_s)
        asking = self._session.opened().post(
            rules.webhook, data=body, headers=headers, timeout=timeout, allow_redirects=False
        )
        async with answered(asking, by=_WHO, within_s=within_s) as response:
            return _hits(await json_answer(response, of=_WHO))


def _hits(answer: object) -> Sequence[ScreeningHit]:
    match answer:
        case {"result": "clear", **others} if "hits" not in others:
            return ()
        case {"result": "hit", "hits": [*hits]} if hits:
            return tuple(_hit(each) for each in hits[:HITS_KEPT_MAX])
        case _:
            raise UnavailableError(f"{_WHO}'s answer is no result")


def _hit(content: object) -> ScreeningHit:
    """One hit: whatever is said of it, it is one."""
    said: Mapping[str, Any] = content if isinstance(content, dict) else {}
    score, about = said.get("score"), str(said.get("about"))
    return ScreeningHit(
        Source.WEBHOOK,
        line_of(said.get("rule")) or "unnamed",
        about if about in ABOUT else "payment",
        score if type(score) is int and 0 <= score <= 100 else None,
    )


def _content(subject: Subject) -> dict[str, Any]:
    """What a service needs to judge: the names and accounts of both sides."""
    return {
        "payment_id": str(subject.payment_id),
        "tenant_id": subject.tenant_id,
        "way": subject.way.value,
        "rail": subject.rail.value,
        "amount": {"value": subject.amount.text, "currency": "USD"},
        "debtor": {"name": subject.debtor.reveal()},
        "debtor_account": subject.debtor_account.reveal(),
        "debtor_agent": subject.debtor_agent,
        "creditor": {"name": subject.creditor.reveal()},
        "creditor_account": subject.creditor_account.reveal(),
        "creditor_agent": subject.creditor_agent,
        "other_names": [name.reveal() for name in subject.other_names],
        "remittance": [line.reveal() for line in subject.remittance],
        "end_to_end_id": subject.end_to_end_id,
        "uetr": subject.uetr,
    }
