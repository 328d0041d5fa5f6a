"""The drill of two regions: its count, fault by fault; its roles' parts; and what the command takes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Final, cast

import pytest
from typer.testing import CliRunner

from gateway.cli.application import application
from gateway.cli.drill.chance import Dice
from gateway.cli.drill.region.arrivals import AMOUNT_CENTS, Arrivals, order_of
from gateway.cli.drill.region.count import RTO_MAX_S, Result
from gateway.cli.drill.region.evidence import Claim, Evidence, RailRecord
from gateway.cli.drill.region.faults import OffClock, sprung, trap_of
from gateway.cli.drill.region.load import Load, Refusal, prefix_of
from gateway.cli.drill.region.plants import SENTENCES, Plant
from gateway.cli.drill.region.received import RailAnswers, Received, Transfer
from gateway.cli.drill.region.recount import held_up
from gateway.cli.drill.region.scenarios import QUICK, SCENARIOS
from gateway.cli.two_regions import Region
from gateway.service.ports import LeaseOverError, NotServingError, UnavailableError
from simulators.core.incoming import reply_to_question
from simulators.orders import orders_from
from tests.fakes.clock import VirtualClock
from tests.unit.http.world import json_payment, open_world

KEY: Final = "killed-1-7"
AT: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
SOUND: Final = Claim("use1", 1, AT, "payment", "message", "SETTLED", 3, 1)
"""A claim of the first region's, whose payment has settled."""

TAKEN_OVER: Final = replace(SOUND, region="use1", claimed_under=2, claimed_at=AT + timedelta(seconds=9), epoch=2)
LOST: Final = replace(SOUND, region="usw2", claimed_under=1, epoch=2)
"""The same key, claimed by the second region before it was lost, and by the first one after that."""


def evidence(
    here: Sequence[Claim] = (SOUND,),
    there: Sequence[Claim] | None = None,
    *,
    told: Sequence[str] = ("payment",),
    copies: int = 1,
    settled: int = 1,
    moved_at: datetime | None = None,
    missed: Sequence[str] = (),
) -> Evidence:
    """What is known of one key; without more, all is well."""
    rows = {KEY: here} if here else {}
    others = rows if there is None else ({KEY: there} if there else {})
    rail = RailRecord(Counter({"message": copies}), Counter({"message": settled}))
    return Evidence({KEY: frozenset(told)} if told else {}, rows, others, rail, moved_at, frozenset(missed))


def test_a_key_with_one_payment_that_all_know_alike_is_accounted_for() -> None:
    """The control of those below."""
    found = evidence()

    assert found.keys == [KEY]
    assert (found.doubled(KEY), found.diverged(KEY), found.unaccounted(KEY)) == (None, None, None)


DOUBLED: Final[Mapping[str, Evidence]] = {
    "told of two payments": evidence(told=("payment", "another")),
    "two copies at the rail": evidence(copies=2),
    "claimed in both at once": evidence([SOUND, replace(SOUND, region="usw2")]),
    "claimed again without a takeover": evidence([LOST, TAKEN_OVER]),
    "claimed by the lost one after the takeover": evidence([LOST, TAKEN_OVER], moved_at=AT - timedelta(seconds=1)),
}


@pytest.mark.parametrize("what", DOUBLED)
def test_a_key_with_more_than_one_payment_is_doubled(what: str) -> None:
    """Each way in which it can be."""
    assert DOUBLED[what].doubled(KEY) is not None


def test_two_claims_under_ids_of_their_own_are_counted_together_at_the_rail() -> None:
    """Otherwise ids that are drawn would hide what they double."""
    other = replace(TAKEN_OVER, message_id="another")
    rail = RailRecord(Counter(message=1, another=1), Counter(message=1, another=1))
    found = Evidence({KEY: frozenset({"payment"})}, {KEY: [LOST, other]}, {}, rail, AT + timedelta(seconds=5))

    assert found.doubled(KEY) == "2 copies came to the rail"
    assert found.unaccounted(KEY) == "it is SETTLED, and the rail settled 2 copies"


def test_a_claim_that_was_lost_with_its_region_and_made_again_by_who_took_over_is_one_payment() -> None:
    """What replication had not brought: its ids are functions of the key, and the rail is asked about them."""
    found = evidence([LOST, TAKEN_OVER], moved_at=AT + timedelta(seconds=5))

    assert (found.doubled(KEY), found.unaccounted(KEY)) == (None, None)


@pytest.mark.parametrize("there", [(), (replace(SOUND, state="IN_DOUBT"),), (replace(SOUND, version=4),)])
def test_what_the_regions_do_not_know_alike_has_diverged(there: tuple[Claim, ...]) -> None:
    """Missing, in another state, or with another history."""
    assert evidence(there=there).diverged(KEY) is not None


