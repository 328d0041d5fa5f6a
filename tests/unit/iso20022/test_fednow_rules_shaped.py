"""FedNow's rules for returns, transfers, requests for payment and investigations: each is broken once.

The messages are golden ones, which break none, in the envelope that a participant sends. A row of the table says how a
rule of one code is broken at the element that it looks at; the finding has to name that element.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from lxml import etree

from iso20022 import (
    FEDNOW_ID,
    Amount,
    BusinessHeader,
    BusinessMessageId,
    ConnectionPartyId,
    Direction,
    EnvelopeKind,
    FedNowProfile,
    MarketPractice,
    MessageId,
    Personal,
    Report,
    examine,
    header,
    wrap,
)
from iso20022.messages.camt029 import Confirmation, GroupResolution
from iso20022.messages.investigation import GroupCancellation
from iso20022.messages.original import Reason
from iso20022.messages.registry import MESSAGE_KINDS
from iso20022.messages.shape import Code
from iso20022.profiles.fednow import FEDNOW_PRACTICE
from iso20022.profiles.fednow_rule import FedNowRule
from iso20022.profiles.fednow_rules_investigations import INVESTIGATION_RULES
from iso20022.profiles.fednow_rules_transfers import TRANSFER_RULES
from iso20022.profiles.profile import FROM_RAIL
from tests.unit.iso20022.golden_investigations import (
    ADDED,
    CANCELLED,
    DUPLICATE,
    INVESTIGATIONS,
    REFUSED,
    SENT_TWICE,
    TAKEN_BACK,
)
from tests.unit.iso20022.golden_transfers import EASTERN, TRANSFERS, morning
from tests.unit.iso20022.samples import PROFILE, codes

RULES: Final = TRANSFER_RULES | INVESTIGATION_RULES
KIND_OF: Final = {kind.value_type: kind for kind in MESSAGE_KINDS.values()}
RTP: Final = {"transfers/pain013_rtp.xml", "investigations/camt056_time_out.xml"}

WHY: Final = (Reason(reason=Code("LEGL")),)
# What no golden message has, so that every field that a rule looks at is in one of these.
FURTHER: Final = (
    replace(
        CANCELLED,
        confirmation=Confirmation.RJCR,
        group=GroupResolution(message_id=MessageId("20260202990000026REQUEST01"), message_name="pain.013", reasons=WHY),
        requests=(
            replace(
                CANCELLED.requests[0],
                reasons=WHY,
                transactions=(replace(CANCELLED.requests[0].transactions[0], reasons=WHY),),
            ),
        ),
    ),
    replace(
        TAKEN_BACK,
        original_group=GroupCancellation(
            message_id=MessageId("20260202990000026REQUEST01"),
            message_name="pain.013.001.07",
            creation_time=morning(hour=8),
        ),
    ),
    replace(ADDED, underlying=DUPLICATE.underlying),
)
VALUES: Final[tuple[Any, ...]] = (
    *(value for name, value in (TRANSFERS | INVESTIGATIONS).items() if name not in RTP),
    *FURTHER,
)
_CANCELLATION_ANSWERS: Final = (CANCELLED, FURTHER[0])


def practice_of(value: Any) -> str:
    """The market practice that a message goes under."""
    if type(value) is not type(REFUSED):
        return FEDNOW_PRACTICE.id
    return "frb.fednow.rcr.01" if value in _CANCELLATION_ANSWERS else "frb.fednow.rrr.01"


def sent(value: Any, change: Callable[[etree._Element], None] | None = None) -> bytes:
    """The message as its sender gives it to the rail, with a change in the Document; the header follows the change."""
    kind = KIND_OF[type(value)]
    document = kind.build(value)
    if change is not None:
        change(document)
    message_id = kind.layout.read(document).texts["message_id"]
    head = BusinessHeader(
        sender=ConnectionPartyId(value.message_id[8:17]),
        receiver=FEDNOW_ID,
        business_message_id=BusinessMessageId(message_id),
        message_type=kind.message_type,
        market_practice=MarketPractice(registry=FEDNOW_PRACTICE.registry, id=practice_of(value)),
        creation_time=value.creation_time,
    )
    return wrap(EnvelopeKind.FEDNOW_INCOMING, header.build(head), document)


def in_bare(body: bytes) -> etree._Element:
    """The Document of a sent message."""
    return next(etree.fromstring(body).iter("{*}Document"))


# How a rule is broken at its element. Each change gets the element, or its parent where the element is not there.
Change = Callable[[etree._Element], None]


def text(value: str) -> Change:
    """Another text."""

    def change(element: etree._Element) -> None:
        element.text = value

    return change


def first_leaf(value: str) -> Change:
    """Another text in the first leaf of the element."""

    def change(element: etree._Element) -> None:
        next(leaf for leaf in element.iter() if len(leaf) == 0).text = value

    return change


def currency(element: etree._Element) -> None:
    """Another currency."""
    element.set("Ccy", "EUR")


def drop(element: etree._Element) -> None:
    """Nothing."""
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


def drop_parent(element: etree._Element) -> None:
    """Nothing, from the element around it on."""
    parent = element.getparent()
    assert parent is not None
    drop(parent)


def double(element: etree._Element) -> None:
    """Twice."""
    element.addnext(etree.fromstring(etree.tostring(element)))


def proprietary(element: etree._Element) -> None:
    """The code as a proprietary one: the choice is given, for its branch is not there."""
    element[0].tag = str(element[0].tag).replace("}Cd", "}Prtry")


def without_original(element: etree._Element) -> None:
    """The branch without its original message."""
    drop(next(element.iter("{*}OrgnlGrpInf")))


def entry(element: etree._Element) -> None:
    """Another branch: an entry of an account report. Given is what is around it."""
    namespace = str(element.tag).rpartition("}")[0]
    element[:] = []
    etree.SubElement(etree.SubElement(element, f"{namespace}}}StmtNtry"), f"{namespace}}}OrgnlNtryId").text = "x"


def fraud_without_words(element: etree._Element) -> None:
    """A report of fraud without its classifier: the words are taken out, and the code changed."""
    reason = element.getparent()
    assert reason is not None
    next(reason.iter("{*}Cd")).text = "FRAD"
    drop(element)


def unchanged(_element: etree._Element) -> None:
    """As it is: the settings are others."""


@dataclass(frozen=True)
class Breach:
    """How rules of one code are broken, under which settings, and what else that breaks."""

    change: Change
    settings: dict[str, Any] = field(default_factory=dict)
    also: frozenset[str] = frozenset()
    at_parent: bool = False


BREACHES: Final[dict[str, Breach]] = {
    "FEDNOW_MESSAGE_ID": Breach(text("20260202-4711")),
    "FEDNOW_MESSAGE_ID_PARTY": Breach(text("20260202990000039ANOTHER1")),
    "FEDNOW_OWN_CONNECTION_PARTY": Breach(unchanged, {"own_connection_party": ConnectionPartyId("990000039")}),
    "FEDNOW_OWN_ROUTING_NUMBER": Breach(unchanged, {"own_routing_numbers": frozenset({"990000039"})}),
    "FEDNOW_TIME_OFFSET": Breach(text("2026-02-02T10:00:00")),
    "FEDNOW_ONE_PAYMENT": Breach(text("2")),
    "FEDNOW_SETTLEMENT_METHOD": Breach(text("INDA")),
    "FEDNOW_CLEARING_SYSTEM": Breach(text("TCH")),
    "FEDNOW_ORIGINAL": Breach(drop_parent, also=frozenset({"FEDNOW_ORIGINAL", "FEDNOW_ORIGINAL_TIME"})),
    "FEDNOW_ORIGINAL_TIME": Breach(drop),
    "FEDNOW_ORIGINAL_TYPE": Breach(text("pacs.009.001.08")),
    "FEDNOW_ORIGINAL_AMOUNT": Breach(drop),
    "FEDNOW_CURRENCY": Breach(currency),
    "FEDNOW_AMOUNT_FORM": Breach(text("1.005")),
    "FEDNOW_AMOUNT_LEAST": Breach(text("0.00")),
    "FEDNOW_RETURN_AMOUNT": Breach(text("1250.76")),
    "FEDNOW_NETWORK_LIMIT": Breach(text("10000000.01"), also=frozenset({"FEDNOW_RETURN_AMOUNT"})),
    "FEDNOW_LMT_AGENTS": Breach(text("990000039")),
    "FEDNOW_LMT_SENDER": Breach(unchanged, {"lmt_senders": frozenset({"990000039"})}),
    "FEDNOW_LMT_LIMIT": Breach(text("2500000.01")),
    "FEDNOW_SETTLEMENT_DATE": Breach(text("2026-02-02Z")),
    "FEDNOW_CHARGE_BEARER": Breach(text("DEBT")),
    "FEDNOW_AGENT_CLEARING_SYSTEM": Breach(text("GBDSC")),
    "FEDNOW_AGENT_ROUTING_NUMBER": Breach(text("99000001"), also=frozenset({"FEDNOW_LMT_AGENTS"})),
    "FEDNOW_ABA_CHECK_DIGIT": Breach(text("990000014"), also=frozenset({"FEDNOW_LMT_AGENTS"})),
    "FEDNOW_LOCAL_INSTRUMENT": Breach(text("CASH")),
    "FEDNOW_LMT_INSTRUMENT": Breach(text("FDNA")),
    "FEDNOW_RETURN_CHAIN": Breach(drop),
    "FEDNOW_REASON": Breach(drop),
    "FEDNOW_REASON_ONE": Breach(double),
    "FEDNOW_REASON_CODE": Breach(proprietary, at_parent=True),
    "FEDNOW_REASON_LIST": Breach(
        unchanged,
        dict.fromkeys(("return_reasons", "cancellation_reasons", "cancellation_rejections"), frozenset({"XXXX"})),
        also=frozenset({"FEDNOW_REASON_LIST"}),
    ),
    "FEDNOW_REQUEST_STATUS": Breach(unchanged, {"request_statuses": frozenset({"PRES"})}),
    "FEDNOW_REQUEST_OVER": Breach(first_leaf("2026-01-30")),
    "FEDNOW_CASE": Breach(drop),
    "FEDNOW_RETURN_REQUEST_LATE": Breach(text("2025-12-03")),
    "FEDNOW_CLASSIFIER": Breach(fraud_without_words),
    "FEDNOW_UNDERLYING": Breach(entry, also=frozenset({"FEDNOW_ORIGINAL"}), at_parent=True),
    "FEDNOW_RESOLUTION_STATUS": Breach(text("INFO")),
}
# Where one code is broken otherwise than elsewhere.
PARTICULAR: Final[dict[tuple[str, str], Breach]] = {
    ("FEDNOW_ONE_PAYMENT", "transactions"): Breach(double, also=frozenset({"FEDNOW_REASON_ONE"})),
    ("FEDNOW_ONE_PAYMENT", "requests"): Breach(double, also=frozenset({"FEDNOW_ONE_PAYMENT"})),
    ("FEDNOW_ONE_PAYMENT", "underlyings"): Breach(double, also=frozenset({"FEDNOW_ONE_PAYMENT", "FEDNOW_REASON_ONE"})),
    ("FEDNOW_ORIGINAL", "underlying"): Breach(without_original),
    ("FEDNOW_ORIGINAL", "original_message"): Breach(drop),
    ("FEDNOW_REQUEST_OVER", "expiry"): Breach(first_leaf("2026-02-02T07:59:59-05:00")),
}


def every_rule() -> Iterator[tuple[str, FedNowRule]]:
    """Each rule with the message type that it is about."""
    for message_type, rules in RULES.items():
        for rule in rules:
            yield message_type, rule


def place(document: etree._Element, message_type: str, rule: FedNowRule) -> etree._Element | None:
    """The first element that the rule looks at."""
    layout = MESSAGE_KINDS[message_type].layout
    found = layout.elements(document, layout.paths[rule.field])
    return found[0] if found else None


def broken(message_type: str, rule: FedNowRule) -> tuple[Any, Breach, Change]:
    """A message that has the element, and the change that breaks the rule there."""
    breach = PARTICULAR.get((rule.code, rule.field)) or BREACHES[rule.code]
    layout = MESSAGE_KINDS[message_type].layout
    path = layout.paths[rule.field].rpartition("/@")[0] or layout.paths[rule.field]
    if breach.at_parent:
        path = path.rpartition("/")[0]

    def change(document: etree._Element) -> None:
        breach.change(layout.elements(document, path)[0])

    for value in VALUES:
        kind = KIND_OF[type(value)]
        if kind.message_type == message_type and layout.elements(kind.build(value), path):
            return value, breach, change
    raise AssertionError(f"no message of {message_type} has {path}")


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}-{value.message_id}")
def test_the_messages_break_no_rule(value: Any) -> None:
    """The control of all tests below: before the change there is nothing to find, either way they travel."""
    report = examined(sent(value))

    assert report.findings == ()
    assert report.direction is Direction.TO_RAIL
    assert report.message == value


@pytest.mark.parametrize(
    ("message_type", "rule"),
    [pytest.param(*row, id=f"{row[0]}-{row[1].code}-{row[1].field}") for row in every_rule()],
)
def test_each_rule_broken_once_names_its_element(message_type: str, rule: FedNowRule) -> None:
    """The finding has the rule's code, words and element; nothing is found but what the change breaks as well."""
    value, breach, change = broken(message_type, rule)

    report = examined(sent(value, change), replace(PROFILE, **breach.settings))

    layout = MESSAGE_KINDS[message_type].layout
    found = {finding.xpath: finding for finding in report.findings if finding.code == rule.code}
    at = [xpath for xpath in found if without_index(xpath) == layout.xpath_of(rule.field)]
    assert len(at) == 1, [(finding.code, finding.xpath) for finding in report.findings]
    assert found[at[0]].rule
    assert found[at[0]].hint
    assert set(codes(report)) - {rule.code} <= breach.also


