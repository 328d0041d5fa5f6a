"""What is not served: strangers, floods, faults of ours; each a problem document, and the next request is served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest

from adapters.http.api import HttpLimits
from gateway.service.admission import BusAwayError, BusBlockedError
from gateway.service.group_commit import OverloadedError
from gateway.service.ports import UnavailableError
from tests.unit.http.world import API_KEY, OTHER_API_KEY, World, digest, json_payment, message, open_world

AUTHENTICATED_ROUTES = [
    ("POST", "/v1/messages"),
    ("POST", "/v1/payments"),
    ("GET", "/v1/payments?uetr=7c3f0c52-5d1e-4c5b-9a52-0e6f1a2b3c4d"),
    ("GET", "/v1/payments/EXAMPLE-INVOICE-1"),
    ("GET", "/v1/payments/EXAMPLE-INVOICE-1/events"),
    ("GET", "/v1/payments/EXAMPLE-INVOICE-1/messages"),
    ("GET", "/v1/payments/EXAMPLE-INVOICE-1/messages/019aa1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"),
    ("GET", "/v1/operator/payments"),
    ("POST", "/v1/payments/EXAMPLE-INVOICE-1/operator-actions"),
]

STRANGERS: list[Mapping[str, str]] = [
    {"Authorization": ""},
    {"Authorization": "Bearer nobody's-key"},
    {"Authorization": f"Basic {API_KEY}"},
    {"Authorization": "Bearer"},
    {"Authorization": f"Bearer {API_KEY}", "X-Api-Key": OTHER_API_KEY},
]


@pytest.mark.parametrize(("method", "path"), AUTHENTICATED_ROUTES)
async def test_nothing_of_a_tenants_is_shown_or_done_without_a_key(world: World, method: str, path: str) -> None:
    """Every route under /v1 asks who asks, before anything else."""
    await world.accepted()

    answer = await world.request(method, path, b"x" if method == "POST" else None, {"Authorization": ""})

    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert len(world.store.rows.payments) == 1


@pytest.mark.parametrize("headers", STRANGERS)
async def test_a_key_that_is_none_is_refused(world: World, headers: Mapping[str, str]) -> None:
    """No key, an unknown one, another scheme, two keys that disagree: all the same 401."""
    answer = await world.post_message(message(), headers)

    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
    assert not world.store.rows.payments


async def test_the_key_may_come_in_its_own_header(world: World) -> None:
    """For clients behind something that takes Authorization for itself."""
    answer = await world.post_message(message(), {"Authorization": "", "X-Api-Key": API_KEY})

    assert answer.status == 202


async def test_a_revoked_key_is_refused_once_its_memory_has_run_out(world: World) -> None:
    """A key that was found is believed for half a minute: that is how long a revocation may take."""
    await world.accepted(1)
    del world.store.api_keys[digest(API_KEY)]

    remembered = await world.post_message(message(2))
    world.clock.advance(31)
    forgotten = await world.post_message(message(3))

    assert (remembered.status, forgotten.status) == (202, 401)


async def test_a_key_that_was_unknown_is_taken_as_soon_as_it_exists(world: World) -> None:
    """Only what was found is remembered: a new key works at once."""
    too_early = await world.post_message(message(), {"Authorization": "Bearer brand-new"})
    world.store.api_keys[digest("brand-new")] = next(iter(world.store.api_keys.values()))

    in_time = await world.post_message(message(), {"Authorization": "Bearer brand-new"})

    assert (too_early.status, in_time.status) == (401, 202)


async def test_the_memory_of_keys_is_bounded(world: World) -> None:
    """Many keys, little memory: the oldest is forgotten, and asked for again."""
    async with open_world(limits=HttpLimits(api_keys_cached_max=1)) as small:
        statuses = [
            (await small.post_message(message(number), {"Authorization": f"Bearer {key}"})).status
            for number, key in enumerate([API_KEY, OTHER_API_KEY, API_KEY, OTHER_API_KEY])
        ]

    assert statuses == [202] * 4


FAULTS = [
    (UnavailableError("postgresql://secret@host is down"), 503, "unavailable", "1"),
    (OverloadedError("4096 items wait, secret"), 503, "overloaded", "1"),
    (RuntimeError("secret: a fault of ours"), 500, "internal_error", None),
    (TimeoutError("secret"), 500, "internal_error", None),
]


@pytest.mark.parametrize(("error", "status", "code", "retry_after"), FAULTS)
async def test_a_fault_is_told_as_ours_reported_and_never_shown(
    world: World, error: Exception, status: int, code: str, retry_after: str | None
) -> None:
    """The client learns that repeating is safe; what failed is for our logs, under the instance the client sees."""
    await world.accepted(1)
    world.store.next_call_raises = error

    answer = await world.post_message(message(2))
    repeat = await world.post_message(message(2))

    assert (answer.status, answer.json["code"], answer.headers.get("Retry-After")) == (status, code, retry_after)
    assert "safe" in f"{answer.json['detail']} {answer.json['advice']}"
    assert b"secret" not in answer.body
    reported = [] if isinstance(error, OverloadedError) else [("http", error)]  # what is refused must cost little
    assert world.observer.faults == reported
    assert repeat.status == 202


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (OverloadedError("secret"), "More is asked than can be done in time"),
        (BusBlockedError("secret"), "short of memory or disk"),
        (BusAwayError("secret"), "bus does not answer"),
    ],
)
async def test_who_is_turned_away_at_the_gate_learns_the_cause(world: World, error: Exception, cause: str) -> None:
    """Nothing was done, whatever the cause; what the cause is tells an operator at the other end whom to call."""
    world.store.next_call_raises = error

    answer = await world.post_message(message(1))

    assert (answer.status, answer.json["code"], answer.headers["Retry-After"]) == (503, "overloaded", "1")
    assert cause in answer.json["detail"]
    assert "nothing was done" in answer.json["detail"]


async def test_a_fault_of_ours_can_be_found_by_its_instance(world: World) -> None:
    """Support finds the traceback by what the client tells."""
    error = RuntimeError("a fault of ours")
    await world.accepted(1)
    world.store.next_call_raises = error

    answer = await world.post_message(message(2))

    assert answer.json["instance"] in error.__notes__[0]


async def test_an_unknown_path_is_a_problem_and_never_a_label(world: World) -> None:
    """What strangers ask for must not fill the metrics."""
    answer = await world.get("/etc/passwd")
    served = world.served[-1]

    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (served.route, served.status) == ("unmatched", 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_another_method_is_a_problem_that_says_which_are_taken(world: World, method: str) -> None:
    """405 with Allow."""
    answer = await world.request(method, "/v1/messages")

    assert (answer.status, answer.json["code"], answer.headers["Allow"]) == (405, "method_not_allowed", "POST")


async def test_an_outlandish_method_is_not_a_label(world: World) -> None:
    """Methods are a closed set in the metrics."""
    answer = await world.request("PROPFIND", "/v1/messages")

    assert answer.status == 405
    assert world.served[-1].method == "OTHER"


async def test_every_answer_is_recorded_with_its_route_and_not_with_its_ids(world: World) -> None:
    """Metrics and logs by route template: the payment's id is no label."""
    payment = await world.accepted()
    await world.get(f"/v1/payments/{payment.payment_id}")

    assert [(served.method, served.route, served.status) for served in world.served] == [
        ("POST", "/v1/messages", 202),
        ("GET", "/v1/payments/{reference}", 200),
    ]


