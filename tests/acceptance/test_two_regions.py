"""Two complete regions on one machine: processes, servers, a link, a witness, one rail."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import pytest
from aiohttp import ClientSession

from gateway.cli.demo import SCENARIOS
from gateway.cli.drill.chance import fresh_seed
from gateway.cli.drill.region.command import played
from gateway.cli.drill.region.recount import recounted
from gateway.cli.two_regions import Plan, Region, TwoRegions
from gateway.cli.zygote import start_forked

KEYS: Final = 60
SETTLED_WITHIN_S: Final = 15.0
CUT_S: Final = 3.0
"""So much older the other region is seen while the link is cut: its time comes every second otherwise."""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoRegions]:
    """Both regions, serving, 5 ms apart."""
    plan = Plan(delay_ms=5.0, lease_s=6.0, books_every_copy=True, start=start_forked)
    regions = TwoRegions(plan, tmp_path_factory.mktemp("two-regions"))
    with regions.running():
        yield regions


@asynccontextmanager
async def client_of(two: TwoRegions) -> AsyncIterator[ClientSession]:
    """A client of the tenant's."""
    async with ClientSession(headers={"Authorization": f"Bearer {two.api_key}"}) as session:
        yield session


async def submitted(session: ClientSession, region: Region, key: str) -> tuple[int, dict[str, Any]]:
    """Send a payment that settles at once, under a key."""
    headers = {"Idempotency-Key": key}
    async with session.post(
        f"{region.gateway_url}/v1/payments", json=SCENARIOS[0].payment(), headers=headers
    ) as response:
        return response.status, await response.json(content_type=None)


async def until_final(session: ClientSession, region: Region, payment_id: str) -> dict[str, Any]:
    """The payment as a region shows it, once it shows it as final."""
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while True:
            async with session.get(f"{region.gateway_url}/v1/payments/{payment_id}") as response:
                payment: dict[str, Any] = await response.json(content_type=None)
                if response.status == 200 and payment["final"]:
                    return payment
            await asyncio.sleep(0.1)


def sent(journal: Path) -> Counter[str]:
    """How many copies of each message the rail has received."""
    facts = [json.loads(line) for line in journal.read_text().splitlines()]
    judged = [fact for fact in facts if fact["fact"] == "Judged" and fact["message_type"].startswith("pacs.008")]
    return Counter(fact["message_id"] for fact in judged)


async def test_keys_that_go_to_both_regions_at_once_are_one_payment_each_that_both_regions_show(
    two: TwoRegions,
) -> None:
    """Whichever region is asked, whichever hears the rail's answer: one payment, settled once, seen in both."""
    async with client_of(two) as session:
        async with asyncio.TaskGroup() as group:
            tasks = {
                (key, region.name): group.create_task(submitted(session, region, f"both-{key}"))
                for key in range(KEYS)
                for region in two.regions
            }
        answers = {about: task.result() for about, task in tasks.items()}
        ids = {key: {answers[key, region.name][1]["payment_id"] for region in two.regions} for key in range(KEYS)}
        async with asyncio.TaskGroup() as group:
            seen = [
                group.create_task(until_final(session, region, next(iter(ids[key]))))
                for key in range(KEYS)
                for region in two.regions
            ]

    assert {status for status, _ in answers.values()} == {202}
    assert all(len(payments) == 1 for payments in ids.values())
    assert {task.result()["state"] for task in seen} == {"SETTLED"}
    copies = sent(two.directory / "fednow-journal.jsonl")
    assert len(copies) == KEYS
    assert set(copies.values()) == {1}


async def test_regions_that_are_sound_say_so(two: TwoRegions) -> None:
    """Leases, map, replication: nothing wrong, in either."""
    async with asyncio.TaskGroup() as group:
        codes = [group.create_task(asyncio.to_thread(region.run_command, "region", "status")) for region in two.regions]

    assert [task.result() for task in codes] == [0, 0]


