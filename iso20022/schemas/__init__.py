"""The XML Schemas: ours, pinned by checksum, or an institution's own; as validators, as values, as bytes."""

from iso20022.schemas.folder import OwnSchema, SchemaFolderError, SchemaFolderReport, read_folder
from iso20022.schemas.pinned import ManifestEntry, SchemaMismatchError, manifest, require_pinned, schema_bytes
from iso20022.schemas.schema_set import OUR_SCHEMAS, RTP_SCHEMAS, SchemaSet, model, validator

__all__ = [
    "OUR_SCHEMAS",
    "RTP_SCHEMAS",
    "ManifestEntry",
    "OwnSchema",
    "SchemaFolderError",
    "SchemaFolderReport",
    "SchemaMismatchError",
    "SchemaSet",
    "manifest",
    "model",
    "read_folder",
    "require_pinned",
    "schema_bytes",
    "validator",
]
