"""Personal data: values that hide themselves, and the elements that hold them."""

import re
from typing import Final, NoReturn, final

_HIDDEN: Final = "***"
_ACCOUNT_TAIL: Final = re.compile(r"[0-9A-Za-z]{4,}[0-9]{4}")

# Everything below one of these is about a person or their account.
_PERSONAL_SUBTREES: Final = frozenset(
    {
        "Dbtr", "UltmtDbtr", "Cdtr", "UltmtCdtr", "InitgPty", "Pty", "DbtrAcct", "CdtrAcct", "DbtrAgtAcct",
        "CdtrAgtAcct", "SttlmAcct", "ChrgsAcct", "InstgRmbrsmntAgtAcct", "InstdRmbrsmntAgtAcct",
        "ThrdRmbrsmntAgtAcct", "PrvsInstgAgt1Acct", "PrvsInstgAgt2Acct", "PrvsInstgAgt3Acct", "IntrmyAgt1Acct",
        "IntrmyAgt2Acct", "IntrmyAgt3Acct", "PstlAdr", "CtctDtls", "RmtInf", "RltdRmtInf", "RgltryRptg", "Tax",
        "InstrForCdtrAgt", "InstrForNxtAgt", "MndtRltdInf", "SplmtryData", "OrgId", "PrvtId", "OrgnlPtyAndAcctId",
        "UpdtdPtyAndAcctId", "Card", "ChqInstr", "NmAndAdr",
    }
)  # fmt: skip
# Leaves that may quote a person wherever they stand.
_PERSONAL_LEAVES: Final = frozenset(
    {
        "Nm", "IBAN", "AddtlInf", "RsnDesc", "AddtlData", "ErrLctn", "Ustrd", "AdrLine", "AddtlMssngInf",
        "AddtlIncrrctInf", "DelyPnlty", "InstrInf", "InstrForDbtrAgt", "AddtlTxInf", "AddtlNtryInf", "AddtlRptInf",
        "AddtlNtfctnInf",
    }
)  # fmt: skip
# Code words that say nothing about anyone, even inside a personal subtree.
_CODE_LENGTH: Final = 4
_SHOWN_LEAVES: Final = frozenset({"Cd", "Ccy", "@Ccy", "Ctry", "CtryOfRes", "AdrTp"})


@final
class Personal:
    """A name, account number or remittance text: equal by value, but hidden from repr, str and format.

    ``reveal()`` gives the value, for the wire only; ``masked`` is fit for people to see. It is no dataclass on purpose:
    ``dataclasses.asdict`` of a message keeps it hidden.
    """

    __slots__ = ("_value",)

    _value: str

    def __init__(self, value: str) -> None:
        object.__setattr__(self, "_value", value)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a personal value is frozen")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError("a personal value is frozen")

    def __eq__(self, other: object) -> bool:
        return self._value == other._value if isinstance(other, Personal) else NotImplemented

    def __hash__(self) -> int:
        return hash((Personal, self._value))

    def __reduce__(self) -> tuple[type["Personal"], tuple[str]]:
        return Personal, (self._value,)

    def reveal(self) -> str:
        """The hidden value."""
        return self._value

    @property
    def masked(self) -> str:
        """Asterisks; an account number of eight characters or more that ends in digits shows its last four."""
        return mask(self._value)

    def __repr__(self) -> str:
        return f"Personal({_HIDDEN})"

    def __str__(self) -> str:
        return _HIDDEN

    def __format__(self, format_spec: str) -> str:
        return _HIDDEN


def mask(value: str) -> str:
    """The value hidden, but for the last four digits of what looks like an account number."""
    return _HIDDEN + value[-4:] if _ACCOUNT_TAIL.fullmatch(value) else _HIDDEN


def is_personal(path: str) -> bool:
    """Whether the element at this path (``CdtTrfTxInf/Dbtr/Nm``; indexes allowed) may hold personal data."""
    steps = _steps(path)
    if steps[-1] in _SHOWN_LEAVES:
        return False
    return steps[-1] in _PERSONAL_LEAVES or not _PERSONAL_SUBTREES.isdisjoint(steps)


def _steps(path: str) -> list[str]:
    return [step.partition("[")[0] for step in path.split("/")]


def masked_at(path: str, value: str) -> str:
    """The value as a finding may quote it: masked at a personal element, and never longer than 80 characters."""
    if is_personal(path) or (len(value) > _CODE_LENGTH and not _PERSONAL_SUBTREES.isdisjoint(_steps(path))):
        return mask(value)  # what is too long for a code word at a code's place may be a street, or a name
    return value if len(value) <= 80 else value[:79] + "…"
