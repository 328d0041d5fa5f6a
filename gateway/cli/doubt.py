"""``fifteen doubt``: the payments that wait for a person, and what the person does, through a gateway's API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import aiohttp
from rich.markup import escape
from rich.table import Table

from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import ERROR, OUT, stop
from gateway.cli.running import operator_gateway_of
from gateway.settings import Settings

_HEADINGS: Final = ("payment", "message id", "amount", "accepted", "why")


def list_payments(settings: Settings, *, url: str | None, as_json: bool) -> int:
    """Print the payments that wait for a person; return 1 when there are any."""
    answer = _ask(settings, url, lambda client: client.operator_payments())
    if answer.status != 200:
        return _refused(answer)
    if as_json:
        OUT.print_json(json.dumps(answer.document))
    else:
        _print(answer.document["payments"])
    return EXIT_FINDINGS if answer.document["payments"] else EXIT_OK


def act_on(settings: Settings, references: list[str], *, action: str, note: str, url: str | None) -> int:
    """Do it for each payment, print what became of each, and return 1 when one was refused."""
    worst = EXIT_OK
    for reference in references:
        answer = _ask(settings, url, partial(_act, reference=reference, action=action, note=note))
        if answer.status == 200:
            OUT.print(f"{escape(reference)}  [bold]{answer.document['state']}[/]")
        else:
            OUT.print(f"{escape(reference)}")
            worst = max(worst, _refused(answer))
    return worst


async def _act(client: GatewayClient, *, reference: str, action: str, note: str) -> Answer:
    return await client.operator_action(reference, action=action, note=note)


def _ask(settings: Settings, url: str | None, request: Callable[[GatewayClient], Awaitable[Answer]]) -> Answer:
    address, api_key = operator_gateway_of(settings, url)

    async def asked() -> Answer:
        async with GatewayClient(address, api_key) as client:
            return await request(client)

    try:
        return asyncio.run(asked())
    except (aiohttp.ClientError, TimeoutError) as error:
        stop(f"{address} does not answer ({type(error).__name__}); look at the payments again before you repeat it")


def _print(payments: list[dict[str, Any]]) -> None:
    if not payments:
        OUT.print("[green]no payment waits for a person[/]")
        return
    table = Table(*_HEADINGS)
    for payment in payments:
        reason = payment.get("reason") or {}
        table.add_row(
            payment["payment_id"],
            payment["message_id"],
            f"{payment['amount']['value']} {payment['amount']['currency']}",
            payment["accepted_at"],
            reason.get("text") or reason.get("code") or "",
        )
    OUT.print(table)
    OUT.print("Ask the rail's support what became of each, then: fifteen doubt ask|settled|rejected ID --note …")


def _refused(answer: Answer) -> int:
    document = answer.document
    ERROR.print(f"[red]{escape(str(document.get('title')))}[/]: {escape(str(document.get('detail')))}")
    for finding in document.get("findings", ()):
        ERROR.print(f"  {escape(finding['pointer'])}: {escape(finding['rule'])} {escape(finding['hint'])}")
    return EXIT_FINDINGS
