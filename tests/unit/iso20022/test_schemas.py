"""The schemas are ours, pinned, reproducible, and equivalent to the official ones."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from importlib import resources
from typing import Any

import pytest
import xmlschema
from lxml import etree

from iso20022.schemas import (
    ManifestEntry,
    SchemaMismatchError,
    manifest,
    model,
    require_pinned,
    schema_bytes,
    validator,
)
from iso20022.schemas.generate import SOURCES, generate
from iso20022.schemas.model import Schema, UnknownConstructError, read_schema
from iso20022.schemas.render import render
from iso20022.schemas.written import WRITTEN
from tests.unit.iso20022.instances import instance, mutant
from tests.unit.iso20022.samples import golden, official_schemas, say, seeded

TYPES = sorted({*SOURCES, *WRITTEN})
OFFICIAL = [path for path in official_schemas() if path.stem in TYPES]
# Ours alone: RTP's administration and variants, FedNow's participant file; no official file of them is public.
WITHOUT_OFFICIAL = frozenset(TYPES) - {*SOURCES, "camt.035.001.05"}
INSTANCES = 20
MUTANTS = 10


def test_generating_again_gives_the_files_that_are_here() -> None:
    """The schemas are made, not edited: the same source gives the same bytes."""
    files = generate()

    folder = resources.files("iso20022.schemas")
    assert {name: folder.joinpath(name).read_bytes() for name in files} == files


def test_the_manifest_pins_every_schema() -> None:
    """Each file is named with its checksum, size and origin, and no file is left out."""
    folder = resources.files("iso20022.schemas")
    present = sorted(entry.name.removesuffix(".xsd") for entry in folder.iterdir() if entry.name.endswith(".xsd"))

    assert sorted(manifest()) == present == TYPES
    for message_type in TYPES:
        assert manifest()[message_type].size_bytes == len(schema_bytes(message_type))
        whence = "written by hand" if message_type in WRITTEN else "pyiso20022"
        assert whence in manifest()[message_type].origin or " with RTP's " in manifest()[message_type].origin


def test_a_schema_that_is_not_the_pinned_one_is_refused() -> None:
    """One byte more, and validation does not start; the untouched file is the control."""
    entry, content = manifest()["pacs.008.001.08"], schema_bytes("pacs.008.001.08")

    require_pinned(entry, content)
    with pytest.raises(SchemaMismatchError, match="pins"):
        require_pinned(entry, content + b" ")
    with pytest.raises(SchemaMismatchError):
        require_pinned(replace(entry, sha256="0" * 64), content)
    with pytest.raises(KeyError):
        schema_bytes("pacs.008.001.99")


@pytest.mark.parametrize("message_type", TYPES)
def test_a_schema_read_and_written_again_is_the_same(message_type: str) -> None:
    """The model loses nothing of a schema."""
    text = schema_bytes(message_type)

    assert render(read_schema(text)).encode() == text


def _restricted(facets: str) -> str:
    return f'<xs:simpleType name="T"><xs:restriction base="xs:string">{facets}</xs:restriction></xs:simpleType>'


@pytest.mark.parametrize(
    "construct",
    [
        '<xs:element name="B" type="xs:string"/>',
        '<xs:group name="G"><xs:sequence/></xs:group>',
        '<xs:complexType name="T"><xs:all/></xs:complexType>',
        '<xs:complexType name="T"><xs:sequence maxOccurs="2"/></xs:complexType>',
        '<xs:complexType name="T"><xs:sequence><xs:choice/></xs:sequence></xs:complexType>',
        '<xs:complexType name="T"><xs:sequence><xs:element name="a" nillable="true"/></xs:sequence></xs:complexType>',
        '<xs:complexType name="T"><xs:sequence><xs:any processContents="strict"/></xs:sequence></xs:complexType>',
        '<xs:simpleType name="T"><xs:union/></xs:simpleType>',
        _restricted('<xs:length value="1"/>'),
        _restricted('<xs:pattern value="a"/><xs:pattern value="b"/>'),
    ],
)
def test_a_construct_that_the_model_lacks_is_refused(construct: str) -> None:
    """Something ignored would make the comparison with the official schemas worthless."""
    text = (
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:x">'
        f'<xs:element name="A" type="xs:string"/>{construct}</xs:schema>'
    )

    with pytest.raises(UnknownConstructError):
        read_schema(text.encode())


def test_each_thread_compiles_its_own_validator() -> None:
    """libxml2 mixes up the errors of a validator that threads share."""
    found: list[etree.XMLSchema] = []

    thread = threading.Thread(target=lambda: found.append(validator("admi.002.001.01")))
    thread.start()
    thread.join(timeout=30)

    assert found[0] is not validator("admi.002.001.01")
    assert validator("admi.002.001.01") is validator("admi.002.001.01")


def test_the_reference_schemas_left_out_are_named() -> None:
    """A clone without the reference folder proves less, and says what."""
    missing = sorted(set(TYPES) - WITHOUT_OFFICIAL - {path.stem for path in OFFICIAL})

    say(f"not compared with the official schema, which is not here: {', '.join(missing) or 'none'}")
    say(f"ours alone, there is no official one to compare with: {', '.join(sorted(WITHOUT_OFFICIAL))}")

    assert len(OFFICIAL) + len(missing) + len(WITHOUT_OFFICIAL) == len(TYPES)


@pytest.mark.reference
def test_our_schemas_have_the_structure_of_the_official_ones() -> None:
    """Children, order, occurrence, choice, attributes and facets are the same, whatever the types are called."""
    for path in OFFICIAL:
        ours, official = model(path.stem), read_schema(path.read_bytes())

        assert ours.namespace == official.namespace
        assert ours.root.name == official.root.name
        assert list(shape(ours)) == list(shape(official)), path.stem


@pytest.mark.reference
def test_our_schemas_give_the_verdict_of_the_official_ones() -> None:
    """On valid messages and on mutants of them, more than 5,000: no disagreement, and both verdicts occur."""
    rng, compared = seeded(), 0
    verdicts: Counter[bool] = Counter()

    for path in OFFICIAL:
        ours, official = validator(path.stem), etree.XMLSchema(file=str(path))
        for _ in range(INSTANCES):
            valid = instance(model(path.stem), rng)
            assert ours.validate(valid), ours.error_log
            assert official.validate(valid), official.error_log
            for changed in [mutant(valid, rng) for _ in range(MUTANTS)]:
                verdict = ours.validate(changed.root)
                assert official.validate(changed.root) == verdict, (path.stem, changed.what)
                verdicts[verdict] += 1
            compared += 1 + MUTANTS

    say(f"{compared} verdicts on {len(OFFICIAL)} message types, 0 disagreements; mutants: {dict(verdicts)}")
    assert compared > 5_000 or not OFFICIAL
    assert min(verdicts[True], verdicts[False]) > 500 or not OFFICIAL


def test_the_comparison_of_structures_sees_a_difference() -> None:
    """The control: one facet, one occurrence or one place changed, and the structures differ."""
    text = schema_bytes("pacs.008.001.08")
    ours = list(shape(read_schema(text)))

    for before, after in ((b'value="35"', b'value="34"'), (b' maxOccurs="7"', b' maxOccurs="8"'), (b"SLEV", b"SLEB")):
        assert before in text
        assert list(shape(read_schema(text.replace(before, after, 1)))) != ours
    assert list(shape(read_schema(text))) == ours


@pytest.mark.parametrize("message_type", ["pacs.008.001.08", "head.001.001.02"])
def test_what_libxml2_accepts_another_validator_accepts_too(message_type: str) -> None:
    """The gate is not softer than the standard; xmlschema is the second opinion, on messages of our own making."""
    rng, gate = seeded(), validator(message_type)
    second: Any = xmlschema.XMLSchema(schema_bytes(message_type).decode())
    refused_by_both = 0

    for _ in range(15):
        valid = instance(model(message_type), rng)
        for _ in range(8):
            changed = mutant(valid, rng)
            if gate.validate(changed.root):
                assert second.is_valid(changed.root), changed.what
            else:
                refused_by_both += not second.is_valid(changed.root)

    assert refused_by_both > 10


def test_the_golden_messages_are_valid_by_their_schema() -> None:
    """The control for all verdicts above: what we wrote by hand passes, and a planted fault does not."""
    document = etree.fromstring(golden("pacs008_bare.xml"))

    assert validator("pacs.008.001.08").validate(document)
    document[0].remove(document[0][0])
    assert not validator("pacs.008.001.08").validate(document)


def test_a_manifest_entry_says_whence() -> None:
    """The origin names tool, package and version."""
    entry = manifest()["admi.002.001.01"]

    assert entry == ManifestEntry(entry.message_id, entry.sha256, entry.size_bytes, entry.origin)
    assert entry.origin.startswith("iso20022.schemas.generate from pyiso20022 ")


def shape(schema: Schema) -> Iterator[tuple[Any, ...]]:
    """Every place of a schema in document order, types expanded; a type within itself is not entered again."""

    def below(type_name: str, path: str, open_types: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
        kind = schema.complex_types.get(type_name)
        if kind is None:
            simple = schema.simple(type_name)
            yield (path, replace(simple, enumeration=tuple(sorted(simple.enumeration))))
            return
        yield (
            path,
            kind.content,
            kind.any_namespace,
            None if kind.text_type is None else schema.simple(kind.text_type),
        )
        for name, attribute_type in kind.attributes.items():
            yield (f"{path}/@{name}", schema.simple(attribute_type))
        for use in kind.elements:
            yield (path, use.name, use.min_occurs, use.max_occurs)
            if use.type_name not in open_types:
                yield from below(use.type_name, f"{path}/{use.name}", (*open_types, use.type_name))

    return below(schema.root.type_name, f"/{schema.root.name}", (schema.root.type_name,))
