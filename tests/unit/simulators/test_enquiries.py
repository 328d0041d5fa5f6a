"""What a pacs.028 learns: the whole truth table."""

from datetime import UTC, datetime

import pytest

from iso20022 import MessageId, TransactionStatus
from simulators.fednow.settings import FedNowSimulatorSettings, RejectCodes
from tests.unit.simulators.conftest import MakeWorld
from tests.unit.simulators.world import ACSC, ACWP, RECEIVER, RJCT, STRANGER, Told, World, transfer_bytes


@pytest.mark.parametrize(
    ("account", "status", "codes"),
    [
        ("SIMSETTLE", ACSC, ()),
        ("SIMACWP", ACWP, ()),
        ("SIMACWPACCC", ACWP, ()),
        ("SIMACWPRJCT", ACWP, ()),
        ("SIMACCC", ACSC, ()),
        ("SIMRJCTAC04", RJCT, ("AC04",)),
        ("SIMSILENT", RJCT, ("E997",)),
        ("SIMSLOW60", RJCT, ("E997",)),
        ("SIMLOSTANSWER", ACSC, ()),
        ("SIMGARBAGE", ACSC, ()),
    ],
)
def test_the_status_is_the_one_at_completion(
    world: World, account: str, status: TransactionStatus, codes: tuple[str, ...]
) -> None:
    """It stays ACWP even after a later ACCC or RJCT (Operating Procedures: status as at FedNow completion)."""
    message_id = world.pay(account)
    world.pass_time(25)
    world.bodies()

    world.ask(message_id)

    assert world.answers() == [Told(message_id, status, codes)]


@pytest.mark.parametrize(
    ("age_s", "refused"), [(0, True), (4, True), (19.999, True), (20, False), (25, False), (3_600, False)]
)
@pytest.mark.parametrize("account", ["SIMSETTLE", "SIMLOSTANSWER", "SIMSILENT"])
def test_an_enquiry_before_the_originals_clock_has_run_out_is_refused(
    world: World, account: str, age_s: float, *, refused: bool
) -> None:
    """Even where the payment has long settled: the rail is asked after its own clock, never before."""
    message_id = world.pay(account)
    world.pass_time(age_s)
    world.bodies()

    enquiry = world.ask(message_id)

    (told,) = world.answers() or [Told(message_id, "the answer is lost")]
    assert (told == Told(enquiry, RJCT, ("E411",))) is refused


def test_the_code_of_a_refusal_is_a_setting(make_world: MakeWorld) -> None:
    """FedNow's own codes are not all public: whoever knows better can say so."""
    world = make_world(FedNowSimulatorSettings(codes=RejectCodes(still_in_process="E999")))

    enquiry = world.ask(world.pay("SIMLOSTANSWER"))

    assert world.answers() == [Told(enquiry, RJCT, ("E999",))]


def test_a_refusal_is_about_the_enquiry_and_not_about_the_payment(world: World) -> None:
    """Taken for the payment's own status, it would void a payment that has settled."""
    message_id = world.pay("SIMLOSTANSWER")

    enquiry = world.ask(message_id)

    (body,) = world.bodies()
    report = world.report(body)
    assert report.original_message_id == enquiry
    assert report.original_message_name == "pacs.028.001.03"
    assert [(reason.code, reason.proprietary) for reason in report.reasons] == [(None, "E411")]


def test_an_answer_is_about_the_payment(world: World) -> None:
    """The truth refers to the original pacs.008 by all the ids that it had."""
    message_id = world.pay("SIMLOSTANSWER")
    world.pass_time(25)

    world.ask(message_id)

    (body,) = world.bodies()
    report = world.report(body)
    assert (report.original_message_id, report.original_message_name) == (message_id, "pacs.008.001.08")
    assert report.original_end_to_end_id == "END-TO-END"
    assert report.original_instruction_id == "INSTRUCTION"
    assert report.original_uetr == "8a562c67-ca16-48ba-b074-65581be6f011"