UNACCOUNTED: Final[Mapping[str, Evidence]] = {
    "lost": evidence([]),
    "another payment": evidence(told=("another",)),
    "settled here, not there": evidence(settled=0),
    "settled twice": evidence(settled=2),
    "rejected here, settled there": evidence([replace(SOUND, state="REJECTED")]),
    "still open": evidence([replace(SOUND, state="IN_DOUBT")]),
    "unknown to who took over, though in both regions": evidence(missed=(KEY,)),
}


@pytest.mark.parametrize("what", UNACCOUNTED)
def test_what_a_client_was_told_of_and_is_not_so_is_not_accounted_for(what: str) -> None:
    """An acknowledgement is a promise."""
    assert UNACCOUNTED[what].unaccounted(KEY) is not None


def test_what_the_rail_rejected_and_is_rejected_here_is_accounted_for() -> None:
    """No money has moved, and nobody says so."""
    assert evidence([replace(SOUND, state="REJECTED")], settled=0).unaccounted(KEY) is None


def test_the_rails_journal_is_read_copy_by_copy() -> None:
    """A copy that was booked and has not settled moved nothing."""
    lines = [
        {"fact": "PaymentBooked", "copy": 1, "message_id": "message", "status": "ACSC"},
        {"fact": "PaymentBooked", "copy": 2, "message_id": "message", "status": "RJCT"},
        {"fact": "PaymentBooked", "copy": 3, "message_id": "open", "status": "ACSC"},
        {"fact": "PaymentCompleted", "copy": 1},
        {"fact": "PaymentCompleted", "copy": 2},
    ]
    rail = RailRecord.read(json.dumps(line, separators=(",", ":")).encode() for line in lines)

    assert (rail.copies["message"], rail.settled["message"], rail.settled["open"]) == (2, 1, 0)


POSTED: Final = Transfer("use1", "transfer", "POSTED", 6, 1)
"""A transfer that the rail has brought, and whose money is where it belongs."""


def received(
    here: Sequence[Transfer] = (POSTED,),
    there: Sequence[Transfer] | None = None,
    *,
    answers: Sequence[str] = ("ACTC",),
    completed: str | None = "ACSC",
    credited: Mapping[str, int] | None = None,
    missed: Sequence[str] = (),
) -> Received:
    """What is known of one transfer; without more, all is well."""
    rail = RailAnswers({KEY: frozenset(answers)}, {} if completed is None else {KEY: completed})
    cents = {"transfer": AMOUNT_CENTS} if credited is None else credited
    return Received(rail, {KEY: here}, {KEY: here if there is None else there}, cents, frozenset(missed))


def test_a_transfer_that_settled_is_posted_once_and_answered_once_is_accounted_for() -> None:
    """The control of those below; so is one that did not settle, and of which nothing was credited."""
    unsettled = received([replace(POSTED, state="NOT_SETTLED")], completed="RJCT", credited={})

    for found in (received(), unsettled):
        assert (found.doubled(KEY), found.diverged(KEY), found.unaccounted(KEY)) == (None, None, None)


def test_a_transfer_that_is_answered_in_two_ways_or_credited_under_two_ids_is_doubled() -> None:
    """Each region on its own, or one before and one after a takeover."""
    other = replace(POSTED, region="usw2", payment_id="another")
    twice = received([POSTED, other], credited={"transfer": AMOUNT_CENTS, "another": AMOUNT_CENTS})

    assert received(answers=("ACTC", "RJCT")).doubled(KEY) == "it was answered ACTC and RJCT"
    assert twice.doubled(KEY) is not None


RECEIVED_WRONG: Final[Mapping[str, Received]] = {
    "settled, and unknown": received([], credited={}),
    "settled, and not posted": received([replace(POSTED, state="IN_DOUBT")], credited={}),
    "settled, and not credited": received(credited={}),
    "not settled, and credited": received([replace(POSTED, state="NOT_SETTLED")], completed="RJCT"),
    "without an end": received(completed=None),
    "unknown to who took over": received(missed=[KEY]),
}


@pytest.mark.parametrize("what", RECEIVED_WRONG)
def test_a_transfer_that_is_not_what_the_rail_made_of_it_is_not_accounted_for(what: str) -> None:
    """An acceptance is a promise: the money arrives here."""
    assert RECEIVED_WRONG[what].unaccounted(KEY) is not None


def test_a_transfer_that_the_regions_do_not_know_alike_has_diverged() -> None:
    """As a payment that is sent."""
    assert received(there=[replace(POSTED, version=5)]).diverged(KEY) is not None
    assert received(there=[]).diverged(KEY) is not None


