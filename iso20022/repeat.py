"""The same message once more, marked as a duplicate: how RTP is asked what became of a payment.

Source: the RTP guides of IBM FTM and Oracle Banking Payments: on a missing pacs.002 the sender repeats the identical
pacs.008 with ``CpyDplct`` DUPL in the header; the rail repeats its status, or processes the message if it is new to it.
"""

from typing import Final

from lxml import etree

from iso20022.codes import CopyDuplicate
from iso20022.envelope import serialise, unwrap
from iso20022.errors import LocalProtocolError
from iso20022.findings import Finding
from iso20022.paths import local_name, namespace_of
from iso20022.reader import read

_MARK: Final = "CpyDplct"


def marked_as_duplicate(body: bytes) -> bytes:
    """The message with ``CpyDplct`` DUPL in its header, and nothing else changed; a marked one stays as it is.

    A signature over the header does not hold any more: sign afterwards. Raises RemoteProtocolError where the bytes are
    no message, LocalProtocolError where it has no header to be marked.
    """
    root = read(body)
    header = unwrap(read(body)).header
    created = None if header is None else root.find(f".//{{{namespace_of(str(header.tag))}}}CreDt")
    header = None if created is None else created.getparent()
    if created is None or header is None:
        raise LocalProtocolError(
            Finding(
                code="BUILD_NO_HEADER",
                rule="A repeat is marked in the header.",
                hint="Wrap the Document with its header first.",
            )
        )
    mark = created.getnext()
    if mark is None or local_name(str(mark.tag)) != _MARK:
        mark = etree.SubElement(header, str(created.tag).replace("CreDt", _MARK))
        created.addnext(mark)
    mark.text = CopyDuplicate.DUPL.value
    return serialise(root)
