"""What a payment is for: free text, or documents and amounts that a creditor's books can match."""

from dataclasses import dataclass
from datetime import date
from typing import Final

from iso20022.amount import Amount
from iso20022.messages.actors import ADDRESS, PARTY, PartyDetails
from iso20022.messages.party import PostalAddress
from iso20022.messages.shape import CODED, DATE, MONEY, PERSONAL, TEXT, Code, Proprietary, Shape
from iso20022.personal import Personal


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceType:
    """Of which type a document or a reference is, and who issued the type."""

    word: Code | Proprietary
    issuer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferredDocument:
    """A document that the payment pays, such as an invoice (``CINV``) or a statement (``CSCM``); without its lines."""

    document_type: ReferenceType | None = None
    number: Personal | None = None
    related_date: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedAmount:
    """A discount or a tax, and of which type it is."""

    amount_type: Code | Proprietary | None = None
    amount: Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """A change of what is due: how much, whether in the payer's favour (``CRDT``) or not (``DBIT``), and why."""

    amount: Amount
    credit_debit: str | None = None
    reason: str | None = None
    additional: Personal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemittanceAmounts:
    """What was due, what is taken off, and what is paid."""

    due_payable: Amount | None = None
    discounts: tuple[TypedAmount, ...] = ()
    credit_note: Amount | None = None
    taxes: tuple[TypedAmount, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    remitted: Amount | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreditorReference:
    """The creditor's own reference, and of which type it is."""

    reference_type: ReferenceType | None = None
    reference: Personal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StructuredRemittance:
    """One entry of structured remittance; taxes to an authority and garnishments are not in it."""

    documents: tuple[ReferredDocument, ...] = ()
    amounts: RemittanceAmounts | None = None
    creditor_reference: CreditorReference | None = None
    invoicer: PartyDetails | None = None
    invoicee: PartyDetails | None = None
    additional: tuple[Personal, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Remittance:
    """Remittance information: lines of free text, and structured entries."""

    unstructured: tuple[Personal, ...] = ()
    structured: tuple[StructuredRemittance, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class NameAndAddress:
    """Where remittance advice is sent by post."""

    name: Personal
    address: PostalAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class RemittanceLocation:
    """One way by which remittance advice goes: the method's code, and the address for it."""

    method: str
    electronic_address: Personal | None = None
    postal_address: NameAndAddress | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelatedRemittance:
    """Remittance advice that goes another way than with the payment."""

    remittance_id: str | None = None
    locations: tuple[RemittanceLocation, ...] = ()


_REFERENCE_TYPE: Final = Shape(ReferenceType, (("CdOrPrtry", "word", CODED), ("Issr", "issuer", TEXT)))
_TYPED_AMOUNT: Final = Shape(TypedAmount, (("Tp", "amount_type", CODED), ("Amt", "amount", MONEY)))

STRUCTURED: Final = Shape(
    StructuredRemittance,
    (
        (
            "RfrdDocInf",
            "documents",
            Shape(
                ReferredDocument,
                (
                    ("Tp", "document_type", _REFERENCE_TYPE),
                    ("Nb", "number", PERSONAL),
                    ("RltdDt", "related_date", DATE),
                ),
            ),
        ),
        (
            "RfrdDocAmt",
            "amounts",
            Shape(
                RemittanceAmounts,
                (
                    ("DuePyblAmt", "due_payable", MONEY),
                    ("DscntApldAmt", "discounts", _TYPED_AMOUNT),
                    ("CdtNoteAmt", "credit_note", MONEY),
                    ("TaxAmt", "taxes", _TYPED_AMOUNT),
                    (
                        "AdjstmntAmtAndRsn",
                        "adjustments",
                        Shape(
                            Adjustment,
                            (
                                ("Amt", "amount", MONEY),
                                ("CdtDbtInd", "credit_debit", TEXT),
                                ("Rsn", "reason", TEXT),
                                ("AddtlInf", "additional", PERSONAL),
                            ),
                        ),
                    ),
                    ("RmtdAmt", "remitted", MONEY),
                ),
            ),
        ),
        (
            "CdtrRefInf",
            "creditor_reference",
            Shape(
                CreditorReference,
                (
                    ("Tp", "reference_type", _REFERENCE_TYPE),
                    ("Ref", "reference", PERSONAL),
                ),
            ),
        ),
        ("Invcr", "invoicer", PARTY),
        ("Invcee", "invoicee", PARTY),
        ("AddtlRmtInf", "additional", PERSONAL),
    ),
)
"""One entry of structured remittance."""

REMITTANCE: Final = Shape(Remittance, (("Ustrd", "unstructured", PERSONAL), ("Strd", "structured", STRUCTURED)))
"""Remittance information."""

RELATED_REMITTANCE: Final = Shape(
    RelatedRemittance,
    (
        ("RmtId", "remittance_id", TEXT),
        (
            "RmtLctnDtls",
            "locations",
            Shape(
                RemittanceLocation,
                (
                    ("Mtd", "method", TEXT),
                    ("ElctrncAdr", "electronic_address", PERSONAL),
                    (
                        "PstlAdr",
                        "postal_address",
                        Shape(NameAndAddress, (("Nm", "name", PERSONAL), ("Adr", "address", ADDRESS))),
                    ),
                ),
            ),
        ),
    ),
)
"""Remittance advice that goes another way."""
