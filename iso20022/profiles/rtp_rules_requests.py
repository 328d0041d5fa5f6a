"""RTP's rules for requests for payment, investigations and returns of funds.

Sources as in :mod:`iso20022.profiles.rtp`. On RTP a return is asked for with a camt.056, answered with a camt.029, and
paid with a new pacs.008.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from iso20022.profiles.rtp_rule import RtpFacts, RtpRule
from iso20022.profiles.rtp_shared_rules import (
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


def _given_with_rejection(text: str, facts: RtpFacts) -> bool:
    return text != "0" or facts.texts["confirmation"] != "RJCR"


def _about(*families: str) -> RtpRule:
    return RtpRule(
        code="RTP_ORIGINAL_TYPE",
        field="original_message.message_name",
        holds=lambda text: not text or text.startswith(families),
        rule=f"The original is a {' or a '.join(families)}.",
        hint="Write the original's whole identifier, for example pacs.008.001.08.",
    )


PAIN013_RULES: Final = (
    message_id(),
    message_id_party(),
    one("number_of_transactions", "in NbOfTxs too"),
    one("requests", "PmtInf"),
    one("transactions", "CdtTrfTx"),
    instruction_id("payment_information_id", "PmtInfId"),
    instruction_id("instruction_id", "InstrId"),
    fixed("RTP_PAYMENT_METHOD", "payment_method", "TRF", "PmtMtd"),
    needed_part("requested_execution", "ReqdExctnDt, when the payment is wanted,"),
    needed_part("expiry", "XpryDt, until when the request may be answered,"),
    needed_part("debtor_account", "DbtrAcct, the debtor's account,"),
    listed("RTP_SERVICE_LEVEL", "payment_type.service_levels.code", "service_levels", "PmtTpInf/SvcLvl/Cd"),
    listed(
        "RTP_LOCAL_INSTRUMENT",
        "payment_type.local_instrument.proprietary",
        "request_local_instruments",
        "PmtTpInf/LclInstrm/Prtry",
    ),
    listed(
        "RTP_CATEGORY_PURPOSE",
        "payment_type.category_purpose.proprietary",
        "category_purposes",
        "PmtTpInf/CtgyPurp/Prtry",
    ),
    *amount_rules("amount"),
    fixed("RTP_CHARGE_BEARER", "charge_bearer", "SLEV", "ChrgBr"),
    needed_part("creditor_account", "CdtrAcct, the creditor's account,"),
)
"""The request for payment."""

PAIN014_RULES: Final = (
    message_id(),
    message_id_party(),
    one("requests", "OrgnlPmtInfAndSts"),
    one("transactions", "TxInfAndSts"),
    needed("status", "TxSts, the status,"),
    listed("RTP_STATUS", "status", "request_statuses", "TxSts"),
    reason_given("status"),
    at_most_one("reasons", "StsRsnInf"),
    listed("RTP_REASON_CODE", "reasons.reason.code", "request_reasons", "StsRsnInf/Rsn/Cd"),
    listed("RTP_REASON_CODE", "reasons.reason.proprietary", "proprietary_request_reasons", "StsRsnInf/Rsn/Prtry"),
)
"""The answer to a request for payment."""

CAMT026_RULES: Final = (
    message_id(),
    listed(
        "RTP_INFORMATION_CODE",
        "justification.missing_or_incorrect.missing.code",
        "missing_codes",
        "MssngInf/Cd, what is missing,",
    ),
    listed(
        "RTP_INFORMATION_CODE",
        "justification.missing_or_incorrect.incorrect.code",
        "incorrect_codes",
        "IncrrctInf/Cd, what is incorrect,",
    ),
)
"""The request for information."""

CAMT028_RULES: Final = (message_id(),)
"""The answer to a request for information."""

CAMT029_RULES: Final = (
    message_id(),
    needed("confirmation", "Sts/Conf, the decision,"),
    listed("RTP_RESOLUTION", "confirmation", "resolutions", "Sts/Conf"),
    RtpRule(
        code="RTP_REASON",
        field="payments.reasons",
        agrees=_given_with_rejection,
        rule="RJCR states its reason: CxlStsRsnInf/Rsn.",
        hint="Add a reason code such as NOAS.",
    ),
    listed("RTP_REASON_CODE", "payments.reasons.reason.code", "resolution_reasons", "CxlStsRsnInf/Rsn/Cd"),
)
"""The answer to a request for the return of funds."""

CAMT035_RULES: Final = (
    message_id(),
    listed("RTP_ACKNOWLEDGEMENT", "kind", "acknowledgements", "PrtryData/Tp"),
)
"""The acknowledgement."""

CAMT056_RULES: Final = (
    message_id(),
    one("transactions", "TxInf"),
    _about("pacs.008", "pain.013"),
    needed_part("reasons", "CxlRsnInf, the reason,"),
    at_most_one("reasons", "CxlRsnInf"),
    listed("RTP_REASON_CODE", "reasons.reason.code", "return_reasons", "CxlRsnInf/Rsn/Cd"),
    listed("RTP_REASON_CODE", "reasons.reason.proprietary", "proprietary_return_reasons", "CxlRsnInf/Rsn/Prtry"),
)
"""The request for the return of funds, or the rail's own notice of a time-out."""

REQUEST_RULES: Final[Mapping[str, tuple[RtpRule, ...]]] = MappingProxyType(
    {
        "camt.026.001.07": CAMT026_RULES,
        "camt.028.001.09": CAMT028_RULES,
        "camt.029.001.09": CAMT029_RULES,
        "camt.035.001.05": CAMT035_RULES,
        "camt.056.001.08": CAMT056_RULES,
        "pain.013.001.07": PAIN013_RULES,
        "pain.014.001.07": PAIN014_RULES,
    }
)
"""The rules for each Document that asks for something, or answers."""