async def freshness_of(session: ClientSession, region: Region, payment_id: str) -> tuple[str, dict[str, float]]:
    """In which region a payment goes on, as a region answers, and how many seconds it says that each is behind."""
    async with session.get(f"{region.gateway_url}/v1/payments/{payment_id}") as response:
        payment = await response.json(content_type=None)
        said = re.findall(r'(\w+);behind_s=([0-9.]+);as_of="', response.headers["Fifteen-Freshness"])
    return payment["region"], {name: float(behind_s) for name, behind_s in said}


async def settled_at_home(session: ClientSession, home: Region, elsewhere: Region) -> str:
    """The id of a payment of a region that the other shows as settled."""
    answers = [(await submitted(session, home, f"at-home-{number}"))[1] for number in range(16)]
    payment_id = next(str(each["payment_id"]) for each in answers if each.get("region") == home.name)
    await until_final(session, elsewhere, payment_id)
    return payment_id


async def test_a_cut_link_leaves_each_region_its_own_keys_and_nothing_is_guessed(two: TwoRegions) -> None:
    """Own keys settle; the other's are refused or pending, never accepted twice; healed, every key is one payment.

    What is read says how fresh it is: as old as the cut in the other region, and fresh at home, the control.
    """
    east, west = two.regions
    async with client_of(two) as session:
        seen = await settled_at_home(session, east, west)
        home, before = await freshness_of(session, west, seen)
        await tell_link(session, two, is_cut=True)
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(submitted(session, two.regions[0], f"cut-{key}")) for key in range(20)]
            async with asyncio.timeout(SETTLED_WITHIN_S):
                while (while_cut := await freshness_of(session, west, seen))[1][east.name] < before[east.name] + CUT_S:
                    await asyncio.sleep(0.2)
            at_home = await freshness_of(session, east, seen)
        finally:
            await tell_link(session, two, is_cut=False)
        first = [task.result() for task in tasks]
        own = [answer["payment_id"] for status, answer in first if status == 202 and "payment_id" in answer]
        unknown = [answer for status, answer in first if status == 503 or answer.get("state") == "PENDING"]
        async with asyncio.TaskGroup() as group:
            again = [group.create_task(submitted(session, two.regions[0], f"cut-{key}")) for key in range(20)]
        ids = [task.result()[1]["payment_id"] for task in again]
        for payment_id in ids:
            assert (await until_final(session, two.regions[0], payment_id))["state"] in {"SETTLED", "REJECTED"}

    assert (home, while_cut[0], at_home[0]) == (east.name,) * 3
    assert (before[west.name], while_cut[1][west.name], at_home[1][east.name]) == (0, 0, 0)
    assert len(own) + len(unknown) == len(first)
    assert own
    assert unknown
    assert len(set(ids)) == 20
    assert set(own) <= set(ids)


def order(two: TwoRegions, **what: object) -> list[str]:
    """Have payments come from the network; returns their message ids."""
    url, content = f"{two.simulator_url}/simulator/v1/incoming", {"creditor_agent": "990000107", **what}
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(content).encode(), method="POST")) as response:
        ids: list[str] = json.load(response)["message_ids"]
    return ids


def asked_of(url: str) -> dict[str, Any]:
    """What a simulator shows."""
    with urllib.request.urlopen(url) as response:
        shown: dict[str, Any] = json.load(response)
    return shown


async def until_received(region: Region, ids: list[str], state: str, *, within_s: float = 15.0) -> dict[str, str]:
    """The transfers' own ids, once a region shows all of them in a state."""
    connection = await asyncpg.connect(region.server.application_dsn)
    found: list[asyncpg.Record] = []
    try:
        async with asyncio.timeout(within_s):
            while len(found) < len(ids) or {row["state"] for row in found} != {state}:
                await asyncio.sleep(0.05)
                found = await connection.fetch(
                    "SELECT fact.message_id, fact.payment_id::text AS id, now.state FROM incoming_transfer AS fact "
                    "JOIN incoming_state AS now USING (payment_id) WHERE fact.message_id = ANY ($1)",
                    ids,
                )
    except TimeoutError:
        raise AssertionError(f"{region.name}, wanted {state}: {[dict(row) for row in found]}") from None
    finally:
        await connection.close()
    assert len(found) == len(ids), "one fact for each"
    return {row["message_id"]: row["id"] for row in found}


