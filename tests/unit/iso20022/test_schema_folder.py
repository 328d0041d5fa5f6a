"""An institution's own schemas: taken from one folder, checked at start, and then they decide."""

from pathlib import Path

import pytest

from iso20022 import Direction, FedNowProfile, RtpProfile, examine, explain
from iso20022.profiles.profile import Profile
from iso20022.schemas import OUR_SCHEMAS, SchemaFolderError, SchemaSet, read_folder, schema_bytes
from iso20022.schemas.folder import FILE_BYTES_MAX, FILES_MAX
from tests.unit.iso20022.samples import golden

PACS008 = schema_bytes("pacs.008.001.08").decode()
BODY = golden("pacs008_bare.xml")

# A rail's own file in the way RTP's are made: types alone, with a prefix, notes, and a stricter variant of each type.
TYPES_ALONE = """<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:mr="{ns}" targetNamespace="{ns}"
    elementFormDefault="qualified">
  <xs:complexType name="Document"><xs:sequence><xs:element name="admi.002.001.01" type="mr:Body"/></xs:sequence>
  </xs:complexType>
  <xs:complexType name="Document_TCH"><xs:sequence><xs:element name="admi.002.001.01" type="mr:Body_TCH">
    <xs:annotation><xs:documentation>a note</xs:documentation></xs:annotation></xs:element></xs:sequence>
  </xs:complexType>
  <xs:complexType name="Body"><xs:sequence><xs:any processContents="skip" maxOccurs="9"/></xs:sequence></xs:complexType>
  <xs:complexType name="Body_TCH"><xs:sequence>
    <xs:element name="RltdRef" type="mr:Reference"/><xs:element name="Rsn" type="mr:Reason"/>
  </xs:sequence></xs:complexType>
  <xs:complexType name="Reference"><xs:sequence><xs:element name="Ref" type="xs:string"/></xs:sequence></xs:complexType>
  <xs:complexType name="Reason"><xs:sequence>
    <xs:element name="RjctgPtyRsn" type="mr:Code"/><xs:element name="RjctnDtTm" type="xs:dateTime" minOccurs="0"/>
    <xs:element name="RsnDesc" type="xs:string" minOccurs="0"/>
  </xs:sequence></xs:complexType>
  <xs:simpleType name="Code"><xs:restriction base="xs:string"><xs:enumeration value="650"/></xs:restriction>
  </xs:simpleType>
</xs:schema>"""
ADMI002 = "urn:iso:std:iso:20022:tech:xsd:admi.002.001.01"
REJECT = (
    f'<Document xmlns="{ADMI002}"><admi.002.001.01><RltdRef><Ref>A</Ref></RltdRef><Rsn><RjctgPtyRsn>650</RjctgPtyRsn>'
    "</Rsn></admi.002.001.01></Document>"
).encode()


def folder_with(path: Path, **files: str) -> Path:
    """A folder with these XSD files."""
    for name, text in files.items():
        (path / f"{name}.xsd").write_text(text, "utf-8")
    return path


def findings(body: bytes, profile: Profile) -> list[str]:
    """The codes and places of the full report."""
    return [f"{finding.code} {finding.xpath}" for finding in explain(examine(body, profile=profile)).findings]


def test_an_own_schema_decides_and_explains(tmp_path: Path) -> None:
    """The institution's file comes before ours, for this type alone; without it the same message is valid."""
    stricter = PACS008.replace('<xs:maxLength value="140"/>', '<xs:maxLength value="3"/>')
    taken = read_folder(folder_with(tmp_path, anything=stricter))

    own = FedNowProfile(schemas=taken.schemas)

    assert [(own.message_type, own.file_name, own.root) for own in taken.taken] == [
        ("pacs.008.001.08", "anything.xsd", "Document")
    ]
    assert findings(BODY, own)[0] == "XSD_LENGTH /Document/FIToFICstmrCdtTrf/CdtTrfTxInf/Dbtr/Nm"
    assert findings(golden("pacs002_actc.xml"), own) == []
    assert findings(BODY, FedNowProfile()) == []


def test_a_file_of_types_alone_is_completed_with_the_rails_own_types(tmp_path: Path) -> None:
    """RTP's files have no global element: Document has the rail's variant of the type, not ISO's."""
    taken = read_folder(folder_with(tmp_path, admi=TYPES_ALONE.format(ns=ADMI002)))

    profile = RtpProfile(schemas=taken.schemas)

    assert findings(REJECT, profile) == []
    assert findings(REJECT.replace(b"650", b"651"), profile) == [
        "XSD_ENUMERATION /Document/admi.002.001.01/Rsn/RjctgPtyRsn"
    ]
    assert findings(REJECT.replace(b"650", b"651"), RtpProfile()) == []


