"""The overview and `buddies status` say the same: while all is well, while things are broken, and once repaired."""

import io
import json
import re
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from buddies_assets.cli.health import print_status, read_status
from quality.history.records import Evaluation
from quality.history.writer import write_evaluations

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
pytestmark = pytest.mark.browser


def of_terminal(dashboard) -> dict:
    """What `buddies status --json` prints, and its exit code."""
    status = read_status(dashboard.sources.settings)
    out = io.StringIO()
    code = print_status(Console(file=out, width=200), status, as_json=True)
    return json.loads(out.getvalue()) | {"code": code, "words": in_words(status)}


def in_words(status) -> str:
    out = io.StringIO()
    print_status(Console(file=out, width=200), status, as_json=False)
    return out.getvalue()


def of_page(page) -> dict:
    """The same of the overview."""
    page.goto("/")
    rows = page.locator("#table-assets tbody tr")
    cells = [[cell.strip() for cell in row.locator("td").all_inner_texts()] for row in rows.all()]
    incidents = page.locator("#table-incidents tbody tr td:first-child").all_inner_texts()
    healthy = page.locator(".tile", has_text="Healthy assets").locator(".value").inner_text()
    return {
        "assets": {row[1]: row[0] for row in cells},
        "reasons": {row[1]: row[2] for row in cells},
        "incidents": sorted(text.strip() for text in incidents),
        "healthy": healthy,
    }


def assert_same(page, dashboard, *, incidents: int) -> dict:
    dashboard.sources.refresh()
    terminal, shown = of_terminal(dashboard), of_page(page)
    assert {name: held["health"] for name, held in terminal["assets"].items()} == shown["assets"]
    assert {name: "; ".join(held["reasons"]) for name, held in terminal["assets"].items()} == shown["reasons"]
    assert sorted(found["subject"] for found in terminal["incidents"]) == shown["incidents"]
    assert f"{shown['healthy']} assets healthy" in terminal["words"]
    assert len(shown["incidents"]) == incidents
    assert terminal["code"] == (1 if incidents else 0)
    pill = page.locator(".status .pill").inner_text()
    assert int((re.match(r"\d+", pill) or ["0"])[0]) == incidents
    return shown


@contextmanager
def cut_short(dashboard, name: str):
    dataset = dashboard.sources.store.open(name)
    file = dataset.folder / dataset.manifest.shards[0].file
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    try:
        yield
    finally:
        file.write_bytes(whole)


@contextmanager
def deleted(dashboard, name: str):
    dataset = dashboard.sources.store.open(name)
    file = dataset.folder / dataset.manifest.shards[0].file
    away = file.with_name("away")
    file.rename(away)
    try:
        yield
    finally:
        away.rename(file)


@contextmanager
def dead_daemon(dashboard, name: str):
    with dashboard.connection, dashboard.connection.cursor() as cursor:
        cursor.execute("INSERT INTO quality.automation VALUES (%s, 'daemon', now() - interval '1 hour')", [name])
    try:
        yield
    finally:
        with dashboard.connection, dashboard.connection.cursor() as cursor:
            cursor.execute("DELETE FROM quality.automation")


@contextmanager
def failing_check(dashboard, name: str):
    def evaluate(at: datetime, *, passed: bool) -> None:
        rule = "negatives_are_distinct"
        write_evaluations(
            dashboard.connection,
            [Evaluation(at, name, rule, "run-x", "error", passed, 1.0, None, 0.0, 1, 9, blocking=True)],
        )
        dashboard.connection.commit()

    evaluate(datetime.now(UTC), passed=False)
    try:
        yield
    finally:
        evaluate(datetime.now(UTC) + timedelta(seconds=1), passed=True)


BREAKAGES = [(cut_short, "test_batches"), (deleted, "splits"), (dead_daemon, "sensor"), (failing_check, "user_blocks")]


@pytest.mark.slow  # each of them alone; together they are below
@pytest.mark.parametrize(("breakage", "name"), BREAKAGES, ids=lambda value: getattr(value, "__name__", value))
def test_they_say_the_same_while_one_thing_is_broken_and_once_it_is_repaired(page, dashboard, breakage, name):
    before = assert_same(page, dashboard, incidents=0)
    with breakage(dashboard, name):
        broken = assert_same(page, dashboard, incidents=1)
    assert broken != before
    assert assert_same(page, dashboard, incidents=0)["assets"] == before["assets"]


def test_they_say_the_same_while_everything_is_broken_at_once_and_after(page, dashboard):
    with (
        cut_short(dashboard, "test_batches"),
        deleted(dashboard, "splits"),
        dead_daemon(dashboard, "sensor"),
        failing_check(dashboard, "user_blocks"),
    ):
        assert_same(page, dashboard, incidents=4)
    assert_same(page, dashboard, incidents=0)
