"""Writes the two Grafana dashboards beside this file: `python deploy/monitoring/make_dashboards.py`.

Dashboards are long JSON in which a slip hides well; this states what differs between panels, and a test holds the
files and this equal.
"""

from pathlib import Path
from typing import Any, NamedTuple

from buddies_core import json_text

SOURCE = {"type": "prometheus", "uid": "${source}"}


class Panel(NamedTuple):
    """A chart: its title, (expression, legend) pairs, and Grafana's name for the unit. One expression without legend
    and `stat` is shown as a number."""

    title: str
    queries: list[tuple[str, str]]
    unit: str = "short"
    stat: bool = False
    about: str = ""


def quantile(share: float, route: str = "") -> str:
    """A latency quantile, of one route or all."""
    chosen = f'{{route="{route}"}}' if route else ""
    rate = f"rate(buddies_request_seconds_bucket{chosen}[$__rate_interval])"
    return f"histogram_quantile({share}, sum by (le) ({rate}))"


def rate(name: str, by: str = "") -> str:
    """A counter's rate."""
    return f"sum{f' by ({by})' if by else ''} (rate({name}[$__rate_interval]))"


RECOMMEND = "/api/playlist/recommend/"
API = [
    Panel("Ready", [("min(buddies_ready)", "")], stat=True, about="1 if every instance can do its work"),
    Panel("Requests a second", [(rate("buddies_requests_total"), "")], "reqps", stat=True),
    Panel("Share of errors", [("buddies:error_share:5m", "")], "percentunit", stat=True),
    Panel("p99 of recommendations", [("buddies:recommend_p99_seconds:5m", "")], "s", stat=True),
    Panel("Requests by route", [(rate("buddies_requests_total", "route"), "{{route}}")], "reqps"),
    Panel("Answers by status", [(rate("buddies_requests_total", "status"), "{{status}}")], "reqps"),
    Panel("Latency of recommendations", [(quantile(q, RECOMMEND), f"p{q * 100:g}") for q in (0.5, 0.9, 0.99)], "s"),
    Panel("Latency of feedback", [(quantile(q, "/feedback"), f"p{q * 100:g}") for q in (0.5, 0.9, 0.99)], "s"),
    Panel(
        "Feedback",
        [
            (rate("buddies_feedback_accepted_total"), "accepted"),
            (rate("buddies_feedback_stored_total"), "stored"),
            (rate("buddies_feedback_spooled_total"), "spooled"),
            (rate("buddies_feedback_refused_total"), "refused"),
        ],
        about="Accepted and stored must run together; a gap is what waits in the spool",
    ),
    Panel("Queue", [("sum(buddies_feedback_queue)", "waiting")]),
    Panel("Spool", [("sum(buddies_spool_bytes)", "waiting for PostgreSQL")], "bytes"),
    Panel("Memory and processor", [("process_resident_memory_bytes", "resident {{instance}}")], "bytes"),
]
MODEL = [
    Panel("Version", [("buddies_model_info", "{{arm}}: {{version}}")], stat=True),
    Panel("Age", [("max(buddies_model_age_seconds)", "")], "s", stat=True),
    Panel("Coverage", [("avg(buddies_recommendation_coverage)", "")], "percentunit", stat=True),
    Panel("Diversity", [("avg(buddies_recommendation_diversity)", "")], "percentunit", stat=True),
    Panel("Lists served", [(rate("buddies_recommended_users_total"), "users a second")]),
    Panel(
        "Share of cold users",
        [(f"{rate('buddies_cold_users_total')} / {rate('buddies_recommended_users_total')}", "cold")],
        "percentunit",
    ),
    Panel(
        "Likes for each list served",
        [(f"{rate('buddies_feedback_accepted_total')} / {rate('buddies_recommended_users_total')}", "likes")],
        "percentunit",
    ),
    Panel(
        "Time to make the lists of a request",
        [
            (f"histogram_quantile({q}, {rate('buddies_inference_seconds_bucket', 'le')})", f"p{q * 100:g}")
            for q in (0.5, 0.99)
        ],
        "s",
    ),
    Panel("Length of lists", [(f"{rate('buddies_list_length_sum')} / {rate('buddies_list_length_count')}", "mean")]),
    Panel("Models loaded", [("sum(buddies_model_swaps)", "since the start")]),
]


def dashboard(uid: str, title: str, panels: list[Panel]) -> dict[str, Any]:
    """A dashboard: numbers in a row on top, charts in two columns below."""
    stats = [panel for panel in panels if panel.stat]
    charts = [panel for panel in panels if not panel.stat]
    placed = [
        _panel(panel, place, 24 // len(stats) * place, 0, 24 // len(stats), 4) for place, panel in enumerate(stats)
    ]
    for place, panel in enumerate(charts):
        placed.append(_panel(panel, len(stats) + place, 12 * (place % 2), 4 + 8 * (place // 2), 12, 8))
    return {
        "uid": uid,
        "title": title,
        "tags": ["buddies"],
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [{"name": "source", "type": "datasource", "query": "prometheus", "label": "Source"}]},
        "panels": placed,
    }


def _panel(panel: Panel, number: int, x: int, y: int, width: int, height: int) -> dict[str, Any]:
    targets = [
        {"refId": chr(65 + place), "datasource": SOURCE, "expr": expression, "legendFormat": legend}
        for place, (expression, legend) in enumerate(panel.queries)
    ]
    return {
        "id": number + 1,
        "type": "stat" if panel.stat else "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": width, "h": height},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "options": {"textMode": "name"} if panel.title == "Version" else {},
        "targets": targets,
    }


def dashboards() -> dict[str, dict[str, Any]]:
    """File name -> dashboard."""
    return {
        "api.json": dashboard("buddies-api", "Spotify Buddies: API", API),
        "model.json": dashboard("buddies-model", "Spotify Buddies: Model", MODEL),
    }


if __name__ == "__main__":
    for name, content in dashboards().items():
        path = Path(__file__).parent / "grafana" / name
        path.write_text(json_text.dumps(content, indent=2) + "\n", encoding="utf-8")
