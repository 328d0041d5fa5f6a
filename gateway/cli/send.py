"""``fifteen send``: one payment from a file through a gateway."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import tempfile
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
from rich.box import SIMPLE
from rich.markup import escape
from rich.table import Table

from adapters.system import SystemClock, SystemIdentifiers
from gateway.cli import EXIT_FINDINGS, EXIT_OK, EXIT_OPEN
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import ERROR, OUT, stop
from gateway.cli.running import gateway_of
from gateway.settings import Settings
from iso20022 import ConnectionPartyId, EnvelopeKind, FedNowProfile, ProtocolError, read, unwrap
from iso20022.restamp import Restamped, restamp
from simulators.participants import map_to_participants

_SETTLED = frozenset({"SETTLED", "ACCEPTED_WITHOUT_POSTING"})


def send_file(
    file: Path,
    settings: Settings,
    *,
    restamped: bool,
    rail: str | None,
    url: str | None,
    key: str | None,
    wait_s: int,
    as_json: bool,
    is_liquidity: bool = False,
) -> int:
    """Send the file over the rail that is named or that it shows, print what became of it, and return the exit code."""
    try:
        body = file.read_bytes()
    except OSError as error:
        stop(f"{file}: {error.strerror}")
    address, api_key = gateway_of(settings, url)
    payment = _json_payment(file, body) if body.lstrip()[:1] == b"{" else None
    if payment is not None and rail is not None:
        payment = {**payment, "rail": rail}
    if payment is None and is_liquidity:
        stop("--liquidity is for JSON; a pacs.009 shows by itself what it is: send the file without it")
    key = key or f"file-{hashlib.sha256(body).hexdigest()[:32]}"
    if restamped and payment is None:
        result = _restamp(body, settings)
        body = result.body
        if not as_json:
            _print_changes(result)
    try:
        path = "/v1/liquidity-transfers" if is_liquidity else "/v1/payments"
        answer = asyncio.run(_send(address, api_key, body, payment, rail=rail, key=key, wait_s=wait_s, path=path))
    except (aiohttp.ClientError, TimeoutError) as error:
        again = _kept(file, body) if restamped and payment is None else file
        stop(
            f"{address} does not answer ({type(error).__name__}); whether it took the payment is unknown. Send "
            f"{again} again, without --restamp: under the same ids it is never paid twice"
        )
    if as_json:
        OUT.print_json(json.dumps(answer.document))
    else:
        _print_answer(answer)
    return _exit_code(answer)


def _restamp(body: bytes, settings: Settings) -> Restamped:
    now = SystemClock().now().astimezone(ZoneInfo(FedNowProfile().time_zone))
    identifiers = SystemIdentifiers()
    try:
        is_rtp = unwrap(read(body)).kind is EnvelopeKind.RTP_MESSAGE
        return restamp(
            body,
            now=now,
            connection_party=ConnectionPartyId(
                settings.rtp.participant if is_rtp else settings.fednow.connection_party
            ),
            unique=identifiers.new_uuid().int ^ identifiers.new_uuid().int << 64,
            map_routing_numbers=map_to_participants,
        )
    except ProtocolError as error:
        stop(f"the file cannot be read as a message: {error}")


def _json_payment(file: Path, body: bytes) -> dict[str, Any]:
    try:
        payment: dict[str, Any] = json.loads(body)
    except ValueError as error:
        stop(f"{file} is no JSON: {error}")
    return payment


def _kept(file: Path, body: bytes) -> Path:
    """Keep a restamped message, so that it can be sent again under the same ids; returns where."""
    kept = Path(tempfile.mkdtemp(prefix="fifteen-")) / f"{file.stem}.restamped.xml"
    kept.write_bytes(body)
    return kept


async def _send(
    address: str,
    api_key: str,
    body: bytes,
    payment: dict[str, Any] | None,
    *,
    rail: str | None,
    key: str,
    wait_s: int,
    path: str,
) -> Answer:
    async with GatewayClient(address, api_key) as client:
        if payment is not None:
            return await client.send_payment(payment, key=key, wait_s=wait_s, path=path)
        return await client.send_message(body, wait_s=wait_s, rail=rail)


def _print_changes(result: Restamped) -> None:
    table = Table(title="Restamped", title_justify="left", box=SIMPLE)
    for heading in ("element", "was", "is"):
        table.add_column(heading, overflow="fold")
    for change in result.changes:
        table.add_row(_short(change.xpath), change.before, change.after)
    OUT.print(table)


def _short(xpath: str) -> str:
    """The path without what is the same for every element: envelope, Document and message, and an agent's inside."""
    inside = re.sub(r"^.*/(?=AppHdr/)|^.*/Document/[^/]+/", "", xpath)
    return inside.replace("FIId/", "").replace("FinInstnId/ClrSysMmbId/", "")


def _print_answer(answer: Answer) -> None:
    document = answer.document
    if not answer.accepted:
        ERROR.print(f"[red]{answer.status}[/] {escape(document.get('title', 'refused'))}")
        if document.get("detail"):
            ERROR.print(f"  {escape(document['detail'])}")
        for finding in document.get("findings", ()):
            ERROR.print(f"  {finding['code']}  {escape(finding.get('xpath') or '')}  {escape(finding['rule'])}")
            ERROR.print(f"    [cyan]{escape(finding['hint'] or '')}[/]")
        return
    reason = document.get("reason")
    OUT.print(f"payment  {document['payment_id']}")
    OUT.print(f"uetr     {document['uetr']}")
    OUT.print(f"state    [bold]{document['state']}[/]")
    OUT.print(f"status   [bold]{document['status'] or '-'}[/]" + (f"  {reason['code']}" if reason else ""))
    if document.get("elapsed_ms") is not None:
        OUT.print(f"elapsed  {document['elapsed_ms']} ms")
    if document.get("next_step"):
        OUT.print(f"next     {document['next_step']['what']} at {document['next_step']['at']}")


def _exit_code(answer: Answer) -> int:
    if not answer.accepted:
        return EXIT_FINDINGS
    if not answer.document["final"]:
        return EXIT_OPEN
    return EXIT_OK if answer.document["state"] in _SETTLED else EXIT_FINDINGS