def test_what_was_answered_is_read_from_the_rails_journal() -> None:
    """Answers that came too late to count are answers; what was said of the posting is none."""
    lines = [
        {"fact": "ReceiverAnswered", "message_id": "one", "status": "ACTC", "counts": True},
        {"fact": "ReceiverAnswered", "message_id": "one", "status": "RJCT", "counts": False},
        {"fact": "ReceiverAnswered", "message_id": "two", "status": "RJCT", "counts": True},
        {"fact": "ForwardingCompleted", "message_id": "one", "status": "ACSC"},
        {"fact": "ForwardingStatus", "message_id": "one", "status": "ACCC"},
    ]
    rail = RailAnswers.read(json.dumps(line, separators=(",", ":")).encode() for line in lines)

    assert rail.answers["one"] == {"ACTC", "RJCT"}
    assert rail.completed == {"one": "ACSC"}
    assert rail.accepted(["one", "two", "three"]) == ["one"]


def test_some_of_what_the_rail_brings_comes_twice_and_some_is_decided_slowly() -> None:
    """As it does: to two connection points, at least once, while the institution thinks; the simulator takes it so."""
    orders = [orders_from(order_of("killed-1", number))[0] for number in range(1, 43)]

    assert {order.copies for order in orders} == {1, 2}
    assert {order.again_after_s is None for order in orders} == {True, False}
    assert any(reply_to_question(order.creditor_account, times_asked=1).after_s for order in orders)
    assert {order.amount.cents for order in orders} == {AMOUNT_CENTS}
    assert len({order.end_to_end_id for order in orders}) == len(orders)


def test_a_result_has_exactly_the_fields_that_were_agreed_on() -> None:
    """Whoever reads them by machine relies on it."""
    assert list(Result("killed", 7).as_json()) == [
        "acknowledged", "accounted", "doubled", "diverged", "rpo_payments", "rto_s", "in_doubt_resolved", "scenario",
        "seed",
    ]  # fmt: skip


GOOD: Final = Result("killed", 7, acknowledged=200, accounted=200, rto_s=RTO_MAX_S)


@pytest.mark.parametrize(
    "broken",
    [
        replace(GOOD, accounted=199),
        replace(GOOD, doubled=1),
        replace(GOOD, diverged=1),
        replace(GOOD, open=1),
        replace(GOOD, rto_s=RTO_MAX_S + 0.1),
        replace(GOOD, wrong=["it did not come to its end"]),
        replace(GOOD, errors_in_hand_over=1),
    ],
)
def test_a_result_that_breaks_a_promise_is_not_good(broken: Result) -> None:
    """Each alone; a drill with one of these exits with 1."""
    assert GOOD.is_good
    assert not broken.is_good


@pytest.mark.parametrize(
    ("copies", "settled", "settles", "is_right"),
    [(1, 0, False, True), (1, 1, False, False), (0, 0, False, False), (1, 1, True, True), (1, 0, True, False)],
)
def test_what_a_frozen_process_writes_must_come_and_settle_only_where_it_is_in_time(
    copies: int, settled: int, *, settles: bool, is_right: bool
) -> None:
    """One that never came shows nothing."""
    rail = RailRecord(Counter({"message": copies}), Counter({"message": settled}))

    assert (held_up(rail, "message", settles=settles) is None) == is_right


def test_errors_of_a_hand_over_are_those_of_what_was_asked_since_it_began() -> None:
    """What a lost region was asked before, and answers late, is none of it; nor is what is pending."""
    east, west = (cast("Region", SimpleNamespace(name=name)) for name in ("use1", "usw2"))
    load = Load((east, west), "key", "prefix", Dice(1, purpose="test"), cast("Arrivals", None))
    load.refusals += [Refusal("use1", 503, 9.0), Refusal("use1", 503, 10.0), Refusal("use1", 202, 11.0)]
    load.refusals += [Refusal("usw2", 0, 12.0)]

    assert len(load.errors_of(east, since_s=10.0)) == 1
    assert len(load.errors_of(east, west, since_s=0.0)) == 3
    assert load.refused == {"use1 503": 2, "use1 202": 1, "usw2 0": 1}


@pytest.mark.parametrize(("world", "is_of_a_lapse"), [(LeaseOverError, True), (NotServingError, False)])
async def test_a_refusal_for_a_lapsed_lease_is_known_by_what_the_region_says(
    world: type[UnavailableError], *, is_of_a_lapse: bool
) -> None:
    """A real gateway's own answer, as a client reads it; any other refusal is an error of the hand-over."""
    async with open_world() as gateway:
        gateway.store.next_call_raises = world("region use1 does not serve")
        answer = await gateway.post_payment(json_payment(), key=KEY)

    assert answer.status == 503
    assert Refusal("use1", answer.status, 9.0, answer.json["detail"]).is_of_a_lapse == is_of_a_lapse


