"""RTP's rules for payments, their statuses and the questions about them. Sources as in :mod:`iso20022.profiles.rtp`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from iso20022.fields import read_date
from iso20022.profiles.profile import TO_RAIL
from iso20022.profiles.rtp_rule import RtpFacts, RtpRule
from iso20022.profiles.rtp_shared_rules import (
    amount_of,
    amount_rules,
    at_most_one,
    fixed,
    instruction_id,
    listed,
    message_id,
    message_id_party,
    needed,
    needed_part,
    one,
    reason_given,
)


def _total_is_amount(text: str, facts: RtpFacts) -> bool:
    return not text or amount_of(text) == amount_of(facts.texts["amount"])


def _own_institution(field: str, tag: str) -> RtpRule:
    return RtpRule(
        code="RTP_OWN_INSTITUTION",
        field=field,
        agrees=lambda text, facts: not facts.profile.own_institutions or text in facts.profile.own_institutions,
        directions=TO_RAIL,
        rule=f"{tag} is an institution that this gateway may send for.",
        hint="Use your institution's number; who may send is a setting of the gateway.",
    )


_GROUP: Final = (
    message_id(),
    message_id_party(),
    one("number_of_transactions", "in NbOfTxs too"),
    one("transactions", "CdtTrfTxInf"),
    needed("total_amount", "GrpHdr/TtlIntrBkSttlmAmt, the total,"),
    RtpRule(
        code="RTP_TOTAL",
        field="total_amount",
        agrees=_total_is_amount,
        rule="The total is the amount of the one payment.",
        hint="Write the same amount in TtlIntrBkSttlmAmt and IntrBkSttlmAmt.",
    ),
    RtpRule(
        code="RTP_SETTLEMENT_DATE",
        field="group_settlement_date",
        holds=lambda text: read_date(text) is not None,
        rule="GrpHdr/IntrBkSttlmDt, the settlement date, is mandatory, and has no time zone.",
        hint="Write the day as 2026-01-31.",
    ),
    fixed("RTP_SETTLEMENT_METHOD", "settlement_method", "CLRG", "SttlmMtd"),
    RtpRule(
        code="RTP_CLEARING_SYSTEM",
        field="clearing_system",
        agrees=lambda text, facts: text == facts.profile.clearing_system,
        rule="The clearing system is RTP: SttlmInf/ClrSys/Cd is {p.clearing_system}.",
        hint="Write {p.clearing_system}.",
    ),
    needed("instruction_id", "PmtId/InstrId, the instruction id,"),
    instruction_id("instruction_id", "InstrId"),
    needed("transaction_id", "PmtId/TxId, the transaction id,"),
    instruction_id("transaction_id", "TxId"),
    *amount_rules("amount"),
)

PACS008_RULES: Final = (
    *_GROUP,
    needed("service_level", "PmtTpInf/SvcLvl/Cd, the service level,"),
    listed("RTP_SERVICE_LEVEL", "service_level", "service_levels", "PmtTpInf/SvcLvl/Cd"),
    needed("local_instrument", "PmtTpInf/LclInstrm/Prtry, the local instrument,"),
    listed("RTP_LOCAL_INSTRUMENT", "local_instrument", "local_instruments", "PmtTpInf/LclInstrm/Prtry"),
    needed("category_purpose", "PmtTpInf/CtgyPurp/Prtry, the category purpose,"),
    listed("RTP_CATEGORY_PURPOSE", "category_purpose", "category_purposes", "PmtTpInf/CtgyPurp/Prtry"),
    fixed("RTP_CHARGE_BEARER", "charge_bearer", "SLEV", "ChrgBr"),
    needed("instructing_agent", "InstgAgt, by its number,"),
    needed("instructed_agent", "InstdAgt, by its number,"),
    needed("debtor_name", "Dbtr/Nm, the debtor's name,"),
    needed("debtor_account", "DbtrAcct/Id/Othr/Id, the debtor's account,"),
    needed("debtor_agent", "DbtrAgt, by its number,"),
    _own_institution("debtor_agent", "DbtrAgt"),
    needed("creditor_agent", "CdtrAgt, by its number,"),
    needed("creditor_name", "Cdtr/Nm, the creditor's name,"),
    needed("creditor_account", "CdtrAcct/Id/Othr/Id, the creditor's account,"),
    at_most_one("remittance", "RmtInf/Ustrd"),
)
"""The customer credit transfer; a return is one too, with the original in its remittance information."""

PACS009_RULES: Final = (
    *_GROUP,
    needed("instructing_agent.member_id", "InstgAgt, by its number,"),
    needed("instructed_agent.member_id", "InstdAgt, by its number,"),
    _own_institution("instructing_agent.member_id", "InstgAgt"),
)
"""The credit transfer between institutions."""

_ORIGINAL_GROUP: Final = (
    needed("group_original_message_id", "The group's OrgnlMsgId, the original's message id,"),
    needed("group_original_message_name", "The group's OrgnlMsgNmId, the original's message type,"),
    needed("group_original_creation_time", "The group's OrgnlCreDtTm, the original's creation time,"),
    fixed("RTP_ONE_PAYMENT", "group_original_transactions", "1", "OrgnlNbOfTxs"),
)

PACS002_RULES: Final = (
    message_id(),
    one("transactions", "TxInfAndSts"),
    *_ORIGINAL_GROUP,
    needed("original_instruction_id", "OrgnlInstrId, the original's instruction id,"),
    needed("status", "TxSts, the status,"),
    listed("RTP_STATUS", "status", "statuses", "TxSts"),
    reason_given("status"),
    at_most_one("reasons", "StsRsnInf"),
    listed("RTP_REASON_CODE", "reason_code", "status_reasons", "StsRsnInf/Rsn/Cd"),
    listed("RTP_REASON_CODE", "reason_proprietary", "proprietary_status_reasons", "StsRsnInf/Rsn/Prtry"),
    needed("acceptance_time", "AccptncDtTm, when the payment was accepted for processing,"),
    needed("instructing_agent", "InstgAgt, by its number,"),
    needed("instructed_agent", "InstdAgt, by its number,"),
)
"""The payment status report."""

PACS028_RULES: Final = (
    message_id(),
    message_id_party(),
    one("transactions", "TxInf"),
    *_ORIGINAL_GROUP,
    needed("original_instruction_id", "OrgnlInstrId, the original's instruction id,"),
    needed("original_transaction_id", "OrgnlTxId, the original's transaction id,"),
    needed("acceptance_time", "AccptncDtTm, when the payment was accepted for processing,"),
    needed("instructing_agent", "InstgAgt, by its number,"),
    needed("instructed_agent", "InstdAgt, by its number,"),
    needed("original_amount", "OrgnlTxRef/IntrBkSttlmAmt, the original's amount,"),
    needed("original_settlement_date", "OrgnlTxRef/IntrBkSttlmDt, the original's settlement date,"),
)
"""The payment status request."""

REMITTANCE_RULES: Final = (needed_part("remittances", "RmtInf, the remittance information,"),)
"""The remittance advice."""

PAYMENT_RULES: Final[Mapping[str, tuple[RtpRule, ...]]] = MappingProxyType(
    {
        "pacs.002.001.10": PACS002_RULES,
        "pacs.008.001.08": PACS008_RULES,
        "pacs.009.001.08": PACS009_RULES,
        "pacs.028.001.03": PACS028_RULES,
        "remt.001.001.04": REMITTANCE_RULES,
    }
)
"""The rules for each Document about a payment."""
