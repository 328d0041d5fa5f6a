"""Make a valid sample of any message type: for a rail, either way, today or then.

>>> sample("admi.004", rail=Rail.FEDNOW, bare=True).decode().splitlines()[1][:90]
'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:admi.004.001.02"><SysEvtNtfctn><EvtInf><Ev'

The same arguments always give the same bytes. All names, accounts and routing numbers in samples are invented.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final
from zoneinfo import ZoneInfo

from lxml import etree

from iso20022 import header as headers
from iso20022.codes import Direction, Rail
from iso20022.envelope import EnvelopeKind, serialise, wrap
from iso20022.header import HEADER_TYPE, RTP_HEADER_TYPE, BusinessHeader, MarketPractice
from iso20022.identifiers import BusinessMessageId
from iso20022.local_time import EASTERN, in_local_time
from iso20022.messages import admn
from iso20022.messages.registry import MESSAGE_KINDS
from iso20022.profiles.fednow import FEDNOW_PRACTICE, REPORT_KINDS
from iso20022.sampling import investigations, reports, rtp, system, transfers
from iso20022.sampling.scene import OURS, Scene
from iso20022.sampling.variation import Variation
from iso20022.wrappers import FEDNOW_WRAPPERS, RTP_WRAPPERS, directions_of

SAMPLE_TIME: Final = datetime(2026, 1, 31, 14, 30, tzinfo=UTC)
"""When a sample is made where no other time is asked for."""

DIRECTIONS: Final[Mapping[Rail, Mapping[str, frozenset[Direction]]]] = MappingProxyType(
    {Rail.FEDNOW: directions_of(FEDNOW_WRAPPERS), Rail.RTP: directions_of(RTP_WRAPPERS)}
)
"""Every message type of each rail, and which way it travels."""

_WAYS: Final = {Direction.TO_RAIL: "to the rail", Direction.FROM_RAIL: "from the rail"}


class NoSampleError(ValueError):
    """There is no such message type on the rail, or it does not travel that way."""


def _report_practice(scene: Scene) -> str:
    kind = reports.report_kind(scene)
    return next(practice for practice, kinds in REPORT_KINDS.items() if kind in kinds)


@dataclass(frozen=True, slots=True)
class _Sampler:
    """What makes the value of a type, and FedNow's market practice where it depends on the content."""

    make: Callable[[Scene], Any]
    practice: Callable[[Scene], str] = lambda _scene: FEDNOW_PRACTICE.id


_SAMPLERS: Final[Mapping[str, _Sampler]] = MappingProxyType(
    {
        "acmt.022.001.02": _Sampler(rtp.token_identification),
        "admi.002.001.01": _Sampler(system.message_reject),
        "admi.004.001.02": _Sampler(system.system_event),
        "admi.006.001.01": _Sampler(system.resend_request),
        "admi.007.001.01": _Sampler(system.receipt_acknowledgement),
        "admi.011.001.01": _Sampler(system.event_acknowledgement),
        "admi.998.001.02": _Sampler(system.participant_file),
        "admn.001.001.01": _Sampler(rtp.request_of(admn.SignOnRequest)),
        "admn.002.001.01": _Sampler(rtp.response_of(admn.SignOnResponse)),
        "admn.003.001.01": _Sampler(rtp.request_of(admn.SignOffRequest)),
        "admn.004.001.01": _Sampler(rtp.response_of(admn.SignOffResponse)),
        "admn.005.001.01": _Sampler(rtp.request_of(admn.EchoRequest)),
        "admn.006.001.01": _Sampler(rtp.echo_response),
        "admn.007.001.01": _Sampler(rtp.request_of(admn.AvailabilityRequest)),
        "admn.008.001.01": _Sampler(rtp.availability_report),
        "camt.026.001.07": _Sampler(investigations.information_request),
        "camt.028.001.09": _Sampler(investigations.additional_information),
        "camt.029.001.09": _Sampler(investigations.resolution, investigations.resolution_practice),
        "camt.035.001.05": _Sampler(rtp.acknowledgement),
        "camt.052.001.08": _Sampler(reports.account_report, _report_practice),
        "camt.054.001.08": _Sampler(reports.notification),
        "camt.055.001.09": _Sampler(investigations.request_cancellation),
        "camt.056.001.08": _Sampler(investigations.return_request),
        "camt.060.001.05": _Sampler(reports.reporting_request),
        "pacs.002.001.10": _Sampler(transfers.status_report),
        "pacs.004.001.10": _Sampler(transfers.payment_return),
        "pacs.008.001.08": _Sampler(transfers.customer_credit_transfer),
        "pacs.009.001.08": _Sampler(transfers.institution_credit_transfer),
        "pacs.028.001.03": _Sampler(transfers.status_request),
        "pain.013.001.07": _Sampler(transfers.request_for_payment),
        "pain.014.001.07": _Sampler(transfers.request_response),
        "remt.001.001.04": _Sampler(rtp.remittance_advice),
    }
)


