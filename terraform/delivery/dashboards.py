"""The project's dashboards, handed to managed Grafana: its own interface is one that Terraform's AWS provider has not.

A service account is made for it and removed again; its token lives for ten minutes at the most. Data source and
dashboards are written over: what somebody changed by hand in Grafana is gone with the next delivery.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

Answer = tuple[int, bytes]
Ask = Callable[..., Answer]

FOLDER = Path(__file__).parents[1] / "observability" / "dashboards"
TOKEN_S = 600
TIMEOUT_S = 30.0
SOURCE = "prometheus"
"""The data source's uid, which dashboards name: the same as in docker-compose.yml."""


class DashboardsError(Exception):
    """Grafana did not take what it was given; the text says what."""


def load(grafana: Any, place: Mapping[str, str], *, folder: Path = FOLDER) -> list[str]:
    """Hand data source and dashboards to a region's Grafana, and return the dashboards' names.

    `place` is the region's own word: Grafana's `workspace_id` and `url`, `metrics_url` and `region` of Prometheus.

    Raises:
        DashboardsError: Grafana refused something, or a file is no dashboard.

    """
    found = {file.name: _dashboard(file) for file in sorted(folder.glob("*.json"))}
    with _token(grafana, place["workspace_id"]) as token:
        ask = partial(_ask, place["url"], token)
        _load_source(place, ask)
        for name, dashboard in found.items():
            _demand(name, ask("POST", "/api/dashboards/db", {"dashboard": dashboard, "overwrite": True}))
    return list(found)


def _dashboard(file: Path) -> dict[str, Any]:
    """Return a file's dashboard: known by its uid, never by the number that another Grafana gave it."""
    try:
        dashboard = json.loads(file.read_text())
    except ValueError as error:
        raise DashboardsError(f"{file.name} is no JSON: {error}") from error
    if not isinstance(dashboard, dict) or not dashboard.get("uid") or not dashboard.get("title"):
        raise DashboardsError(f"{file.name} has no uid and title: it would be loaded anew each time")
    return {**dashboard, "id": None}


def _load_source(place: Mapping[str, str], ask: Ask) -> None:
    source = {
        "uid": SOURCE,
        "name": "Prometheus",
        "type": "prometheus",
        "access": "proxy",
        "url": place["metrics_url"],
        "isDefault": True,
        "jsonData": {
            "httpMethod": "POST",
            "sigV4Auth": True,
            "sigV4AuthType": "ec2_iam_role",
            "sigV4Region": place["region"],
        },
    }
    status, _ = ask("GET", f"/api/datasources/uid/{SOURCE}")
    if status == 200:
        _demand("the data source", ask("PUT", f"/api/datasources/uid/{SOURCE}", source))
    else:
        _demand("the data source", ask("POST", "/api/datasources", source))


@contextmanager
def _token(grafana: Any, workspace: str) -> Iterator[str]:
    account = grafana.create_workspace_service_account(workspaceId=workspace, name="delivery", grafanaRole="ADMIN")[
        "id"
    ]
    try:
        made = grafana.create_workspace_service_account_token(
            workspaceId=workspace, serviceAccountId=account, name="delivery", secondsToLive=TOKEN_S
        )
        yield made["serviceAccountToken"]["key"]
    finally:
        grafana.delete_workspace_service_account(workspaceId=workspace, serviceAccountId=account)


def _demand(what: str, answer: Answer) -> None:
    status, body = answer
    if status != 200:
        raise DashboardsError(f"{what}: Grafana answered {status}: {body[:300]!r}")


def _ask(url: str, token: str, method: str, path: str, document: Any = None) -> Answer:
    request = urllib.request.Request(  # noqa: S310 - the address is the region's own, from Terraform's output
        url + path,
        method=method,
        data=None if document is None else json.dumps(document).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310  # nosec B310
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError as error:
        raise DashboardsError(f"Grafana does not answer: {error}") from error
