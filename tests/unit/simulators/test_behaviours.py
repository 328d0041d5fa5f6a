"""Every row of the behaviour table, by account and by amount, and what a status request finds afterwards."""

from dataclasses import dataclass

import pytest

from iso20022 import Amount
from simulators.behaviours import MISSPELT, SETTLES, Row
from simulators.fednow.behaviours import ROWS, TABLE
from tests.unit.simulators.world import ACSC, ACWP, RECEIVER, RJCT, SENDER, Told, World, transfer_bytes

UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Expected:
    """What the sender of a payment hears, each so many seconds after sending, and what the rail holds for true."""

    heard: tuple[tuple[float, str, tuple[str, ...]], ...]
    truth: str | None
    truth_codes: tuple[str, ...] = ()


EXPECTED = {
    "SIMSETTLE": Expected(((0, ACSC, ()),), ACSC),
    "SIMRJCTAC04": Expected(((0, RJCT, ("AC04",)),), RJCT, ("AC04",)),
    "SIMACWP": Expected(((0, ACWP, ()),), ACWP),
    "SIMACWPRJCT": Expected(((0, ACWP, ()), (1, RJCT, ("AC06",))), ACWP),
    "SIMASKPDNG": Expected(((0, ACWP, ()),), ACWP),
    "SIMACCC": Expected(((0, ACSC, ()), (1, "ACCC", ())), ACSC),
    "SIMSILENT": Expected(((20, RJCT, ("E997",)),), RJCT, ("E997",)),
    "SIMSLOW3": Expected(((3, ACSC, ()),), ACSC),
    "SIMLOSTANSWER": Expected((), ACSC),
    "SIMLOSTMESSAGE": Expected((), None),
    "SIMLATE30": Expected(((30, ACSC, ()),), ACSC),
    "SIMTWICE": Expected(((0, ACSC, ()), (0, ACSC, ())), ACSC),
    "SIMCONTRADICT": Expected(((0, ACSC, ()), (1, RJCT, ("E997",))), ACSC),
    "SIMCONTRADICTFIRST": Expected(((0, RJCT, ("E997",)), (1, ACSC, ())), ACSC),
    "SIMGARBAGE": Expected(((0, UNREADABLE, ()),), ACSC),
    "SIMUNKNOWN": Expected(((0, RJCT, ("SIM-UNKNOWN",)),), ACSC),
}


@pytest.mark.parametrize(("account", "expected"), EXPECTED.items(), ids=EXPECTED)
def test_a_row_does_what_it_says(world: World, account: str, expected: Expected) -> None:
    """What the help promises is what the sender hears, not sooner and not later, and money moves only if it settles."""
    world.pay(account)

    heard = []
    for second in range(31):
        heard += [(second, told.status, told.codes) for told in world.answers()]
        world.pass_time(1)

    assert tuple(heard) == expected.heard
    moved = {entry.routing_number: entry.change_cents for entry in world.rail.book.ledger.entries()}
    settled = expected.truth in {ACSC, ACWP}
    assert moved == ({SENDER.routing_number: -5174, RECEIVER.routing_number: 5174} if settled else {})


@pytest.mark.parametrize(("account", "expected"), EXPECTED.items(), ids=EXPECTED)
def test_a_status_request_finds_the_truth_whatever_the_sender_was_told(
    world: World, account: str, expected: Expected
) -> None:
    """The rail's word on enquiry is what it decided, never what a faulty answer said."""
    message_id = world.pay(account)
    world.pass_time(40)
    world.bodies()

    enquiry = world.ask(message_id)

    found = Told(message_id, expected.truth, expected.truth_codes) if expected.truth else Told(enquiry, RJCT, ("E400",))
    assert world.answers() == [found]


def test_no_row_is_left_untested() -> None:
    """A behaviour that is offered is a behaviour that is tested."""
    assert [row.example for row in ROWS] == list(EXPECTED)


