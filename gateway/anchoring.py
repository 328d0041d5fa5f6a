"""Where the heads of the sealed history are written down, and read again: a directory, or a bucket."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from adapters.anchors.files import FileAnchor, UnreadableAnchor, read_anchors
from gateway.service.ports import Anchor, AuditAnchor
from gateway.settings import Settings, SettingsError

_BUCKET: Final = "s3://"
_BUCKET_NEEDS: Final = "FIFTEEN_AUDIT_ANCHORS: s3:// needs the extra s3: pip install 'fifteen[s3]'"


def anchor_of(settings: Settings) -> AuditAnchor | None:
    """Return where heads are written to, if a place is set; nothing is opened before it is used.

    Raises:
        SettingsError: it is a bucket, and boto3 is not installed.

    """
    place = settings.audit_anchors
    if place is None:
        return None
    if not place.startswith(_BUCKET):
        return FileAnchor(Path(place))
    try:
        from adapters.anchors.bucket import BucketAnchor
    except ImportError as error:
        raise SettingsError(_BUCKET_NEEDS) from error
    return BucketAnchor(place)


def anchors_at(place: str) -> Sequence[Anchor | UnreadableAnchor]:
    """Return every anchor at a place, as they were written.

    Raises:
        SettingsError: it is a bucket, and boto3 is not installed.
        UnavailableError: it cannot be read, or is none.

    """
    if not place.startswith(_BUCKET):
        return list(read_anchors(Path(place)))
    try:
        from adapters.anchors.bucket import read_bucket
    except ImportError as error:
        raise SettingsError(_BUCKET_NEEDS) from error
    return list(read_bucket(place))
