"""What survives the end of the process: everything that was answered, and nothing that was not."""

from pathlib import Path

import pytest

from iso20022 import ConnectionPartyId
from simulators.facts import FACTS, Acknowledged, AnswerQueued, ClockChanged
from simulators.fednow.rail import fednow_rail
from simulators.fednow.settings import FedNowSimulatorSettings
from simulators.journal import JournalFile, decode, encode
from tests.unit.simulators.conftest import MakeWorld
from tests.unit.simulators.test_forwarding import posted
from tests.unit.simulators.test_questions import request
from tests.unit.simulators.world import ACSC, NOON, RJCT, SENDER, Told, World, ping_bytes, transfer_bytes

ACKNOWLEDGED = Acknowledged(SENDER.connection_party, ("receipt-1", "receipt-2"))


def test_a_restarted_rail_remembers_what_it_settled(world: World) -> None:
    """Ledger, used message ids and the answer to an enquiry are as they were."""
    message_id = world.new_message_id()
    body = transfer_bytes(world.now, message_id)
    world.send(body)
    world.bodies()
    positions = world.rail.book.ledger.positions

    world.restart()
    world.send(body)
    world.pass_time(25)
    world.ask(message_id)

    assert world.answers() == [Told(message_id, "admi.002", ("SIM-DUPLICATE",)), Told(message_id, ACSC)]
    assert world.rail.book.ledger.positions == positions


def test_a_restarted_rail_remembers_what_waits_to_be_fetched(world: World) -> None:
    """An answer that was queued and not acknowledged comes, byte for byte; one that was acknowledged does not."""
    world.pay()
    world.bodies()
    world.pay("SIMTWICE")
    world.pay("SIMGARBAGE")
    waiting = [entry.body for entry in world.fetch()]

    world.restart()

    assert [entry.body for entry in world.fetch()] == waiting
    assert len(waiting) == 3


def test_the_control_without_a_journal_everything_is_forgotten(world: World) -> None:
    """The tests above can fail: it is the journal that remembers."""
    message_id = world.pay()
    world.journal.lines.clear()

    world.restart()
    world.pass_time(25)
    enquiry = world.ask(message_id)

    assert world.answers() == [Told(enquiry, RJCT, ("E400",))]


@pytest.mark.parametrize("account", ["SIMSILENT", "SIMSLOW5", "SIMSLOW60", "SIMLATE9", "SIMCONTRADICT"])
def test_a_payment_in_process_ends_after_a_restart_as_it_would_have(make_world: MakeWorld, account: str) -> None:
    """What was decided is decided: the restart changes neither the outcome nor its time."""
    undisturbed, restarted = make_world(FedNowSimulatorSettings()), make_world(FedNowSimulatorSettings())
    for each in (undisturbed, restarted):
        each.pay(account)
    restarted.pass_time(0.5)
    restarted.restart()

    for each in (undisturbed, restarted):
        each.now = NOON
        each.pass_time(60)

    assert restarted.answers() == undisturbed.answers()
    assert restarted.rail.book.ledger.entries() == undisturbed.rail.book.ledger.entries()


def test_lost_answers_and_messages_are_counted_over_a_restart(world: World) -> None:
    """A restart does not lose an answer a second time."""
    lost = world.new_message_id()
    body = transfer_bytes(world.now, lost, account="SIMLOSTMESSAGE")
    world.send(body)
    unanswered = world.pay("SIMLOSTANSWER")
    world.pass_time(5)
    world.restart()

    world.send(body)
    world.pass_time(20)
    world.ask(unanswered)

    assert world.answers() == [Told(lost, ACSC), Told(unanswered, ACSC)]


def test_messages_of_two_runs_never_share_an_id(world: World) -> None:
    """A gateway that dedupes by message id would drop the second as a repeat of the first."""
    world.pay()
    first = world.report(world.bodies()[0]).message_id

    world.restart()
    world.pay()

    assert world.report(world.bodies()[0]).message_id != first


def test_every_kind_of_fact_survives_its_encoding(world: World) -> None:
    """What is read is what was written, for every kind there is."""
    world.pay("SIMGARBAGE")
    world.pay("SIMRJCTAC04")
    world.pay("SIMLOSTANSWER")
    world.bodies()
    posted(world)
    world.send(ping_bytes(world, event_code="FPOF")[0], message_class="system")
    request(world, "SIMSILENT")
    world.rail.change_profile(SENDER.routing_number, ("CTRO", "RFPR"), now=world.now)
    world.rail.change_clock(ClockChanged(NOON, world.now, world.now, runs=False))

    facts = world.journal.load()

    assert {type(fact) for fact in facts} == set(FACTS)
    assert [decode(encode(fact)) for fact in facts] == facts
    assert all(line.count(b"\n") == 1 for line in world.journal.lines)


@pytest.mark.parametrize("body", [b"", b"plain", "Größe".encode(), bytes(range(256)), b'"\\\n'], ids=repr)
def test_any_bytes_survive_as_a_body(body: bytes) -> None:
    """An unreadable answer stays exactly as unreadable."""
    fact = AnswerQueued("receipt", ConnectionPartyId("990000107"), NOON, body)

    assert decode(encode(fact)) == fact


def test_a_line_that_a_kill_cut_short_is_dropped(tmp_path: Path) -> None:
    """It was answered to no one; the file goes on after the last whole line."""
    path = tmp_path / "journal"
    path.write_bytes(encode(ACKNOWLEDGED) + encode(ACKNOWLEDGED)[:-5])

    with JournalFile(path) as journal:
        before = journal.load()
        journal.append([ACKNOWLEDGED])
        after = journal.load()

    assert before == [ACKNOWLEDGED]
    assert after == [ACKNOWLEDGED, ACKNOWLEDGED]


@pytest.mark.parametrize("line", [b"{}", b"null", b"garbage", b'{"fact":"Unheard"}', b'{"fact":"Judged","more":1}'])
def test_a_whole_line_that_is_no_fact_is_an_error_and_is_named(tmp_path: Path, line: bytes) -> None:
    """A journal of another make is not read as if it said nothing."""
    path = tmp_path / "journal"
    path.write_bytes(encode(ACKNOWLEDGED) + line + b"\n")

    with JournalFile(path) as journal, pytest.raises(ValueError, match="line 2"):
        journal.load()


def test_what_is_appended_is_in_the_file_at_once(tmp_path: Path) -> None:
    """A kill between two system calls must not lose what was answered: nothing stays in our own memory."""
    path = tmp_path / "journal"

    with JournalFile(path) as journal:
        rail = fednow_rail(FedNowSimulatorSettings(), journal, started_at=NOON)
        rail.receive(b"garbage", connection_party=SENDER.connection_party, message_class="value", now=NOON)

        assert path.read_bytes().count(b"\n") == 5
