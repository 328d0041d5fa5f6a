"""Hostile XML over HTTP: each a 4xx with a code, nothing stored, the next request served."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest

from tests.unit.http.world import World, message

_VALID: Final = message().decode()
_DECLARATION: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'
_BARE: Final = _VALID.removeprefix(_DECLARATION)


def _with_doctype(doctype: str) -> bytes:
    return f"{_DECLARATION}{doctype}\n{_BARE}".encode()


def _bomb() -> bytes:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    doctype = f'<!DOCTYPE Document [<!ENTITY e0 "ha">{entities}]>'
    return _with_doctype(doctype).replace(b"Sample Debtor", b"&e9;")


HOSTILE: Final[dict[str, tuple[bytes, str]]] = {
    "nothing": (b"", "XML_EMPTY"),
    "a DOCTYPE": (_with_doctype("<!DOCTYPE Document>"), "XML_DOCTYPE"),
    "an external entity": (
        _with_doctype('<!DOCTYPE Document [<!ENTITY x SYSTEM "file:///etc/hostname">]>').replace(
            b"Sample Debtor", b"&x;"
        ),
        "XML_DOCTYPE",
    ),
    "an external DTD": (_with_doctype('<!DOCTYPE Document SYSTEM "http://127.0.0.1:1/x.dtd">'), "XML_DOCTYPE"),
    "an entity bomb": (_bomb(), "XML_DOCTYPE"),
    "an undeclared entity": (message(old="Sample Debtor", new="&nobody;"), "XML_ENTITY"),
    "deep nesting": (b"<a>" * 5_000 + b"</a>" * 5_000, "XML_TOO_DEEP"),
    "too many elements": (b"<a>" + b"<b/>" * 20_000 + b"</a>", "XML_TOO_MANY_ELEMENTS"),
    "another encoding declared": (message(old='encoding="UTF-8"', new='encoding="ISO-8859-1"'), "XML_ENCODING"),
    "UTF-16": (_VALID.encode("utf-16"), "XML_ENCODING"),
    "bytes that are no UTF-8": (message().replace(b"Sample Debtor", b"\xff\xfe"), "XML_ENCODING"),
    "a NUL": (message().replace(b"Sample Debtor", b"Sam\0ple"), "XML_NUL"),
    "a comment in the amount": (message(old="51.74", new="51<!-- x -->.74"), "XML_COMMENT_IN_VALUE"),
    "CDATA": (message(old="Sample Debtor", new="<![CDATA[Sample]]>"), "XML_CDATA"),
    "a processing instruction": (message(old="<GrpHdr>", new="<?php?><GrpHdr>"), "XML_PROCESSING_INSTRUCTION"),
    "XML 1.1": (message(old='version="1.0"', new='version="1.1"'), "XML_VERSION"),
    "two roots": (message() + b"<Document/>", "XML_TRAILING_CONTENT"),
    "no XML": (b"amount=51.74", "XML_SYNTAX"),
    "half a message": (message()[:1000], "XML_SYNTAX"),
    "an unknown version": (message(old="pacs.008.001.08", new="pacs.008.001.99"), "UNSUPPORTED_VERSION"),
    "an unknown namespace": (message(old="urn:iso:std:iso:20022", new="urn:nobody:knows"), "NAMESPACE_UNKNOWN"),
    "no namespace": (message(old=' xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"'), "NAMESPACE_UNKNOWN"),
}


@pytest.mark.parametrize(("body", "code"), HOSTILE.values(), ids=HOSTILE.keys())
async def test_a_hostile_message_is_refused_with_its_code_and_the_next_one_is_served(
    world: World, body: bytes, code: str
) -> None:
    """Nothing of it is stored but the fact of its refusal."""
    refused = await world.post_message(body)
    after = await world.post_message(message())

    assert refused.status in (400, 422)
    assert code in refused.codes
    assert after.status == 202
    assert len(world.store.rows.payments) == 1
    assert [code in refusal.codes for refusal in world.store.rows.refusals.values()] == [True]
    assert not world.observer.faults


async def test_the_message_that_the_hostile_ones_are_made_of_is_accepted(world: World) -> None:
    """The control: what is refused above is refused for its hostility."""
    answer = await world.post_message(_VALID.encode())

    assert answer.status == 202


async def test_no_network_and_no_file_is_touched_for_a_hostile_message(world: World, tmp_path: Path) -> None:
    """External entities and DTDs of both kinds: a listener hears nothing, and a file's text is nowhere."""
    canary = tmp_path / "canary.txt"
    canary.write_text("canary-in-a-file")
    heard: list[bytes] = []

    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        writer.close()

    async with await asyncio.start_server(hear, "127.0.0.1", 0) as listener:
        url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/evil.dtd"
        for target in (url, canary.as_uri()):
            for document_type in (
                f'<!DOCTYPE Document SYSTEM "{target}">',
                f'<!DOCTYPE Document [<!ENTITY e SYSTEM "{target}">]>',
                f'<!DOCTYPE Document [<!ENTITY % e SYSTEM "{target}"> %e;]>',
            ):
                answer = await world.post_message(document_type.encode() + b"<Document>&e;</Document>")

                assert answer.status == 400
                assert b"canary-in-a-file" not in answer.body
        async with asyncio.timeout(5):
            _, control = await asyncio.open_connection("127.0.0.1", listener.sockets[0].getsockname()[1])
            control.write(b"x")
            while not heard:
                await asyncio.sleep(0.01)
            control.close()

    assert heard == [b"x"]
