"""``fifteen doubt``: the payments that wait for a person, and what the person does, through a gateway's API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from rich.markup import escape

from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import OUT
from gateway.cli.desk import ask, print_freshness, print_line, print_refusal
from gateway.settings import Settings

_REMEDY: Final = "look at the payments again before you repeat it"

COMMANDS: Final[Mapping[str, str]] = {"ask": "ask", "record_settlement": "settled", "record_rejection": "rejected"}
"""What an operator may do, and the command that does it."""


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
        amount = payment["amount"]
        print_line(f"[bold]{payment['payment_id']}[/]  {amount['value']} {amount['currency']}  {payment['state']}")
        place = f"in region {payment['region']}"
        print_line(f"  message {escape(payment['message_id'])}, accepted {payment['accepted_at']}, {place}")
        if payment["reason"]:
            print_line(f"  {said_of(payment)}")
        print_attention(payment)
    OUT.print("Ask the rail's support what became of each, then: fifteen doubt ask|settled|rejected ID --note …")


def print_attention(payment: Mapping[str, Any]) -> None:
    """Print why a person must look at a payment though its state does not say so, and what may be done."""
    if payment["attention"]:
        said = payment["contradiction"]
        print_line(f"  [red]look at it: {payment['attention']}[/]")
        print_line(f"  {said['at']} {said['kind']}  {said_of(said)}")
        print_line(f"  what may be done: {_commands(said['may'])}")


def said_of(told: Mapping[str, Any]) -> str:
    """Return the status that was told, and the reason."""
    reason = told["reason"] or {}
    return escape(": ".join(filter(None, (told["status"], reason.get("code"), reason.get("text")))))


def _commands(actions: list[str]) -> str:
    return ", ".join(f"fifteen doubt {COMMANDS[action]}" for action in actions) or "nothing before it has ended"
