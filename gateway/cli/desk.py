"""What the operators' commands share: one question to a gateway, and how its answers are printed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
from rich.markup import escape

from gateway.cli import EXIT_FINDINGS
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import ERROR, OUT, stop
from gateway.cli.running import operator_gateway_of
from gateway.settings import Settings

Request = Callable[[GatewayClient], Awaitable[Answer]]
"""What is asked of a gateway."""


def ask(settings: Settings, url: str | None, request: Request, *, remedy: str) -> Answer:
    """Ask the gateway as an operator; where it does not answer, say so with the remedy, and end the command."""
    address, api_key = operator_gateway_of(settings, url)

    async def asked() -> Answer:
        async with GatewayClient(address, api_key) as client:
            return await request(client)

    try:
        return asyncio.run(asked())
    except (aiohttp.ClientError, TimeoutError) as error:
        stop(f"{address} does not answer ({type(error).__name__}); {remedy}")


def print_refusal(answer: Answer) -> int:
    """Print what the gateway refused, and why; return the exit status for it."""
    document = answer.document
    ERROR.print(f"[red]{escape(str(document.get('title')))}[/]: {escape(str(document.get('detail')))}")
    for finding in document.get("findings", ()):
        place = finding.get("pointer") or finding.get("xpath") or ""
        ERROR.print(f"  {escape(place)}: {escape(finding['rule'])} {escape(finding['hint'])}")
    return EXIT_FINDINGS


def print_freshness(answer: Answer) -> None:
    """Print how fresh it is what was shown, as the gateway says it, where there are two regions."""
    if answer.freshness is not None:
        print_line(f"[dim]known: {escape(answer.freshness)}[/]")


def print_line(text: str) -> None:
    """Print a line as it is: a terminal that is narrow wraps it, and cuts nothing off."""
    OUT.print(text, soft_wrap=True)
