"""Receiving for an institution that is asked over RabbitMQ: the same answers, inside the same clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.acceptance.installation import installed
from tests.acceptance.receiving import SECRET, Receiver, receiving, register, until
from tests.acceptance.test_receiving import answers, sent_in, warmed_up
from tests.conftest import Database
from tests.integration.bus.wire import FaultyWire

QUEUE: Final = "bank.incoming"
RESERVE_S: Final = 3.0
OWN_SHARE_S: Final = 2.0
"""The institution is waited for one second; on a busy machine ours may take longer than it does."""

Said = list[tuple[str, tuple[str, ...]]]


@pytest.fixture
async def wire(rabbitmq_url: str) -> AsyncIterator[FaultyWire]:
    """The wire between the workers and the institution's broker."""
    wire = FaultyWire(rabbitmq_url)
    async with wire.running():
        yield wire


@pytest.fixture
def receiver(database: Database, tmp_path: Path, rabbitmq_url: str, wire: FaultyWire) -> Iterator[Receiver]:
    """A receiving installation whose institution is asked over a queue; workers reach its broker over the wire."""
    more = {
        "FIFTEEN_FEDNOW__RECEIVER_RESERVE_S": str(RESERVE_S),
        "FIFTEEN_FEDNOW__RECEIVER_OWN_SHARE_S": str(OWN_SHARE_S),
        "FIFTEEN_INSTITUTION_BROKER_URL": wire.url,
    }
    options = ("--amqp", rabbitmq_url, "--queue", QUEUE)
    with (
        installed(database, tmp_path, rail_clock_s=5, status_request_wait_s=6) as installation,
        receiving(installation, database, more=more, options=options) as running,
    ):
        yield running


async def test_over_a_queue_the_rail_has_its_answer_in_time_whatever_the_institution_and_its_broker_do(
    receiver: Receiver, database: Database, wire: FaultyWire
) -> None:
    """Accepted, rejected, held, late, silent, nonsense, forged; the broker away; and back: what arrived is posted."""
    await register(database, f"queue:{QUEUE}")
    receiver.installation.start_worker()
    small, large = {"amount": "51.74"}, {"amount": "150.00"}
    accepted: Said = [("ACTC", ())]
    stood_in: Said = [("RJCT", ("AC06",))]
    cases: list[tuple[dict[str, Any], str, Said]] = [
        ({**large}, "POSTED", accepted),
        ({**large, "creditor_account": "SIMREJECTAC04"}, "REJECTED", [("RJCT", ("AC04",))]),
        ({**large, "creditor_account": "SIMHOLD"}, "PENDING", [("ACWP", ())]),
        ({**large, "creditor_account": "SIMREFUSEAC06"}, "RETURNED", accepted),
        ({**large, "creditor_account": "SIMSLOW3"}, "POSTED", accepted),
        ({**large, "creditor_account": "SIMSLOW15"}, "REJECTED", stood_in),
        ({**small, "creditor_account": "SIMSLOW15"}, "POSTED", accepted),
        ({**small, "creditor_account": "SIMSILENT"}, "POSTED", accepted),
        ({**large, "creditor_account": "SIMNONSENSE"}, "REJECTED", stood_in),
        ({**large, "creditor_account": "SIMFORGED"}, "REJECTED", stood_in),
    ]
    await warmed_up(receiver, database)

    ids = [receiver.order(**order)[0] for order, *_ in cases]
    rows = [await until(database, each, sent_in(state)) for each, (_, state, _) in zip(ids, cases, strict=True)]
    said = [receiver.at_rail(each) for each in ids]
    late = await until(database, ids[5], lambda row: row["contradictions"] == 1)
    agreed = await until(database, ids[6], lambda row: row["kinds"].count("AcceptanceDecided") > 1)
    wire.is_refusing = True
    wire.cut()
    away = [receiver.order(**amount)[0] for amount in (small, large)]
    without = [
        await until(database, each, sent_in(state)) for each, state in zip(away, ("SETTLED", "REJECTED"), strict=True)
    ]
    wire.is_refusing = False
    while_away = [receiver.at_rail(each) for each in away]
    back = await until(database, away[0], sent_in("POSTED"), within_s=60)

    assert [answers(each) for each in said] == [expected for *_, expected in cases]
    assert [answers(each) for each in while_away] == [accepted, stood_in]
    assert all(
        answer["counts"] and answer["after_ms"] < RESERVE_S * 1_000
        for each in (*said, *while_away)
        for answer in each["answers"]
    )
    assert "AcceptanceDecided" in late["kinds"]
    assert agreed["contradictions"] == 0
    assert without[0]["payment_id"] == back["payment_id"]
    credited = receiver.at_institution()["credited"]
    posted = {str(row["payment_id"]) for row in (*rows, back) if row["state"] == "POSTED"}
    assert posted <= set(credited)
    assert not {str(row["payment_id"]) for row in (*rows, *without) if row["state"] == "REJECTED"} & set(credited)
    assert SECRET not in receiver.installation.logs()