def test_the_answer_that_comes_twice_is_the_same_byte_for_byte(world: World) -> None:
    """FedNow's duplicates are identical copies, header included, without any mark (Operating Procedures 14.2c)."""
    world.pay("SIMTWICE")

    first, second = world.bodies()

    assert first == second


def test_other_answers_about_one_payment_have_ids_of_their_own(world: World) -> None:
    """The control: two different messages are never taken for duplicates of one another."""
    world.pay("SIMCONTRADICT")
    world.pass_time(1)

    first, second = world.bodies()

    assert world.report(first).message_id != world.report(second).message_id


@pytest.mark.parametrize("row", [row for row in ROWS if row.amount], ids=lambda row: row.example)
def test_an_exact_amount_chooses_as_its_account_does(row: Row) -> None:
    """A message whose account cannot be changed reaches every behaviour by its amount."""
    assert row.amount is not None

    chosen = TABLE.chosen(creditor_account="55555555555", amount=row.amount)

    assert chosen == TABLE.named(row.example)


def test_the_account_is_asked_before_the_amount() -> None:
    """A named behaviour is never overruled by a chance amount."""
    chosen = TABLE.chosen(creditor_account="SIMACWP", amount=Amount.parse("1500.01"))

    assert chosen == TABLE.named("SIMACWP")


def test_what_follows_a_hyphen_makes_accounts_differ_and_nothing_else() -> None:
    """Many accounts can share a behaviour."""
    assert TABLE.chosen(creditor_account="SIMRJCTMD07-0017", amount=Amount(1)) == TABLE.named("SIMRJCTMD07")


@pytest.mark.parametrize("account", ["SIM", "SIMRJCT", "SIMRJCT4", "SIMSLOW", "SIMACWPXXXX", "SIMsettle", "SIMSETTLES"])
def test_a_misspelt_behaviour_is_rejected(account: str) -> None:
    """A slip of the pen in a test account must not settle unnoticed."""
    assert TABLE.chosen(creditor_account=account, amount=Amount(1)) is MISSPELT


@pytest.mark.parametrize("account", ["55555555555", "XSIMSILENT", "sim", "GB00SIMSILENT"])
def test_an_ordinary_account_settles(account: str) -> None:
    """Only accounts that start with SIM mean anything to the simulator."""
    assert TABLE.chosen(creditor_account=account, amount=Amount.parse("51.74")) is SETTLES


def test_parameters_are_taken_from_the_account(world: World) -> None:
    """Any ISO reason, any number of seconds, any later status."""
    world.pay("SIMRJCTBE04")
    world.pay("SIMSLOW7")
    world.pay("SIMACWPBLCK")
    early = world.answers()

    world.pass_time(7)

    assert [(told.status, told.codes) for told in early] == [(RJCT, ("BE04",)), (ACWP, ())]
    assert [(told.status, told.codes) for told in world.answers()] == [("BLCK", ("AC06",)), (ACSC, ())]


def test_two_lost_answers_are_the_payments_own_and_that_to_the_first_enquiry(world: World) -> None:
    """A gateway has to ask more than once."""
    message_id = world.pay("SIMLOSTANSWER2")
    world.pass_time(25)

    world.ask(message_id)
    first = world.answers()
    world.ask(message_id)
    second = world.answers()

    assert first == []
    assert second == [Told(message_id, ACSC)]


def test_a_lost_message_goes_through_when_it_is_sent_again(world: World) -> None:
    """What never reached the rail has not used up its id: FedNow's own advice is the same message id again."""
    message_id = world.new_message_id()
    body = transfer_bytes(world.now, message_id, account="SIMLOSTMESSAGE")

    world.send(body)
    lost = world.answers()
    world.send(body)
    arrived = world.answers()

    assert lost == []
    assert arrived == [Told(message_id, ACSC)]


def test_the_help_text_has_every_row() -> None:
    """What the help prints is the table itself."""
    assert [account for account, _, _ in TABLE.help_rows()] == [row.example for row in ROWS]
    assert all(happens.endswith(".") for _, _, happens in TABLE.help_rows())
