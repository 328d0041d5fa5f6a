"""RTP's rules for administration and system messages. Sources as in :mod:`iso20022.profiles.rtp`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from iso20022.identifiers import is_rtp_administration_id
from iso20022.profiles.rtp_rule import RtpRule
from iso20022.profiles.rtp_shared_rules import instruction_id, listed, needed

_ADMINISTRATION_ID: Final = RtpRule(
    code="RTP_ADMINISTRATION_ID",
    field="message_id",
    holds=is_rtp_administration_id,
    rule="The id of an administration message is the time YYYYMMDDHHMMSS, the participant's eleven characters, and up "
    "to ten more.",
    hint="Build it so, new for every message.",
)
_REQUEST: Final = (_ADMINISTRATION_ID, instruction_id("instruction_id", "InstrId"))
_REJECTION: Final = RtpRule(
    code="RTP_REASON",
    field="reason",
    agrees=lambda text, facts: bool(text) or facts.texts["status"] != "RJCT",
    rule="RJCT states its reason: StsRsnInf/Rsn/Prtry.",
    hint="Add one of 9946, 9948, 9964, DS0H, RC02.",
)

SYSTEM_RULES: Final[Mapping[str, tuple[RtpRule, ...]]] = MappingProxyType(
    {
        "acmt.022.001.02": (needed("updated.account", "UpdtdPtyAndAcctId/Acct/Othr/Id, the token,"),),
        "admi.002.001.01": (),
        "admi.004.001.02": (
            listed("RTP_EVENT", "event_code", "event_codes", "EvtCd", severity="event_severity"),
            needed("event_time", "EvtTm, when it happened,"),
        ),
        "admn.001.001.01": _REQUEST,
        "admn.002.001.01": (_REJECTION,),
        "admn.003.001.01": _REQUEST,
        "admn.004.001.01": (_REJECTION,),
        "admn.005.001.01": _REQUEST,
        "admn.006.001.01": (_ADMINISTRATION_ID,),
        "admn.007.001.01": _REQUEST,
        "admn.008.001.01": (),
    }
)
"""The rules for each Document of administration; the forms of the rest are the schemas'."""
