"""The dashboard over HTTP: every page answers, tables come as CSV, errors say what to do, and it mounts anywhere."""

import csv
import io
import json
import threading
import urllib.error
import urllib.request
from datetime import UTC, date, datetime, timedelta

import psycopg2
import pytest
from fastapi import FastAPI

from buddies_core.charts import THEMES
from buddies_core.settings import Settings
from quality.dashboard.__main__ import UnsafeBindError, allowed_hosts
from quality.dashboard.app import NAVIGATION, PAGES, create_app
from quality.dashboard.filters import figure, spark, strip_paths
from quality.dashboard.period import EARLIEST, LATEST, InvalidPeriodError, Period
from quality.dashboard.settings import DashboardSettings
from quality.dashboard.sources import CONNECTIONS, Sources
from quality.dashboard.tables import as_csv
from quality.dashboard.view import Column, Table, age
from quality.graph import AssetNode, asset_graph, graph_of
from quality.history import feedback as feedback_history
from quality.history.records import Retraining
from quality.history.writer import write_retrainings

TODAY = date(2026, 3, 10)


def get(address: str) -> tuple[int, str, dict[str, str]]:
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return answer.status, answer.read().decode(), dict(answer.headers)
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), dict(error.headers)


@pytest.mark.parametrize("page", [page.name for page in NAVIGATION if page.name != "overview"] + [""])
def test_every_page_answers(dashboard, page):
    status, body, headers = get(f"{dashboard.url}/{page}")
    assert status == 200
    assert "<h1>" in body
    assert "script-src 'self'" in headers["content-security-policy"]


def test_every_stored_asset_has_its_page_and_charts(dashboard):
    names = [*dashboard.sources.stored.datasets]
    assert len(names) > 20
    for name in names:
        about = f"asset?asset={name}"
        parts = [f"asset/charts/{chart}.json?asset={name}" for chart in PAGES["asset"].charts]
        assert {address: get(f"{dashboard.url}/{address}")[0] for address in [about, *parts]} == dict.fromkeys(
            [about, *parts], 200
        )


@pytest.mark.parametrize(
    ("page", "chart"), [(p.name, c) for p in PAGES.values() for c in p.charts], ids=lambda value: value
)
def test_every_chart_has_a_json_endpoint(dashboard, page, chart):
    status, body, _ = get(f"{dashboard.url}/{page}/charts/{chart}.json?asset=user_blocks&check=one_block_per_positive")
    assert status == 200
    answer = json.loads(body)
    assert answer.get("empty") or "vega-lite" in answer["spec"]["$schema"]


def test_a_chart_comes_as_svg_of_about_the_width_asked_for(dashboard):
    status, body, headers = get(f"{dashboard.url}/feedback/charts/volume.svg?width=590")
    assert (status, headers["content-type"]) == (200, "image/svg+xml")
    assert 'width="600"' in body
    assert body.count('aria-label="day: ') == 3


def test_a_chart_of_nothing_has_no_drawing(dashboard):
    status, body, _ = get(f"{dashboard.url}/feedback/charts/volume.svg?from=2001-01-01&to=2001-02-01")
    assert (status, body) == (204, "")


def test_a_table_comes_as_csv_with_the_days_of_the_range(dashboard):
    _, body, headers = get(f"{dashboard.url}/feedback/tables/daily.csv")
    rows = list(csv.DictReader(io.StringIO(body)))
    assert [(r["Sessions"], r["Users"]) for r in rows] == [("1", "1"), ("2", "2"), ("4", "3")]
    assert rows[0]["Avg score"] == "0.2"
    assert "feedback-daily.csv" in headers["content-disposition"]


def test_a_page_that_is_not_there_names_those_that_are(dashboard):
    status, body, _ = get(f"{dashboard.url}/weather")
    assert status == 404
    assert "Training data" in body


def test_an_impossible_range_says_what_is_wrong(dashboard):
    status, body, _ = get(f"{dashboard.url}/feedback?from=2026-02-01&to=2026-01-01")
    assert status == 400
    assert "Exchange the two dates" in body


def test_a_range_without_feedback_says_so(dashboard):
    _, body, _ = get(f"{dashboard.url}/feedback?from=2001-01-01&to=2001-02-01")
    assert "No feedback in this range" in body


def test_a_check_that_never_ran_is_not_found(dashboard):
    status, body, _ = get(f"{dashboard.url}/check?asset=songs&check=nothing")
    assert status == 404
    assert "has never run" in body


