"""The message metadata of the pyiso20022 package (MIT licence; a development dependency), read as text.

The package holds a dataclass for every message type, each field annotated with tag, occurrence and facets. Its source
is parsed and nothing of it is run, so neither it nor the library it was generated with is ever imported.
"""

import ast
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

PACKAGE: Final = "pyiso20022"
"""The package's name, as installed."""

Facet = str | int | bool | Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceField:
    """A field of a dataclass: the name of its type, whether it is a list, and its metadata."""

    type_name: str
    repeated: bool
    metadata: Mapping[str, Facet]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceClass:
    """A dataclass (``fields``) or an enumeration (``values``), under the name that its XML type has."""

    name: str
    derived_from: str | None
    fields: tuple[SourceField, ...] = ()
    values: tuple[str, ...] = ()


def package_version() -> str:
    """The installed version of the package. Raises PackageNotFoundError where it is not installed."""
    return importlib.metadata.version(PACKAGE)


def source_classes(message_id: str) -> dict[str, SourceClass]:
    """The classes of a message type by their Python name."""
    folder, name = message_id.partition(".")[0], message_id.replace(".", "_")
    path = importlib.metadata.distribution(PACKAGE).locate_file(f"{PACKAGE}/{folder}/{name}/{name}.py")
    tree = ast.parse(Path(str(path)).read_text("utf-8"))
    return {node.name: _class(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _class(node: ast.ClassDef) -> SourceClass:
    name = node.name
    fields: list[SourceField] = []
    values: list[str] = []
    for statement in node.body:
        match statement:
            case ast.ClassDef(name="Meta", body=body):
                name = _meta_name(body) or name
            case ast.AnnAssign(annotation=annotation, value=ast.Call(keywords=keywords)):
                metadata = next(keyword.value for keyword in keywords if keyword.arg == "metadata")
                fields.append(_field(annotation, metadata))
            case ast.Assign(value=ast.Constant(value=str(value))):
                values.append(value)
            case _:
                raise ValueError(f"{node.name}, line {statement.lineno}: neither a field nor a value")
    bases = [base.id for base in node.bases if isinstance(base, ast.Name) and base.id != "Enum"]
    return SourceClass(name=name, derived_from=bases[0] if bases else None, fields=tuple(fields), values=tuple(values))


def _meta_name(body: list[ast.stmt]) -> str | None:
    for statement in body:
        match statement:
            case ast.Assign(targets=[ast.Name(id="name")], value=ast.Constant(value=str(value))):
                return value
            case _:
                continue
    return None


def _field(annotation: ast.expr, metadata: ast.expr) -> SourceField:
    repeated = False
    match annotation:
        case ast.Subscript(value=ast.Name(id="list"), slice=ast.Name(id=type_name)):
            repeated = True
        case ast.BinOp(left=ast.Constant(value=None), right=ast.Name(id=type_name)):
            pass
        case ast.Name(id=type_name):
            pass
        case _:
            raise ValueError(f"line {annotation.lineno}: an annotation that is no type, optional type or list")
    assert isinstance(metadata, ast.Dict)
    entries = {
        ast.literal_eval(key): _constant(value)
        for key, value in zip(metadata.keys, metadata.values, strict=True)
        if key is not None
    }
    return SourceField(type_name=type_name, repeated=repeated, metadata=entries)


def _constant(node: ast.expr) -> Facet:
    match node:
        case ast.Call(func=ast.Name(id="Decimal"), args=[ast.Constant(value=str(text))]):
            return Decimal(text)
        case ast.Constant(value=str() | int() as value):
            return value
        case _:
            raise ValueError(f"line {node.lineno}: metadata that is no constant")