def without_index(xpath: str) -> str:
    """The path without the number of a repeated element."""
    return "/".join(step.partition("[")[0] for step in xpath.split("/"))


def examined(body: bytes, profile: FedNowProfile = PROFILE) -> Report:
    """The report on what a participant sends."""
    return examine(body, profile=profile)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__}-{value.message_id}")
def test_what_is_ours_to_send_alone_is_not_asked_of_others(value: Any) -> None:
    """A message that the rail delivers has its sender's ids: ours are not demanded of it."""
    document = etree.tostring(in_bare(sent(value)))
    ours = replace(
        PROFILE,
        own_connection_party=ConnectionPartyId("990000039"),
        own_routing_numbers=frozenset({"990000039"}),
    )

    assert examine(document, profile=ours, direction=Direction.FROM_RAIL).findings == ()
    assert "FEDNOW_OWN_CONNECTION_PARTY" in codes(examine(document, profile=ours, direction=Direction.TO_RAIL))


@pytest.mark.parametrize("value", [value for value in VALUES if type(value) is type(REFUSED)])
def test_the_services_own_answers_have_ids_of_their_own(value: Any) -> None:
    """FedNow refuses return requests and cancellations itself, by ids of free text; a participant's have a form."""
    free = replace(value, message_id=MessageId("FedNowServiceReference0001"), resolved_case=None)
    body = etree.tostring(KIND_OF[type(free)].build(free))

    assert examine(body, profile=PROFILE, direction=Direction.FROM_RAIL).findings == ()
    assert "FEDNOW_MESSAGE_ID" in codes(examine(body, profile=PROFILE, direction=Direction.TO_RAIL))


