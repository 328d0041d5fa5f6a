"""The information request, camt.026.001.07: a payment or a request for payment cannot be applied as it is."""

from dataclasses import dataclass
from typing import Final, assert_never

from lxml import etree

from iso20022.fields import FieldReader
from iso20022.layout import Layout
from iso20022.messages.investigation import (
    ASSIGNMENT_ROWS,
    CASE,
    UNDERLYING,
    Assignment,
    Case,
    Underlying,
    about,
    between,
)
from iso20022.messages.shape import (
    BOOLEAN,
    PERSONAL,
    TEXT,
    Alternative,
    Leaf,
    OneOf,
    Shape,
    layout_of,
    read_message,
    read_truth,
    truth_text,
)
from iso20022.personal import Personal

MESSAGE_TYPE: Final = "camt.026.001.07"
"""The message identifier that this module reads and builds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is missing or wrong: an ISO code (``IN01``, ``MS01``, ``NARR``), and words that may quote the customer."""

    code: str
    additional: Personal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingOrIncorrect:
    """Why a payment cannot be applied: what is missing, what is wrong, or a question of money laundering rules."""

    aml_request: bool | None = None
    missing: tuple[Question, ...] = ()
    incorrect: tuple[Question, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyInformation:
    """Whether all the information that there is is asked for."""

    requested: bool


@dataclass(frozen=True, slots=True)
class PossibleDuplicate:
    """Whether the payment may be a duplicate."""

    suspected: bool


Justification = MissingOrIncorrect | AnyInformation | PossibleDuplicate
"""Why information is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InformationRequest(Assignment):
    """The question of a payment's receiver to its sender (ISO's name: unable to apply).

    ``carries_all`` is False where the Document says more than this value holds: it is then what counts.
    """

    case: Case | None = None
    underlying: Underlying
    justification: Justification
    carries_all: bool = True


_JUSTIFICATION: Final = OneOf(
    {
        "any_information": Alternative(
            "AnyInf",
            AnyInformation,
            Leaf(
                lambda text: AnyInformation(read_truth(text)),
                lambda value: truth_text(value.requested),
                code=BOOLEAN.code,
                rule=BOOLEAN.rule,
                hint=BOOLEAN.hint,
            ),
        ),
        "missing_or_incorrect": Alternative(
            "MssngOrIncrrctInf",
            MissingOrIncorrect,
            Shape(
                MissingOrIncorrect,
                (
                    ("AMLReq", "aml_request", BOOLEAN),
                    (
                        "MssngInf",
                        "missing",
                        Shape(Question, (("Cd", "code", TEXT), ("AddtlMssngInf", "additional", PERSONAL))),
                    ),
                    (
                        "IncrrctInf",
                        "incorrect",
                        Shape(Question, (("Cd", "code", TEXT), ("AddtlIncrrctInf", "additional", PERSONAL))),
                    ),
                ),
            ),
        ),
        "possible_duplicate": Alternative(
            "PssblDplctInstr",
            PossibleDuplicate,
            Leaf(
                lambda text: PossibleDuplicate(read_truth(text)),
                lambda value: truth_text(value.suspected),
                code=BOOLEAN.code,
                rule=BOOLEAN.rule,
                hint=BOOLEAN.hint,
            ),
        ),
    }
)

SHAPE: Final = Shape(
    InformationRequest,
    (
        *ASSIGNMENT_ROWS,
        ("Case", "case", CASE),
        ("Undrlyg", "underlying", UNDERLYING),
        ("Justfn", "justification", _JUSTIFICATION),
    ),
)
"""The request as the content of its element."""

LAYOUT: Final[Layout] = layout_of(SHAPE, message_type=MESSAGE_TYPE, base="UblToApply")
"""Where each field stands."""


def parse(document: etree._Element) -> InformationRequest:
    """The request in the Document. Raises RemoteProtocolError naming the first element that cannot be read."""
    return read(FieldReader(LAYOUT, document))


def read(reader: FieldReader) -> InformationRequest:
    """As :func:`parse`, from fields that were read before."""
    return read_message(SHAPE, reader)


def build(request: InformationRequest) -> etree._Element:
    """The Document of a request; the same value always gives the same bytes. Raises LocalProtocolError."""
    return LAYOUT.build(SHAPE.rows("", request))


def summary(request: InformationRequest) -> str:
    """The request in a line for people, without personal data."""
    why = _why(request.justification)
    return f"Information request {request.message_id} {between(request)} {about(request.underlying)}: {why}"


def _why(justification: Justification) -> str:
    match justification:
        case MissingOrIncorrect():
            questions = (*justification.missing, *justification.incorrect)
            return ", ".join(question.code for question in questions) or "missing or incorrect"
        case AnyInformation():
            return "any information"
        case PossibleDuplicate():
            return "possible duplicate"
        case _:
            assert_never(justification)
