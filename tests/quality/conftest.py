"""A history database that each test fills itself, and a dashboard over a small known world."""

import asyncio
import http.server
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import psycopg2
import pytest
import uvicorn
from browsers import PATIENCE, chromium

from benchmarks.data_defects.world.clean import clean_world
from benchmarks.data_defects.world.stored import store_world
from buddies_core.settings import Settings
from buddies_serving.feedback.migrate import migrate as migrate_feedback
from quality.dashboard.app import create_app
from quality.dashboard.settings import DashboardSettings
from quality.history.database import SCHEMA
from quality.history.records import Evaluation, Materialisation, Retraining
from quality.history.writer import write_evaluations, write_materialisations, write_retrainings
from quality.rules.catalogue import rules_by_asset

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def history(postgres_url: str) -> Iterator["psycopg2.extensions.connection"]:
    """Connection to an empty quality history."""
    connection = psycopg2.connect(postgres_url)
    SCHEMA.migrate(connection)
    yield connection
    connection.close()


@pytest.fixture(scope="session")
def world() -> dict[str, Any]:
    """One good world."""
    return clean_world(1)


@dataclass
class Dashboard:
    """A dashboard that is being served, and what is behind it."""

    url: str
    dagster_url: str
    connection: "psycopg2.extensions.connection"
    sources: Any
    today: datetime


class _Dagster(http.server.BaseHTTPRequestHandler):
    """Stands in for Dagster's UI: says which page was asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(f"<h1>Dagster {self.path}</h1>".encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture(scope="session")
def dagster_ui() -> Iterator[str]:
    """Address of something that answers like Dagster's UI."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Dagster)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def dashboard(
    postgres_server: str, world: dict[str, Any], dagster_ui: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dashboard]:
    """A dashboard over the good world with seven feedback sessions on three days and a few evaluations."""
    url = _database(postgres_server)
    home = tmp_path_factory.mktemp("home")
    store_world(world, home)
    connection = psycopg2.connect(url)
    SCHEMA.migrate(connection)
    # In a thread: Playwright keeps an event loop running in this one.
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, _feedback_tables(url)).result()
    now = datetime.now(UTC)
    today = datetime(now.year, now.month, now.day, tzinfo=UTC)
    _fill(connection, today, now)
    settings = Settings(home=str(home), postgres_url=url, retrain_sessions=10)
    app = create_app(settings, DashboardSettings(dagster_url=dagster_ui, read_event_log=False, refresh_seconds=3600))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started or app.state.sources.refreshed_at is None:
            time.sleep(0.02)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield Dashboard(address, dagster_ui, connection, app.state.sources, today)
        server.should_exit = True
        thread.join(timeout=20)
    connection.close()


def _database(server: str) -> str:
    name = f"dashboard_{uuid.uuid4().hex[:12]}"
    connection = psycopg2.connect(server)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    return server.rsplit("/", 1)[0] + f"/{name}"


async def _feedback_tables(url: str) -> None:
    connection = await asyncpg.connect(url)
    await migrate_feedback(connection)
    await connection.close()


SESSIONS = ((3, 1, 0), (3, 1, 1), (3, 2, 0), (3, 3, 4), (2, 1, 0), (2, 4, 2), (1, 2, 0))
"""Days ago, user, and the position that was liked."""


def _fill(connection: "psycopg2.extensions.connection", today: datetime, now: datetime) -> None:
    with connection, connection.cursor() as cursor:
        for number, (ago, user, position) in enumerate(SESSIONS):
            at, shown = today - timedelta(days=ago) + timedelta(hours=9, minutes=number), [10, 11, 12, 13, 14]
            cursor.execute(
                "INSERT INTO feedback.sessions (session_id, created_at, received_at, user_id, liked, shown,"
                " model_version, arm) VALUES (gen_random_uuid(), %s, %s, %s, %s, %s, 'v1', 'champion')",
                (at, at, user, shown[position], shown),
            )
    rule = rules_by_asset()["user_blocks"][0]
    evaluations = [
        Evaluation(now - timedelta(hours=h), "user_blocks", rule.name, f"run-{h}", "error", True, 0.0, None, 0.0, 0, 99)
        for h in range(30, 0, -1)
    ]
    evaluations.append(
        Evaluation(now, "splits", "train_share_is_as_set", "run-w", "warn", False, 0.9, 0.65, 0.75, rule="About 70 %.")
    )
    write_evaluations(connection, evaluations)
    made = [Materialisation(now - timedelta(hours=h), "user_blocks", f"run-{h}", row_count=100 - h) for h in (3, 2, 1)]
    write_materialisations(connection, made)
    epochs = [{"epoch": 1, "mrr": 0.41}, {"epoch": 2, "mrr": 0.5}]
    trained = today - timedelta(days=3) + timedelta(hours=12)
    write_retrainings(connection, [Retraining("000001", trained, "run-train", {"mrr": 0.5, "hit 5": 0.7}, epochs)])
    connection.commit()


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Chromium, once for the module."""
    with chromium() as launched:
        yield launched


@pytest.fixture
def page(browser, dashboard) -> Iterator["Page"]:
    """A fresh page that fails the test when the console reports an error or a request leaves the machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=dashboard.url)
    opened = context.new_page()
    opened.set_default_timeout(PATIENCE)
    problems: list[str] = []
    home = (dashboard.url, dashboard.dagster_url, "data:")
    opened.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on("request", lambda r: problems.append(f"left: {r.url}") if not r.url.startswith(home) else None)
    opened.problems = problems
    yield opened
    context.close()
    assert problems == []
