"""``fifteen doubt``: the payments that wait for a person, and what the person does, through a gateway's API."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, Final

from rich.markup import escape

from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import OUT
from gateway.cli.desk import ask, print_freshness, print_line, print_refusal
from gateway.settings import Settings

_REMEDY: Final = "look at the payments again before you repeat it"


def list_payments(settings: Settings, *, url: str | None, as_json: bool) -> int:
    """Print the payments that wait for a person; return 1 when there are any."""
    answer = ask(settings, url, lambda client: client.operator_payments(), remedy=_REMEDY)
    if answer.status != 200:
        return print_refusal(answer)
    if as_json:
        OUT.print_json(json.dumps(answer.document))
    else:
        _print(answer.document["payments"])
        print_freshness(answer)
    return EXIT_FINDINGS if answer.document["payments"] else EXIT_OK


def act_on(settings: Settings, payment_ids: list[str], *, action: str, note: str, url: str | None) -> int:
    """Do it for each payment, print what became of each, and return 1 when one was refused."""
    worst = EXIT_OK
    for payment_id in payment_ids:
        answer = ask(settings, url, partial(_act, payment_id=payment_id, action=action, note=note), remedy=_REMEDY)
        if answer.status == 200:
            OUT.print(f"{escape(payment_id)}  [bold]{answer.document['state']}[/]")
        else:
            OUT.print(escape(payment_id))
            worst = max(worst, print_refusal(answer))
    return worst


async def _act(client: GatewayClient, *, payment_id: str, action: str, note: str) -> Answer:
    return await client.operator_action(payment_id, action=action, note=note)


def _print(payments: list[dict[str, Any]]) -> None:
    if not payments:
        OUT.print("[green]no payment waits for a person[/]")
        return
    for payment in payments:  # no table: an id that a narrow terminal shortens can be given to no other command
        amount, reason = payment["amount"], payment.get("reason") or {}
        print_line(f"[bold]{payment['payment_id']}[/]  {amount['value']} {amount['currency']}")
        place = f"in region {payment['region']}"
        print_line(f"  message {escape(payment['message_id'])}, accepted {payment['accepted_at']}, {place}")
        print_line(f"  {escape(': '.join(filter(None, (reason.get('code'), reason.get('text')))))}")
    OUT.print("Ask the rail's support what became of each, then: fifteen doubt ask|settled|rejected ID --note …")