def sample(
    message: str,
    *,
    rail: Rail | str,
    direction: Direction | None = None,
    at: datetime = SAMPLE_TIME,
    variation: int = 0,
    bare: bool = False,
) -> bytes:
    """A valid message of a type, such as ``pacs.008`` or ``pacs.008.001.08``, in its rail's envelope or bare.

    Without a direction it goes to the rail, where that type does. ``at`` is aware; ``variation`` is any number from 0,
    and what is optional in the message comes and goes with it. Raises NoSampleError, and ValueError for another rail or
    a time without an offset.
    """
    if at.tzinfo is None:
        raise ValueError("the moment of a sample states its offset from UTC")
    message_type = type_on(Rail(rail), message)
    scene = Scene(
        rail=Rail(rail),
        direction=_direction(Rail(rail), message_type, direction),
        at=at.astimezone(ZoneInfo(EASTERN)).replace(microsecond=0),
        vary=Variation(variation),
    )
    sampler = _SAMPLERS[message_type]
    document = MESSAGE_KINDS[message_type].build(sampler.make(scene))
    if bare:
        return serialise(document if scene.is_fednow else in_local_time(document))
    header = _header(scene, message_type, sampler.practice(scene), document)
    return wrap(_envelope(scene), header, document)


def indented(message: bytes) -> bytes:
    """The message with each element on a line of its own, as people like to read it; it says the same."""
    root = etree.fromstring(message, etree.XMLParser(resolve_entities=False, no_network=True))
    etree.indent(root)
    return serialise(root) + b"\n"


def type_on(rail: Rail, message: str) -> str:
    """The full identifier of a message type on a rail, from its beginning (``pacs.008``). Raises NoSampleError."""
    found = [known for known in DIRECTIONS[rail] if known == message or known.startswith(f"{message}.")]
    if len(found) != 1:
        raise NoSampleError(f"{rail} has no {message}; it has {', '.join(sorted(DIRECTIONS[rail]))}")
    return found[0]


def _direction(rail: Rail, message_type: str, direction: Direction | None) -> Direction:
    travels = DIRECTIONS[rail][message_type]
    if direction is None:
        return Direction.TO_RAIL if Direction.TO_RAIL in travels else Direction.FROM_RAIL
    if direction not in travels:
        raise NoSampleError(
            f"on {rail} a {message_type} only travels {' and '.join(_WAYS[way] for way in sorted(travels))}"
        )
    return direction


def _envelope(scene: Scene) -> EnvelopeKind:
    if not scene.is_fednow:
        return EnvelopeKind.RTP_MESSAGE
    to_rail = scene.direction is Direction.TO_RAIL
    return EnvelopeKind.FEDNOW_INCOMING if to_rail else EnvelopeKind.FEDNOW_OUTGOING


def _header(scene: Scene, message_type: str, practice: str, document: etree._Element) -> etree._Element:
    kind = MESSAGE_KINDS[message_type]
    own_id = kind.layout.read(document).texts.get(kind.id_field, "")
    us, to_rail = scene.participant(OURS), scene.direction is Direction.TO_RAIL
    has_own_id = scene.is_fednow and to_rail
    return headers.build(
        BusinessHeader(
            sender=us if to_rail else scene.rail_id,
            receiver=scene.rail_id if to_rail else us,
            business_message_id=BusinessMessageId(own_id or scene.message_id())
            if has_own_id
            else scene.business_message_id(),
            message_type=message_type,
            market_practice=MarketPractice(registry=FEDNOW_PRACTICE.registry, id=practice) if scene.is_fednow else None,
            creation_time=scene.at,
            business_processing_date=None if to_rail or not scene.is_fednow else scene.at,
        ),
        header_type=HEADER_TYPE if scene.is_fednow else RTP_HEADER_TYPE,
    )
