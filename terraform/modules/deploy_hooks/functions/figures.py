"""What Prometheus says of the payments that are under way: how old the oldest is, and what is left of the budget."""

from __future__ import annotations

import json
import math
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from refusal import RefusedError
from web import ask

QUERY_MAX_S = 10.0

QUEUE_AGE = "max(gateway_outbox_oldest_unsent_age_seconds)"
"""Seconds that the oldest accepted payment has waited to be handed on."""

BREACHES = "sum(increase(gateway_payments_sla_breached_total[5m])) or vector(0)"
"""Payments of the last minutes without a final status at their deadline."""

BUDGET_LEFT = (
    "1 - (sum(increase(gateway_payments_sla_breached_total[{window}])) or vector(0))"
    " / clamp_min(sum(increase(gateway_payments_accepted_total[{window}])) or vector(0), {volume_min})"
    " / {allowed}"
)
"""The share that is left of what the objective allows. Below `volume_min` payments it is counted as if there were so
many: one breach among ten says little."""


class Figures:
    """Asks Prometheus, signed as Amazon's managed one wants it."""

    def __init__(self, endpoint: str, *, credentials: Any, region: str) -> None:
        self._url = f"{endpoint.rstrip('/')}/api/v1/query"
        self._signer = SigV4Auth(credentials, "aps", region)

    def value(self, query: str) -> float:
        """Return the one value that a query has.

        Raises:
            RefusedError: it has none, or several, or Prometheus does not answer: what is not known is not healthy.

        """
        url = f"{self._url}?{urlencode({'query': query})}"
        signed = AWSRequest(method="GET", url=url)
        self._signer.add_auth(signed)
        answer = ask(Request(url, headers=dict(signed.headers)), timeout_s=QUERY_MAX_S)  # noqa: S310 - Terraform's
        if answer.status != 200:
            raise RefusedError(f"Prometheus answers {answer.status} to {query}: {answer.body[:200]!r}")
        result = answer.document().get("data", {}).get("result", [])
        if len(result) != 1:
            raise RefusedError(f"Prometheus has {len(result)} values of {query}, not one")
        try:
            value = float(result[0]["value"][1])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            raise RefusedError(f"Prometheus has no number for {query}: {json.dumps(result)[:200]}") from error
        if math.isnan(value):
            raise RefusedError(f"Prometheus has no number for {query}: NaN")
        return value


def demand_queue_age(figures: Figures, *, threshold_s: float) -> None:
    """Return if nothing has waited for too long.

    Raises:
        RefusedError: something has, or it is not known.

    """
    age_s = figures.value(QUEUE_AGE)
    if age_s > threshold_s:
        raise RefusedError(
            f"the oldest payment has waited {age_s:.1f} s to be handed on, {threshold_s:g} s are allowed"
        )


def demand_budget(figures: Figures, *, objective: float, window: str, volume_min: float, left_min: float) -> None:
    """Return if enough of the error budget is left to take the risk of a deployment.

    Raises:
        RefusedError: it is used up, or it is not known.

    """
    query = BUDGET_LEFT.format(window=window, volume_min=f"{volume_min:g}", allowed=f"{1 - objective:.6f}")
    left = figures.value(query)
    if left < left_min:
        raise RefusedError(f"{left:.0%} of the error budget of {window} are left, {left_min:.0%} are needed")


def demand_no_breach(figures: Figures) -> None:
    """Return if no payment of the last minutes missed its promise.

    Raises:
        RefusedError: one did, or it is not known.

    """
    breaches = figures.value(BREACHES)
    if breaches > 0:
        raise RefusedError(f"{breaches:.0f} payments of the last five minutes had no final status in time")
