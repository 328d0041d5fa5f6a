"""Code words of the messages, as closed sets: an unknown one is an error, never a default."""

from enum import StrEnum


class Rail(StrEnum):
    """The networks whose messages are read here."""

    FEDNOW = "fednow"
    RTP = "rtp"


class Direction(StrEnum):
    """Which way a message travels between a participant and its rail."""

    TO_RAIL = "to_rail"
    FROM_RAIL = "from_rail"


class TransactionStatus(StrEnum):
    """The transaction statuses that the rails use (``TxSts``; ISO external code set, public FedNow and RTP texts)."""

    ACTC = "ACTC"
    """Technically accepted: the receiver agrees to be credited; nothing has settled by this alone."""
    ACWP = "ACWP"
    """Accepted without posting; from FedNow it means settled but not yet posted to the creditor."""
    ACSC = "ACSC"
    """Settled; only the service says it."""
    ACCC = "ACCC"
    """Posted to the creditor's account."""
    PDNG = "PDNG"
    """Still under investigation after ACWP."""
    BLCK = "BLCK"
    """Neither posted nor returned after ACWP."""
    RJCT = "RJCT"
    """Rejected."""
    RCVD = "RCVD"
    """Received (requests for payment; RTP)."""
    PRES = "PRES"
    """Presented to the payer (requests for payment)."""


class CopyDuplicate(StrEnum):
    """What kind of copy a message is (``AppHdr/CpyDplct``)."""

    CODU = "CODU"
    COPY = "COPY"
    DUPL = "DUPL"


class EnquiryAnswer(StrEnum):
    """What a rail's refusal of a status request tells us about the payment that was asked for."""

    NOT_FOUND = "not_found"
    """The rail never saw the message: the same message may be sent again."""
    NOT_AUTHORISED = "not_authorised"
    """The asker is no party to the payment; nothing is learnt about it."""
    NOT_PROCESSED = "not_processed"
    """The rail saw the original and did not process it: it will not settle."""
    IN_PROCESS = "in_process"
    """The rail has not finished; ask again later."""
