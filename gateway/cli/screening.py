"""``fifteen screening``: what is held, what was found, and what a person decides; and why a name is like an entry."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.markup import escape

from adapters.screening.lists import read_list, words_of
from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import OUT, stop
from gateway.cli.desk import ask, print_freshness, print_line, print_refusal
from gateway.settings import Settings

_REMEDY: Final = "look at the payments again before you repeat it"


def list_held(settings: Settings, *, url: str | None, as_json: bool) -> int:
    """Print what screening holds, what expires first, each with what was found; return 1 when there is any."""
    answer = ask(settings, url, _listed, remedy=_REMEDY)
    if answer.status != 200:
        return print_refusal(answer)
    if as_json:
        OUT.print_json(json.dumps(answer.document))
    else:
        _print(answer.document["held"])
        print_freshness(answer)
    return EXIT_FINDINGS if answer.document["held"] else EXIT_OK


def decide(
    settings: Settings, payment_ids: list[str], *, decision: str, note: str, code: str | None, url: str | None
) -> int:
    """Decide on each payment, print what became of each, and return 1 when one was refused."""
    worst = EXIT_OK
    given = {"decision": decision, "note": note} | ({} if code is None else {"reason_code": code})
    for payment_id in payment_ids:
        answer = ask(settings, url, partial(_decided, payment_id=payment_id, decision=given), remedy=_REMEDY)
        if answer.status == 200:
            OUT.print(f"{escape(payment_id)}  [bold]{answer.document['state']}[/]")
        else:
            OUT.print(escape(payment_id))
            worst = max(worst, print_refusal(answer))
    return worst


def explain(path: Path, name: str, *, threshold: int) -> int:
    """Print how a name is compared with a list, and which entries it is like; return 1 when there are any."""
    try:
        listed = read_list(path)
    except (OSError, ValueError) as error:
        stop(f"{path}: {error}")
    print_line(f"compared as: {escape(' '.join(words_of(name)))}")
    matches = listed.matches(name, threshold)
    for match in matches:
        print_line(f"[bold]{escape(match.entry_id)}[/]  {match.score} of 100: {match.why}")
    if not matches:
        print_line(f"[green]like none of {len(listed.names)} names, from {threshold} of 100 on[/]")
    return EXIT_FINDINGS if matches else EXIT_OK


async def _listed(client: GatewayClient) -> Answer:
    return await client.held_payments()


async def _decided(client: GatewayClient, *, payment_id: str, decision: dict[str, str]) -> Answer:
    return await client.decide_hold(payment_id, decision)


def _print(held: list[dict[str, Any]]) -> None:
    if not held:
        OUT.print("[green]screening holds no payment[/]")
        return
    for each in held:
        payment = each["payment"]
        amount, reason, next_step = payment["amount"], payment["reason"] or {}, payment["next_step"] or {}
        print_line(f"[bold]{payment['payment_id']}[/]  {amount['value']} {amount['currency']}")
        print_line(f"  rejected at {next_step.get('at')} unless released, in region {payment['region']}")
        print_line(f"  message {escape(payment['message_id'])}")
        print_line(f"  {escape(': '.join(filter(None, (reason.get('code'), reason.get('text')))))}")
        for name, value in sorted(each["screening"].items()):
            print_line(f"  {escape(name)}: {escape(value)}")
    OUT.print("Look into each, then: fifteen screening release|reject ID --note …")
