"""``fifteen returns``: requests for the return of a payment, ours and theirs."""

from __future__ import annotations

import json
from functools import partial
from typing import Any, Final

from rich.markup import escape

from gateway.cli import EXIT_OK
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import OUT
from gateway.cli.desk import ask, print_freshness, print_line, print_refusal
from gateway.settings import Settings

_REMEDY: Final = "is it running? Nothing was changed"
_UNKNOWN: Final = "look at it before repeating: it is not known whether it was done"


def list_requests(settings: Settings, *, url: str | None, as_json: bool) -> int:
    """Print the open requests, what is due first; return the exit status."""
    answer = ask(settings, url, _list, remedy=_REMEDY)
    if answer.status != 200:
        return print_refusal(answer)
    if as_json:
        print(json.dumps(answer.document, indent=2))
        return EXIT_OK
    if not answer.document["return_requests"]:
        OUT.print("[green]there is none[/]")
    for each in answer.document["return_requests"]:
        whose = "to answer" if each["direction"] == "in" else "asked by us"
        amount = f"{each['amount']['value']} {each['amount']['currency']}"
        look = "  [red]no receipt[/]" if each["missing_receipts"] else ""
        print_line(f"[bold]{each['id']}[/]  {amount}  {whose}: {each['request']['state']}{look}")
        due = f"due by {each['request']['due_at']}, in region {each['region']}"
        print_line(f"  {escape(each['request']['message_id'] or '')}, {due}")
    print_freshness(answer)
    return EXIT_OK


def request_return(settings: Settings, payment_id: str, *, reason: str, text: str | None, url: str | None) -> int:
    """Ask the receiver of a payment for its return; return the exit status."""
    asking = {"reason_code": reason, **({} if text is None else {"text": text})}
    return _print(ask(settings, url, partial(_request, payment_id=payment_id, asking=asking), remedy=_UNKNOWN))


def answer_return(settings: Settings, transfer_id: str, given: dict[str, str | None], *, url: str | None) -> int:
    """Answer the request for a transfer's return; return the exit status."""
    answer = {name: value for name, value in given.items() if value is not None}
    return _print(ask(settings, url, partial(_answer, transfer_id=transfer_id, answer=answer), remedy=_UNKNOWN))


def _print(answer: Answer) -> int:
    if answer.status != 200:
        return print_refusal(answer)
    shown: dict[str, Any] = answer.document
    request = shown["return_request"]
    due = f", due by {request['due_at']}" if request["due_at"] else ""
    print_line(f"[bold]{shown.get('payment_id') or shown['transfer_id']}[/]  {request['state']}{due}")
    return EXIT_OK


async def _list(client: GatewayClient) -> Answer:
    return await client.return_requests()


async def _request(client: GatewayClient, *, payment_id: str, asking: dict[str, str]) -> Answer:
    return await client.request_return(payment_id, asking)


async def _answer(client: GatewayClient, *, transfer_id: str, answer: dict[str, str]) -> Answer:
    return await client.answer_return(transfer_id, answer)
