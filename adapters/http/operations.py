"""What operators and newcomers ask: health, readiness, metrics, the OpenAPI document, problem kinds, the index."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from adapters.http.answers import json_response
from adapters.http.api import Api
from adapters.http.negotiation import JSON
from adapters.http.openapi import openapi_document
from adapters.http.problems import NOT_FOUND, NOT_READY, PROBLEMS, ProblemError, described
from adapters.http.readiness import READY, faults_of, results_of


class Operations:
    """Answers without asking who asks, and so never with anything that is a tenant's."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._openapi = orjson.dumps(openapi_document(version=api.version, limits=api.limits))
        self._index = orjson.dumps(_index(api))

    async def get_index(self, _request: web.Request) -> web.Response:
        """Show what there is."""
        return web.Response(body=self._index, content_type=JSON)

    async def get_health(self, _request: web.Request) -> web.Response:
        """Say that the process answers, and what is deployed here.

        503 only where the database's schema refuses this program: whoever deployed it takes it back.
        """
        if self._api.refused():
            raise ProblemError(NOT_READY, "The database's schema is not one that this program can live with.")
        return json_response({"status": READY, "release": self._api.release})

    async def get_readiness(self, _request: web.Request) -> web.Response:
        """Say whether everything answers that payments need; 503 when something does not, and what."""
        faults = await faults_of(self._api.readiness)
        results = results_of(self._api.readiness, faults)
        for error in faults.values():
            self._api.report_fault("readiness", error)
        if faults:
            detail = f"These do not answer: {', '.join(sorted(faults))}."
            raise ProblemError(NOT_READY, detail, members={"checks": results})
        return json_response({"status": READY, "checks": results})

    async def post_synthetic(self, _request: web.Request) -> web.Response:
        """Say what became of the newest synthetic payments, made now unless they were a moment ago."""
        if self._api.synthetic is None:
            raise ProblemError(NOT_FOUND, "Synthetic payments are switched off (FIFTEEN_SYNTHETIC_PAYMENTS).")
        return json_response(await self._api.synthetic())

    async def get_metrics(self, _request: web.Request) -> web.Response:
        """Show the metrics in the exposition format of Prometheus."""
        body, content_type = self._api.render_metrics()
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def get_openapi(self, _request: web.Request) -> web.Response:
        """Show the OpenAPI document of this API."""
        return web.Response(body=self._openapi, content_type=JSON)

    async def get_problems(self, _request: web.Request) -> web.Response:
        """Show every kind of problem."""
        return json_response({"problems": [described(kind) for kind in PROBLEMS.values()]})

    async def get_problem(self, request: web.Request) -> web.Response:
        """Show one kind of problem: what the member ``type`` of a problem document points to."""
        kind = PROBLEMS.get(request.match_info["code"])
        if kind is None:
            raise ProblemError(NOT_FOUND, "There is no such kind of problem.")
        return json_response(described(kind))


def _index(api: Api) -> dict[str, Any]:
    return {
        "name": "Fifteen",
        "version": api.version,
        "promise": f"{api.promise_s:g} seconds from acceptance to a final status, or to a doubt with its next step",
        "links": {
            "messages": "/v1/messages",
            "payments": "/v1/payments",
            "incoming_transfers": "/v1/incoming-transfers",
            "conversations": "/v1/conversations",
            "due": "/v1/due",
            "openapi": "/openapi.json",
            "problems": "/problems",
            "health": "/healthz",
            "readiness": "/readyz",
            "metrics": "/metrics",
        },
    }
