"""The simulated RTP: what it settles, what it repeats for a message marked DUPL, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iso20022 import (
    Amount,
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    CustomerCreditTransfer,
    Direction,
    EchoRequest,
    EchoResponse,
    EndToEndId,
    EnvelopeKind,
    MessageId,
    MessageReject,
    Party,
    PaymentAcknowledgement,
    PaymentCancellationRequest,
    PaymentStatusReport,
    Personal,
    RoutingNumber,
    TransactionId,
    Uetr,
    examine,
    header,
    marked_as_duplicate,
    pacs008,
    rtp_business_message_id,
    rtp_instruction_id,
    rtp_message_id,
    wrap,
)
from iso20022.header import RTP_HEADER_TYPE
from iso20022.messages import admn
from iso20022.sample import sample
from simulators.behaviours import Row
from simulators.facts import Verdict
from simulators.rtp import PARTICIPANTS, RtpSimulatorSettings
from simulators.rtp.behaviours import ROWS, TABLE
from simulators.rtp.decide import EASTERN
from simulators.rtp.rail import rtp_rail
from simulators.rtp.settings import RAIL_ID
from tests.unit.simulators.world import NOON, LinesJournal, Told

SENDER: Final = PARTICIPANTS[0]
RECEIVER: Final = PARTICIPANTS[3]
AMOUNT: Final = Amount(5174)


class Network:
    """The rail on a virtual clock, one sender, and the means to send and to hear."""

    def __init__(self, settings: RtpSimulatorSettings | None = None) -> None:
        self.now = NOON
        self.settings = settings or RtpSimulatorSettings()
        self.journal = LinesJournal()
        self.rail = rtp_rail(self.settings, self.journal, started_at=self.now)
        self._serial = 0

    def restart(self) -> None:
        """Kill the rail and make it anew from its journal."""
        self.rail = rtp_rail(self.settings, self.journal, started_at=self.now, facts=self.journal.load())

    def pay(self, account: str = "SIMSETTLE", *, amount: Amount = AMOUNT, creditor_agent: str | None = None) -> bytes:
        """Send a payment; returns its bytes."""
        body = self.transfer(account, amount=amount, creditor_agent=creditor_agent)
        self.send(body)
        return body

    def transfer(self, account: str, *, amount: Amount = AMOUNT, creditor_agent: str | None = None) -> bytes:
        """A payment in RTP's Message."""
        self._serial += 1
        party, day = SENDER.connection_party, self.now.astimezone(EASTERN).date()
        message_id = rtp_message_id(business_date=day, participant=party, source="BTST", serial=self._serial)
        instruction = rtp_instruction_id(business_date=day, participant=party, source="BTST0", serial=self._serial)
        receiver = RoutingNumber(creditor_agent or RECEIVER.routing_number)
        transfer = CustomerCreditTransfer(
            message_id=message_id,
            creation_time=self.now,
            instruction_id=instruction,
            end_to_end_id=EndToEndId(f"E2E-{self._serial}"),
            transaction_id=TransactionId(instruction),
            uetr=Uetr(f"00000000-0000-4000-8000-{self._serial:012}"),
            service_level="SDVA",
            local_instrument="STANDARD",
            category_purpose="CONSUMER",
            amount=amount,
            settlement_date=day,
            instructing_agent=SENDER.routing_number,
            instructed_agent=receiver,
            debtor=Party(name=Personal("Debtor Sample")),
            debtor_account=Personal("100000000001"),
            debtor_agent=SENDER.routing_number,
            creditor=Party(name=Personal("Creditor Sample")),
            creditor_account=Personal(account),
            creditor_agent=receiver,
            clearing_system="TCH",
            agent_clearing_system=None,
            states_group=True,
        )
        app_header = self.header(pacs008.MESSAGE_TYPE, f"B{message_id[1:]}")
        return wrap(
            EnvelopeKind.RTP_MESSAGE, header.build(app_header, header_type=RTP_HEADER_TYPE), pacs008.build(transfer)
        )

    def header(self, message_type: str, header_id: str) -> BusinessHeader:
        """The sender's header."""
        return BusinessHeader(
            sender=SENDER.connection_party,
            receiver=RAIL_ID,
            business_message_id=BusinessMessageId(header_id),
            message_type=message_type,
            creation_time=self.now,
        )

    def send(
        self, body: bytes, *, message_class: str = "value", party: ConnectionPartyId = SENDER.connection_party
    ) -> None:
        """Hand bytes to the rail."""
        self.rail.receive(body, connection_party=party, message_class=message_class, now=self.now)

    def hear(self) -> list[Told]:
        """Fetch and acknowledge what waits; what it says, in short."""
        waiting = self.rail.fetch(SENDER.connection_party, messages_max=1_000, now=self.now)
        self.rail.acknowledge(SENDER.connection_party, [entry.receipt for entry in waiting])
        return [told(entry.body) for entry in waiting]

    def moved(self) -> list[int]:
        """What has moved, payment by payment, in cents."""
        return [settlement.amount.cents for settlement in self.rail.book.ledger.settlements]

    def verdicts(self) -> list[Verdict | None]:
        """What became of each copy."""
        return [copy.judged.verdict if copy.judged else None for copy in self.rail.book.copies()]


