"""``fifteen rail``: how we stand on a rail, and what is asked of it, through a gateway's API."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any, Final

from rich.markup import escape

from gateway.cli import EXIT_FINDINGS, EXIT_OK
from gateway.cli.client import Answer, GatewayClient
from gateway.cli.console import OUT
from gateway.cli.desk import ask, print_line, print_question, print_refusal
from gateway.settings import Settings

ENDS_WITHIN_S: Final = 30.0
"""A rail answers within seconds (Operating Procedures v2.1); a worker sends what was asked within one."""

LOOK_PAUSE_S: Final = 0.2

_REMEDY: Final = "is it running? fifteen rail status says what was asked"
_UNKNOWN: Final = {True: "yes", False: "no", None: "never heard"}


def operate(
    settings: Settings,
    action: str,
    *,
    rail: str,
    subject: str | None,
    note: str,
    url: str | None,
    as_json: bool,
) -> int:
    """Ask something of a rail, and wait for its answer; return 0 when it was done, 1 when not."""
    asked = {"action": action, "note": note} | ({} if subject is None else {"subject": subject})
    answer = ask(settings, url, partial(_operate, rail=rail, asked=asked), remedy=_REMEDY)
    if answer.status not in {200, 202}:
        return print_refusal(answer)
    operation = answer.document
    if as_json:
        print(json.dumps(operation, indent=2))
    else:
        _print_operation(operation)
        if operation["state"] == "asked":
            OUT.print("The rail has not answered yet: fifteen rail status shows when it does. Do workers run?")
    return EXIT_OK if operation["state"] == "done" else EXIT_FINDINGS


def show(settings: Settings, *, rail: str, url: str | None, as_json: bool) -> int:
    """Print how we stand on a rail."""
    answer = ask(settings, url, partial(_status, rail=rail), remedy=_REMEDY)
    if answer.status != 200:
        return print_refusal(answer)
    if as_json:
        print(json.dumps(answer.document, indent=2))
        return EXIT_OK
    print_status(answer.document)
    return EXIT_OK


def list_questions(settings: Settings, *, rail: str, url: str | None, as_json: bool) -> int:
    """Print what other institutions have asked about nothing that is known here; return the exit status."""
    answer = ask(settings, url, partial(_questions, rail=rail), remedy=_REMEDY)
    if answer.status != 200:
        return print_refusal(answer)
    if as_json:
        print(json.dumps(answer.document, indent=2))
        return EXIT_OK
    if not answer.document["questions"]:
        OUT.print("[green]there is none[/]")
    for each in answer.document["questions"]:
        print_question(each, about=True)
    if answer.document["more"]:
        OUT.print("There are more: these are the newest.")
    return EXIT_OK


def close(settings: Settings, message_id: str, *, rail: str, note: str, url: str | None) -> int:
    """Say that what was missing was looked at; return 0 when that is kept."""
    answer = ask(settings, url, partial(_close, rail=rail, message_id=message_id, note=note), remedy=_REMEDY)
    if answer.status != 200:
        return print_refusal(answer)
    print_line(f"closed {escape(answer.document['message_id'])}: {escape(answer.document['description'])}")
    return EXIT_OK


def close_receipt(settings: Settings, message_id: str, *, rail: str, note: str, url: str | None) -> int:
    """Say that a receipt that is missing was looked into; return 0 when that is kept."""
    answer = ask(settings, url, partial(_close_receipt, rail=rail, message_id=message_id, note=note), remedy=_REMEDY)
    if answer.status != 200:
        return print_refusal(answer)
    print_line(f"closed {escape(answer.document['message_id'])}, {escape(answer.document['message_type'])}")
    return EXIT_OK


async def _close_receipt(client: GatewayClient, *, rail: str, message_id: str, note: str) -> Answer:
    return await client.close_receipt(rail, message_id, note=note)


async def _close(client: GatewayClient, *, rail: str, message_id: str, note: str) -> Answer:
    return await client.close_missing(rail, message_id, note=note)


async def _operate(client: GatewayClient, *, rail: str, asked: dict[str, str]) -> Answer:
    """Ask, and look until it has ended, or for as long as an answer may take."""
    answer = await client.rail_operation(rail, asked)
    loop = asyncio.get_running_loop()
    until_s = loop.time() + ENDS_WITHIN_S
    while answer.accepted and answer.document["state"] == "asked" and loop.time() < until_s:
        await asyncio.sleep(LOOK_PAUSE_S)
        answer = await client.rail_operation_status(rail, answer.document["operation_id"])
    return answer


async def _questions(client: GatewayClient, *, rail: str) -> Answer:
    return await client.rail_questions(rail)


async def _status(client: GatewayClient, *, rail: str) -> Answer:
    return await client.rail(rail)


def print_status(status: dict[str, Any]) -> None:
    """Print how we stand, for people."""
    print_line(f"connection party  signed on: {_UNKNOWN[status['connection_party']['signed_on']]}")
    for each in status["institutions"]:
        print_line(
            f"institution {each['routing_number']}  signed on: {_UNKNOWN[each['signed_on']]}, "
            f"reached: {_UNKNOWN[each['reached']]}"
        )
    for each in status["connection_points"]:
        print_line(f"connection point {each['connection_point']}  connected: {_UNKNOWN[each['connected']]}")
    if status["downtime"] is not None:
        _print_downtime(status["downtime"])
    _print_directory(status["directory"])
    for each in status["missing"]:
        print_line(
            f"[red]missing[/] {escape(each['message_id'])} to {each['routing_number']}: {escape(each['description'])}"
        )
    for each in status["missing_receipts"]:
        print_line(
            f"[red]no receipt[/] of {escape(each['message_id'])}, {escape(each['message_type'])}, "
            f"sent {each['sent_at']}: {each['link']}"
        )
    for each in status["operations"]:
        _print_operation(each)
    for each in status["broadcasts"]:
        print_line(f"{each['heard_at']}  news {escape(each['code'])} {escape(' '.join(each['subjects']))}")


def _print_downtime(downtime: dict[str, Any]) -> None:
    window = downtime["window"]
    print_line(f"downtime window {window['opens_at']} to {window['closes_at']}" + (", open" if window["open"] else ""))
    for each in downtime["institutions"]:
        used = (
            f"{each['quarter_s']} s of {downtime['allowed_s']['quarter']} s this quarter, {each['year_s']} s this year"
        )
        print_line(f"downtime of {each['routing_number']}  {used}, {each['unplanned_s']} s of it unplanned")
        for fault in each["faults"]:
            print_line(f"  [red]{escape(fault)}[/]")


def _print_directory(directory: dict[str, Any] | None) -> None:
    if directory is None:
        return
    if directory["heard_at"] is None:
        print_line(f"participant directory  never heard, use: {directory['use']}")
        return
    fresh = "fresh" if directory["fresh"] else "[red]stale[/]"
    print_line(
        f"participant directory  of {directory['business_day']}, heard {directory['heard_at']} "
        f"({directory['age_s']} s ago), {fresh}, use: {directory['use']}; {directory['participants']} participants, "
        f"{directory['signed_off']} signed off"
    )


def _print_operation(operation: dict[str, Any]) -> None:
    said = f"{operation['code']} {operation['subject'] or ''}".strip()
    reason = ": ".join(filter(None, (operation["reason_code"], operation["description"])))
    asked = f"by {operation['asked_by']}: {operation['note']}"
    print_line(
        f"{operation['asked_at']}  {escape(said)}  [bold]{operation['state']}[/]  {escape(reason)}".rstrip()
        + f"  ({escape(asked)})"
    )
