"""Webhooks over mTLS, of institutions and of who screens: who each side is, is shown before anything is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from aiohttp import web

from adapters.institution.institutions import Institutions
from adapters.institution.webhook import WebhookWay
from adapters.screening.webhook import WebhookScreener
from adapters.system import SystemClock
from gateway.domain.incoming_transfer import InstitutionAnswer, PostingAnswer, PostingOutcome, Verdict
from gateway.domain.screening import ScreeningRules
from gateway.service.ports import UnavailableError
from gateway.signing import tls_of
from tests.certificates import Authority, demanding
from tests.integration.core.institution_stands import PATIENCE_S, SECRET, TENANT, serving_at, tenant_at
from tests.integration.core.test_institutions import question
from tests.integration.screening.test_screener_contract import subject


@dataclass(frozen=True, slots=True)
class Shown:
    """What our side has: a certificate with its key, where there is one, and the authorities that it trusts."""

    certificate: Path | None
    authorities: Path | None


Asking = Callable[[str, Shown], Awaitable[object]]
"""Asks who is at an address, and returns what it said."""


async def decide(url: str, shown: Shown) -> object:
    """Ask an institution for its decision."""
    async with WebhookWay(tls=tls_of(shown.certificate, shown.authorities)) as way:
        institutions = Institutions({TENANT: SECRET}, SystemClock(), {"https": way})
        return await institutions.decide(tenant_at(url), question(left_s=PATIENCE_S), within_s=PATIENCE_S)


async def post(url: str, shown: Shown) -> object:
    """Tell an institution to post."""
    async with WebhookWay(tls=tls_of(shown.certificate, shown.authorities)) as way:
        institutions = Institutions({TENANT: SECRET}, SystemClock(), {"https": way})
        return await institutions.post(tenant_at(url), question())


async def screen(url: str, shown: Shown) -> object:
    """Ask who screens."""
    tls = tls_of(shown.certificate, shown.authorities)
    async with WebhookScreener({TENANT: SECRET}, SystemClock(), tls=tls) as screener:
        return list(await screener.screen(ScreeningRules(webhook=url), subject(), within_s=PATIENCE_S))


SAYS: Final = {"decision": "accept", "posting": "posted", "result": "clear"}
"""All that any of them wants to hear: whoever is let in is answered."""


@dataclass(slots=True)
class Server:
    """What answers at the other end, and how often it was asked."""

    asked: list[bytes] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        """Say yes."""
        self.asked.append(await request.read())
        return web.json_response(SAYS)


@pytest.mark.parametrize(
    ("asking", "said"),
    [
        (decide, InstitutionAnswer(Verdict.ACCEPT)),
        (post, PostingAnswer(PostingOutcome.POSTED)),
        (screen, []),
    ],
)
async def test_over_tls_both_sides_show_a_certificate(asking: Asking, said: object, tmp_path: Path) -> None:
    """Without ours, with a stranger's, or to a server that a stranger vouches for, nothing is asked nor decided.

    With ours the same server answers the same question: the control.
    """
    authority, stranger = Authority(tmp_path, "authority"), Authority(tmp_path, "stranger")
    ours, theirs = authority.issue("ours").with_key, stranger.issue("theirs").with_key
    server = Server()
    async with serving_at(server.answer, tls=demanding(authority.issue("institution"), of=authority.file)) as url:
        for shown in (
            Shown(None, authority.file),
            Shown(theirs, authority.file),
            Shown(ours, stranger.file),
            Shown(ours, None),
        ):
            with pytest.raises(UnavailableError, match="cannot be reached"):
                await asking(url, shown)
        assert server.asked == []

        assert await asking(url, Shown(ours, authority.file)) == said

    assert len(server.asked) == 1
