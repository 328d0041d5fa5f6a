"""What the commands that ask a gateway share: one question to it, and how its answers are printed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from heapq import merge
from typing import Any, Final

import aiohttp
from rich.markup import escape

from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import ERROR, OUT, stop
from gateway.cli.running import gateway_of, operator_gateway_of
from gateway.settings import Settings

Request = Callable[[GatewayClient], Awaitable[Answer]]
"""What is asked of a gateway."""


def ask(settings: Settings, url: str | None, request: Request, *, remedy: str) -> Answer:
    """Ask the gateway as an operator; where it does not answer, say so with the remedy, and end the command."""
    return _asked(*operator_gateway_of(settings, url), request, remedy=remedy)


def ask_as_tenant(settings: Settings, url: str | None, request: Request, *, remedy: str) -> Answer:
    """Ask the same with the tenant's key: a payment is shown to whose it is."""
    return _asked(*gateway_of(settings, url), request, remedy=remedy)


def _asked(address: str, api_key: str, request: Request, *, remedy: str) -> Answer:
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
    for each in document.get("candidates", ()):
        ERROR.print(f"  {each['payment_id']}  {each['state']}, accepted {each['accepted_at']}", soft_wrap=True)
    return EXIT_FINDINGS


def print_freshness(answer: Answer) -> None:
    """Print how fresh it is what was shown, as the gateway says it, where there are two regions."""
    if answer.freshness is not None:
        print_line(f"[dim]known: {escape(answer.freshness)}[/]")


def print_return_request(request: Mapping[str, Any] | None) -> None:
    """Print the request for a return, either way, where there ever was one."""
    if request is None:
        return
    due = f", due by {request['due_at']}" if request["due_at"] else ""
    named = f", message {escape(request['message_id'])}" if request["message_id"] else ""
    print_line(f"  return request: {request['state']}{named}{due}")


def refused_of(answers: Sequence[Answer]) -> Answer | None:
    """Return the first of these that shows nothing; messages that are no longer kept hide nothing else."""
    return next((answer for answer in answers if answer.status not in {200, 410}), None)


WHOLE: Final = ("", "/events", "/messages")
"""The parts of what `print_whole` prints, below its own path."""


def print_whole(answers: Sequence[Answer], print_head: Callable[[dict[str, Any]], None], *, as_json: bool) -> int:
    """Print one thing, its history and its messages, as answered for each of `WHOLE`; return the exit status."""
    if (refused := refused_of(answers)) is not None:
        return print_refusal(refused)
    shown, events, messages = (answer.document for answer in answers)
    if as_json:
        print(json.dumps({**events, **shown, "messages": messages.get("messages")}, indent=2))
        return EXIT_OK
    print_head(shown)
    print_timeline(events, messages.get("messages"))
    print_freshness(answers[0])
    return EXIT_OK


def print_timeline(history: Mapping[str, Any], messages: Sequence[Mapping[str, Any]] | None) -> None:
    """Print what befell something, and what others asked about it, and every message with the link to its bytes.

    Each the oldest first. None: the messages are no longer kept.
    """
    events, questions = history["events"], history["questions"]
    for entry in merge(events, questions, key=lambda each: str(each["at"])):  # each list keeps its own order
        if "answers" in entry:
            print_question(entry)
        else:
            _print_event(entry)
    if messages is None:
        print_line("  its messages are no longer kept")
    for message in messages or ():
        _print_words(*(message[name] for name in ("at", "direction", "message_type", "business_message_id", "link")))


def _print_event(event: Mapping[str, Any]) -> None:
    code = (event["reason"] or {}).get("code")
    words = [event["at"], event["region"], event["kind"], event["state_after"], event.get("status"), code]
    _print_words(*words, event["business_message_id"])
    for finding in filter(None, event.get("details", {}).get("findings", "").split("; ")):
        print_line(f"    {escape(finding)}")


def print_question(question: Mapping[str, Any], *, about: bool = False) -> None:
    """Print what another institution has asked, and below it what it was told; `about`: also which message it names."""
    named = f"about {question['about'] or 'no message'}" if about else None
    _print_words(
        question["at"], question["message_type"], f"asked by {question['asked_by']}", named, question["message_id"]
    )
    for answer in question["answers"]:
        said = [
            answer["message_type"],
            answer["status"] or "it has arrived",
            answer["reason_code"],
            answer["message_id"],
        ]
        _print_words("  told", *said)


def _print_words(*words: str | None) -> None:
    print_line("  " + escape("  ".join(word for word in words if word)))


def print_line(text: str) -> None:
    """Print a line as it is: a terminal that is narrow wraps it, and cuts nothing off."""
    OUT.print(text, soft_wrap=True)
