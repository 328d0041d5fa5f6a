"""``fifteen payment``: what became of a payment, and everything that was said about it."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from rich.markup import escape

from gateway.cli.client import Answer, GatewayClient
from gateway.cli.desk import WHOLE, ask_as_tenant, print_line, print_return_request, print_whole
from gateway.cli.doubt import print_attention, said_of
from gateway.settings import Settings

_REMEDY: Final = "is it running? Nothing was changed"

MONEY: Final = {
    "may_have_moved": "it may have moved: do not pay again",
    "moved": "it has moved",
    "not_moved": "it has not moved, and will not by this payment",
}
"""What the API says of the money, in words."""


def show_payment(settings: Settings, reference: str, *, url: str | None, as_json: bool) -> int:
    """Print one payment with its history and the list of its messages; return the exit status."""
    answers = [
        ask_as_tenant(settings, url, partial(_part, reference=reference, part=part), remedy=_REMEDY) for part in WHOLE
    ]
    return print_whole(answers, _print, as_json=as_json)


def _print(payment: dict[str, Any]) -> None:
    amount, step = payment["amount"], payment["next_step"]
    print_line(f"[bold]{payment['payment_id']}[/]  {amount['value']} {amount['currency']}  {payment['state']}")
    print_line(f"  money: {MONEY[payment['money']]}")
    place = f"in region {payment['region']}"
    print_line(f"  message {escape(payment['message_id'])}, accepted {payment['accepted_at']}, {place}")
    print_line(
        f"  {payment['rail']}, end-to-end id {escape(payment['end_to_end_id'])}, UETR {payment['uetr'] or 'none'}"
    )
    if payment["reason"]:
        print_line(f"  {said_of(payment)}")
    print_attention(payment)
    if payment["return_of"]:
        print_line(f"  gives back {payment['return_of']}")
    if payment["returned"]["value"] != "0.00":
        print_line(f"  returned {payment['returned']['value']} {payment['returned']['currency']}")
    print_return_request(payment["return_request"])
    if step:
        print_line(f"  by {step['at']}: {step['what']}")


async def _part(client: GatewayClient, *, reference: str, part: str) -> Answer:
    return await client.payment(reference, part=part)