STATUSES: Final = {
    "frb.fednow.rrr.01": {"IPAY", "PECR", "RJCR", "PDCR"},
    "frb.fednow.irr.01": {"PDNG", "INFO", "NINF", "IDUP", "IPAY"},
    "frb.fednow.rcr.01": {"CNCL", "RJCR", "PDCR"},
}
WRAPPERS: Final = {
    "frb.fednow.rrr.01": b"FedNowReturnRequestResponse",
    "frb.fednow.irr.01": b"FedNowInformationRequestResponse",
    "frb.fednow.rcr.01": b"FedNowRequestForPaymentCancellationRequestResponse",
}


@pytest.mark.parametrize("practice", STATUSES)
@pytest.mark.parametrize("confirmation", Confirmation)
def test_each_kind_of_answer_knows_its_own_statuses(practice: str, confirmation: Confirmation) -> None:
    """OP, Appendix A: nine words, three kinds; the header's market practice says which kind it is."""
    body = sent(replace(REFUSED, confirmation=confirmation))
    body = body.replace(b"frb.fednow.rrr.01", practice.encode()).replace(
        WRAPPERS["frb.fednow.rrr.01"], WRAPPERS[practice]
    )

    found = codes(examined(body))

    assert found == ([] if confirmation in STATUSES[practice] else ["FEDNOW_RESOLUTION_STATUS"])


