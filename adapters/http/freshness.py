"""How fresh it is what is read, where there are two regions: one header, on the answer to every GET below `/v1`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from aiohttp import web

from adapters.http.api import Api
from adapters.http.headers import FRESHNESS
from adapters.http.problems import UNAUTHENTICATED
from adapters.http.representation import instant_text
from gateway.service.freshness import AsOf

BELOW: Final = "/v1/"
_READS: Final = frozenset({"GET", "HEAD"})
_STATED: Final = web.RequestKey("freshness", Sequence[AsOf])

FRESHNESS_HEADER: Final[dict[str, Any]] = {
    "description": "Where there are two regions: for each, as of when what goes on there is known here (`as_of`), and "
    "how many seconds that was before this was read (`behind_s`: 0 for the region that answers, while it serves); "
    "`unknown` where that cannot be said. A payment is as fresh as its `region`; a list may lack what came later.",
    "schema": {"type": "string"},
    "example": 'use1;behind_s=0.000;as_of="2026-11-20T15:15:00.934Z", '
    'usw2;behind_s=0.412;as_of="2026-11-20T15:15:00.522Z"',
}


def note_freshness(api: Api, request: web.Request) -> None:
    """Keep with a request as of when all is known that is read from now on; later notes count."""
    if request.method in _READS and request.path.startswith(BELOW):
        request[_STATED] = api.freshness()


def freshness_headers(request: web.Request, *, status: int) -> dict[str, str]:
    """Return the header that says what was noted; none of one region, of what is no read, and to strangers."""
    stated = () if status == UNAUTHENTICATED.status else request.get(_STATED, ())
    return {FRESHNESS: ", ".join(map(_member, stated))} if stated else {}


def _member(stated: AsOf) -> str:
    if stated.at is None or stated.behind_s is None:
        return f"{stated.region};unknown"
    return f'{stated.region};behind_s={stated.behind_s:.3f};as_of="{instant_text(stated.at)}"'


def stating_freshness(paths: dict[str, Any]) -> dict[str, Any]:
    """Return the paths of the OpenAPI document, with the header wherever something is read."""
    reference = {"$ref": f"#/components/headers/{FRESHNESS}"}
    for path, item in paths.items():
        if path.startswith(BELOW) and "get" in item:
            answer = item["get"]["responses"]["200"]
            answer["headers"] = {**answer.get("headers", {}), FRESHNESS: reference}
    return paths
