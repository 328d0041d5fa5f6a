"""The listener for the other region's gateway: who shows no certificate of the authority does not come in."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import aiohttp
import pytest

from adapters.http.api import Takes
from adapters.http.application import build_peer_application
from adapters.http.headers import FORWARDED_FROM
from adapters.http.peer import Peer, listener_tls, mutual_tls
from adapters.http.serving import serving
from gateway.domain.identity import SLOTS
from gateway.domain.payment import RegionId
from tests.certificates import Authority, Certified
from tests.unit.http.world import Answer, World, message, open_world

EAST, WEST = RegionId("use1"), RegionId("usw2")


@dataclass(frozen=True, slots=True)
class Home:
    """West, the home of every key, with its two listeners."""

    world: World
    port: int
    authority: Authority


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    """West, serving at both."""
    authority = Authority(tmp_path, "regions")
    own = authority.issue("west")
    async with open_world(region=WEST, takes=Takes.OWN) as west:
        tls = listener_tls(authority=own.authority, certificate=own.certificate, key=own.key)
        async with serving(build_peer_application(west.api), host="127.0.0.1", port=0, tls=tls) as port:
            yield Home(west, port, authority)


@asynccontextmanager
async def east_at(url: str, shown: Certified | None) -> AsyncIterator[World]:
    """East, which owns nothing, and forwards to this address."""
    tls = None
    if shown is not None:
        tls = mutual_tls(authority=shown.authority, certificate=shown.certificate, key=shown.key)
    async with Peer(url, own=EAST, tls=tls) as peer, open_world(peer=peer) as east:
        east.store.homes = dict.fromkeys(range(SLOTS), WEST)
        yield east


async def test_what_is_forwarded_with_a_certificate_is_taken_at_its_own_address(home: Home) -> None:
    """Mutual TLS, with real certificates."""
    async with east_at(f"https://127.0.0.1:{home.port}", home.authority.issue("east")) as east:
        answer = await east.post_message(message())

    assert answer.status == 202
    assert answer.json["payment_id"]
    assert len(home.world.store.rows.payments) == 1


async def test_who_shows_a_certificate_of_another_authority_or_none_is_not_heard(home: Home, tmp_path: Path) -> None:
    """The connection ends before a request is read: nothing was done, and the client is told that it is not known."""
    (tmp_path / "other").mkdir()
    foreign = Authority(tmp_path / "other", "somebody else").issue("east")
    stranger = replace(foreign, authority=home.authority.file)  # believes in us, and is not believed
    async with east_at(f"https://127.0.0.1:{home.port}", stranger) as east:
        answer = await east.post_message(message())
    assert answer.status in {202, 503}
    assert answer.status == 503 or answer.json["state"] == "PENDING"

    without = ssl.create_default_context(cafile=home.authority.file)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientError):
            await session.post(f"https://127.0.0.1:{home.port}/v1/messages", data=message(), ssl=without)
        with pytest.raises(aiohttp.ClientError):
            await session.post(f"http://127.0.0.1:{home.port}/v1/messages", data=message())

    assert not home.world.store.rows.claims
    assert not home.world.served


async def test_a_home_that_shows_a_certificate_of_another_authority_is_sent_nothing(home: Home, tmp_path: Path) -> None:
    """Whoever stands at the address of the home may be somebody else."""
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other", "somebody else")
    async with east_at(f"https://127.0.0.1:{home.port}", other.issue("east")) as east:
        answer = await east.post_message(message())

    assert (answer.status, answer.json["code"]) == (503, "not_serving")
    assert not home.world.served


async def test_what_is_forwarded_to_the_clients_address_is_refused_there_and_nothing_was_done(home: Home) -> None:
    """Anybody could say that it comes from the other region."""
    async with east_at(f"http://127.0.0.1:{home.world.port}", None) as east:
        answer = await east.post_message(message())

    assert (answer.status, answer.json["code"]) == (503, "not_serving")
    assert not home.world.store.rows.claims
    assert (await home.world.post_message(message())).status == 202


async def test_the_peers_address_is_for_what_is_forwarded_and_for_nothing_else(home: Home) -> None:
    """Neither clients nor the curious."""
    shown = home.authority.issue("east")
    tls = mutual_tls(authority=shown.authority, certificate=shown.certificate, key=shown.key)
    url = f"https://127.0.0.1:{home.port}"
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{url}/v1/messages", data=message(), ssl=tls) as response:
            own = Answer(response.status, response.headers, await response.read())
        async with session.get(f"{url}/metrics", headers={FORWARDED_FROM: EAST}, ssl=tls) as response:
            metrics = response.status

    assert (own.status, own.json["code"]) == (421, "misdirected")
    assert metrics == 404
    assert not home.world.store.rows.claims
