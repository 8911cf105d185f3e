"""Eight weeks of versions in the history: what the drift check and the asset's page say when one leaves its band."""

import json
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey
from quality.drift_watch import watch
from quality.history.profiles import profile_of, profiles
from quality.history.records import Materialisation
from quality.history.writer import write_materialisations
from quality.learnt import everything, of_columns, row_counts
from tests.quality.test_bands import DAYS, MONDAY, WEEK, season

AFTER = MONDAY + timedelta(days=100)


def keep_profile(connection, asset: str, version: int, at: datetime, columns: list[dict]) -> None:
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO quality.profiles VALUES (%s, %s, %s, %s)", (asset, f"v{version}.1", at, json.dumps(columns))
        )


def eight_weeks(connection, *, rows_at_end: float, nulls_at_end: float) -> None:
    """`songs` made every day, with a week's season in its rows and 3 % of years unknown; the last day as given."""
    made = []
    for number, seen in enumerate(season(4)):
        last = number == DAYS - 1
        count, nulls = (rows_at_end, nulls_at_end) if last else (seen.value, 0.03 + 0.001 * (number % 3))
        made.append(Materialisation(seen.at, "msd_songs", f"run-{number}", row_count=int(count)))
        keep_profile(connection, "msd_songs", number, seen.at, [{"column": "year", "nulls": nulls, "median": 1999.0}])
    write_materialisations(connection, made)
    connection.commit()


USUAL = season(4)[-1].value


@pytest.mark.parametrize(
    ("rows", "nulls", "named"),
    [
        (USUAL, 0.03, set()),
        (USUAL * WEEK[4] / WEEK[6], 0.03, {"rows"}),
        (USUAL, 0.09, {"share of nulls of year"}),
    ],
)
def test_what_leaves_its_band_is_what_has_drifted(history, rows, nulls, named):
    eight_weeks(history, rows_at_end=rows, nulls_at_end=nulls)
    found = [drift for drift in watch(history, ["msd_songs"]) if drift.method.startswith("learnt")]
    assert {drift.measure for drift in found} >= {"rows", "share of nulls of year", "median of year"}
    assert {drift.measure for drift in found if not drift.passed} == named
    assert {one.name for one in everything(history, "msd_songs", AFTER) if one.outside} == named


def test_a_season_of_rows_is_learnt_by_the_day_of_the_week(history):
    eight_weeks(history, rows_at_end=USUAL, nulls_at_end=0.03)
    assert row_counts(history, "msd_songs", AFTER).band.method == "level and weekday"


def test_a_partition_that_is_made_again_counts_once_and_on_its_own_day(history):
    days = [datetime(2026, 9, 1, tzinfo=UTC) + timedelta(days=n) for n in range(3)]
    made = [Materialisation(AFTER, "feedback_blocks", "run", d.date().isoformat(), 10 + n) for n, d in enumerate(days)]
    again = Materialisation(AFTER + timedelta(hours=1), "feedback_blocks", "run-2", days[0].date().isoformat(), 99)
    write_materialisations(history, [*made, again])
    learnt = row_counts(history, "feedback_blocks", AFTER + timedelta(days=1))
    assert [(seen.at, seen.value) for seen in learnt.seen] == list(zip(days, [99.0, 11.0, 12.0], strict=True))


def test_a_version_is_sampled_once_and_its_columns_are_kept(history, tmp_path):
    store = DatasetStore.at(str(tmp_path))
    writer = store.writer(CacheKey("numbers"), "run")
    writer.commit([writer.write_shard(0, pl.DataFrame({"n": [1, 2, None, 5]}))])
    dataset = store.open("numbers")
    first = profile_of(history, dataset)
    (dataset.folder / dataset.manifest.shards[0].file).unlink()
    assert profile_of(history, dataset) == first
    assert (first[0]["nulls"], first[0]["mean"], first[0]["distinct"]) == (0.25, 8 / 3, 4)
    assert [columns for _, columns in profiles(history, "numbers", datetime.now(UTC) + timedelta(hours=1))] == [first]


def test_a_column_that_is_gone_is_not_judged_by_its_past(history):
    for number in range(3):
        name = "old" if number < 2 else "new"
        keep_profile(history, "songs", number, MONDAY + timedelta(days=number), [{"column": name, "nulls": 0.0}])
    assert {one.column for one in of_columns(history, "songs", AFTER)} == {"new"}


@pytest.mark.browser
def test_the_page_of_an_asset_draws_the_figure_that_is_clicked_with_its_band(page, dashboard):
    now = datetime.now(UTC)
    for number in range(30):
        at = now - timedelta(days=30 - number)
        nulls = 0.5 if number == 29 else 0.01
        columns = [{"column": "year", "nulls": nulls, "median": 1990.0 + number % 2}]
        keep_profile(dashboard.connection, "msd_songs", number, at, columns)
    with dashboard.connection, dashboard.connection.cursor() as cursor:
        cursor.execute("DELETE FROM quality.profiles WHERE asset = 'msd_songs' AND fingerprint NOT LIKE 'v%'")
    page.goto("/asset?asset=msd_songs")
    first = page.locator("#table-learnt tbody tr").first
    assert first.locator(".pill").inner_text() == "warn"
    assert "share of nulls" in first.inner_text()
    assert "Share of nulls of year" in page.locator("#figure-followed h2").inner_text()
    page.locator("#table-learnt a", has_text="median").click()
    page.wait_for_url("**figure=median**")
    assert "Median of year" in page.locator("#figure-followed h2").inner_text()
    page.locator("#figure-followed svg").wait_for()
    assert page.locator("#figure-followed [role=graphics-symbol][aria-label*='median of year']").count() >= 20