def told(body: bytes) -> Told:
    """What an answer says, in short; it must be valid in every respect, or not readable at all."""
    report = examine(body, profile=RtpSimulatorSettings().profile, direction=Direction.FROM_RAIL)
    if not report.readable:
        return Told("", "unreadable")
    assert report.valid or [finding.code for finding in report.findings] == ["RTP_REASON_CODE"], report.findings
    match report.message:
        case PaymentStatusReport() as status:
            codes = tuple(str(reason.code or reason.proprietary) for reason in status.reasons)
            return Told(status.original_message_id, status.status, codes)
        case PaymentCancellationRequest() as request:
            assert request.original_group is not None
            return Told(request.original_group.message_id, "camt.056", ("DS24",))
        case PaymentAcknowledgement() as acknowledgement:
            return Told(acknowledgement.original_instruction_id, "camt.035", (acknowledgement.kind,))
        case MessageReject() as reject:
            return Told(reject.related_reference, "admi.002", (reject.reason_code,))
        case EchoResponse() as echo:
            return Told(echo.original_instruction_id, "admn.006")
        case other:
            raise AssertionError(f"the rail does not send {other}")


@pytest.fixture
def network() -> Iterator[Network]:
    """A network; whatever a test did, no money may have been made or lost."""
    made = Network()
    yield made
    assert made.rail.book.ledger.sum_cents == 0


EXPECTED: Final[dict[str, tuple[tuple[tuple[int, str, tuple[str, ...]], ...], str | None]]] = {
    "SIMSETTLE": (((0, "ACTC", ()),), "ACTC"),
    "SIMRJCTAC04": (((0, "RJCT", ("AC04",)),), "RJCT"),
    "SIMACWP": (((0, "ACWP", ()),), "ACWP"),
    "SIMACWPACK": (((0, "ACWP", ()), (1, "camt.035", ("ACWP",))), "ACWP"),
    "SIMACK": (((0, "ACTC", ()), (1, "camt.035", ("ACK",))), "ACTC"),
    "SIMSILENT": (((15, "camt.056", ("DS24",)),), "RJCT"),
    "SIMSILENTRJCT": (((15, "RJCT", ("DS24",)),), "RJCT"),
    "SIMSLOW3": (((3, "ACTC", ()),), "ACTC"),
    "SIMLOSTANSWER": ((), "ACTC"),
    "SIMLOSTMESSAGE": ((), "ACTC"),
    "SIMLATE30": (((30, "ACTC", ()),), "ACTC"),
    "SIMTWICE": (((0, "ACTC", ()), (0, "ACTC", ())), "ACTC"),
    "SIMCONTRADICT": (((0, "ACTC", ()), (1, "RJCT", ("DS24",))), "ACTC"),
    "SIMUNKNOWN": (((0, "RJCT", ("ZZ99",)),), "ACTC"),
    "SIMGARBAGE": (((0, "unreadable", ()),), "ACTC"),
}
"""What the sender hears, each so many seconds after sending, and what a repeat finds."""