DEADLINES: Final[dict[str, tuple[str, int, bool]]] = {
    "the last day": ("DUPL", 60, True),
    "a day late": ("DUPL", 61, False),
    "fraud has no deadline": ("FRAD", 400, True),
    "a warranty claim's last day": ("WNTB", 95, True),
    "a warranty claim a day late": ("WNTB", 96, False),
}


@pytest.mark.parametrize("name", DEADLINES)
def test_a_return_is_asked_for_in_time(name: str) -> None:
    """OP: 60 calendar days after settlement, 95 for a warranty claim, none for fraud; days are US Eastern ones."""
    reason, days, allowed = DEADLINES[name]
    request = replace(
        SENT_TWICE,
        original_settlement_date=date(2026, 1, 31),
        creation_time=datetime.combine(
            date(2026, 1, 31) + timedelta(days=days), time(23, 59), ZoneInfo("America/New_York")
        ),
        reasons=(Reason(reason=Code(reason), additional=(Personal("a classifier"),)),),
    )

    found = codes(examined(sent(request)))

    assert found == ([] if allowed else ["FEDNOW_RETURN_REQUEST_LATE"])


def test_a_day_without_a_time_lasts_until_its_last_second() -> None:
    """OP: an expiry without a time is 23:59:59 US Eastern, so a request may be made, and expire, on one day."""
    bill = TRANSFERS["transfers/pain013_bill.xml"]
    evening = datetime(2026, 2, 10, 23, 59, 59, tzinfo=EASTERN)

    in_time = replace(bill, creation_time=evening, expiry=None)
    too_late = replace(bill, creation_time=evening + timedelta(seconds=1), expiry=None)

    assert codes(examined(sent(in_time))) == []
    assert codes(examined(sent(too_late))) == ["FEDNOW_REQUEST_OVER"]


