"""Things broken for real under a dashboard: each page says so in Chromium, the alert too, and repair turns it green."""

import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace

import dagster as dg
import psycopg2
import pytest

from buddies_assets.cli.failing import as_line
from buddies_core.settings import Settings
from quality.history.sync import sync
from quality.incidents import open_incidents
from quality.reporting import read_report

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
pytestmark = pytest.mark.browser


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def alerts(dashboard) -> Callable[[], list[str]]:
    """What the alert sensors would tell of now."""

    def told() -> list[str]:
        dashboard.connection.commit()
        report = read_report(dashboard.connection, dashboard.sources.store, datetime.now(UTC))
        return [f"{incident.subject}: {incident.line}" for incident in open_incidents(report)]

    return told


@pytest.fixture
def cut_short(dashboard) -> Iterator[Callable[[], None]]:
    """The length of a file of `test_batches` that is now cut to half, and a call that repairs it, done in any case."""
    dataset = dashboard.sources.store.open("test_batches")
    file = dataset.folder / dataset.manifest.shards[0].file
    whole = file.read_bytes()

    def repair() -> None:
        file.write_bytes(whole)
        dashboard.sources.refresh()

    repair.length = len(whole)
    file.write_bytes(whole[: len(whole) // 2])
    dashboard.sources.refresh()
    yield repair
    repair()


def health_of(page, asset: str):
    return page.locator("#table-assets tbody tr", has=page.get_by_role("link", name=asset, exact=True)).locator(".pill")


def test_a_file_that_was_cut_short_is_seen_at_the_next_look(page, cut_short, alerts):
    page.goto("/")
    expect(page.locator(".status .pill")).to_have_text("1 open incident")
    expect(health_of(page, "test_batches")).to_have_text("damaged")
    expect(health_of(page, "bpr_evaluation")).to_have_text("rests on a failure")
    page.get_by_role("link", name="test_batches", exact=True).first.click()
    expect(page.locator(".tile.fail .value")).to_have_text("damaged")
    expect(page.locator(".prose")).to_contain_text(f"not {cut_short.length:,}")
    page.goto("/lineage")
    node = page.locator("#figure-graph .mark-symbol path[aria-label*='name: test_batches; health: damaged']")
    expect(node.first).to_have_attribute("fill", "#d3382f")
    assert [told.split(":")[0] for told in alerts()] == ["files of test_batches"]

    cut_short()
    page.goto("/")
    expect(page.locator(".status .pill")).to_have_text("no open incident")
    expect(health_of(page, "test_batches")).to_have_text("ok")
    assert alerts() == []


def test_an_incident_is_acknowledged_assigned_muted_and_noted_on_its_page(page, cut_short):
    page.goto("/")
    page.locator("#table-incidents").get_by_role("link", name="files of test_batches").click()
    expect(page.locator(".tile.fail .value")).to_have_text("open")
    expect(page.get_by_text("Materialise test_batches again")).to_be_visible()
    expect(page.locator(".prose", has_text="What listeners get now")).to_contain_text("Nothing is served yet")
    page.get_by_label("Your name").fill("Anna")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".tile .value").first).to_have_text("acknowledged")
    page.get_by_label("Assign to").fill("team:loop")
    page.get_by_role("button", name="Assign").click()
    expect(page.locator(".tile", has_text="Owner").locator(".value")).to_have_text("team:loop")
    page.get_by_label("Note").fill("the disk was full")
    page.get_by_role("button", name="Write").click()
    expect(page.locator("#table-events tbody tr").first).to_contain_text("Anna")
    page.get_by_label("Tell nobody for").select_option("8 hours")
    page.get_by_role("button", name="Mute").click()
    expect(page.locator(".tile .value").first).to_have_text("muted")

    cut_short()
    page.reload()
    expect(page.locator(".tile .value").first).to_have_text("resolved")
    expect(page.get_by_role("button", name="Mute")).to_have_count(0)
    page.goto("/incidents")
    expect(page.locator("#table-history tbody tr").first).to_contain_text("team:loop")


def test_a_name_typed_before_the_script_has_arrived_is_not_erased(page, cut_short):
    page.goto("/incidents")
    link = page.locator("#table-open").get_by_role("link", name="files of test_batches").get_attribute("href")
    held = []
    page.route("**/app.js", lambda route: held.append(route))
    with page.expect_request("**/app.js"):
        page.goto(link, wait_until="commit")
    page.get_by_label("Your name").fill("Anna")
    with page.expect_event("load"):
        held[0].continue_()
    expect(page.get_by_label("Your name")).to_have_value("Anna")


