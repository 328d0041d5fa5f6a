"""ISO 20022's codes of statuses, cancellations and investigations, in our own words."""

from typing import Final

from iso20022.code_book.entry import Actor, CodeEntry, CodeList, Nature, Row, entries_of

_EXTERNAL: Final = "ISO 20022 external code sets (quarterly edition of 2025)"
_OPERATING: Final = "ISO 20022, and the FedNow Operating Procedures, public edition of October 2024"
_T, _F, _I = Nature.TRANSIENT, Nature.FINAL, Nature.INFORMATION
_AUTHOR, _SENDER, _RECEIVER = Actor.AUTHOR, Actor.SENDER, Actor.RECEIVER
_DEBTOR, _CREDITOR, _NOBODY = Actor.DEBTOR, Actor.CREDITOR, Actor.NOBODY

_STATUSES: Final[tuple[Row, ...]] = (
    ("ACTC", "Accepted: the receiver's checks found nothing. On FedNow it lets the service settle.", _I, _NOBODY),
    ("ACWP", "Settled, not yet posted: the receiver has the money and must still post or return it.", _I, _RECEIVER),
    ("ACSC", "Settled on the debtor's side. On FedNow the service alone says so.", _I, _NOBODY),
    ("ACCC", "Settled, and posted to the creditor's account.", _I, _NOBODY),
    ("PDNG", "Pending: the receiver is still looking into it.", _I, _RECEIVER),
    ("BLCK", "Settled, but blocked: neither posted nor returned.", _F, _RECEIVER),
    ("RJCT", "Rejected. The reason says why; after ACWP the receiver owes the money back.", _F, _SENDER),
    ("RCVD", "Received: nothing more is said yet.", _I, _RECEIVER),
    ("PRES", "The request for payment was shown to the debtor.", _I, _DEBTOR),
)
_CANCELLATION_REASONS: Final[tuple[Row, ...]] = (
    ("AC03", "The account number was wrong.", _F, _DEBTOR),
    ("AGNT", "An agent in the payment is the wrong one.", _F, _SENDER),
    ("AM09", "The amount is not the one agreed or expected.", _F, _DEBTOR),
    ("COVR", "The covering payment was returned or cancelled.", _F, _SENDER),
    ("CURR", "The currency is wrong.", _F, _SENDER),
    ("CUST", "The debtor asked for it.", _I, _RECEIVER),
    ("CUTA", "An inquiry found no way to apply the payment.", _F, _SENDER),
    ("DS24", "The payment order expired; on RTP the rail's own notice of a time-out.", _F, _RECEIVER),
    ("DT01", "A date is wrong, or missing.", _F, _AUTHOR),
    ("DUPL", "The payment is a duplicate of another one.", _F, _RECEIVER),
    ("FRAD", "The payment was originated fraudulently.", _F, _RECEIVER),
    ("FRTR", "A final answer, after earlier ones stayed out; also: recalled since the mandate ended.", _F, _RECEIVER),
    ("INDM", "An indemnity agreement between the two institutions is wished for.", _I, _RECEIVER),
    ("MD06", "The end customer asked for the money back.", _I, _RECEIVER),
    ("MODT", "The transaction behind a request for payment was changed.", _I, _RECEIVER),
    ("NARR", "The reason stands in words in the additional information.", _I, _RECEIVER),
    ("PAID", "What the request for payment asked for was paid by other means.", _I, _RECEIVER),
    ("SVNR", "Goods or a service were not rendered.", _F, _RECEIVER),
    ("SYAD", "For the settlement system alone: the request goes no further.", _I, _NOBODY),
    ("TECH", "A technical fault made the payment.", _F, _RECEIVER),
    ("UAPA", "The debtor had not authorised the payment.", _F, _RECEIVER),
    ("UPAY", "The payment was not owed.", _F, _RECEIVER),
    ("WNTB", "The warranty of a request for payment was broken.", _F, _RECEIVER),
)
_CANCELLATION_REFUSALS: Final[tuple[Row, ...]] = (
    ("AC04", "The account is closed.", _F, _SENDER),
    ("AGNT", "An institution in the chain refuses.", _F, _SENDER),
    ("AM04", "The money is not there any more.", _T, _CREDITOR),
    ("ARDT", "The payment had been returned already.", _F, _NOBODY),
    ("CUST", "The creditor refuses.", _F, _DEBTOR),
    ("IDMN", "An indemnity agreement must come first.", _T, _SENDER),
    ("LEGL", "The law does not allow it.", _F, _SENDER),
    ("NARR", "The reason stands in words in the additional information.", _F, _SENDER),
    ("NOAS", "The creditor did not answer.", _F, _SENDER),
    ("NOOR", "The payment to be cancelled never arrived.", _F, _SENDER),
    ("PTNA", "The payment has gone on to the next institution.", _F, _SENDER),
    ("RQDA", "A debit authority was asked for and is awaited.", _T, _CREDITOR),
    ("RR04", "A regulation stands against it.", _F, _SENDER),
)
_RESOLUTIONS: Final[tuple[Row, ...]] = (
    ("IPAY", "A payment follows: the money comes back, or is sent.", _I, _RECEIVER),
    ("PECR", "The cancellation was carried out in part.", _I, _RECEIVER),
    ("PDCR", "The cancellation is still being decided.", _I, _RECEIVER),
    ("RJCR", "The cancellation is refused; the reason says why.", _F, _SENDER),
    ("CNCL", "Cancelled as asked.", _I, _NOBODY),
    ("INFO", "The information that was asked for comes in a camt.028.", _I, _NOBODY),
    ("NINF", "There is no further information.", _F, _NOBODY),
    ("IDUP", "It was a duplicate.", _I, _NOBODY),
    ("PDNG", "The inquiry is still open.", _I, _RECEIVER),
)
_INCORRECT: Final[tuple[Row, ...]] = (
    ("IN01", "The related reference is incorrect.", _F, _SENDER),
    ("IN04", "The requested execution date is incorrect.", _F, _SENDER),
    ("IN06", "The interbank settlement amount is incorrect.", _F, _SENDER),
    ("IN15", "The remittance information is incorrect.", _F, _SENDER),
    ("IN19", "The instruction for the creditor's agent is incorrect.", _F, _SENDER),
    ("IN38", "The debtor's address is incorrect.", _F, _SENDER),
    ("IN39", "The creditor's address is incorrect.", _F, _SENDER),
    ("MM20", "The creditor's name and account do not belong together.", _F, _SENDER),
    ("MM21", "The debtor's name and account do not belong together.", _F, _SENDER),
    ("NARR", "It stands in words in the additional information.", _F, _SENDER),
)
_MISSING: Final[tuple[Row, ...]] = (
    ("MS01", "The remittance information is missing.", _F, _SENDER),
    ("NARR", "It stands in words in the additional information.", _F, _SENDER),
)

INVESTIGATIONS: Final[tuple[CodeEntry, ...]] = (
    *entries_of(CodeList.STATUS, _OPERATING, _STATUSES),
    *entries_of(CodeList.CANCELLATION_REASON, _EXTERNAL, _CANCELLATION_REASONS),
    *entries_of(CodeList.CANCELLATION_REFUSAL, _EXTERNAL, _CANCELLATION_REFUSALS),
    *entries_of(CodeList.RESOLUTION, _OPERATING, _RESOLUTIONS),
    *entries_of(CodeList.INCORRECT, _EXTERNAL, _INCORRECT),
    *entries_of(CodeList.MISSING, _EXTERNAL, _MISSING),
)
"""Statuses, and what is asked and answered after a payment."""
