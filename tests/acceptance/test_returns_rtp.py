"""Returns over RTP, which has no pacs.004: payments that refer to what they give back, asked for and answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from adapters.postgres.server import EmbeddedPostgres
from gateway.cli.replay import replay
from gateway.domain.payment import Rail
from gateway.settings import load_settings
from tests.acceptance.installation import installed
from tests.acceptance.payments import rtp_message, rtp_transfer
from tests.acceptance.receiving import Receiver, receiving, until
from tests.acceptance.test_receiving import sent_in
from tests.acceptance.test_receiving_rtp import SETTINGS
from tests.acceptance.test_returns import ask, asked_back, asked_until, faults_of, is_in, request_is, returns_of
from tests.conftest import Database, copy_database

PACS008: Final = "pacs.008.001.08"


@pytest.fixture
def receiver(database: Database, tmp_path: Path) -> Iterator[Receiver]:
    """An installation that sends and receives over RTP, with one worker."""
    with (
        installed(database, tmp_path, rails=(Rail.RTP,)) as installation,
        receiving(installation, database, more=SETTINGS, rail=Rail.RTP) as running,
    ):
        running.installation.start_worker()
        yield running


async def test_money_goes_back_and_comes_back_once_and_what_is_asked_back_is_answered(
    receiver: Receiver,
    database: Database,
    postgres_server: EmbeddedPostgres,
    template: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Refused postings go back; parts, both ways, and no further; asked, both ways, and every book agrees.

    More than is left of what came we do not give, neither asked for it nor by ourselves.
    """
    payments = [rtp_transfer() for _ in range(3)]
    paths = [f"/v1/payments/{ask(receiver, '/v1/messages', rtp_message(each))['payment_id']}" for each in payments]
    (refused,) = receiver.order(amount="150.00", creditor_account="SIMREFUSEAC06")
    (posted,) = receiver.order(amount="51.74")
    (kept,) = receiver.order(amount="12.00")
    for path in paths:
        await asked_until(receiver, path, is_shown_as("SETTLED"))

    await until(database, refused, sent_in("RETURNED"), within_s=25)
    transfers = [await until(database, each, is_in("POSTED")) for each in (posted, kept)]
    ours = [f"/v1/incoming-transfers/{each['payment_id']}" for each in transfers]
    for each in (posted, kept):
        asked_back(receiver, each, reason="DUPL")
    asked_back(receiver, posted, reason="DUPL", unknown=True)
    for path in ours:
        await asked_until(receiver, path, request_is("RECEIVED"))
    deferred = ask(receiver, f"{ours[0]}/return-answer", {"answer": "pending"}, expected=409)
    unlisted = ask(receiver, f"{ours[1]}/return-answer", {"answer": "refused", "reason_code": "MD07"}, expected=409)
    too_much = ask(receiver, f"{ours[0]}/return-answer", {"answer": "agreed", "amount": "51.75"}, expected=409)
    ask(receiver, f"{ours[0]}/return-answer", {"answer": "agreed", "amount": "20.00"})
    ask(receiver, f"{ours[1]}/return-answer", {"answer": "refused", "reason_code": "CUST"})
    answered = [
        await asked_until(receiver, path, request_is(state), within_s=25)
        for path, state in zip(ours, ("RETURNED", "REFUSED"), strict=True)
    ]

    beyond = ask(receiver, f"{ours[0]}/return", {"amount": "31.75", "reason_code": "CUST"}, expected=409, key="beyond")

    (first,) = receiver.order(returns=payments[0].message_id, returned="31.74", again_after_s=0.2)
    await until(database, first, sent_in("POSTED"))
    (second,) = receiver.order(returns=payments[0].message_id, returned="20.01")
    await until(database, second, sent_in("REJECTED"))
    untaken = ask(receiver, f"{paths[1]}/return-request", {"reason_code": "FOCR"}, expected=409)
    ask(receiver, f"{paths[1]}/return-request", {"reason_code": "DUPL"})
    ask(receiver, f"{paths[2]}/return-request", {"reason_code": "CUST"})
    asked = [
        await asked_until(receiver, path, request_is(state))
        for path, state in zip(paths[1:], ("RETURNED", "REFUSED"), strict=True)
    ]
    part = ask(receiver, paths[0])

    assert deferred["type"].endswith("return_not_answerable")
    assert "ARDT" in unlisted["detail"]
    assert untaken["why"] == "reason_not_taken"
    assert [each["code"] for each in (too_much, beyond)] == ["not_returnable"] * 2
    assert [each["returned"]["value"] for each in answered] == ["20.00", "0.00"]
    assert answered[0]["returnable"]["value"] == "31.74"
    assert [each["state"] for each in asked] == ["RETURNED", "SETTLED"]
    assert (part["state"], part["returned"]["value"]) == ("SETTLED", "31.74")
    went = [receiver.installation.copies_on_the_wire(each, rail=Rail.RTP) for each in await returns_of(database)]
    assert [[each["message_type"] for each in copies] for copies in went] == [[PACS008], [PACS008]]
    assert await faults_of(database) == 0
    quillmoor = receiver.installation.ledger(Rail.RTP)["positions"]["990000107"]
    assert quillmoor == (51_74 - 20_00) + 12_00 - 3 * 51_74 + 31_74 + 51_74
    for name, value in receiver.installation.environment.items():
        monkeypatch.setenv(name, value)
    into = await asyncio.to_thread(copy_database, postgres_server, template)
    again = await replay(load_settings(), database.application_dsn, into.owner_dsn, tell=lambda _: None)
    assert again.diverged == {}


def is_shown_as(state: str) -> Any:
    """Whether a payment is shown in this state."""
    return lambda shown: shown["state"] == state