# --- Bodies, as bytes on the wire ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Wire:
    """A bare connection, for what no HTTP library would send."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, *parts: bytes) -> None:
        """Write, without waiting for anything."""
        self.writer.write(b"".join(parts))

    async def status(self) -> int:
        """Read one response to its end, and return its status."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if length:
            await self.reader.readexactly(int(length[0].split(b":")[1]))
        return int(head.split()[1])


@pytest.fixture
async def wire(world: World) -> AsyncIterator[Wire]:
    """A connection to the gateway."""
    async with asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        yield Wire(reader, writer)
        writer.close()
        await writer.wait_closed()


def head(*lines: str, path: str = "/v1/messages") -> bytes:
    """The head of a POST with the tenant's key."""
    fixed = (f"POST {path} HTTP/1.1", "Host: gateway", f"Authorization: Bearer {API_KEY}")
    return "\r\n".join([*fixed, "Content-Type: application/xml", *lines, "", ""]).encode()


async def test_a_body_that_is_announced_as_too_large_is_refused_before_it_is_sent(world: World, wire: Wire) -> None:
    """Ten megabytes are refused at the price of a header."""
    wire.send(head("Content-Length: 10485760"))

    status = await wire.status()

    (refusal,) = world.store.rows.refusals.values()
    assert status == 413
    assert (refusal.codes, refusal.size) == (("body_too_large",), 10_485_760)


