"""``fifteen posting``: what became of payments that their receivers have taken without posting them."""

from __future__ import annotations

from functools import partial
from typing import Final

from gateway.cli import EXIT_OK
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.desk import ask, print_line, print_refusal
from gateway.settings import Settings

_REMEDY: Final = "is it running? To repeat it is safe"


def ask_receiver(settings: Settings, payment_id: str, *, url: str | None) -> int:
    """Have the receiver of a payment asked what became of it; return the exit status."""
    answer = ask(settings, url, partial(_ask, payment_id=payment_id), remedy=_REMEDY)
    if answer.status != 200:
        if since := answer.document.get("askable_from"):
            print_line(f"It may be asked from {since} on.")
        return print_refusal(answer)
    shown = answer.document
    print_line(
        f"[bold]{shown['payment_id']}[/]  {shown['state']}, {shown['status']}: asked; its history has the answer"
    )
    return EXIT_OK


async def _ask(client: GatewayClient, *, payment_id: str) -> Answer:
    return await client.ask_about_posting(payment_id)
