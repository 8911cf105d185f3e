"""Monitoring: rules and dashboards speak of metrics that exist, and alerts fire when they should."""

import importlib.util
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "deploy" / "monitoring"
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(PROMTOOL is None, reason="promtool is missing: apt-get install prometheus")
SUFFIXES = ("_bucket", "_sum", "_count", "_total")


@needs_promtool
@pytest.mark.parametrize(
    "arguments", [["check", "config", "prometheus.yml"], ["test", "rules", "alerts_test.yml"]], ids=["config", "alerts"]
)
def test_promtool_is_content(arguments: list[str]) -> None:
    done = subprocess.run([str(PROMTOOL), *arguments], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_the_exposition_is_well_formed(server: Any) -> None:
    server.recommend(0, 4, 99)
    server.like(0, 130, 110)
    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"],
        input=server.get("/metrics").text,
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [line for line in done.stdout.splitlines() if "buddies" in line]
    assert (done.returncode, complaints) in [(0, []), (3, [])], done.stdout + done.stderr


def exposed(server: Any) -> set[str]:
    server.recommend(0)
    server.like(0, 130, 110)
    server.like(0, 1, 110)
    return set(re.findall(r"^(?:# TYPE )?((?:buddies|process)_\w+)", server.get("/metrics").text, re.MULTILINE))


def test_every_metric_that_is_spoken_of_exists(server: Any) -> None:
    named = exposed(server)
    named |= {name.removesuffix(suffix) for name in named for suffix in SUFFIXES}
    texts = [path.read_text(encoding="utf-8") for path in (FOLDER / "alerts.yml", *FOLDER.glob("grafana/*.json"))]
    asked = {name for text in texts for name in re.findall(r"\b(?:buddies|process)_[a-z_]+\b", text)}
    missing = {name for name in asked if name not in named and name.removesuffix("_bucket") not in named}
    assert missing == set()


def test_the_dashboards_are_those_that_the_script_writes() -> None:
    source = importlib.util.spec_from_file_location("make_dashboards", FOLDER / "make_dashboards.py")
    assert source is not None and source.loader is not None
    module = importlib.util.module_from_spec(source)
    source.loader.exec_module(module)
    for name, content in module.dashboards().items():
        assert json.loads((FOLDER / "grafana" / name).read_text(encoding="utf-8")) == content


def test_figures_move_with_what_is_served(server: Any) -> None:
    for user in (0, 1, 2, 3):
        server.recommend(user)
    text = server.get("/metrics").text

    def figure(name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        assert found is not None, name
        return float(found[1])

    assert figure('buddies_requests_total{route="/api/playlist/recommend/",status="200"}') == 4
    assert figure("buddies_inference_seconds_count") == 4
    assert figure('buddies_list_length_bucket{le="4.0"}') == 0
    assert figure('buddies_list_length_bucket{le="5.0"}') == 4
    # the four lists of candidates hold 5, 5, 2 and 5 entries, and all eight playlists between them
    assert figure("buddies_recommendation_coverage") == 1.0
    assert figure("buddies_recommendation_diversity") == pytest.approx(8 / 17)
    assert figure("buddies_ready") == 1.0
    assert 0 <= figure("buddies_model_age_seconds") < 120
