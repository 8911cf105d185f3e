"""Stored datasets: whole or absent, on a folder and on an object store alike."""

import itertools
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from upath import UPath

from buddies_core.interactions.csr import Library
from buddies_core.interactions.labelled import LabelledLibrary, load_library
from buddies_core.recommenders.bpr.config import PUBLISHED
from buddies_core.recommenders.factors import Factors
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey, DatasetNotFoundError


@pytest.fixture(params=["folder", "object store"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> DatasetStore:
    """A store of each kind."""
    home = str(tmp_path) if request.param == "folder" else request.getfixturevalue("s3_home")
    return DatasetStore.at(home)


def rows(start: int, stop: int) -> pl.DataFrame:
    """Rows with a number, a list and a category each."""
    users = range(start, stop)
    return pl.DataFrame(
        {
            "user": pl.Series(users, dtype=pl.UInt32),
            "songs": pl.Series([list(range(user % 3)) for user in users], dtype=pl.List(pl.UInt32)),
            "split": pl.Series([("train", "test")[user % 2] for user in users], dtype=pl.Enum(["train", "test"])),
        }
    )


def stored(store: DatasetStore, name: str = "likes", *, code: str = "1", cuts: tuple[int, ...] = (0, 3, 7)) -> Dataset:
    """A dataset of `rows`, cut into shards at `cuts`."""
    writer = store.writer(CacheKey(name, code), "run")
    pairs = enumerate(itertools.pairwise(cuts))
    return writer.commit([writer.write_shard(index, rows(start, stop)) for index, (start, stop) in pairs])


def test_a_dataset_reads_back_as_it_was_written_whole_by_shard_and_by_column(store: DatasetStore) -> None:
    stored(store)
    dataset = store.open("likes")
    assert dataset.frame().equals(rows(0, 7))
    assert dataset.shard(1).equals(rows(3, 7))
    assert dataset.frame(["split"]).equals(rows(0, 7).select("split"))
    assert (dataset.manifest.rows, len(dataset.manifest.shards), dataset.manifest.run_id) == (7, 2, "run")
    assert dataset.manifest.columns["songs"] == "List(UInt32)"


def test_a_scan_selects_filters_and_counts_as_the_whole_frame_does(store: DatasetStore) -> None:
    scan = stored(store).scan()
    assert scan.select("user").collect().equals(rows(0, 7).select("user"))
    assert scan.filter(pl.col("split") == "test").collect().equals(rows(0, 7).filter(pl.col("split") == "test"))
    assert scan.head(4).collect().equals(rows(0, 4))
    assert scan.select(pl.len()).collect().item() == 7
    assert sorted(scan.group_by("split").len().collect().iter_rows()) == [("test", 3), ("train", 4)]


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 3), (2, 5), (7, 10), (9, 10), (10, 10)])
def test_rows_of_a_shard_are_read_by_the_row_groups_that_hold_them(store: DatasetStore, start: int, stop: int) -> None:
    frame = pl.DataFrame({"user": pl.Series(range(10), dtype=pl.UInt32)})
    writer = store.writer(CacheKey("likes"), "run")
    dataset = writer.commit([writer.write_shard(0, frame, row_group=3)])
    assert dataset.shard_rows(0, start, stop).equals(frame[start:stop])


def test_counts_say_how_often_each_index_occurs_over_all_shards(store: DatasetStore) -> None:
    writer = store.writer(CacheKey("likes"), "run")
    shards = [pl.DataFrame({"playlist": pl.Series(part, dtype=pl.UInt32)}) for part in ([1, 1, 4], [], [0, 1])]
    dataset = writer.commit([writer.write_shard(index, shard) for index, shard in enumerate(shards)])
    assert dataset.counts("playlist").tolist() == [1, 3, 0, 0, 1]


def test_parts_beside_the_shards_are_tables_and_arrays_by_name(store: DatasetStore) -> None:
    writer = store.writer(CacheKey("likes"), "run")
    writer.write_part("quarantine", rows(0, 2))
    writer.write_part("indptr", np.array([0, 2, 5]))
    dataset = writer.commit([writer.write_shard(0, rows(0, 1))])
    assert dataset.part("quarantine").equals(rows(0, 2))
    assert dataset.array("indptr").tolist() == [0, 2, 5]
    with pytest.raises(DatasetNotFoundError, match=r"likes has no part factors.npy; it has .*indptr.npy"):
        dataset.array("factors")