def test_nothing_may_be_asked_for_but_not_returned() -> None:
    """OP: there are requests for payment of zero dollars; there is no payment of nothing."""
    nothing = Amount(0)

    assert codes(examined(sent(replace(TRANSFERS["transfers/pain013_bill.xml"], amount=nothing)))) == []
    assert codes(examined(sent(replace(TRANSFERS["transfers/pacs004_part.xml"], amount=nothing)))) == [
        "FEDNOW_AMOUNT_LEAST"
    ]


@pytest.mark.parametrize("name", ["transfers/pacs004_part.xml", "transfers/pain014_rjct.xml"])
def test_words_alone_are_no_reason(name: str) -> None:
    """A reason without its code cannot be acted upon by a machine; the message with the code is the control."""
    value = TRANSFERS[name]
    words = replace(value, reasons=(replace(value.reasons[0], reason=None),))

    assert codes(examined(sent(value))) == []
    assert codes(examined(sent(words))) == ["FEDNOW_REASON"]


def test_every_rule_names_a_field_of_its_message() -> None:
    """A rule about a field that is not there would never be broken."""
    assert [
        (message_type, rule.field)
        for message_type, rule in every_rule()
        if rule.field not in MESSAGE_KINDS[message_type].layout.paths
    ] == []
    assert all(rule.directions != FROM_RAIL for _, rule in every_rule())