def test_a_schema_beyond_the_model_still_decides(tmp_path: Path) -> None:
    """What our walk cannot read, libxml2 explains in its own, shorter way."""
    union = '<xs:simpleType name="U"><xs:union memberTypes="xs:string xs:decimal"/></xs:simpleType></xs:schema>'
    taken = read_folder(folder_with(tmp_path, beyond=PACS008.replace("</xs:schema>", union)))

    found = findings(BODY.replace(b"SLEV", b"OURS"), FedNowProfile(schemas=taken.schemas))

    assert taken.schemas.model("pacs.008.001.08") is None
    assert found == ["XSD_ENUMERATION /Document/FIToFICstmrCdtTrf/CdtTrfTxInf/ChrgBr"]


def test_an_envelopes_schema_is_left_out(tmp_path: Path) -> None:
    """Envelopes are read here; the rail's file of its envelope may lie beside the others."""
    envelope = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:tch"/>'
    taken = read_folder(folder_with(tmp_path, messages=envelope, pacs=PACS008))

    assert taken.left_out == ("messages.xsd",)
    assert taken.schemas.own == {"pacs.008.001.08"}


SCHEMA = '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="{ns}">{content}</xs:schema>'
PACS_NS = "urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"
REFUSED: dict[str, tuple[str, str]] = {
    "no XML": ("<xs:schema", "not well-formed"),
    "another root": ("<Document/>", "no xs:schema"),
    "a DOCTYPE": ('<!DOCTYPE a [<!ENTITY b "c">]>' + SCHEMA.format(ns=PACS_NS, content=""), "DOCTYPE"),
    "no namespace": (SCHEMA.format(ns="", content=""), "targetNamespace"),
    "another message": (
        SCHEMA.format(ns="urn:iso:std:iso:20022:tech:xsd:pacs.003.001.08", content=""),
        "no message type of these rails",
    ),
    "an include": (SCHEMA.format(ns=PACS_NS, content='<xs:include schemaLocation="../x.xsd"/>'), "stands alone"),
    "an import": (
        SCHEMA.format(ns=PACS_NS, content='<xs:import namespace="urn:x" schemaLocation="http://127.0.0.1:9/x.xsd"/>'),
        "stands alone",
    ),
    "a redefinition": (SCHEMA.format(ns=PACS_NS, content='<xs:redefine schemaLocation="x.xsd"/>'), "stands alone"),
    "another element": (
        SCHEMA.format(ns=PACS_NS, content='<xs:element name="A" type="xs:string"/>'), "Document is needed",
    ),
    "no element and no type": (SCHEMA.format(ns=PACS_NS, content=""), "neither an element nor a type"),
    "an unknown type": (
        SCHEMA.format(ns=PACS_NS, content='<xs:element name="Document" type="xs:nothing"/>'), "no valid",
    ),
    "too large": (SCHEMA.format(ns=PACS_NS, content=" " * FILE_BYTES_MAX), "at most"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_usable_schema_is_refused_at_start(tmp_path: Path, name: str) -> None:
    """Each file is named with what is wrong with it; a schema that is one is the control."""
    text, reason = REFUSED[name]

    with pytest.raises(SchemaFolderError, match=reason) as refused:
        read_folder(folder_with(tmp_path, wrong=text, right=PACS008))

    assert str(refused.value).startswith("wrong.xsd: ")
    (tmp_path / "wrong.xsd").unlink()
    assert read_folder(tmp_path).schemas.own == {"pacs.008.001.08"}


def test_a_folder_is_needed_and_bounded(tmp_path: Path) -> None:
    """No folder, two files for one type, or too many files: refused; an empty folder changes nothing."""
    assert read_folder(tmp_path).schemas.own == frozenset()
    with pytest.raises(SchemaFolderError, match="no folder"):
        read_folder(tmp_path / "missing")
    with pytest.raises(SchemaFolderError, match=r"two\.xsd: pacs\.008\.001\.08 is in one\.xsd too"):
        read_folder(folder_with(tmp_path, one=PACS008, two=PACS008))
    for number in range(FILES_MAX):
        (tmp_path / f"{number}.xsd").touch()
    with pytest.raises(SchemaFolderError, match="more than"):
        read_folder(tmp_path)


def test_our_own_schemas_are_the_default() -> None:
    """Without a folder the pinned ones decide, on both rails, and RTP's header is not ISO's."""
    assert FedNowProfile().schemas is RtpProfile().schemas is OUR_SCHEMAS
    assert SchemaSet().own == frozenset()
    assert examine(BODY, profile=FedNowProfile(), direction=Direction.TO_RAIL).valid
    assert 'name="CreDt" type="xs:dateTime"' in schema_bytes("head.001.001.01.rtp").decode()
    assert 'name="CreDt" type="ISONormalisedDateTime"' in schema_bytes("head.001.001.01").decode()
