"""Personal data hides itself, wherever it is put."""

import dataclasses
import json
import pickle
import traceback
from copy import deepcopy

import pytest

from iso20022 import Finding, Party, Personal, PostalAddress, Severity
from iso20022.personal import is_personal, mask, masked_at

CANARY = "Canary Quillfeather"
ACCOUNT = "000123456789"


def test_a_personal_value_never_shows_itself() -> None:
    """repr, str, format, an enclosing value and a traceback all hide it; only reveal() tells."""
    hidden = Personal(CANARY)
    party = Party(name=hidden, address=PostalAddress(street_name=Personal(CANARY), address_lines=(Personal(CANARY),)))

    shown = str(dataclasses.asdict(party)) + json.dumps(dataclasses.asdict(party), default=str)
    shown += "".join(traceback.format_exception(RuntimeError(f"{party} {hidden:>40}")))
    shown += f"{hidden!r} {hidden} {hidden:s} {[hidden]} {party!r} {hidden.masked}"

    assert CANARY not in shown
    assert hidden.reveal() == CANARY


def test_personal_values_are_equal_by_value() -> None:
    """Messages that hold them can be compared, and kept in sets."""
    assert Personal("a") == Personal("a")
    assert len({Personal("a"), Personal("a"), Personal("b")}) == 2
    assert pickle.loads(pickle.dumps(Personal("a"))) == deepcopy(Personal("a")) == Personal("a")
    assert Personal("a") != "a"


def test_a_personal_value_cannot_be_changed() -> None:
    """What is in a message stays in it."""
    hidden = Personal("a")

    with pytest.raises(AttributeError, match="frozen"):
        hidden._value = "b"
    with pytest.raises(AttributeError, match="frozen"):
        del hidden._value
    assert hidden.reveal() == "a"


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        (ACCOUNT, "***6789"),
        ("ABCD1234", "***1234"),
        ("1234567", "***"),
        (CANARY, "***"),
        ("12 Street 1234", "***"),
        ("", "***"),
    ],
)
def test_only_an_account_number_shows_its_last_four(value: str, masked: str) -> None:
    """Enough to recognise an account by, nothing of a name, and nothing of a short number."""
    assert mask(value) == masked
    assert Personal(value).masked == masked


@pytest.mark.parametrize(
    "path",
    [
        "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf/Dbtr/Nm",
        "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf[2]/CdtrAcct/Id/Othr/Id",
        "CdtTrfTxInf/RmtInf/Ustrd[3]",
        "CdtTrfTxInf/UltmtDbtr/PstlAdr/AdrLine[1]",
        "TxInfAndSts/StsRsnInf/AddtlInf",
        "Rsn/AddtlData",
        "Ntry/CardTx/Card/PlainCardData/PAN",
        "PmtInf/CdtTrfTx/ChqInstr/MemoFld",
        "RsndSchCrit/Rcpt/Id/NmAndAdr/Adr/StrtNm",
    ],
)
def test_personal_elements_are_known_by_their_path(path: str) -> None:
    """Names, accounts, addresses and remittance are masked in findings."""
    assert is_personal(path)
    assert masked_at(path, CANARY) == "***"


@pytest.mark.parametrize(
    "path",
    [
        "/Document/FIToFICstmrCdtTrf/CdtTrfTxInf/PmtId/UETR",
        "CdtTrfTxInf/InstgAgt/FinInstnId/ClrSysMmbId/MmbId",
        "CdtTrfTxInf/IntrBkSttlmAmt",
        "CdtTrfTxInf/Dbtr/PstlAdr/Ctry",
        "/AppHdr/BizMsgIdr",
    ],
)
def test_what_is_not_personal_is_shown(path: str) -> None:
    """A finding without its value would help nobody; country and code words say nothing about a person."""
    assert masked_at(path, "CODE") == "CODE"


def test_a_long_value_is_cut() -> None:
    """A finding quotes a value, it does not repeat a document."""
    assert len(masked_at("PmtId/UETR", "x" * 5000)) == 80


def test_a_finding_has_one_stable_json_form() -> None:
    """The keys and their order are a promise to integrators."""
    finding = Finding(code="X", severity=Severity.WARNING, xpath="/A", line=3, column=4, value="v", rule="r", hint="h")

    assert finding.as_json() == {
        "code": "X",
        "severity": "warning",
        "xpath": "/A",
        "line": 3,
        "value": "v",
        "rule": "r",
        "hint": "h",
        "reject_code": None,
    }


def test_what_is_too_long_for_a_code_is_masked_also_at_a_codes_place() -> None:
    """A street that was written into Ctry is still a street; a code word, right or wrong, is shown."""
    assert masked_at("CdtTrfTxInf/Dbtr/PstlAdr/Ctry", "12 Sample Street").startswith("***")
    assert masked_at("CdtTrfTxInf/Dbtr/PstlAdr/Ctry", "USA") == "USA"
    assert masked_at("CdtTrfTxInf/PmtTpInf/SvcLvl/Cd", "a long service level") == "a long service level"