async def test_a_body_that_turns_out_too_large_is_refused_while_it_is_read(world: World) -> None:
    """Chunks announce no length: reading stops at the limit."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(80):
            yield b"<" * 65_536

    url = f"http://127.0.0.1:{world.port}/v1/messages"
    headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "text/xml"}
    async with world.session.post(url, data=chunks(), headers=headers) as response:
        answer = await response.json(content_type=None)
    after = await world.post_message(message())

    (refusal,) = world.store.rows.refusals.values()
    assert (response.status, answer["code"]) == (413, "body_too_large")
    assert 256 * 1024 < refusal.size < 1024 * 1024
    assert after.status == 202


async def test_a_body_that_never_ends_is_given_up(world: World) -> None:
    """A slow sender holds a connection for a bounded time only."""
    async with open_world(limits=HttpLimits(body_time_max_s=0.05)) as hasty:
        reader, writer = await asyncio.open_connection("127.0.0.1", hasty.port)
        slow = Wire(reader, writer)
        slow.send(head("Content-Length: 1000"), b"<Docu")

        status = await slow.status()
        after = await hasty.post_message(message())
        writer.close()

    (refusal,) = hasty.store.rows.refusals.values()
    assert (status, refusal.codes) == (408, ("request_timeout",))
    assert after.status == 202


async def test_the_body_is_invited_only_when_it_is_wanted(world: World, wire: Wire) -> None:
    """Expect: 100-continue: the client sends its body after 100."""
    body = message()
    wire.send(head("Expect: 100-continue", f"Content-Length: {len(body)}"))

    invited = await wire.status()
    wire.send(body)
    answered = await wire.status()

    assert (invited, answered) == (100, 202)


async def test_a_body_that_will_be_refused_is_not_invited(world: World, wire: Wire) -> None:
    """No 100 before 413, and the connection is closed: what came next could be the body or a request."""
    wire.send(head("Expect: 100-continue", "Content-Length: 10485760"))

    status = await wire.status()
    wire.writer.write_eof()
    rest = await wire.reader.read()

    assert (status, rest) == (413, b"")


async def test_an_unknown_expectation_is_refused(world: World, wire: Wire) -> None:
    """RFC 9110: 417."""
    wire.send(head("Expect: payment", "Content-Length: 1"), b"x")

    assert await wire.status() == 417


BROKEN_HTTP = {
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
    "a bad chunk": head("Transfer-Encoding: chunked") + b"zz\r\nnot a chunk\r\n0\r\n\r\n",
    "two lengths": head("Content-Length: 3", "Content-Length: 4") + b"abcd",
    "length and chunks": head("Content-Length: 3", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "a huge header": head("X-Large: " + "x" * 20_000, "Content-Length: 0"),
    "many headers": head(*(f"X-{number}: 1" for number in range(200)), "Content-Length: 0"),
    "a negative length": head("Content-Length: -1"),
    "a bare line feed in a header": head("X-Folded: a\r\n b\nX: y", "Content-Length: 0"),
}


@pytest.mark.parametrize("sent", BROKEN_HTTP.values(), ids=BROKEN_HTTP.keys())
async def test_what_is_not_http_is_refused_and_the_next_request_is_served(
    world: World, wire: Wire, sent: bytes
) -> None:
    """A 400 or a closed connection; nothing stored; others are served as before."""
    wire.send(sent)
    wire.writer.write_eof()

    answered = await wire.reader.read()
    after = await world.post_message(message())

    assert not answered or answered.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4"))
    assert after.status == 202
    assert len(world.store.rows.payments) == 1


async def test_a_client_that_leaves_in_the_middle_of_its_body_is_forgotten(world: World, wire: Wire) -> None:
    """Nothing is stored of half a message, and no fault of ours is reported."""
    wire.send(head("Content-Length: 5000"), message()[:1000])
    await wire.writer.drain()
    wire.writer.transport.abort()

    after = await world.post_message(message())

    assert after.status == 202
    assert len(world.store.rows.payments) == 1
    assert not world.observer.faults


async def test_requests_behind_a_refused_one_on_the_same_connection_are_served(world: World, wire: Wire) -> None:
    """A refused body is read past, not taken for the next request."""
    invalid, valid = b"<NotAMessage/>", message()
    wire.send(head(f"Content-Length: {len(invalid)}"), invalid, head(f"Content-Length: {len(valid)}"), valid)

    statuses = [await wire.status(), await wire.status()]

    assert 400 <= statuses[0] < 500
    assert statuses[1] == 202


REFUSED_BEFORE_THE_USE_CASE = [
    ("/v1/messages", {"Content-Type": "text/plain"}, b"<a/>", "unsupported_media_type"),
    ("/v1/messages", {"Content-Type": "text/xml", "Accept": "text/html"}, b"<a/>", "not_acceptable"),
    ("/v1/payments", {"Content-Type": "application/json"}, json_payment(), "idempotency_key_missing"),
    ("/v1/payments", {"Content-Type": "application/json", "Idempotency-Key": "k"}, b"{", "JSON_SYNTAX"),
    (
        "/v1/payments",
        {"Content-Type": "application/json", "Idempotency-Key": "k"},
        json_payment(amount=...),
        "FORM_REQUIRED",
    ),
]


@pytest.mark.parametrize(("path", "headers", "body", "code"), REFUSED_BEFORE_THE_USE_CASE)
async def test_a_submission_that_is_refused_at_the_edge_leaves_its_row_too(
    world: World, path: str, headers: Mapping[str, str], body: bytes, code: str
) -> None:
    """Whatever an authenticated tenant submits and is refused is on record, once."""
    answer = await world.request("POST", path, body, headers)

    (refusal,) = world.store.rows.refusals.values()
    assert 400 <= answer.status < 500
    assert (refusal.codes, refusal.size, refusal.tenant_id) == ((code,), len(body), "default")
