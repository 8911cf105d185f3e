"""What columns hold, worked out by hand on tables of a few rows; and the asset page that shows it."""

import polars as pl
import pytest

from benchmarks.data_defects.world.stored import store_world
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey
from quality.profiles import profile, sample_of, with_names


def test_each_column_has_its_nulls_different_values_range_and_quantiles():
    frame = pl.DataFrame(
        {
            "n": [1.0, 2.0, 3.0, None, float("inf")],
            "text": ["b", "a", "b", None, "z" * 99],
            "lists": [[1], [1, 2], [], [1, 2, 3], None],
        }
    )
    n, text, lists = profile(frame)
    assert (n["nulls"], n["distinct"], n["min"], n["median"], n["max"]) == (0.2, 5, 1.0, 2.0, 3.0)
    assert (text["distinct"], text["min"], text["max"]) == (4, "a", "z" * 60 + "…")
    assert (lists["of"], lists["min"], lists["median"], lists["max"]) == ("length", 0.0, 1.5, 3.0)
    assert profile(frame.clear())[0]["nulls"] == 0


def test_a_sample_has_rows_of_every_shard_and_no_more_than_asked_for(tmp_path):
    writer = DatasetStore.at(str(tmp_path)).writer(CacheKey("numbers"), "run")
    shards = [writer.write_shard(k, pl.DataFrame({"n": range(1_000 * k, 1_000 * k + 1_000)})) for k in range(4)]
    writer.commit(shards)
    dataset = DatasetStore.at(str(tmp_path)).open("numbers")
    drawn = sample_of(dataset, 120)["n"]
    assert len(drawn) == 120
    assert sorted(set(drawn // 1_000)) == [0, 1, 2, 3]
    assert {0, 999, 3_999} <= set(drawn)
    assert len(sample_of(dataset)) == 4_000


def test_sample_rows_name_the_playlists(world, tmp_path):
    store = store_world(world, tmp_path)
    rows = with_names(store.open("splits").frame()[:3], store.open("playlist_library"), store.open("mpd_playlists"))
    pids = world["playlist_rows"]["pid"]
    names = dict(world["mpd_playlists"].select("pid", "name").rows())
    assert rows["playlist pid"].to_list() == [pids[p] for p in rows["playlist"].to_list()]
    assert rows["playlist name"].to_list() == [names[pid] for pid in rows["playlist pid"].to_list()]


@pytest.mark.browser
def test_the_page_of_an_asset_shows_its_columns_and_rows(page):
    page.goto("/asset?asset=splits")
    row = page.locator("#table-columns tbody tr", has_text="score")
    assert len([text for text in row.locator("td.k-number").all_text_contents() if text != "–"]) >= 8
    assert page.locator("#table-sample tbody tr").count() == 8
    assert "playlist name" in page.locator("#table-sample thead").inner_text()
