"""What a worker serves: health, readiness and metrics, for whoever runs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from aiohttp import web

from adapters.http.answers import json_response
from adapters.http.api import ReadinessCheck
from adapters.http.readiness import READY, UNAVAILABLE, faults_of, results_of


def build_worker_application(
    checks: Mapping[str, ReadinessCheck],
    render_metrics: Callable[[], tuple[bytes, str]],
    *,
    release: str,
    refused: Callable[[], bool],
) -> web.Application:
    """Return an application with ``/healthz``, ``/readyz`` and ``/metrics``.

    Healthy is whatever answers, but for a program that the database's schema refuses: whoever deployed it takes it
    back, before the old one is ended.
    """

    async def get_health(_request: web.Request) -> web.Response:
        if refused():
            return json_response({"status": UNAVAILABLE, "release": release}, status=503)
        return json_response({"status": READY, "release": release})

    async def get_readiness(_request: web.Request) -> web.Response:
        faults = await faults_of(checks)
        return json_response(
            {"status": UNAVAILABLE if faults else READY, "checks": results_of(checks, faults)},
            status=503 if faults else 200,
        )

    async def get_metrics(_request: web.Request) -> web.Response:
        body, content_type = render_metrics()
        return web.Response(body=body, headers={"Content-Type": content_type})

    application = web.Application()
    application.router.add_get("/healthz", get_health)
    application.router.add_get("/readyz", get_readiness)
    application.router.add_get("/metrics", get_metrics)
    return application
