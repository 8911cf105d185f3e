"""What the terminal says of input that was set aside, and of an evaluation that had nobody to ask."""

import polars as pl

from buddies_assets.cli.tables import evaluation_table, set_aside_table
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey


def stored(store: DatasetStore, name: str, frame: pl.DataFrame) -> None:
    writer = store.writer(CacheKey(name), "run")
    writer.commit([writer.write_shard(0, frame)])


def test_what_was_set_aside_is_shown_by_file_and_reason_the_most_rows_first(tmp_path):
    store = DatasetStore.at(str(tmp_path))
    columns = {
        "source": ["entp", "mpd", "mpd"],
        "file": ["plays.txt", "a.json", "a.json"],
        "reason": ["bad_count", "no_pid", "no_pid"],
        "excerpt": ["x", "{}", "{}"],
    }
    stored(store, "quarantined_raw", pl.DataFrame(columns))
    shown = set_aside_table(store)
    assert shown is not None
    assert [tuple(cells)[:4] for cells in zip(*(column.cells for column in shown.columns), strict=True)] == [
        ("mpd", "a.json", "no_pid", "2"),
        ("entp", "plays.txt", "bad_count", "1"),
    ]
    stored(store, "quarantined_raw", pl.DataFrame(columns).clear())
    assert set_aside_table(store) is None


def test_an_evaluation_without_likes_says_so_under_its_empty_table(tmp_path):
    store = DatasetStore.at(str(tmp_path))
    names = ("mrr", "mrr_low", "mrr_high", "hit_1", "hit_5", "hit_10", "matched_mrr", "all_ndcg_10")
    row = {"split": "test", "system": "bpr", "users": 3, "batches": 4} | dict.fromkeys(names, 0.5)
    stored(store, "bpr_evaluation", pl.DataFrame([row]))
    judged = evaluation_table(store)
    assert (judged.row_count, judged.caption) == (1, None)
    stored(store, "bpr_evaluation", pl.DataFrame([row | {"shown_precision_5": 0.0125, "served_recall": 0.318}]))
    said = str(evaluation_table(store).caption)
    assert "P@5 of the held-out likes 0.0125" in said and "31.8%" in said
    stored(store, "bpr_evaluation", pl.DataFrame([row]).clear())
    assert "Too few likes" in str(evaluation_table(store).caption)
