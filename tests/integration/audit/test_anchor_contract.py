"""Places for anchors, each kind: a directory, and a bucket at a stand-in for S3."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import boto3
import pytest

from adapters.anchors.files import UnreadableAnchor
from gateway.anchoring import anchor_of, anchors_at
from gateway.domain.payment import RegionId
from gateway.service.ports import Anchor, AuditAnchor, UnavailableError
from gateway.settings import Settings

REGION: Final = RegionId("use1")
AT: Final = datetime(2026, 11, 22, 9, 30, 1, 4211, tzinfo=UTC)


def anchor(number: int, *, region: str = REGION, digest: int | None = None) -> Anchor:
    """A head."""
    return Anchor(region, number, bytes([(digest or number) % 256]) * 32, 10 * number, AT)


@dataclass(frozen=True, slots=True)
class Place:
    """A place by its setting, and what makes it unreachable."""

    address: str
    take_away: Callable[[], object]

    def open(self) -> AuditAnchor:
        """What the settings make of it."""
        made = anchor_of(Settings(audit_anchors=self.address))
        assert made is not None
        return made


@pytest.fixture(params=["directory", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A fresh place of each kind."""
    if request.param == "directory":
        directory = tmp_path / "anchors"
        directory.mkdir()
        return Place(str(directory), directory.rmdir)
    bucket = request.getfixturevalue("bucket")
    return Place(f"s3://{bucket}/of/heads", lambda: boto3.client("s3").delete_bucket(Bucket=bucket))


async def test_what_was_appended_is_read_and_the_newest_is_known(place: Place) -> None:
    """Each region has its own numbers."""
    opened = place.open()
    assert await opened.newest(REGION) == 0

    await opened.append([anchor(1), anchor(2)])
    await opened.append([anchor(1, region="usw2"), anchor(3)])

    assert list(anchors_at(place.address)) == [anchor(1), anchor(2), anchor(3), anchor(1, region="usw2")]
    assert (await place.open().newest(REGION), await opened.newest(RegionId("usw2"))) == (3, 1)


async def test_of_two_histories_both_are_kept(place: Place) -> None:
    """Whoever rewrites history and anchors it again has not unsaid what was said."""
    await place.open().append([anchor(1), anchor(2)])
    await place.open().append([anchor(2, digest=99)])

    assert set(anchors_at(place.address)) == {anchor(1), anchor(2), anchor(2, digest=99)}


async def test_a_place_that_is_gone_is_unavailable_and_not_empty(place: Place) -> None:
    """An empty place would vouch for anything."""
    opened = place.open()
    place.take_away()

    with pytest.raises(UnavailableError):
        await opened.append([anchor(1)])
    with pytest.raises(UnavailableError):
        anchors_at(place.address)


async def test_a_deletion_in_a_bucket_hides_no_anchor(bucket: str) -> None:
    """The bucket keeps versions: a deletion without a version is one more of them."""
    client = boto3.client("s3")
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    place = f"s3://{bucket}"
    opened = anchor_of(Settings(audit_anchors=place))
    assert opened is not None
    await opened.append([anchor(1), anchor(2)])
    for each in client.list_objects_v2(Bucket=bucket)["Contents"]:
        client.delete_object(Bucket=bucket, Key=each["Key"])

    assert await opened.newest(REGION) == 0
    assert list(anchors_at(place)) == [anchor(1), anchor(2)]


async def test_what_is_no_anchor_in_a_bucket_is_named(bucket: str) -> None:
    """It may be one whose name was meant otherwise; the newest is the newest that can be read."""
    place = f"s3://{bucket}/heads"
    opened = anchor_of(Settings(audit_anchors=place))
    assert opened is not None
    await opened.append([anchor(7)])
    boto3.client("s3").put_object(Bucket=bucket, Key=f"heads/{REGION}/000-first.json", Body=b"{}")

    assert await opened.newest(REGION) == 7
    assert set(anchors_at(place)) == {anchor(7), UnreadableAnchor(f"{REGION}/000-first.json", 1)}


async def test_an_object_has_the_line_that_a_file_would_have(bucket: str) -> None:
    """Whoever opens one reads it without us; and a repeat writes over nothing."""
    opened = anchor_of(Settings(audit_anchors=f"s3://{bucket}"))
    assert opened is not None
    await opened.append([anchor(3)])
    await opened.append([anchor(3)])

    client = boto3.client("s3")
    (only,) = client.list_objects_v2(Bucket=bucket)["Contents"]
    body = client.get_object(Bucket=bucket, Key=only["Key"])["Body"].read()
    assert body == (
        b'{"number": 3, "digest": "' + b"03" * 32 + b'", "events": 30, "at": "2026-11-22T09:30:01.004211+00:00"}\n'
    )
