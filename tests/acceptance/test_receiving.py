"""Receiving through the real stack: the rail has its answer inside its clock, and the money is right in every case."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.acceptance.installation import Installation
from tests.acceptance.receiving import Receiver, receiving, until
from tests.conftest import Database


@pytest.fixture
def receiver(install: Callable[[str], AbstractContextManager[Installation]], database: Database) -> Iterator[Receiver]:
    """A receiving installation with one worker."""
    with install("embedded") as installation, receiving(installation, database) as running:
        installation.start_worker()
        yield running


async def test_a_payment_is_accepted_settled_posted_and_told(receiver: Receiver, database: Database) -> None:
    """The good case: ACTC, ACSC, posted at the institution, ACCC."""
    (message_id,) = receiver.order()

    ended = await until(database, message_id, lambda row: row["state"] == "POSTED" and row["unsent_at"] is None)

    at_rail, at_institution = receiver.at_rail(message_id), receiver.at_institution()
    assert ended["kinds"] == ["TransferReceived", "AcceptanceDecided", "SettlementAdvised", "PostingConfirmed"]
    assert [answer["status"] for answer in at_rail["answers"]] == ["ACTC"]
    assert (at_rail["status"], at_rail["posting"]) == ("ACSC", [{"status": "ACCC", "reasons": []}])
    assert list(at_institution["credited"].values()) == [5174]