async def test_what_the_rail_brings_to_either_region_or_to_both_is_one_transfer_posted_once(two: TwoRegions) -> None:
    """The rail goes round its connection points, and brings half of them twice: answered and credited once, each."""
    ids = [order(two, amount="51.74", copies=copies)[0] for copies in (1, 2) for _ in range(10)]

    shown = [await until_received(region, ids, "POSTED") for region in two.regions]

    at_rail = [asked_of(f"{two.simulator_url}/simulator/v1/incoming?message_id={each}") for each in ids]
    credited = asked_of(f"{two.institution_url}/simulator/v1/incoming")["credited"]
    assert shown[0] == shown[1]
    assert {each["status"] for each in at_rail} == {"ACSC"}
    assert [[answer["status"] for answer in each["answers"] if answer["counts"]] for each in at_rail] == [["ACTC"]] * 20
    assert [credited[each] for each in shown[0].values()] == [5_174] * 20
    homes = await asyncio.gather(*(home_of(region, ids) for region in two.regions))
    assert sum(homes) == len(ids)
    assert min(homes) > 0


async def home_of(region: Region, ids: list[str]) -> int:
    """How many of these transfers a region has written."""
    connection = await asyncpg.connect(region.server.application_dsn)
    try:
        return int(
            await connection.fetchval(
                "SELECT count(*) FROM incoming_transfer WHERE region = $1 AND message_id = ANY ($2)", region.name, ids
            )
        )
    finally:
        await connection.close()


async def tell_link(session: ClientSession, two: TwoRegions, *, is_cut: bool) -> None:
    """Cut the link, or mend it."""
    async with session.put(f"{two.link_url}/link", json={"delay_ms": 5, "is_cut": is_cut}) as response:
        assert response.status == 200


async def until_both_say(session: ClientSession, two: TwoRegions, path: str, state: str) -> list[dict[str, Any]]:
    """A conversation and its history, once both regions show the same of it, and that it stands there."""
    async with asyncio.timeout(SETTLED_WITHIN_S):
        while True:
            told = []
            for region in two.regions:
                for part in ("", "/events"):
                    async with session.get(f"{region.gateway_url}{path}{part}") as response:
                        told.append(await response.json(content_type=None))
            if told[:2] == told[2:] and told[0].get("state") == state:
                return told[:2]
            await asyncio.sleep(0.1)


async def test_what_is_asked_in_one_region_is_seen_and_taken_back_in_the_other(two: TwoRegions) -> None:
    """Begun here, withdrawn there, the answers brought to either: one history, the same in both, and one opening."""
    here, there = two.regions
    asked = {
        "amount": "51.74",
        "currency": "USD",
        "debtor": {"name": "Sample Debtor"},
        "debtor_account": "SIMPROMISE",
        "debtor_agent": "990001106",
        "creditor": {"name": "Sample Creditor"},
        "creditor_account": "100000007777",
        "creditor_agent": "990000107",
        "pay_on": (datetime.now(UTC) + timedelta(days=2)).date().isoformat(),
    }
    async with client_of(two) as session:
        url, key = f"{here.gateway_url}/v1/requests-for-payment", {"Idempotency-Key": "asked-here"}
        async with session.post(url, json=asked, headers=key) as response:
            path = (await response.json(content_type=None))["links"]["self"]
        await until_both_say(session, two, path, "ACCEPTED")
        async with session.post(f"{there.gateway_url}{path}/withdrawal", json={"reason_code": "CUST"}) as response:
            taken_back = await response.json(content_type=None)
        withdrawn, history = await until_both_say(session, two, path, "WITHDRAWN")

    assert (taken_back["state"], taken_back["region"]) == ("WITHDRAWING_ACCEPTED", here.name)
    assert (withdrawn["region"], withdrawn["due_at"]) == (here.name, None)
    assert [each["kind"] for each in history["events"]].count("Opened") == 1
    assert {each["region"] for each in history["events"]} == {here.name}