@pytest.mark.parametrize("account", EXPECTED)
def test_a_row_does_what_it_says_and_a_repeat_finds_the_truth(network: Network, account: str) -> None:
    """What the help promises is heard, not sooner and not later; a repeat never moves the money again."""
    expected, truth = EXPECTED[account]
    body = network.pay(account)
    heard = []
    for second in range(31):
        heard += [(second, each.status, each.codes) for each in network.hear()]
        network.now += timedelta(seconds=1)
    assert tuple(heard) == expected

    network.send(marked_as_duplicate(body))
    network.now += timedelta(seconds=1)

    found = network.hear()
    assert [each.status for each in found] == [truth]
    assert network.moved() == ([] if truth == "RJCT" else [5174])


def test_every_row_is_expected_of_something() -> None:
    """The table and the test above speak of the same rows."""
    assert EXPECTED.keys() == {row.example for row in ROWS}


@pytest.mark.parametrize("row", [row for row in ROWS if row.amount is not None], ids=lambda row: row.example)
def test_an_exact_amount_chooses_as_its_account_does(row: Row) -> None:
    """Whoever cannot choose accounts chooses by amounts."""
    assert row.amount is not None

    assert TABLE.chosen(creditor_account="1", amount=row.amount).code == row.example


def test_a_repeat_of_what_never_arrived_is_processed(network: Network) -> None:
    """The rail processes a message that is new to it, whatever its mark says."""
    body = network.transfer("200000000001")

    network.send(marked_as_duplicate(body))

    assert [each.status for each in network.hear()] == ["ACTC"]
    assert network.moved() == [5174]


def test_a_repeat_while_the_payment_is_in_process_is_answered_by_its_end(network: Network) -> None:
    """There is no status yet; the answer comes once, and money moves once."""
    body = network.pay("SIMSLOW9")
    network.send(marked_as_duplicate(body))
    assert network.hear() == []

    network.now += timedelta(seconds=9)

    assert [each.status for each in network.hear()] == ["ACTC"]
    assert network.moved() == [5174]


def test_a_copy_that_is_not_marked_is_refused(network: Network) -> None:
    """Only a repeat that says so is one: a used message id without the mark is a fault."""
    body = network.pay()
    network.send(body)

    assert [each.codes for each in network.hear()] == [(), ("SIM-DUPLICATE",)]
    assert network.verdicts() == [Verdict.ACCEPTED, Verdict.DUPLICATE]
    assert network.moved() == [5174]


def test_the_control_without_the_duplicate_check_an_unmarked_copy_moves_money_again() -> None:
    """What a gateway doubles shows in this ledger."""
    network = Network(RtpSimulatorSettings(check_duplicates=False))
    body = network.pay()

    network.send(body)
    network.send(marked_as_duplicate(body))

    assert network.moved() == [5174, 5174]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ((b"STANDARD", b"NONSENSE"), "650"),
        ((b"CreditTransfer", b"CreditTransfers"), "SIM-UNREADABLE"),
        ((b"990000107A1</head:MmbId>", b"990000204A1</head:MmbId>"), "SIM-SENDER"),
    ],
)
def test_what_is_technically_wrong_is_refused(network: Network, change: tuple[bytes, bytes], code: str) -> None:
    """admi.002, with the rail's own code where one is public."""
    network.send(network.transfer("200000000001").replace(*change))

    assert [each.codes for each in network.hear()] == [(code,)]
    assert network.moved() == []


@pytest.mark.parametrize(
    ("creditor_agent", "amount", "code"),
    [("990001601", AMOUNT, "RC04"), (None, Amount(10_000_000_01), "AM02")],
)
def test_what_is_wrong_as_business_is_rejected(
    network: Network, creditor_agent: str | None, amount: Amount, code: str
) -> None:
    """pacs.002 with one reason."""
    network.pay(amount=amount, creditor_agent=creditor_agent)

    assert [(each.status, each.codes) for each in network.hear()] == [("RJCT", (code,))]


