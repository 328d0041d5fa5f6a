"""A small client of our own API, for the commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

import aiohttp

from adapters.http.headers import FRESHNESS

ANSWER_MARGIN_S: Final = 10.0
"""How much longer than the server was asked to wait we wait for its answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway answered: status code, JSON document, and how fresh that is, where there are two regions."""

    status: int
    document: dict[str, Any]
    freshness: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether there is a payment, final or not."""
        return self.status in {200, 202}


class GatewayClient:
    """Talks to one gateway as one tenant; an async context manager."""

    def __init__(self, url: str, api_key: str) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(headers=self._headers)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._session is not None
        await self._session.close()

    async def send_message(self, body: bytes, *, wait_s: int, rail: str | None = None) -> Answer:
        """Send an ISO 20022 message; its message id is the idempotency key, so that a repeat is safe."""
        path = "/v1/messages" if rail is None else f"/v1/messages?{urlencode({'rail': rail})}"
        return await self._request("POST", path, wait_s=wait_s, data=body, headers={"Content-Type": "application/xml"})

    async def send_payment(
        self, payment: dict[str, Any], *, key: str, wait_s: int, path: str = "/v1/payments"
    ) -> Answer:
        """Send a payment as JSON under a key; a repeat under the same key is safe."""
        return await self._request("POST", path, wait_s=wait_s, json=payment, headers={"Idempotency-Key": key})

    async def payment(self, reference: str, *, part: str = "") -> Answer:
        """Ask for a payment by its id, UETR or end-to-end id, or for a part of what is kept of it."""
        return await self._request("GET", f"/v1/payments/{quote(reference, safe='')}{part}", wait_s=0)

    async def operator_payments(self) -> Answer:
        """Ask for the payments that wait for a person."""
        return await self._request("GET", "/v1/operator/payments", wait_s=0)

    async def operator_action(self, reference: str, *, action: str, note: str) -> Answer:
        """Have the rail asked, or record its word; look at the payment before repeating it."""
        path = f"/v1/payments/{quote(reference, safe='')}/operator-actions"
        return await self._request("POST", path, wait_s=0, json={"action": action, "note": note})

    async def held_payments(self) -> Answer:
        """Ask for the payments that screening holds."""
        return await self._request("GET", "/v1/held-payments", wait_s=0)

    async def decide_hold(self, payment_id: str, decision: Mapping[str, str]) -> Answer:
        """Release or reject a payment that screening holds; look at the payment before repeating it."""
        path = f"/v1/payments/{quote(payment_id, safe='')}/hold-decision"
        return await self._request("POST", path, wait_s=0, json=decision)

    async def incoming_transfers(self, states: Sequence[str]) -> Answer:
        """Ask for incoming transfers, in these states or in any."""
        query = urlencode([("state", state) for state in states])
        return await self._request("GET", f"/v1/incoming-transfers{'?' if query else ''}{query}", wait_s=0)

    async def incoming_transfer(self, transfer_id: str, *, part: str = "") -> Answer:
        """Ask for one, or for a part of what is kept of it."""
        return await self._request("GET", f"/v1/incoming-transfers/{quote(transfer_id, safe='')}{part}", wait_s=0)

    async def decide_posting(self, transfer_id: str, decision: Mapping[str, str]) -> Answer:
        """Say what became of money that has arrived; look at the transfer before repeating it."""
        path = f"/v1/incoming-transfers/{quote(transfer_id, safe='')}/posting"
        return await self._request("POST", path, wait_s=0, json=decision)

    async def return_transfer(self, transfer_id: str, order: Mapping[str, str], *, key: str) -> Answer:
        """Have money given back; a repeat under the same key starts nothing."""
        path = f"/v1/incoming-transfers/{quote(transfer_id, safe='')}/return"
        return await self._request("POST", path, wait_s=0, json=order, headers={"Idempotency-Key": key})

    async def record_settlement(self, transfer_id: str, *, settled: bool, note: str) -> Answer:
        """Record the rail's word on a transfer; look at it before repeating it."""
        path = f"/v1/incoming-transfers/{quote(transfer_id, safe='')}/settlement"
        return await self._request("POST", path, wait_s=0, json={"settled": settled, "note": note})

    async def record_return(self, transfer_id: str, *, note: str) -> Answer:
        """Record that a transfer has gone back; look at it before repeating it."""
        path = f"/v1/incoming-transfers/{quote(transfer_id, safe='')}/return-record"
        return await self._request("POST", path, wait_s=0, json={"note": note})

    async def return_requests(self) -> Answer:
        """Ask for the open requests for returns."""
        return await self._request("GET", "/v1/return-requests", wait_s=0)

    async def due(self, kinds: Sequence[str], after: str | None) -> Answer:
        """Ask for a page of what is due, of these kinds or of all, from where the page before has ended."""
        query = urlencode([*(("kind", kind) for kind in kinds), *([] if after is None else [("after", after)])])
        return await self._request("GET", f"/v1/due{'?' if query else ''}{query}", wait_s=0)

    async def request_return(self, payment_id: str, asking: Mapping[str, str]) -> Answer:
        """Ask for a payment's return; look at the payment before repeating it."""
        path = f"/v1/payments/{quote(payment_id, safe='')}/return-request"
        return await self._request("POST", path, wait_s=0, json=asking)

    async def ask_about_posting(self, payment_id: str) -> Answer:
        """Have a payment's receiver asked what became of it; a repeat within minutes is the same question."""
        return await self._request("POST", f"/v1/payments/{quote(payment_id, safe='')}/status-request", wait_s=0)

    async def answer_return(self, transfer_id: str, answer: Mapping[str, str]) -> Answer:
        """Answer the request for a transfer's return; look at the transfer before repeating it."""
        path = f"/v1/incoming-transfers/{quote(transfer_id, safe='')}/return-answer"
        return await self._request("POST", path, wait_s=0, json=answer)

    async def conversations(self, path: str, query: Mapping[str, str]) -> Answer:
        """Ask for conversations, for one, or for a part of what is kept of it."""
        return await self._request("GET", f"/v1/conversations{path}{'?' if query else ''}{urlencode(query)}", wait_s=0)

    async def start_conversation(self, path: str, asked: Mapping[str, Any], *, key: str) -> Answer:
        """Start one; a repeat under the same key is the same."""
        return await self._request("POST", path, wait_s=0, json=asked, headers={"Idempotency-Key": key})

    async def say_in_conversation(self, path: str, said: Mapping[str, Any]) -> Answer:
        """Answer in one, or take it back; look at it before repeating it."""
        return await self._request("POST", f"/v1/conversations{path}", wait_s=0, json=said)

    async def dead_letters(self, *, queue: str | None, state: str) -> Answer:
        """Ask for dead letters."""
        query = urlencode({"state": state} | ({} if queue is None else {"queue": queue}))
        return await self._request("GET", f"/v1/dead-letters?{query}", wait_s=0)

    async def dead_letter(self, delivery_id: str) -> Answer:
        """Ask for one, with its payment and what a redrive would do."""
        return await self._request("GET", f"/v1/dead-letters/{quote(delivery_id, safe='')}", wait_s=0)

    async def close_dead_letter(self, delivery_id: str, *, action: str, note: str) -> Answer:
        """Redrive or discard one; a repeat is refused, and does nothing."""
        path = f"/v1/dead-letters/{quote(delivery_id, safe='')}/{action}"
        return await self._request("POST", path, wait_s=0, json={"note": note})

    async def rail(self, rail: str) -> Answer:
        """Ask how we stand on a rail."""
        return await self._request("GET", f"/v1/rails/{quote(rail, safe='')}", wait_s=0)

    async def rail_questions(self, rail: str) -> Answer:
        """Ask for what others have asked about nothing that is known here."""
        return await self._request("GET", f"/v1/rails/{quote(rail, safe='')}/questions", wait_s=0)

    async def rail_operation(self, rail: str, asked: Mapping[str, str]) -> Answer:
        """Have something asked of a rail; a repeat asks again."""
        return await self._request("POST", f"/v1/rails/{quote(rail, safe='')}/operations", wait_s=0, json=dict(asked))

    async def close_receipt(self, rail: str, message_id: str, *, note: str) -> Answer:
        """Say that a receipt that is missing was looked into."""
        path = f"/v1/rails/{quote(rail, safe='')}/missing-receipts/{quote(message_id, safe='')}/close"
        return await self._request("POST", path, wait_s=0, json={"note": note})

    async def close_missing(self, rail: str, message_id: str, *, note: str) -> Answer:
        """Say that what was missing was looked at; a repeat is refused, and does nothing."""
        path = f"/v1/rails/{quote(rail, safe='')}/missing/{quote(message_id, safe='')}/close"
        return await self._request("POST", path, wait_s=0, json={"note": note})

    async def rail_operation_status(self, rail: str, operation_id: str) -> Answer:
        """Ask what became of something that was asked of a rail."""
        path = f"/v1/rails/{quote(rail, safe='')}/operations/{quote(operation_id, safe='')}"
        return await self._request("GET", path, wait_s=0)

    async def _request(
        self, method: str, path: str, *, wait_s: int, headers: dict[str, str] | None = None, **content: Any
    ) -> Answer:
        assert self._session is not None, "the client is used inside its context"
        sent = dict(headers or {})
        if wait_s > 0:
            sent["Prefer"] = f"wait={wait_s}"
        timeout = aiohttp.ClientTimeout(total=wait_s + ANSWER_MARGIN_S)
        async with self._session.request(
            method, self._url + path, headers=sent, timeout=timeout, **content
        ) as response:
            document = await response.json(content_type=None)
            return Answer(response.status, document, response.headers.get(FRESHNESS))
