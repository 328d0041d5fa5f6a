"""``fifteen incoming``: transfers that came from a rail, and what is decided of them later."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from rich.markup import escape

from adapters.system import SystemIdentifiers
from gateway.cli import EXIT_OK
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import OUT
from gateway.cli.desk import (
    ask,
    print_freshness,
    print_line,
    print_refusal,
    print_return_request,
    print_timeline,
    refused_of,
)
from gateway.settings import Settings

_REMEDY: Final = "is it running? Nothing was changed"
_UNKNOWN: Final = "look at the transfer before repeating: it is not known whether it was decided"


def list_transfers(settings: Settings, *, url: str | None, states: Sequence[str], as_json: bool) -> int:
    """Print transfers, those first that must be decided first; return the exit status."""
    answer = ask(settings, url, partial(_list, states=states), remedy=_REMEDY)
    if answer.status != 200:
        return print_refusal(answer)
    if as_json:
        print(json.dumps(answer.document, indent=2))
        return EXIT_OK
    transfers = answer.document["incoming_transfers"]
    if not transfers:
        OUT.print("[green]there is none[/]")
    for transfer in transfers:  # no table: an id that a narrow terminal shortens can be given to no other command
        _print(transfer)
    if answer.document["more"]:
        OUT.print("There are more: name states with --state.")
    print_freshness(answer)
    return EXIT_OK


def show_transfer(settings: Settings, transfer_id: str, *, url: str | None, as_json: bool) -> int:
    """Print one transfer with its history and the list of its messages; return the exit status."""
    answers = [
        ask(settings, url, partial(_show, transfer_id=transfer_id, part=part), remedy=_REMEDY)
        for part in ("", "/events", "/returns", "/messages")
    ]
    if (refused := refused_of(answers)) is not None:
        return print_refusal(refused)
    shown, *parts = (answer.document for answer in answers)
    history, returns, messages = (parts[0], parts[1]["returns"], parts[2].get("messages"))
    if as_json:
        print(json.dumps({**history, **shown, "returns": returns, "messages": messages}, indent=2))
        return EXIT_OK
    _print(shown)
    print_return_request(shown["return_request"])
    for each in returns:
        amount = each["amount"]["value"]
        print_line(f"  return {each['payment_id']}  {amount}  {each['state']}  message {escape(each['message_id'])}")
    print_timeline(history, messages)
    print_freshness(answers[0])
    return EXIT_OK


def decide_posting(
    settings: Settings, transfer_id: str, outcome: str, *, reason: str | None, text: str | None, url: str | None
) -> int:
    """Say what became of money that has arrived; return the exit status."""
    decision = {"outcome": outcome, "reason_code": reason, "text": text}
    given = {name: value for name, value in decision.items() if value is not None}
    answer = ask(settings, url, partial(_decide, transfer_id=transfer_id, decision=given), remedy=_UNKNOWN)
    if answer.status != 200:
        return print_refusal(answer)
    _print(answer.document)
    return EXIT_OK


def return_transfer(
    settings: Settings, transfer_id: str, given: dict[str, str | None], *, key: str | None, url: str | None
) -> int:
    """Have money given back, under a key of one's own or a fresh one; return the exit status."""
    order = {name: value for name, value in given.items() if value is not None}
    chosen = key or str(SystemIdentifiers().new_uuid())
    request = partial(_return, transfer_id=transfer_id, order=order, key=chosen)
    answer = ask(settings, url, request, remedy=f"repeat it with --key {chosen}: that starts no second return")
    if answer.status != 200:
        return print_refusal(answer)
    _print(answer.document)
    return EXIT_OK


def record(settings: Settings, transfer_id: str, outcome: str, *, note: str, url: str | None) -> int:
    """Record the rail's word on a transfer that waits for a person; return the exit status."""
    answer = ask(settings, url, partial(_record, transfer_id=transfer_id, outcome=outcome, note=note), remedy=_UNKNOWN)
    if answer.status != 200:
        return print_refusal(answer)
    _print(answer.document)
    return EXIT_OK


async def _return(client: GatewayClient, *, transfer_id: str, order: dict[str, str], key: str) -> Answer:
    return await client.return_transfer(transfer_id, order, key=key)


async def _record(client: GatewayClient, *, transfer_id: str, outcome: str, note: str) -> Answer:
    if outcome == "returned":
        return await client.record_return(transfer_id, note=note)
    return await client.record_settlement(transfer_id, settled=outcome == "settled", note=note)


async def _list(client: GatewayClient, *, states: Sequence[str]) -> Answer:
    return await client.incoming_transfers(states)


async def _show(client: GatewayClient, *, transfer_id: str, part: str) -> Answer:
    return await client.incoming_transfer(transfer_id, part=part)


async def _decide(client: GatewayClient, *, transfer_id: str, decision: dict[str, str]) -> Answer:
    return await client.decide_posting(transfer_id, decision)


def _print(transfer: dict[str, Any]) -> None:
    amount, reason = transfer["amount"], transfer["reason"] or {}
    print_line(f"[bold]{transfer['transfer_id']}[/]  {amount['value']} {amount['currency']}  {transfer['state']}")
    place = f"in region {transfer['region']}"
    print_line(f"  message {escape(transfer['message_id'])}, received {transfer['received_at']}, {place}")
    if transfer["attention"]:
        print_line(
            f"  [red]look at it: {' '.join(filter(None, (transfer['attention'], transfer.get('contrary_word'))))}[/]"
        )
    if reason:
        print_line(f"  {escape(': '.join(filter(None, (reason['code'], reason['text']))))}")
    for what in ("returning", "returned"):
        if transfer[what]["value"] != "0.00":
            print_line(f"  {what} {transfer[what]['value']} {transfer[what]['currency']}")
    if transfer["decide_by"]:
        what = ", ".join(transfer["decidable"]) or "to be given back"
        print_line(f"  by {transfer['decide_by']}: {what}")
