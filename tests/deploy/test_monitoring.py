"""Monitoring: Prometheus really scrapes a service that asks for a key, and an alert really fires when it goes."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from benchmarks.server_process import ServerProcess
from buddies_core.http.ports import free_port
from buddies_serving.http.keys import new_key
from tests.deploy.machine import DEPLOY, until

ROW = "monitoring: Prometheus scrapes the service by an admin key, and ServiceDown fires when it stops"


class Watching:
    """A Prometheus with the repository's configuration, looking every second, and the service that it looks at."""

    def __init__(self, folder: Path, service: ServerProcess, key: str) -> None:
        config = yaml.safe_load((DEPLOY / "monitoring/prometheus.yml").read_text())
        rules = (DEPLOY / "monitoring/alerts.yml").read_text()
        assert "for: 1m" in rules
        # what waits a minute there waits two seconds here
        (folder / "alerts.yml").write_text(rules.replace("for: 1m", "for: 2s"))
        (folder / "key").write_text(key)
        config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        (scrape,) = config["scrape_configs"]
        scrape |= {"static_configs": [{"targets": [f"127.0.0.1:{service.port}"]}]}
        scrape |= {"authorization": {"credentials_file": str(folder / "key")}}
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.service, self.port = service, free_port()
        command = ["prometheus", f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
        listen = f"--web.listen-address=127.0.0.1:{self.port}"
        self.process = subprocess.Popen([*command, listen, "--log.level=error"])

    def get(self, path: str) -> dict:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/api/v1/{path}", timeout=5) as answer:
                return json.load(answer)["data"]
        except OSError:
            return {}

    def value(self, query: str) -> str | None:
        found = self.get(f"query?query={query}").get("result")
        return found[0]["value"][1] if found else None

    def firing(self) -> set[str]:
        alerts = self.get("alerts").get("alerts", [])
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    if shutil.which("prometheus") is None:
        pytest.skip("this machine: prometheus is not installed (deploy/test-machine.sh installs it)")
    from benchmarks.served_world import ServedWorld

    ServedWorld(200, 2_000, 100).write(tmp_path / "home" / "served_model")
    key = new_key(tmp_path / "keys.json", "prometheus", ["admin"], days=None)
    settings = {"HOME": str(tmp_path / "home"), "API_KEYS_FILE": str(tmp_path / "keys.json"), "COMMIT": "abc"}
    environment = {f"BUDDIES_{name}": value for name, value in settings.items()}
    service = ServerProcess("buddies_serving", environment=environment, log=tmp_path / "service.log").start()
    found = Watching(tmp_path, service, key)
    yield found
    for process in (found.process, service.process):
        process.terminate()
        process.wait(20)


def test_it_is_scraped_and_an_alert_fires_when_it_stops(watching: Watching) -> None:
    until(lambda: watching.value("up") == "1", "scrape by the key", 60)
    assert watching.value("buddies_ready") == "1"
    assert watching.value('buddies_build_info%7Bcommit="abc"%7D') == "1"
    assert "ServiceDown" not in watching.firing()
    watching.service.process.terminate()
    assert watching.service.process.wait(20) == 0
    until(lambda: "ServiceDown" in watching.firing(), "alert", 60)


def test_without_its_key_nothing_is_scraped(watching: Watching, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sb_wrong")
    until(lambda: "ServiceDown" in watching.firing(), "alert", 60)


def test_the_handbook_says_of_every_alert_where_to_look_and_what_to_do() -> None:
    groups = yaml.safe_load((DEPLOY / "monitoring/alerts.yml").read_text())["groups"]
    alerts = {rule["alert"] for group in groups for rule in group["rules"] if "alert" in rule}
    handbook = (DEPLOY.parent / "docs/operations.md").read_text().split("## Alerts")[1]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in handbook.splitlines() if line.startswith("| ")]
    assert {row[0] for row in rows[1:]} == alerts
    assert all(len(row) == 3 and all(row) for row in rows)
