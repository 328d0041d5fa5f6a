"""The project's dashboards and rules: handed to a Grafana that is played here, and found where they are loaded from."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import boto3
import pytest
import yaml
from botocore.stub import Stubber

from tests.unit.delivery.test_deliver import DASHBOARDS
from tests.unit.docs.documents import ROOT

WORKSPACE: Final = "g-1234567890"
METRICS: Final = "https://aps-workspaces.us-east-1.amazonaws.com/workspaces/ws-1/"
DASHBOARD: Final = {"uid": "payments", "title": "Payments", "id": 7, "panels": []}


class Grafana:
    """Answers as Grafana's interface does, and notes what it was given."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[tuple[str, str, Any]] = []
        self.tokens: set[str | None] = set()
        self.has_source = False
        self.refuses: str | None = None

    def answer(self, method: str, path: str, document: Any, token: str | None) -> int:
        """Return the status for a request."""
        self.asked.append((method, path, document))
        self.tokens.add(token)
        if path == self.refuses:
            return 412
        if method == "GET":
            return 200 if self.has_source else 404
        self.has_source = self.has_source or "datasources" in path
        return 200


@contextmanager
def playing(grafana: Grafana) -> Iterator[None]:
    """Serve it on the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            status = grafana.answer(self.command, self.path, body, self.headers.get("Authorization"))
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_PUT = do_GET  # noqa: N815 - the names are the library's

        def log_message(self, *_: Any) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            grafana.url = f"http://127.0.0.1:{server.server_port}"
            yield
        finally:
            server.shutdown()
            thread.join()


def load(grafana: Grafana, folder: Path) -> Any:
    """Load a folder; the service account comes and goes as AWS's model has it."""
    client = boto3.client("grafana", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    account = {"workspaceId": WORKSPACE, "serviceAccountId": "3"}
    with Stubber(client) as aws:
        aws.add_response(
            "create_workspace_service_account",
            {"workspaceId": WORKSPACE, "id": "3", "name": "delivery", "grafanaRole": "ADMIN"},
            {"workspaceId": WORKSPACE, "name": "delivery", "grafanaRole": "ADMIN"},
        )
        aws.add_response(
            "create_workspace_service_account_token",
            {**account, "serviceAccountToken": {"id": "4", "name": "delivery", "key": "a-token"}},
            {**account, "name": "delivery", "secondsToLive": 600},
        )
        aws.add_response("delete_workspace_service_account", account, account)
        place = {"workspace_id": WORKSPACE, "url": grafana.url, "metrics_url": METRICS, "region": "us-east-1"}
        try:
            return DASHBOARDS.load(client, place, folder=folder)
        finally:
            aws.assert_no_pending_responses()


def test_whatever_dashboards_there_are_are_loaded_and_written_over(tmp_path: Path) -> None:
    """By their uid, twice; and the data source that they name, signed for by the workspace's own role."""
    (tmp_path / "payments.json").write_text(json.dumps(DASHBOARD))
    (tmp_path / "README.md").write_text("no dashboard")
    grafana = Grafana()
    with playing(grafana):
        assert load(grafana, tmp_path) == ["payments.json"]
        assert load(grafana, tmp_path) == ["payments.json"]

    assert [(method, path) for method, path, _ in grafana.asked] == [
        ("GET", "/api/datasources/uid/prometheus"),
        ("POST", "/api/datasources"),
        ("POST", "/api/dashboards/db"),
        ("GET", "/api/datasources/uid/prometheus"),
        ("PUT", "/api/datasources/uid/prometheus"),
        ("POST", "/api/dashboards/db"),
    ]
    assert grafana.asked[2][2] == {"dashboard": {**DASHBOARD, "id": None}, "overwrite": True}
    assert (grafana.asked[1][2]["url"], grafana.asked[1][2]["jsonData"]["sigV4Auth"]) == (METRICS, True)
    assert grafana.tokens == {"Bearer a-token"}


def test_what_grafana_refuses_is_told_and_its_account_is_removed(tmp_path: Path) -> None:
    """No key is left behind by a delivery that failed."""
    (tmp_path / "payments.json").write_text(json.dumps(DASHBOARD))
    grafana = Grafana()
    grafana.refuses = "/api/dashboards/db"
    with playing(grafana), pytest.raises(DASHBOARDS.DashboardsError, match=r"payments\.json: Grafana answered 412"):
        load(grafana, tmp_path)


@pytest.mark.parametrize("text", ["{", "[]", '{"title": "without a uid"}'])
def test_a_file_that_is_no_dashboard_is_found_before_anything_is_loaded(tmp_path: Path, text: str) -> None:
    """One without a uid would be another one each time."""
    (tmp_path / "broken.json").write_text(text)

    with pytest.raises(DASHBOARDS.DashboardsError, match=r"broken\.json"):
        DASHBOARDS.load(None, {}, folder=tmp_path)


def test_what_a_metric_says_of_a_region_is_kept_by_who_reads_it() -> None:
    """How far the other region is behind is under its name: a label of the target must not take its place."""
    configuration = yaml.safe_load((ROOT / "terraform" / "delivery" / "compose" / "prometheus.yml").read_text())

    assert {job["job_name"]: job.get("honor_labels") for job in configuration["scrape_configs"]} == {
        "gateway": True,
        "worker": True,
    }


def test_rules_and_dashboards_stand_in_one_place_for_all_who_load_them() -> None:
    """Terraform, the delivery and the compose file read the same folders; and everything in them can be loaded."""
    compose = (ROOT / "docker-compose.yml").read_text()
    roots = sorted((ROOT / "terraform" / "environments").glob("*/us-east-*/main.tf"))

    assert ROOT / "terraform" / "observability" / "dashboards" == DASHBOARDS.FOLDER
    assert DASHBOARDS.FOLDER.is_dir()
    assert "./terraform/observability/dashboards:/dashboards:ro" in compose
    assert "./terraform/observability/rules:/etc/prometheus/rules:ro" in compose
    assert len(roots) == 8
    assert all("${path.module}/../../../observability/rules" in root.read_text() for root in roots)
    for file in (ROOT / "terraform" / "observability" / "rules").glob("*.yml"):
        assert yaml.safe_load(file.read_text())["groups"], file.name
