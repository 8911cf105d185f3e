"""Sharded work: resumed, cut otherwise or run by other threads, it makes the same rows."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_core.kernels.randomness import uniform
from buddies_core.storage import progress
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.dataset_writer import DatasetWriter
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey, DamagedDatasetError, StoredFile
from buddies_core.storage.shards import EntityShards, Inputs, Params, ShardBuilder, ShardedStep, ThreadRunner, ranges_of

N = 50


class Interrupted(Exception):
    """The machine went away."""


def prepare(inputs: Inputs, params: Params) -> int:
    """The seed alone."""
    return params["seed"]


def draw(seed: int, users: range) -> pl.DataFrame:
    """No to three rows a user, by (seed, user)."""
    every = np.arange(users.start, users.stop, dtype=np.uint32)
    users_of_rows = np.repeat(every, every % 4)
    return pl.DataFrame({"user": users_of_rows, "draw": uniform(seed, 1, users_of_rows)})


DRAWS = ShardedStep("draws", prepare, draw)


def build(home: Path | str, *, shard: int = 10, threads: int = 1, seed: int = 1, step: ShardedStep = DRAWS) -> Dataset:
    """The draws of all users in a store."""
    builder = ShardBuilder(DatasetStore.at(str(home)), ThreadRunner(threads), "run")
    return builder.build(step, {}, {"seed": seed}, ranges_of(N, shard))


@given(shard=st.integers(1, N + 5), threads=st.integers(1, 4))
@settings(deadline=None, max_examples=30)
def test_any_shard_size_and_number_of_threads_gives_the_same_rows(
    tmp_path_factory: pytest.TempPathFactory, shard: int, threads: int
) -> None:
    made = build(tmp_path_factory.mktemp("home"), shard=shard, threads=threads)
    assert made.frame().equals(draw(1, range(N)))


def test_a_run_that_was_cut_off_goes_on_where_it_stopped_and_ends_with_the_same_bytes(tmp_path: Path) -> None:
    made: list[int] = []

    def until_the_fourth(seed: int, users: range) -> pl.DataFrame:
        if len(made) == 3:
            raise Interrupted
        made.append(users.start)
        return draw(seed, users)

    with pytest.raises(Interrupted):
        build(tmp_path / "cut", step=replace(DRAWS, work=until_the_fourth))
    made.clear()
    resumed = build(tmp_path / "cut", step=replace(DRAWS, work=until_the_fourth))
    whole = build(tmp_path / "whole")
    assert made == [30, 40]
    assert resumed.manifest.extra["reused_shards"] == 3
    assert resumed.manifest.shards == whole.manifest.shards
    for shard in whole.manifest.shards:
        ours, theirs = (Path(str(dataset.folder)) / shard.file for dataset in (resumed, whole))
        assert ours.read_bytes() == theirs.read_bytes()


def test_a_shard_without_its_record_was_not_finished_and_is_made_again(tmp_path: Path) -> None:
    first = build(tmp_path)
    folder = Path(str(first.folder))
    (folder / "shard-00002.parquet").write_bytes(b"half a shard")
    (folder / "shard-00002.parquet.json").unlink()
    again = build(tmp_path)
    assert again.manifest.extra["reused_shards"] == 4
    assert again.frame().equals(first.frame())


def two_bad_rows(file: Path) -> None:
    frame = pl.read_parquet(file)
    frame.with_columns(
        pl.when(pl.int_range(pl.len()) < 2).then(0).otherwise(pl.col("user")).alias("user")
    ).write_parquet(file)


def one_bit(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    "damage",
    [
        two_bad_rows,
        one_bit,
        lambda file: file.write_bytes(file.read_bytes()[:-20]),
        lambda file: file.write_bytes(b""),
        Path.unlink,
        lambda file: file.with_name(f"{file.name}.json").write_text("{"),
        lambda file: file.with_name(f"{file.name}.json").write_text(""),
    ],
    ids=["bad rows", "a bit", "cut short", "empty", "gone", "record cut short", "record empty"],
)
def test_a_shard_that_is_not_as_it_was_written_is_made_again(tmp_path: Path, damage: Callable[[Path], Any]) -> None:
    first = build(tmp_path)
    damage(Path(str(first.folder)) / "shard-00002.parquet")
    again = build(tmp_path)
    assert again.manifest.extra["reused_shards"] == 4
    assert again.manifest.shards == first.manifest.shards
    assert again.damaged() == []
    assert again.frame().equals(draw(1, range(N)))


def test_a_manifest_that_was_cut_short_is_written_again_and_its_shards_are_kept(tmp_path: Path) -> None:
    build(tmp_path)
    manifest = tmp_path / "datasets" / "draws" / "manifest.json"
    manifest.write_text(manifest.read_text()[:100])
    with pytest.raises(DamagedDatasetError, match="materialise"):
        DatasetStore.at(str(tmp_path)).open("draws")
    assert build(tmp_path).manifest.extra["reused_shards"] == 5
    assert DatasetStore.at(str(tmp_path)).open("draws").frame().equals(draw(1, range(N)))


def test_reading_a_shard_that_is_damaged_names_the_asset_to_materialise(tmp_path: Path) -> None:
    made = build(tmp_path)
    file = Path(str(made.folder)) / "shard-00002.parquet"
    file.write_bytes(file.read_bytes()[:50])
    assert made.damaged() == ["shard-00002.parquet"]
    with pytest.raises(DamagedDatasetError, match="materialise the asset 'draws'"):
        made.frame()


def test_shards_of_other_settings_inputs_or_code_are_not_reused(tmp_path: Path) -> None:
    build(tmp_path)
    assert build(tmp_path).manifest.extra["reused_shards"] == 5
    assert build(tmp_path, seed=2).manifest.extra["reused_shards"] == 0
    build(tmp_path)
    other = replace(DRAWS, explicit_version="other code")
    assert build(tmp_path, step=other).manifest.extra["reused_shards"] == 0


def test_reuse_can_be_turned_off(tmp_path: Path) -> None:
    build(tmp_path)
    builder = ShardBuilder(DatasetStore.at(str(tmp_path)), ThreadRunner(1), "run", reuse=False)
    assert builder.build(DRAWS, {}, {"seed": 1}, ranges_of(N, 10)).manifest.extra["reused_shards"] == 0


def test_no_more_shards_are_in_work_at_once_than_there_are_threads(tmp_path: Path) -> None:
    lock, at_once, most = threading.Lock(), [0], [0]

    def watched(seed: int, users: range) -> pl.DataFrame:
        with lock:
            at_once[0] += 1
            most[0] = max(most[0], at_once[0])
        time.sleep(0.01)
        with lock:
            at_once[0] -= 1
        return draw(seed, users)

    build(tmp_path, shard=5, threads=3, step=replace(DRAWS, work=watched))
    assert most[0] <= 3


def test_shards_may_end_in_any_order_and_stand_in_theirs(tmp_path: Path) -> None:
    class Backwards:
        """Makes the last shard first."""

        def run(
            self, step: ShardedStep, inputs: Inputs, params: Params, writer: DatasetWriter, ranges: Mapping[int, range]
        ) -> Iterator[tuple[int, StoredFile]]:
            for index in sorted(ranges, reverse=True):
                yield index, writer.write_shard(index, step.work(step.prepare(inputs, params), ranges[index]))

    builder = ShardBuilder(DatasetStore.at(str(tmp_path)), Backwards(), "run")
    assert builder.build(DRAWS, {}, {"seed": 1}, ranges_of(N, 7)).frame().equals(draw(1, range(N)))


def test_progress_counts_what_was_there_and_what_was_made(tmp_path: Path) -> None:
    reports: list[progress.Report] = []
    build(tmp_path)
    (Path(str(DatasetStore.at(str(tmp_path)).open("draws").folder)) / "shard-00000.parquet.json").unlink()
    with progress.listening(reports.append):
        build(tmp_path)
    assert [(report.done, report.total) for report in reports] == [(4, 5), (5, 5)]
    assert reports[0].seconds_left is None
    assert reports[1].seconds_left == 0


def test_a_step_made_on_an_object_store_is_resumed_there(s3_home: str, tmp_path: Path) -> None:
    made = build(s3_home)
    (made.folder / "shard-00001.parquet.json").unlink()
    again = build(s3_home, threads=3)
    assert again.manifest.extra["reused_shards"] == 4
    assert again.fingerprint == build(tmp_path).fingerprint


@pytest.mark.parametrize("asked", [range(0, N), range(0, 10), range(7, 23), range(49, 50), range(0, 0)])
def test_rows_are_read_by_entities_whatever_shards_they_lie_in(tmp_path: Path, asked: range) -> None:
    for shard in (10, 7, N):
        read = EntityShards(build(tmp_path, shard=shard)).frame(asked)
        assert read.equals(draw(1, asked))


def test_rows_are_read_by_entities_from_a_dataset_of_one_shard_made_whole(tmp_path: Path) -> None:
    writer = DatasetStore.at(str(tmp_path)).writer(CacheKey("whole"), "run")
    dataset = writer.commit([writer.write_shard(0, draw(1, range(N)))])
    assert EntityShards(dataset).frame(range(3, 9), ["user"]).equals(draw(1, range(3, 9)).select("user"))


def test_entities_are_cut_into_ranges_and_none_still_make_one_shard() -> None:
    assert ranges_of(7, 3) == [range(0, 3), range(3, 6), range(6, 7)]
    assert ranges_of(0, 3) == [range(0)]