def test_lapses_are_told_and_fail_nothing() -> None:
    """No region may act without its lease: that a crowded machine let it run out is no fault of a hand-over."""
    lapsed = replace(GOOD, lapses_in_hand_over=2)

    assert lapsed.is_good
    assert [remark.partition(",")[0] for remark in lapsed.remarks] == [
        "2 submissions were refused while slots were handed back"
    ]


# --- the roles' parts ---


async def test_a_clock_that_is_off_is_off_in_wall_time_alone() -> None:
    """Leases go by the monotonic clock: no time server sets that."""
    true = VirtualClock(AT)
    off = OffClock(true, timedelta(seconds=5))

    await off.sleep_until(AT + timedelta(seconds=5))  # that has come, by the clock that is ahead

    assert off.now() == AT + timedelta(seconds=5)
    assert off.monotonic_s() == true.monotonic_s()


_SENDS: Final = """
import asyncio, sys
from pathlib import Path
from gateway.cli.drill.region.faults import FreezingLink
from gateway.service.ports import MessageClass

class Rail:
    async def send(self, body, *, message_class):
        print(message_class.value, body.decode(), flush=True)

async def main():
    link = FreezingLink(Rail(), Path(sys.argv[1]), stamps_anew=True)
    for message_class in (MessageClass.INQUIRY, MessageClass.VALUE, MessageClass.VALUE):
        await link.send(b"<CreDt>long ago</CreDt><MsgId>held-up</MsgId>", message_class=message_class)

asyncio.run(main())
"""


def test_a_trap_stops_its_process_before_the_first_transfer_leaves_and_once(tmp_path: Path) -> None:
    """Between the look at the lease, which the link's caller has taken, and the write; it says what it holds up.

    With the plant `fresh-stamp` that one message, and no other, has another creation time.
    """
    trap = trap_of(tmp_path, "usw2")
    trap.touch()
    with subprocess.Popen([sys.executable, "-c", _SENDS, str(trap)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        before = process.stdout.readline()
        os.kill(process.pid, signal.SIGCONT)
        after = process.stdout.read()

    assert os.WIFSTOPPED(status)
    assert before == "inquiry <CreDt>long ago</CreDt><MsgId>held-up</MsgId>\n"
    assert re.fullmatch(r"value <CreDt>20[^<]+</CreDt>.*\nvalue <CreDt>long ago</CreDt>.*\n", after)
    assert sprung(trap).read_text() == "held-up"
    assert process.returncode == 0


# --- the command ---


@pytest.mark.parametrize("arguments", [("--scenario", "flood"), ("--plant", "weed")])
def test_a_scenario_or_plant_that_does_not_exist_is_refused(arguments: tuple[str, str]) -> None:
    """A slip of the pen must not run a drill that tests nothing."""
    result = CliRunner().invoke(application, ["drill", "region", *arguments], env={"COLUMNS": "300"})

    assert result.exit_code == 2
    assert all(name in result.output for name in (*SCENARIOS, *Plant))


def test_the_help_names_every_scenario_and_every_plant() -> None:
    """What --scenario and --plant take."""
    result = CliRunner().invoke(application, ["drill", "region", "--help"], env={"COLUMNS": "300"})

    assert all(name in result.output for name in (*SCENARIOS, "all", *Plant))


def test_the_quick_set_is_of_three_and_every_plant_has_a_scenario_in_which_it_shows() -> None:
    """What the command runs without being told, and what the proof runs."""
    assert len(QUICK) >= 3
    assert {*QUICK, *(scenario for scenario, _ in SENTENCES.values())} <= SCENARIOS.keys()
    assert set(SENTENCES) == set(Plant)


def test_a_directory_that_is_not_empty_is_refused(tmp_path: Path) -> None:
    """What another drill has left would be counted as this one's."""
    (tmp_path / "left").touch()

    result = CliRunner().invoke(application, ["drill", "region", "--keep", str(tmp_path)], env={"COLUMNS": "300"})

    assert result.exit_code == 2


def test_no_key_of_one_scenario_looks_like_another_ones() -> None:
    """They are counted when all are over: with seed 60, `cut` would count the keys of `cut-60`."""
    prefixes = [prefix_of(name, seed) for name in SCENARIOS for seed in range(100)]

    begin_alike = [(one, other) for one in prefixes for other in prefixes if f"{other}-1".startswith(f"{one}-")]

    assert begin_alike == [(each, each) for each in prefixes]