def test_what_never_came_is_not_found(world: World) -> None:
    """Only a message of which there is no trace is not found."""
    enquiry = world.ask(world.new_message_id())

    assert world.answers() == [Told(enquiry, RJCT, ("E400",))]


def test_what_never_came_is_not_called_missing_while_its_clock_runs(world: World) -> None:
    """It may still be on its way: "not found" would invite a second payment."""
    message_id = world.new_message_id()
    created = world.now
    world.pass_time(19)

    early = world.ask(message_id, original_creation_time=created)
    world.pass_time(1)
    late = world.ask(message_id, original_creation_time=created)

    assert world.answers() == [Told(early, RJCT, ("E411",)), Told(late, RJCT, ("E400",))]


def test_what_was_called_missing_cannot_settle_any_more(world: World) -> None:
    """The original was late on its way: the sender has been told that it is not there, so it must not move money."""
    message_id = world.new_message_id()
    body = transfer_bytes(world.now, message_id)
    created = world.now
    world.pass_time(20)
    enquiry = world.ask(message_id, original_creation_time=created)

    world.send(body)

    assert world.answers() == [Told(enquiry, RJCT, ("E400",)), Told(message_id, RJCT, ("E997",))]


def test_a_technically_refused_message_is_not_found(world: World) -> None:
    """It was never a payment: the refusal is all that there is."""
    message_id = world.new_message_id()
    world.send(b"<not-a-payment/>")
    world.pass_time(25)
    world.bodies()

    enquiry = world.ask(message_id)

    assert world.answers() == [Told(enquiry, RJCT, ("E400",))]


def test_the_receivers_side_may_ask_too(world: World) -> None:
    """Both parties to a payment may ask the service."""
    message_id = world.pay()
    world.pass_time(25)

    world.ask(message_id, connection_party=RECEIVER.connection_party, agent=RECEIVER.routing_number)

    assert world.answers(RECEIVER.connection_party) == [Told(message_id, ACSC)]


def test_a_stranger_learns_nothing(world: World) -> None:
    """Who is no party to the payment is refused, whatever became of it."""
    message_id = world.pay()
    world.pass_time(25)

    enquiry = world.ask(message_id, connection_party=STRANGER.connection_party, agent=STRANGER.routing_number)

    assert world.answers(STRANGER.connection_party) == [Told(enquiry, RJCT, ("E401",))]


@pytest.mark.parametrize(
    ("asked_at", "code"),
    [
        (datetime(2026, 3, 12, 3, 59, 59, tzinfo=UTC), None),
        (datetime(2026, 3, 12, 4, 0, 0, tzinfo=UTC), "SIM-TOO-OLD"),
    ],
)
def test_only_the_current_and_the_previous_calendar_day_can_be_asked_about(
    world: World, asked_at: datetime, code: str | None
) -> None:
    """The day ends at midnight in New York. Too old is not "not found": the payment may well have settled."""
    message_id = world.pay("SIMLOSTANSWER")
    world.now = asked_at

    enquiry = world.ask(message_id)

    assert world.answers() == [Told(enquiry, RJCT, (code,)) if code else Told(message_id, ACSC)]


def test_an_old_message_of_which_there_is_no_trace_is_too_old_as_well(world: World) -> None:
    """The rail does not look at that day: it cannot say that nothing was there."""
    enquiry = world.ask(MessageId("20260308990000107NEVERCAME"))

    assert world.answers() == [Told(enquiry, RJCT, ("SIM-TOO-OLD",))]


def test_an_enquiry_with_a_used_message_id_is_refused(world: World) -> None:
    """Enquiries are messages like others: each has an id of its own."""
    message_id = world.pay("SIMLOSTANSWER")
    enquiry = world.ask(message_id)
    world.bodies()

    world.ask(message_id, message_id=enquiry)

    assert world.answers() == [Told(enquiry, "admi.002", ("SIM-DUPLICATE",))]