async def test_a_region_that_is_fenced_off_stops_by_itself_and_serves_again_when_it_is_let_in(two: TwoRegions) -> None:
    """Its processes run on, and accept nothing: 503, and nothing was done; the other region goes on."""
    east, west = two.regions
    assert await asyncio.to_thread(east.run_command, "region", "fence") == 0
    async with client_of(two) as session:
        async with asyncio.timeout(15):
            while (await submitted(session, west, "fenced"))[0] != 503:
                await asyncio.sleep(0.2)
        status, refused = await submitted(session, west, "fenced-2")
        assert (status, refused["code"]) == (503, "not_serving")
        assert await asyncio.to_thread(west.run_command, "region", "readmit") == 0
        async with asyncio.timeout(15):
            while (await submitted(session, west, "fenced-2"))[0] != 202:
                await asyncio.sleep(0.2)


async def test_the_drill_counts_nothing_lost_doubled_or_apart_when_the_link_is_cut_under_load(
    two: TwoRegions, tmp_path: Path
) -> None:
    """One scenario of `fifteen drill region`, the quickest; tests/proofs has all of them, and the controls."""
    [result] = await played(two, ["cut"], seed=fresh_seed(), directory=tmp_path)

    assert result.remarks == []
    assert result.is_good
    assert result.acknowledged >= 200
    assert result.in_doubt_resolved
    assert recounted(tmp_path / "cut") == result, "whoever counts again what is kept comes to the same"


async def test_a_region_serves_on_for_the_length_of_its_lease_without_the_witness(two: TwoRegions) -> None:
    """The witness is stopped and comes back within the lease: no client notices."""
    async with client_of(two) as session:
        await asyncio.to_thread(two.witness.kill)
        try:
            statuses = [(await submitted(session, two.regions[0], f"witness-{number}"))[0] for number in range(10)]
        finally:
            await asyncio.to_thread(two.witness.start)

    assert set(statuses) == {202}


async def test_a_region_that_is_lost_between_question_and_answer_is_taken_over_and_nothing_is_posted_on_a_guess(
    two: TwoRegions,
) -> None:
    """The last test here: one region is gone for good. The rail is asked, and what it brings comes to the other."""
    east, west = two.regions
    ids = [order(two, amount="51.74", creditor_account="SIMSLOW30")[0] for _ in range(8)]
    await until_received(west, ids, "RECEIVED")
    easts = await home_of(west, ids)
    lost = await lost_with(west, east, ids)
    await asyncio.to_thread(east.kill)
    assert len(lost) == len(ids) - easts
    assert lost
    assert await asyncio.to_thread(west.run_command, "region", "takeover") == 0

    gone = await until_received(west, lost, "NOT_SETTLED", within_s=30)
    later = [order(two, amount="51.74")[0] for _ in range(6)]
    posted = await until_received(west, later, "POSTED", within_s=30)

    at_rail = [asked_of(f"{two.simulator_url}/simulator/v1/incoming?message_id={each}") for each in (*lost, *later)]
    credited = asked_of(f"{two.institution_url}/simulator/v1/incoming")["credited"]
    assert [each["status"] for each in at_rail] == ["RJCT"] * len(lost) + ["ACSC"] * len(later)
    assert not set(gone.values()) & set(credited)
    assert [credited[each] for each in posted.values()] == [5_174] * len(later)


async def lost_with(survivor: Region, lost: Region, ids: list[str]) -> list[str]:
    """Those of the transfers that the lost region has written, as the survivor has them."""
    connection = await asyncpg.connect(survivor.server.application_dsn)
    try:
        rows = await connection.fetch(
            "SELECT message_id FROM incoming_transfer WHERE region = $1 AND message_id = ANY ($2)", lost.name, ids
        )
    finally:
        await connection.close()
    return [row["message_id"] for row in rows]