def test_an_incident_is_not_changed_from_another_page(dashboard):
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        request = Request(f"{dashboard.url}/incidents/1/acknowledge", b"by=Eve", headers)
        with pytest.raises(HTTPError, match="403"):
            urlopen(request)


def test_a_run_that_was_killed_is_on_the_pages_until_the_next_that_succeeds(page, dashboard, alerts, instance):
    @dg.asset
    def cold_users() -> None: ...

    job = dg.Definitions(assets=[cold_users], jobs=[dg.define_asset_job("some_job")]).resolve_job_def("some_job")
    run = instance.create_run_for_job(job)
    # As the daemon's run monitoring says it once the process is gone.
    instance.report_run_failed(run, "process 4711 on this host is gone")
    sync(instance, dashboard.connection)
    page.goto("/")
    expect(health_of(page, "cold_users")).to_have_class("pill fail")
    expect(page.locator("#table-runs tbody tr")).to_have_count(1)
    expect(page.locator("#table-runs")).to_contain_text("cold_users")
    (told,) = alerts()
    assert "cold_users" in told
    assert "process 4711 on this host is gone" in told

    job.execute_in_process(instance=instance)
    sync(instance, dashboard.connection)
    page.goto("/")
    expect(health_of(page, "cold_users")).to_have_text("ok")
    assert alerts() == []