def test_an_echo_is_answered(network: Network) -> None:
    """Whether the rail is there at all."""
    echo = EchoRequest(
        message_id=MessageId("20260310120000990000107A1ECHO"),
        creation_time=network.now,
        instruction_id=rtp_instruction_id(
            business_date=NOON.date(), participant=SENDER.connection_party, source="BECH0", serial=1
        ),
        instructing_agent=SENDER.connection_party,
        instructed_agent=RAIL_ID,
    )
    header_id = rtp_business_message_id(
        business_date=NOON.date(), participant=SENDER.connection_party, source="BECH", serial=1
    )
    app_header = network.header("admn.005.001.01", header_id)
    body = wrap(EnvelopeKind.RTP_MESSAGE, header.build(app_header, header_type=RTP_HEADER_TYPE), admn.build(echo))

    network.send(body, message_class="system")

    assert [each.status for each in network.hear()] == ["admn.006"]


def test_a_restarted_rail_knows_what_it_knew(network: Network) -> None:
    """A repeat after the rail's own death finds the first copy's end, and money moves once."""
    body = network.pay("SIMLOSTANSWER")
    network.restart()

    network.send(marked_as_duplicate(body))

    assert [each.status for each in network.hear()] == ["ACTC"]
    assert network.moved() == [5174]


STEPS: Final = ("again", "repeat", "wait", "restart", "hear")
"""What may happen to one message: an unmarked copy, a marked one, time, the rail's death, a sender that fetches."""


@given(account=st.sampled_from([row.example for row in ROWS]), steps=st.lists(st.sampled_from(STEPS), max_size=8))
@settings(max_examples=60, deadline=None)
def test_money_moves_at_most_once_for_a_message(account: str, steps: list[str]) -> None:
    """However often it comes, marked or not, before or after a restart; and a rejection never turns into money."""
    network = Network()
    body = network.pay(account)
    heard: list[Told] = []
    for step in steps:
        match step:
            case "again":
                network.send(body)
            case "repeat":
                network.send(marked_as_duplicate(body))
            case "wait":
                network.now += timedelta(seconds=7)
            case "restart":
                network.restart()
            case _:
                heard += network.hear()
    network.now += timedelta(seconds=60)
    heard += network.hear()

    assert len(network.moved()) <= 1
    assert network.rail.book.ledger.sum_cents == 0
    if EXPECTED[account][1] == "RJCT":
        assert network.moved() == []


@pytest.mark.parametrize("message_type", ["pain.013", "camt.026", "camt.056"])
def test_a_second_copy_of_what_is_asked_is_refused_and_the_first_stands(network: Network, message_type: str) -> None:
    """As of a payment: admi.002; what a receiver answers may be said again (its answer repeats a known one)."""
    made = sample(message_type, rail="rtp", direction=Direction.TO_RAIL)
    body = made.replace(b"990000013", str(SENDER.routing_number).encode())

    for _ in range(2):
        network.send(body, message_class="nonvalue")

    assert network.verdicts() == [Verdict.IGNORED, Verdict.DUPLICATE]


def test_who_is_suspended_neither_signs_on_nor_pays_nor_is_paid(network: Network) -> None:
    """9946 and 9947, by their public names; the control: with its services again it pays."""
    number = SENDER.routing_number
    behind = [each.routing_number for each in PARTICIPANTS if each.connection_party == SENDER.connection_party]
    for each in behind:
        network.rail.change_profile(each, [], now=network.now)
    network.pay()
    refused = [answer.codes for answer in network.hear()]
    for each in behind:
        network.rail.change_profile(each, ["CTSR"], now=network.now)
    network.rail.change_profile(RECEIVER.routing_number, [], now=network.now)
    network.pay()
    refused += [answer.codes for answer in network.hear()]
    network.rail.change_profile(RECEIVER.routing_number, ["CTRO"], now=network.now)
    network.pay()

    assert number in behind
    assert refused == [("9946",), ("9947",)]
    assert [answer.status for answer in network.hear()] == ["ACTC"]
