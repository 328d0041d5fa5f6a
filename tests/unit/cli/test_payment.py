"""``fifteen payment show`` and ``fifteen incoming show`` against a gateway: one timeline with every message."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from adapters.http.representation import MONEY
from gateway.cli.desk import print_timeline
from gateway.cli.payments import MONEY as IN_WORDS
from gateway.domain.events import FINDINGS, Event, EventKind
from gateway.domain.incoming import IncomingEvent, IncomingState
from gateway.domain.incoming_transfer import IncomingFact
from gateway.domain.payment import Reason, ReasonOrigin
from tests.unit.cli.shell import Shell
from tests.unit.http.test_incoming import arrived, asked_for
from tests.unit.http.test_operators import called_for, contradicted
from tests.unit.http.test_questions import asked_by_another
from tests.unit.http.test_reading_payments import OTHER_UETR, UETR
from tests.unit.http.world import REPORT_ID, open_world

TWINS: Final = ((1, "", ""), (2, UETR, OTHER_UETR))
"""Two payments under one end-to-end id, told apart by their UETR."""


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """A gateway that has taken nothing yet."""
    async with open_world() as world:
        yield Shell(world, tmp_path)


async def test_a_payment_is_shown_with_its_money_its_history_and_every_message(shell: Shell) -> None:
    """By its id, or the end-to-end id that the client gave it; whole lines however narrow the terminal is."""
    payment = await shell.world.settles(await shell.world.accepted())
    await shell.world.befalls(payment, Event(EventKind.RETURN_ASKED, details={"request_id": "20261123ASKED"}))

    by_id = await shell.run("payment", "show", str(payment.payment_id))
    by_reference = await shell.run("payment", "show", payment.end_to_end_id)
    as_json = await shell.run("payment", "show", str(payment.payment_id), "--json")

    kept = await shell.world.store.messages(payment.payment_id)
    lines = by_id.output.splitlines()
    assert (by_id.exit_code, by_reference.exit_code, as_json.exit_code) == (0, 0, 0)
    assert by_reference.output == by_id.output
    assert lines[0].split() == [str(payment.payment_id), payment.amount.text, "USD", "SETTLED"]
    assert lines[1].strip() == "money: it has moved"
    assert any(line.strip().startswith("return request: ") for line in lines)
    assert any("SettlementReported" in line and "ACSC" in line and REPORT_ID in line for line in lines)
    assert [line.rsplit("/", 1)[1] for line in lines if "/messages/" in line] == [
        str(message.message_id) for message in kept
    ]
    shown = json.loads(as_json.output)
    assert [event["kind"] for event in shown["events"]][:2] == ["PaymentAccepted", "SendingStarted"]
    assert [message["message_id"] for message in shown["messages"]] == [str(message.message_id) for message in kept]


async def test_it_says_where_money_may_have_moved_and_what_a_person_may_do(shell: Shell) -> None:
    """In doubt nobody pays again; what the rail contradicts is named, and how it is ended."""
    in_doubt = await called_for(shell.world)
    doubtful = await shell.run("payment", "show", str(in_doubt.payment_id))

    assert "money: it may have moved: do not pay again" in doubtful.output
    assert "look at it" not in doubtful.output


async def test_a_contradiction_is_shown_as_the_list_of_doubts_shows_it(shell: Shell) -> None:
    """The end stays certain; what was said against it is there, with what may be done."""
    payment = await contradicted(shell.world)

    shown = await shell.run("payment", "show", str(payment.payment_id))

    assert "money: it has moved" in shown.output
    assert "look at it: contradicted" in shown.output
    assert "RJCT: AC04" in shown.output
    assert "what may be done: fifteen doubt settled" in shown.output


async def test_what_is_not_there_or_is_several_is_said_with_what_to_ask_for_instead(shell: Shell) -> None:
    """Never the wrong one of two payments: their ids are shown, each to be asked for."""
    ids: Sequence[str] = [
        str((await shell.world.accepted(number, old=old, new=new)).payment_id) for number, old, new in TWINS
    ]

    several = await shell.run("payment", "show", "EXAMPLE-INVOICE-1")
    unknown = await shell.run("payment", "show", "no such/reference?")

    assert (several.exit_code, unknown.exit_code) == (1, 1)
    assert all(payment_id in several.stderr for payment_id in ids)
    assert "no payment" in " ".join(unknown.stderr.split())


async def test_an_incoming_transfer_is_shown_with_its_messages_and_the_request_for_its_return(shell: Shell) -> None:
    """One timeline, in the form of a payment's."""
    transfer = await arrived(shell.world, state=IncomingState.PENDING)
    before = await shell.run("incoming", "show", str(transfer.payment_id))
    await asked_for(shell.world, transfer)

    after = await shell.run("incoming", "show", str(transfer.payment_id))
    as_json = await shell.run("incoming", "show", str(transfer.payment_id), "--json")

    assert (before.exit_code, after.exit_code, as_json.exit_code) == (0, 0, 0)
    assert ("return request" in before.output, "return request: " in after.output) == (False, True)
    assert [line.split()[1:3] for line in after.output.splitlines() if "/messages/" in line][-1] == [
        "rail_in",
        "camt.056.001.08",
    ]
    shown = json.loads(as_json.output)
    assert [event["kind"] for event in shown["events"]][-1] == "ReturnRequested"
    assert shown["messages"][-1]["business_message_id"] == "ASKED"