def test_a_library_keeps_its_row_and_column_index(store: DatasetStore) -> None:
    library = Library.from_pairs(np.array([0, 1, 1]), np.array([2, 0, 1]), 2, 3)
    index = pl.DataFrame({"user": [0, 1], "user_id": ["a", "b"]})
    LabelledLibrary(library, index, pl.Series("key", ["x", "y", "z"])).save(store.writer(CacheKey("user_library"), "r"))
    read = LabelledLibrary.load(store.open("user_library"))
    assert [read.library.row(row).tolist() for row in range(2)] == [[2], [0, 1]]
    assert read.rows.equals(index)
    assert read.columns.to_list() == ["x", "y", "z"]
    assert load_library(store.open("user_library")).n_columns == 3


def test_a_library_that_does_not_fit_its_index_is_refused() -> None:
    library = Library.from_pairs(np.array([0]), np.array([0]), 2, 3)
    with pytest.raises(ValueError, match=r"matrix is \(2, 3\), its indexes \(1, 3\)"):
        LabelledLibrary(library, pl.DataFrame({"user": [0]}), pl.Series("key", ["x", "y", "z"]))


def test_what_was_not_committed_is_not_there_and_the_error_names_what_to_materialise(store: DatasetStore) -> None:
    stored(store, "splits")
    store.writer(CacheKey("likes"), "run").write_shard(0, rows(0, 3))
    assert not store.has("likes")
    with pytest.raises(DatasetNotFoundError, match=r"materialise the asset 'likes' first.*Stored: splits"):
        store.open("likes")


def test_a_new_cache_key_leaves_the_old_dataset_whole_until_it_is_committed_and_nothing_of_it_after(
    store: DatasetStore,
) -> None:
    old = stored(store, code="1")
    writer = store.writer(CacheKey("likes", "2"), "run")
    shard = writer.write_shard(0, rows(0, 2))
    assert store.open("likes").frame().equals(rows(0, 7))
    writer.commit([shard])
    assert store.open("likes").frame().equals(rows(0, 2))
    assert not old.folder.exists()


def test_the_fingerprint_is_of_the_content_and_the_cache_key_of_what_it_is_made_from(store: DatasetStore) -> None:
    one, again, other = stored(store), stored(store, "again", code="2"), stored(store, "other", cuts=(0, 3, 6))
    assert one.fingerprint == again.fingerprint != other.fingerprint
    assert one.manifest.cache_key != again.manifest.cache_key
    assert CacheKey("a", params={"x": 1, "y": 2}).fingerprint == CacheKey("a", params={"y": 2, "x": 1}).fingerprint


def test_deleting_a_dataset_leaves_the_others(store: DatasetStore) -> None:
    stored(store, "likes"), stored(store, "splits")
    store.delete("likes")
    store.delete("never stored")
    assert store.names() == ["splits"]


def test_a_store_in_a_folder_is_known_by_its_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stored(DatasetStore.at("home"))
    monkeypatch.chdir("/")
    assert DatasetStore.at(str(tmp_path / "home")).open("likes").manifest.rows == 7


def test_a_manifest_is_plain_json_that_names_every_file_with_its_rows_bytes_and_digest(tmp_path: Path) -> None:
    store = DatasetStore.at(str(tmp_path))
    dataset = stored(store)
    manifest = json.loads((tmp_path / "datasets" / "likes" / "manifest.json").read_text())
    files = {shard["file"]: shard for shard in manifest["shards"]}
    assert sorted(files) == ["shard-00000.parquet", "shard-00001.parquet"]
    for name, shard in files.items():
        assert (Path(str(dataset.folder)) / name).stat().st_size == shard["bytes"]
    assert [shard["rows"] for shard in manifest["shards"]] == [3, 4]


def test_a_checkpoint_of_another_process_is_found_on_an_object_store_that_was_listed_before(s3_home: str) -> None:
    factors = Factors(np.ones((2, 3), np.float32), np.zeros((4, 3), np.float32))
    here = CheckpointStore.at(s3_home)
    elsewhere = CheckpointStore(UPath(s3_home, skip_instance_cache=True) / "checkpoints")
    first = here.save(factors, PUBLISHED, metrics={"mrr": 0.5}, lineage={})
    assert here.versions() == [first.version]
    second = elsewhere.save(factors, PUBLISHED, metrics={"mrr": 0.6}, lineage={})
    assert here.latest().version == second.version != first.version
    assert np.array_equal(here.factors(second.version).users, factors.users)
