"""Which element holds which message in the envelopes of the rails: data, so that a new release is a further row.

Sources: FedNow's envelopes as in its published samples and the public types of ``moov-io/fednow20022``; RTP's as in the
public record of its releases 2.9 and 3.0 (``moov-io/rtp20022``). Which way RTP's messages travel follows from what they
are for, as an integrator's public guide has it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from iso20022.codes import Direction

_BOTH: Final = frozenset(Direction)
_TO_RAIL: Final = frozenset({Direction.TO_RAIL})
_FROM_RAIL: Final = frozenset({Direction.FROM_RAIL})


@dataclass(frozen=True, slots=True)
class Wrapper:
    """An element of an envelope: the message type that it holds, and which way that travels in it.

    ``practice`` is the market practice (``MktPrctc/Id``) of the messages in it, where one type has several wrappers.
    """

    name: str
    message_type: str
    directions: frozenset[Direction]
    practice: str | None = None


FEDNOW_WRAPPERS: Final = (
    Wrapper("FedNowMessageReject", "admi.002.001.01", _BOTH),
    Wrapper("FedNowParticipantBroadcast", "admi.004.001.02", _TO_RAIL),
    Wrapper("FedNowBroadcast", "admi.004.001.02", _FROM_RAIL),
    Wrapper("FedNowRetrievalRequest", "admi.006.001.01", _TO_RAIL),
    Wrapper("FedNowReceiptAcknowledgement", "admi.007.001.01", _BOTH),
    Wrapper("FedNowSystemResponse", "admi.011.001.01", _FROM_RAIL),
    Wrapper("FedNowParticipantFile", "admi.998.001.02", _FROM_RAIL),
    Wrapper("FedNowPaymentStatus", "pacs.002.001.10", _BOTH),
    Wrapper("FedNowPaymentReturn", "pacs.004.001.10", _BOTH),
    Wrapper("FedNowCustomerCreditTransfer", "pacs.008.001.08", _BOTH),
    Wrapper("FedNowInstitutionCreditTransfer", "pacs.009.001.08", _BOTH),
    Wrapper("FedNowPaymentStatusRequest", "pacs.028.001.03", _BOTH),
    Wrapper("FedNowRequestForPayment", "pain.013.001.07", _BOTH),
    Wrapper("FedNowRequestForPaymentResponse", "pain.014.001.07", _BOTH),
    Wrapper("FedNowInformationRequest", "camt.026.001.07", _BOTH),
    Wrapper("FedNowAdditionalPaymentInformation", "camt.028.001.09", _BOTH),
    Wrapper("FedNowInformationRequestResponse", "camt.029.001.09", _BOTH, "frb.fednow.irr.01"),
    Wrapper("FedNowRequestForPaymentCancellationRequestResponse", "camt.029.001.09", _BOTH, "frb.fednow.rcr.01"),
    Wrapper("FedNowReturnRequestResponse", "camt.029.001.09", _BOTH, "frb.fednow.rrr.01"),
    Wrapper("FedNowRequestForPaymentCancellationRequest", "camt.055.001.09", _BOTH),
    Wrapper("FedNowReturnRequest", "camt.056.001.08", _BOTH),
    Wrapper("FedNowAccountReportingRequest", "camt.060.001.05", _TO_RAIL),
    Wrapper("FedNowAccountActivityDetailsReport", "camt.052.001.08", _FROM_RAIL, "frb.fednow.aad.01"),
    Wrapper("FedNowAccountActivityTotalsReport", "camt.052.001.08", _FROM_RAIL, "frb.fednow.aat.01"),
    Wrapper("FedNowAccountBalanceReport", "camt.052.001.08", _FROM_RAIL, "frb.fednow.aba.01"),
    Wrapper("AccountDebitCreditNotification", "camt.054.001.08", _FROM_RAIL),
)
"""Every wrapper of FedNow's envelopes that is known in public."""

RTP_WRAPPERS: Final = (
    Wrapper("TokenIdentification", "acmt.022.001.02", _BOTH),
    Wrapper("MessageReject", "admi.002.001.01", _BOTH),
    Wrapper("SystemNotificationEvent", "admi.004.001.02", _FROM_RAIL),
    Wrapper("SignOnRequest", "admn.001.001.01", _TO_RAIL),
    Wrapper("SignOnResponse", "admn.002.001.01", _FROM_RAIL),
    Wrapper("SignOffRequest", "admn.003.001.01", _TO_RAIL),
    Wrapper("SignOffResponse", "admn.004.001.01", _FROM_RAIL),
    Wrapper("EchoRequest", "admn.005.001.01", _BOTH),
    Wrapper("EchoResponse", "admn.006.001.01", _BOTH),
    Wrapper("ParticipantReport", "admn.007.001.01", _TO_RAIL),
    Wrapper("ParticipantReportResponse", "admn.008.001.01", _FROM_RAIL),
    Wrapper("RequestForInformation", "camt.026.001.07", _BOTH),
    Wrapper("ResponseRequestForInformation", "camt.028.001.09", _BOTH),
    Wrapper("ResponseReturnOfFunds", "camt.029.001.09", _BOTH),
    Wrapper("Acknowledgement", "camt.035.001.05", _BOTH),
    Wrapper("ReturnOfFunds", "camt.056.001.08", _BOTH),
    Wrapper("MessageStatusReport", "pacs.002.001.10", _BOTH),
    Wrapper("CreditTransfer", "pacs.008.001.08", _BOTH),
    Wrapper("FICreditTransfer", "pacs.009.001.08", _BOTH),
    Wrapper("PaymentStatusRequest", "pacs.028.001.03", _BOTH),
    Wrapper("PaymentRequest", "pain.013.001.07", _BOTH),
    Wrapper("ResponsePaymentRequest", "pain.014.001.07", _BOTH),
    Wrapper("StandaloneRemittance", "remt.001.001.04", _BOTH),
)
"""Every element that may stand beside the header in RTP's Message."""


def directions_of(wrappers: tuple[Wrapper, ...]) -> Mapping[str, frozenset[Direction]]:
    """The message types that the wrappers hold, each with the ways in which it travels."""
    directions: dict[str, frozenset[Direction]] = {}
    for wrapper in wrappers:
        directions[wrapper.message_type] = directions.get(wrapper.message_type, frozenset()) | wrapper.directions
    return MappingProxyType(directions)
