"""``fifteen conversations``: what is asked and answered without money, ours and theirs."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import aiohttp
from rich.markup import escape

from adapters.system import SystemIdentifiers
from gateway.cli import EXIT_OK
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import OUT, stop
from gateway.cli.desk import WHOLE, ask, print_freshness, print_line, print_refusal, print_whole
from gateway.cli.running import gateway_of
from gateway.settings import Settings

_REMEDY: Final = "is it running? Nothing was changed"
_UNKNOWN: Final = "look at the conversation before repeating: it is not known whether it was done"


def list_conversations(
    settings: Settings, *, kind: str | None, everything: bool, url: str | None, as_json: bool
) -> int:
    """Print conversations, what is due first first; return the exit status."""
    query = {**({} if kind is None else {"kind": kind}), **({"all": "true"} if everything else {})}
    answer = ask(settings, url, partial(_get, path="", query=query), remedy=_REMEDY)
    if answer.status != 200:
        return print_refusal(answer)
    if as_json:
        print(json.dumps(answer.document, indent=2))
        return EXIT_OK
    if not answer.document["conversations"]:
        OUT.print("[green]there is none[/]")
    for each in answer.document["conversations"]:
        _print(each)
    if answer.document["more"]:
        OUT.print("There are more: name a kind with --kind.")
    print_freshness(answer)
    return EXIT_OK


def show_conversation(settings: Settings, conversation_id: str, *, url: str | None, as_json: bool) -> int:
    """Print one with its history and the list of its messages; return the exit status."""
    answers = [ask(settings, url, partial(_get, path=f"/{conversation_id}{part}"), remedy=_REMEDY) for part in WHOLE]
    return print_whole(answers, _print, as_json=as_json)


def request_payment(settings: Settings, file: Path, *, key: str | None, url: str | None) -> int:
    """Ask for the payment that a file says; return the exit status. The same file is the same request."""
    try:
        body = file.read_bytes()
        asked = json.loads(body)
    except OSError as error:
        stop(f"{file}: {error.strerror}")
    except ValueError as error:
        stop(f"{file}: {error}")
    return _started(settings, "/v1/requests-for-payment", asked, key or _key_of(body), url=url)


def request_report(settings: Settings, given: Mapping[str, str | None], *, key: str | None, url: str | None) -> int:
    """Ask the rail for a report; return the exit status. Without a key every call asks anew."""
    asked = {name: value for name, value in given.items() if value is not None}
    return _started(settings, "/v1/account-reports", asked, key or str(SystemIdentifiers().new_uuid()), url=url)


def request_information(
    settings: Settings,
    asked_about: str,
    *,
    is_request: bool,
    missing: Sequence[str],
    incorrect: Sequence[str],
    text: str | None,
    key: str | None,
    url: str | None,
) -> int:
    """Ask the sender of a transfer, or of a request for payment, about it; return the exit status."""
    asked: dict[str, Any] = {"missing": list(missing), "incorrect": list(incorrect)}
    asked |= {} if text is None else {"text": text}
    kind = "conversations" if is_request else "incoming-transfers"
    path = f"/v1/{kind}/{asked_about}/information-request"
    return _started(settings, path, asked, key or _key_of(f"{path}{json.dumps(asked)}".encode()), url=url)


def answer_conversation(
    settings: Settings, conversation_id: str, given: Mapping[str, Any], *, part: str, url: str | None
) -> int:
    """Answer in a conversation, or take a request back; return the exit status."""
    said = {name: value for name, value in given.items() if value}
    answer = ask(settings, url, partial(_post, path=f"/{conversation_id}/{part}", said=said), remedy=_UNKNOWN)
    if answer.status != 200:
        return print_refusal(answer)
    _print(answer.document)
    return EXIT_OK


def resend_request(settings: Settings, conversation_id: str, *, url: str | None) -> int:
    """Have a request of ours sent again whose receipt is missing; return the exit status."""
    return answer_conversation(settings, conversation_id, {}, part="resend", url=url)


def _started(settings: Settings, path: str, asked: Mapping[str, Any], key: str, *, url: str | None) -> int:
    address, api_key = gateway_of(settings, url)

    async def started() -> Answer:
        async with GatewayClient(address, api_key) as client:
            return await client.start_conversation(path, asked, key=key)

    try:
        answer = asyncio.run(started())
    except (aiohttp.ClientError, TimeoutError) as error:
        stop(f"{address} does not answer ({type(error).__name__}); repeat it: the same key is the same conversation")
    if answer.status != 200:
        return print_refusal(answer)
    _print(answer.document)
    return EXIT_OK


def _print(shown: Mapping[str, Any]) -> None:
    whose = "asked of us" if shown["direction"] == "in" else "asked by us"
    amount = "" if shown["amount"] is None else f"  {shown['amount']['value']} {shown['amount']['currency']}"
    due = f", due by {shown['due_at']}" if shown["due_at"] else ""
    look = "  [red]look at it[/]" if shown["attention"] else ""
    look += "  [red]no receipt[/]" if shown["missing_receipts"] else ""
    print_line(f"[bold]{shown['conversation_id']}[/]  {shown['kind']}, {whose}{amount}: {shown['state']}{due}{look}")
    may = f"; yours to do: {', '.join(shown['may'])}" if shown["may"] else ""
    print_line(f"  {escape(shown['message_id'])} with {shown['counterparty']}, in region {shown['region']}{may}")


def _key_of(content: bytes) -> str:
    return f"file-{hashlib.sha256(content).hexdigest()[:32]}"


async def _get(client: GatewayClient, *, path: str, query: Mapping[str, str] | None = None) -> Answer:
    return await client.conversations(path, query or {})


async def _post(client: GatewayClient, *, path: str, said: Mapping[str, Any]) -> Answer:
    return await client.say_in_conversation(path, said)