async def test_of_what_was_rejected_for_breaking_rules_each_is_shown_with_its_place(shell: Shell) -> None:
    """By its code, which `fifteen explain` knows, and the element."""
    transfer = await arrived(shell.world, state=IncomingState.RECEIVED)
    found = ["FEDNOW_CHARGE_BEARER at /Document/ChrgBr", "FEDNOW_CREDITOR at /Document/Cdtr"]
    reason = Reason("NARR", ReasonOrigin.GATEWAY, "Charges follow the service level.")
    fact = IncomingFact(IncomingEvent.REJECTION_DECIDED, reason, details={FINDINGS: "; ".join(found)})
    await shell.world.incoming.save([shell.world.deciding.decide(transfer, fact, at=transfer.updated_at)])

    shown = await shell.run("incoming", "show", str(transfer.payment_id))

    assert "NARR: Charges follow the service level." in shown.output
    assert [line.strip() for line in shown.output.splitlines() if " at /Document" in line] == found


async def test_what_another_institution_has_asked_stands_in_the_timeline_or_in_the_list(shell: Shell) -> None:
    """With what it was told; one about nothing here only in the list, and one that is about a transfer only there."""
    transfer = await arrived(shell.world, state=IncomingState.PENDING)
    await asked_by_another(shell.world, about=transfer.message_id, after=transfer)
    none = await shell.run("rail", "questions")
    shown = await shell.run("incoming", "show", str(transfer.payment_id))
    await asked_by_another(shell.world, about="NEVERCAME", question="20261120021150706ANOTHER")

    listed = await shell.run("rail", "questions")
    as_json = await shell.run("rail", "questions", "--json")

    assert "there is none" in none.output
    assert "pacs.028  asked by 990001106  20261120021150706QUESTION" in shown.output
    assert "told  pacs.002  RJCT  AG09  OURS1" in shown.output
    assert "told  admi.007  it has arrived  OURS0" in shown.output
    assert "asked by 990001106  about NEVERCAME" in listed.output
    assert [each["about"] for each in json.loads(as_json.output)["questions"]] == ["NEVERCAME"]


def test_messages_that_are_no_longer_kept_are_said_to_be_so(capsys: pytest.CaptureFixture[str]) -> None:
    """After the archive's years the history stays: it is shown all the same."""
    print_timeline({"events": [], "questions": []}, None)

    assert "no longer kept" in capsys.readouterr().out


def test_whatever_the_api_says_of_the_money_has_its_words() -> None:
    """A word of the API that the command does not know would end it with a traceback."""
    assert set(MONEY.values()) == set(IN_WORDS)