def test_without_a_database_the_page_names_the_command_that_starts_it(tmp_path, dashboard):
    import http.client
    import socket
    import threading
    import time

    import uvicorn

    app = create_app(Settings(home=str(tmp_path)), DashboardSettings(), refresh=False)
    outer = FastAPI()
    outer.mount("/quality", app)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(outer, log_level="error"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        connection = http.client.HTTPConnection("127.0.0.1", listening.getsockname()[1])
        connection.request("GET", "/quality/")
        answer = connection.getresponse()
        body = answer.read().decode()
        server.should_exit = True
        thread.join(timeout=10)
    assert answer.status == 503
    assert "buddies db start" in body
    assert 'href="/quality/static/icon.svg"' in body


def test_the_default_period_is_ninety_days_up_to_today():
    period = Period.parse(None, None, TODAY)
    assert (period.first, period.last, period.days) == (date(2025, 12, 11), TODAY, 90)
    assert period.before.last == date(2025, 12, 10)
    assert [p["current"] for p in period.presets(TODAY)] == [False, False, True, False]


def test_a_range_beyond_all_data_is_cut_to_where_data_can_be():
    everything = Period.parse("0001-01-01", "9999-12-31", TODAY)
    assert (everything.first, everything.last) == (EARLIEST, LATEST)
    assert everything.until.year == 2200
    assert everything.before.last == EARLIEST - timedelta(days=1)


@pytest.mark.parametrize("page", [page.name for page in NAVIGATION if page.name != "overview"] + [""])
def test_the_widest_range_is_answered_on_every_page(dashboard, page):
    status, body, _ = get(f"{dashboard.url}/{page}?from=0001-01-01&to=9999-12-31")
    assert status == 200
    assert f'value="{EARLIEST}"' in body


@pytest.mark.parametrize("dates", ["from=2026-02-01&to=2026-01-01", "from=yesterday&to=2026-01-01"])
def test_dates_that_make_no_range_leave_the_form_to_correct_them(dashboard, dates):
    status, body, _ = get(f"{dashboard.url}/feedback?{dates}")
    assert status == 400
    assert 'name="from"' in body
    assert 'value="2026-01-01"' in body
    assert ">90 d</a>" in body


def test_an_empty_home_is_not_called_green(postgres_url, tmp_path):
    from fastapi.testclient import TestClient

    settings = Settings(home=str(tmp_path), postgres_url=postgres_url)
    app = create_app(settings, DashboardSettings(read_event_log=False), refresh=False)
    with TestClient(app) as client:
        body = client.get("/").text
    assert "Nothing has been materialised yet" in body
    assert "all green" not in body
    assert "0 of 0" not in body
    assert "Every check passes." not in body
    assert "No check has run yet." in body
    assert '<article class="tile card ok">' not in body


def test_a_version_that_nobody_could_judge_is_not_said_to_be_missing(postgres_url, tmp_path):
    from fastapi.testclient import TestClient

    app = create_app(
        Settings(home=str(tmp_path), postgres_url=postgres_url), DashboardSettings(read_event_log=False), refresh=False
    )
    with TestClient(app) as client:
        assert "No version of the model yet" in client.get("/models").text
        with psycopg2.connect(postgres_url) as connection:
            write_retrainings(connection, [Retraining("000001", datetime.now(UTC), "run", {}, [{"epoch": 1}])])
        connection.close()
        body = client.get("/models").text
    assert "No version of the model yet" not in body
    assert "No version was judged: there were too few held-out likes." in body


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01"])
def test_a_text_that_is_no_date_is_refused(text):
    with pytest.raises(InvalidPeriodError, match="YYYY-MM-DD"):
        Period.parse(text, None, TODAY)


def test_a_text_that_a_spreadsheet_would_run_is_quoted():
    table = Table("t", "T", "", (Column("a", "A"),), [{"a": "=1+1"}, {"a": None}, {"a": -3}], "")
    assert as_csv(table) == 'A\n\'=1+1\n""\n-3\n'


@pytest.mark.parametrize(
    ("value", "text"), [(1234567, "1,234,567"), (0.20004, "0.2"), (None, "–"), (12345.67, "12,345.7")]
)
def test_figures_are_written_for_people(value, text):
    assert figure(value) == text


@pytest.mark.parametrize(("seconds", "text"), [(41, "41 s"), (7200, "2 h"), (3 * 86_400, "3 d"), (None, "–")])
def test_ages_are_in_their_largest_unit(seconds, text):
    assert age(seconds) == text


def test_a_trend_of_one_value_is_no_line():
    assert spark([3]) == ""
    assert spark([1, 3]) == "0.0,16.0 84.0,2.0"


def test_a_strip_is_one_shape_for_each_verdict():
    assert strip_paths("ppfp") == [("p", "M0 7.5h8.5M15 7.5h3.5"), ("f", "M10 7.5h3.5")]
    assert strip_paths("") == []


def test_every_asset_is_drawn_to_the_right_of_what_it_is_made_of():
    graph, by_people = asset_graph(), {("user_feedback", "served_model"), ("listener_events", "served_model")}
    column = graph.layers()
    drawn = [(asset, up) for asset, ups in graph.drawn.items() for up in ups]
    assert by_people <= set(drawn)
    assert [edge for edge in drawn if edge not in by_people and column[edge[0]] <= column[edge[1]]] == []


def test_an_edge_that_a_longer_way_implies_is_not_drawn():
    nodes = {"a": (), "b": ("a",), "c": ("a", "b"), "d": ("a", "c"), "user_feedback": ()}
    graph = graph_of({name: AssetNode(deps) for name, deps in nodes.items()} | {"served_model": AssetNode(("d",))})
    assert graph.drawn["c"] == ("b",)
    assert graph.drawn["d"] == ("c",)
    assert graph.drawn["user_feedback"] == ("served_model",), "what people close is no edge of a run"
    assert graph.layers() == {"a": 0, "b": 1, "c": 2, "d": 3, "user_feedback": 0, "served_model": 4}


def test_a_system_of_which_nothing_was_made_is_not_in_the_way():
    graph = graph_of(
        {"songs": AssetNode(()), "films": AssetNode(("songs",), "films"), "lists": AssetNode(("films",), "films")}
    )
    assert set(graph.having(["songs"]).made_of) == {"songs"}
    assert set(graph.having(["lists"]).made_of) == {"songs", "films", "lists"}


def test_what_only_absent_systems_use_is_drawn_once_it_was_made():
    # Songs feed tapes, which are shared; films, a system that nobody ran, are made of tapes alone.
    nodes = {"songs": AssetNode(()), "tapes": AssetNode(("songs",)), "films": AssetNode(("tapes",), "films")}
    graph = graph_of(nodes)
    assert set(graph.having(["songs"]).made_of) == {"songs"}
    assert set(graph.having(["songs", "tapes"]).made_of) == {"songs", "tapes"}
    assert set(graph.having(["films"]).made_of) == {"songs", "tapes", "films"}


def test_the_drawn_graph_is_the_one_that_dagster_runs():
    from buddies_assets.definitions import build_definitions

    graph = build_definitions(Settings()).resolve_asset_graph()
    keys = {key.to_user_string(): graph.get(key).parent_keys for key in graph.get_all_asset_keys()}
    assert {name: {up.to_user_string() for up in ups} for name, ups in keys.items()} == {
        name: set(ups) for name, ups in asset_graph().made_of.items()
    }


def test_both_themes_describe_the_same_parts():
    assert THEMES["light"].keys() == THEMES["dark"].keys()
    assert THEMES["light"]["background"] != THEMES["dark"]["background"]


def test_decisions_on_challengers_are_shown_with_their_reason(dashboard):
    from buddies_assets.release import decision_log
    from buddies_assets.resources.loop_database import connected

    with connected(dashboard.sources.settings.postgres_url) as connection:
        decision_log.record(
            connection,
            "rolled_back",
            champion="000001",
            challenger="000002",
            reason="clearly worse: like-rate 0.1000 against 0.2000",
            automatic=True,
            numbers={},
        )
    _, body, _ = get(f"{dashboard.url}/models/tables/decisions.csv")
    row = next(csv.DictReader(io.StringIO(body)))
    assert (row["Decision"], row["Challenger"], row["By"]) == ("rolled back", "000002", "the loop")
    assert row["Why"].startswith("clearly worse")


def test_what_was_read_is_shown_as_read_even_where_a_chart_cannot_be_drawn_ahead(monkeypatch):
    sources = Sources(Settings(), DashboardSettings(refresh_seconds=60))
    monkeypatch.setattr(sources, "refresh", lambda: None)
    tried = threading.Event()

    def fail() -> None:
        tried.set()
        raise ValueError("a chart that cannot be drawn")

    sources.start(after=fail)
    assert tried.wait(10)
    sources.close()
    assert sources.refreshed_at is not None
    assert sources.trouble == "the last refresh failed: ValueError: a chart that cannot be drawn"


def test_a_refresh_that_failed_is_said_on_every_page_until_one_succeeds(dashboard, monkeypatch):
    monkeypatch.setattr(dashboard.sources, "_failure", "DatabaseError: <no> server")
    for name in ("", *(page.name for page in NAVIGATION if page.name != "overview")):
        assert "What is shown may be old: the last refresh failed" in get(f"{dashboard.url}/{name}")[1]
    assert "DatabaseError: &lt;no&gt; server" in get(dashboard.url)[1]
    told = json.loads(get(f"{dashboard.url}/healthz")[1])["trouble"]
    assert told == "the last refresh failed: DatabaseError: <no> server"
    monkeypatch.setattr(dashboard.sources, "_failure", None)
    assert "What is shown may be old" not in get(dashboard.url)[1]
    assert json.loads(get(f"{dashboard.url}/healthz")[1])["trouble"] is None


def test_what_a_failed_request_had_written_is_rolled_back(dashboard):
    with pytest.raises(ZeroDivisionError), dashboard.sources.connection() as connection:
        connection.cursor().execute("CREATE TABLE public.half_done (n int)")
        raise ZeroDivisionError
    with dashboard.sources.connection() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.half_done')")
        assert cursor.fetchone() == (None,)


def test_a_connection_that_was_lost_is_replaced(dashboard):
    with pytest.raises(psycopg2.Error), dashboard.sources.connection() as connection:
        connection.cursor().execute("SELECT pg_terminate_backend(pg_backend_pid())")
    for _ in range(2 * CONNECTIONS):
        with dashboard.sources.connection() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)


