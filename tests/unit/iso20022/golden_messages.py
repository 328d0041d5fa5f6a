"""The golden returns, transfers, requests for payment and investigations, and the modules that read and build them."""

from typing import Any, Final

from lxml import etree

from iso20022 import read, unwrap
from iso20022.messages import camt026, camt028, camt029, camt055, camt056, pacs004, pacs009, pain013, pain014
from tests.unit.iso20022.golden_investigations import INVESTIGATIONS
from tests.unit.iso20022.golden_transfers import TRANSFERS
from tests.unit.iso20022.samples import GOLDEN

MODULES: Final[dict[str, Any]] = {
    module.MESSAGE_TYPE: module
    for module in (camt026, camt028, camt029, camt055, camt056, pacs004, pacs009, pain013, pain014)
}
EXPECTED: Final[dict[str, Any]] = TRANSFERS | INVESTIGATIONS
GOLDEN_FILES: Final = sorted(
    f"{folder}/{path.name}" for folder in ("investigations", "transfers") for path in (GOLDEN / folder).glob("*.xml")
)


def document_of(body: bytes) -> etree._Element:
    """The Document in a body."""
    document = unwrap(read(body)).document
    assert document is not None
    return document


def golden(name: str) -> etree._Element:
    """The Document of a golden message."""
    return document_of((GOLDEN / name).read_bytes())


def module_of(document: etree._Element) -> Any:
    """The module of a Document's message type."""
    return MODULES[str(document.tag)[1:].partition("}")[0].rpartition(":")[2]]


def content(document: etree._Element) -> list[tuple[str, str, dict[str, str]]]:
    """Every element with its text and attributes, in order."""
    return [
        (str(e.tag), (e.text or "").strip(), {str(k): str(v) for k, v in e.attrib.items()}) for e in document.iter()
    ]