def test_a_check_that_crashes_does_not_show_its_old_pass(page, dashboard, alerts, instance):
    broken: list[bool] = [False]
    names = ("the_first", "the_second")

    @dg.multi_asset_check(name="songs_checks", specs=[dg.AssetCheckSpec(name, asset="songs") for name in names])
    def songs_checks():
        yield dg.AssetCheckResult(passed=True, asset_key="songs", check_name="the_first")
        if broken[0]:
            raise TypeError("no cast from Duration to String")
        yield dg.AssetCheckResult(passed=True, asset_key="songs", check_name="the_second")

    defs = dg.Definitions(
        assets=[dg.AssetSpec("songs")],
        asset_checks=[songs_checks],
        jobs=[dg.define_asset_job("checks", selection=dg.AssetSelection.all_asset_checks())],
    )

    def evaluate(*, is_broken: bool) -> None:
        broken[0] = is_broken
        defs.resolve_job_def("checks").execute_in_process(instance=instance, raise_on_error=False)
        sync(instance, dashboard.connection)

    evaluate(is_broken=False)
    evaluate(is_broken=True)
    page.goto("/checks?state=errored")
    row = page.locator("#table-checks tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("the second")
    row.get_by_role("link", name="the second").click()
    expect(page.locator(".tile.fail .value").first).to_have_text("errored")
    expect(page.locator(".prose").nth(1)).to_contain_text("no cast from Duration to String")
    (told,) = alerts()
    assert told.startswith("checks of songs: 1 errored and said nothing of the data: TypeError")
    evaluate(is_broken=False)
    page.goto("/")
    expect(page.locator(".status .pill")).to_have_text("no open incident")


def test_a_history_that_lost_a_table_is_said_and_not_an_error_of_the_server(page, dashboard):
    with dashboard.connection, dashboard.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE quality.evaluations RENAME TO lost")
    answer = page.goto("/")
    assert answer.status == 503
    expect(page.get_by_role("alert")).to_contain_text("evaluations")
    with dashboard.connection, dashboard.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE quality.lost RENAME TO evaluations")
    page.goto("/")
    expect(page.locator(".status .pill")).to_have_text("no open incident")
    page.problems.clear()  # Chromium reports the status 503 on its console


def test_feedback_that_was_dropped_is_not_shown_as_a_quiet_day(page, dashboard):
    from quality.history.feedback import LostTableError
    from quality.sessions import read_sessions

    with dashboard.connection, dashboard.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE feedback.sessions RENAME TO lost")
    with pytest.raises(LostTableError, match=r"feedback\.sessions is gone"):
        dashboard.sources.refresh()
    with pytest.raises(LostTableError, match="restore it from a backup"):
        read_sessions(dashboard.sources.settings, datetime(2026, 1, 1, tzinfo=UTC))
    with dashboard.connection, dashboard.connection.cursor() as cursor:
        cursor.execute("ALTER TABLE feedback.lost RENAME TO sessions")
    dashboard.sources.refresh()


def test_the_page_of_expectations_says_that_none_has_run(page):
    answer = page.goto("/expectations")
    assert answer.status == 200
    expect(page.get_by_role("main")).to_contain_text("Great Expectations has not run yet")


def test_the_page_of_expectations_shows_each_with_what_was_against_it(page, dashboard):
    folder = dashboard.sources.settings.local_home / "great_expectations" / "results"
    folder.mkdir(parents=True)
    held = {"expectation": "expect_column_values_to_be_unique", "column": "pair", "holds": False, "unexpected": 3}
    result = {"suite": "user_blocks", "at": "2026-03-10T10:00:00+00:00", "passed": False, "rows": 50, "of": 900}
    (folder / "user_blocks.json").write_text(json.dumps(result | {"expectations": [held | {"examples": "7:9"}]}))
    page.goto("/expectations")
    row = page.locator("#table-results tbody tr")
    expect(row).to_contain_text("column values to be unique")
    expect(row).to_contain_text("a sample of 50 of 900 rows, from all shards")
    expect(row).to_contain_text("7:9")


NO_ROOM = """
    CREATE FUNCTION quality.no_room() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'could not extend file "base/1/2": No space left on device' USING ERRCODE = 'disk_full';
    END $$;
    CREATE TRIGGER no_room BEFORE INSERT ON quality.{table} EXECUTE FUNCTION quality.no_room();
"""


@pytest.fixture
def full_disk(dashboard) -> Iterator[Callable[[str], None]]:
    """A call after which PostgreSQL has no room for another row of a table; at the end, or with no table, it has."""

    def fill(table: str = "") -> None:
        with dashboard.connection, dashboard.connection.cursor() as cursor:
            cursor.execute("DROP FUNCTION IF EXISTS quality.no_room() CASCADE")
            if table:
                cursor.execute(NO_ROOM.format(table=table))

    yield fill
    fill()


def test_without_room_for_an_incident_the_page_says_so_and_is_not_green(
    page, dashboard, cut_short, full_disk, monkeypatch
):
    full_disk("incidents")
    with dashboard.connection, dashboard.connection.cursor() as cursor:
        cursor.execute("DELETE FROM quality.incidents WHERE resolved_at IS NULL")  # as if the file were cut just now
    over = threading.Event()
    over.set()
    monkeypatch.setattr(dashboard.sources, "_stop", over)
    dashboard.sources._keep_fresh(after=lambda: None)  # one round
    page.goto("/")
    expect(page.get_by_text("What is shown may be old: the last refresh failed: DiskFull")).to_be_visible()
    expect(page.locator(".status .pill")).to_have_text("1 open incident")
    full_disk()
    dashboard.sources._keep_fresh(after=lambda: None)
    page.goto("/")
    expect(page.get_by_text("What is shown may be old")).to_have_count(0)
    expect(page.locator("#table-incidents").get_by_role("link", name="files of test_batches")).to_be_visible()


def test_what_did_not_fit_into_the_history_is_read_again_once_there_is_room(dashboard, full_disk, instance):
    def count() -> int:
        with dashboard.connection, dashboard.connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM quality.materialisations WHERE asset = 'written_late'")
            return cursor.fetchall()[0][0]

    instance.report_runless_asset_event(dg.AssetMaterialization("written_late"))
    full_disk("materialisations")
    with pytest.raises(psycopg2.errors.DiskFull) as failed:
        sync(instance, dashboard.connection)
    assert "No space left on device. Make room on its disk." in as_line(failed.value)
    assert "\n" not in as_line(failed.value)
    dashboard.connection.rollback()
    assert count() == 0
    full_disk()
    sync(instance, dashboard.connection)
    assert count() == 1
    with dashboard.connection, dashboard.connection.cursor() as cursor:
        cursor.execute("DELETE FROM quality.materialisations WHERE asset = 'written_late'")
        cursor.execute("DELETE FROM quality.cursors WHERE name LIKE 'dagster:%%'")
    dashboard.sources.refresh()


def test_a_server_that_ended_for_want_of_room_is_told_from_one_that_was_not_started(tmp_path, monkeypatch):
    from buddies_core.postgres import room
    from buddies_core.postgres.database import database_url
    from buddies_core.postgres.errors import DatabaseError

    settings = Settings(home=str(tmp_path))
    (tmp_path / "postgres").mkdir()
    with pytest.raises(DatabaseError, match="No PostgreSQL is running"):
        database_url(settings)
    monkeypatch.setattr(room.shutil, "disk_usage", lambda folder: SimpleNamespace(free=2_300_000))
    with pytest.raises(DatabaseError, match=r"is full \(2 MB are left; PostgreSQL needs 50 MB to go on\)"):
        database_url(settings)