def test_many_requests_at_once_wait_for_a_connection(dashboard):
    statuses = []

    def ask(path: str) -> None:
        statuses.append(get(f"{dashboard.url}/{path}")[0])

    asking = [
        threading.Thread(target=ask, args=(page,)) for page in ("feedback", "users", "checks") * (2 * CONNECTIONS)
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert set(statuses) == {200}


@pytest.mark.parametrize(
    "path",
    [
        *("%00", "check?asset=%00&check=a", "feedback?from=%00", "checks?state=%00", "static/%00", "expectations/%00"),
        *("feedback/charts/%00.json", "feedback/tables/%00.csv"),
    ],
)
def test_a_nul_in_an_address_is_the_callers_mistake(dashboard, path):
    assert get(f"{dashboard.url}/{path}")[0] == 400


@pytest.mark.parametrize("path", ["", "feedback", "healthz", "static/app.js", "feedback/tables/daily.csv"])
def test_head_is_get_without_the_body(dashboard, path):
    request = urllib.request.Request(f"{dashboard.url}/{path}", method="HEAD")
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert (answer.status, answer.read()) == (200, b"")


def test_what_a_spool_lost_is_on_the_page_of_feedback(dashboard, history):
    with history, history.cursor() as cursor:
        cursor.execute(
            "CREATE SCHEMA IF NOT EXISTS feedback; CREATE TABLE feedback.spool_losses (spool text PRIMARY KEY,"
            " damaged bigint, missing bigint, refused bigint);"
            " INSERT INTO feedback.spool_losses VALUES ('a', 2, 0, 5), ('b', 1, 0, 0)"
        )
    assert feedback_history.losses(history) == {"damaged": 3, "refused": 5}


def test_a_dashboard_that_others_can_reach_needs_a_named_proxy():
    def hosts(**named):
        return allowed_hosts(DashboardSettings(_env_file=None, **named))

    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        with pytest.raises(UnsafeBindError, match="BUDDIES_ALLOWED_HOSTS"):
            hosts(dashboard_host=host)
    behind = hosts(dashboard_host="0.0.0.0", allowed_hosts="quality.example")
    assert (behind.accepts(b"quality.example"), behind.accepts(b"evil.example")) == (True, False)
    assert hosts().accepts(b"localhost:8001")


def test_lists_in_a_csv_run_no_formula_either():
    table = Table("t", "t", "", (Column("a", "A"),), [{"a": ["=1+1", "b"]}, {"a": "-2"}, {"a": -2}], "")
    assert as_csv(table).splitlines() == ["A", "'=1+1 b", "'-2", "-2"]
