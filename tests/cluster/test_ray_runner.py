"""Shards on a real Ray cluster: the same as on local threads, on a folder and on an object store, nodes lost or not."""

import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from upath import UPath

from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.systems.playlists.steps.blocks import USER_BLOCKS, VALIDATION_BATCHES
from buddies_assets.systems.playlists.steps.pairs import USER_PAIRINGS
from buddies_assets.systems.playlists.steps.scores import LIKED_PLAYLISTS, SCORES, prepare_scores, score_users
from buddies_assets.systems.playlists.steps.splits import SPLITS, own_playlists
from buddies_core.settings import Settings
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.dataset_writer import DatasetWriter
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey
from buddies_core.storage.ray_runner import ClusterError, RayRunner
from buddies_core.storage.shards import (
    Inputs,
    Params,
    ShardBuilder,
    ShardedStep,
    ShardRunner,
    ThreadRunner,
    ranges_of,
)

pytestmark = pytest.mark.ray

N_USERS, SHARD, SEED = 400, 25, 5
FEW_SHARDS = 100
"""Users a shard where every step is run: four shards each, as every one costs calls of the object store."""
SCORING = {"seed": SEED, "pool_size": 16, "retain": "sampled"}
LibrariesIn = Callable[[DatasetStore], dict[str, Dataset]]


@pytest.fixture(autouse=True, scope="module")
def _sent_by_value():
    """Workers cannot import this module, so its functions travel with the tasks."""
    from ray import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])


def prepare_marked(inputs: Inputs, params: Params) -> tuple[Any, Path]:
    """The state of scoring, and the folder where attempts are noted."""
    return prepare_scores(inputs, params), Path(params["marks"])


def score_and_mark(state: tuple[Any, Path], users: range) -> pl.DataFrame:
    """Scores; every attempt leaves a mark. On the node named `doomed` they take a minute; others wait for it."""
    from ray import get_runtime_context

    scoring, marks = state
    node = get_runtime_context().get_node_id()
    (marks / f"{users.start}-{node}-{os.getpid()}").touch()
    doomed = (marks / "doomed").read_text() if (marks / "doomed").exists() else None
    deadline = time.monotonic() + 60
    while doomed and time.monotonic() < deadline and (node == doomed or not any(marks.glob(f"*-{doomed}-*"))):
        time.sleep(0.05)
    return score_users(scoring, users)


MARKED_SCORES = ShardedStep("scores", prepare_marked, score_and_mark)


def every_step(store: DatasetStore, runner: ShardRunner, inputs: dict[str, Dataset]) -> dict[str, str]:
    """Content of each sharded dataset, every one made from those before it."""
    ranges = ranges_of(N_USERS, FEW_SHARDS)

    def build(step: ShardedStep, params: dict, **named: Dataset) -> Dataset:
        return ShardBuilder(store, runner, "test").build(step, named, params, ranges)

    def whole(name: str, frame: pl.DataFrame) -> Dataset:
        writer = store.writer(CacheKey(name), "test")
        return writer.commit([writer.write_shard(0, frame)])

    scores = build(SCORES, SCORING, **inputs)
    liked = build(LIKED_PLAYLISTS, {}, scores=scores)
    cold = whole("cold_users", pl.DataFrame({"user": [3]}, schema={"user": pl.UInt32}))
    libraries = {name: inputs[name] for name in ("user_library", "playlist_library")}
    splits = build(SPLITS, {"seed": SEED}, liked_playlists=liked, cold_users=cold, **libraries)
    drawn_e = inputs["exploration_coefficients"].frame()["exploration"].to_numpy()
    owned = own_playlists(splits, liked, cold, *libraries.values(), drawn_e, cap=100)
    ownership = whole("playlist_ownership", owned.playlists)
    drawn = {"seed": SEED, "mode": "full", "split": "validation", "negatives": 4, "batch_negatives": 50}
    blocks = build(USER_BLOCKS, drawn, splits=splits, scores=scores, playlist_ownership=ownership, **libraries)
    batches = build(VALIDATION_BATCHES, drawn, splits=splits, playlist_ownership=ownership, **libraries)
    library = inputs["user_library"]
    pairs = build(USER_PAIRINGS, {"shuffle_nearest": False}, user_library=library, playlist_ownership=ownership)
    return {made.name: made.fingerprint for made in (scores, liked, splits, blocks, batches, pairs)}


def test_every_step_gives_on_a_cluster_with_an_object_store_what_local_threads_give_on_a_folder(
    cluster, libraries_in: LibrariesIn, s3_home: str, tmp_path: Path
) -> None:
    local, remote = DatasetStore.at(str(tmp_path)), DatasetStore.at(s3_home)
    expected = every_step(local, ThreadRunner(2), libraries_in(local))
    assert every_step(remote, RayRunner(cluster.address), libraries_in(remote)) == expected


def test_a_node_lost_in_the_middle_costs_time_and_nothing_else(
    cluster, libraries_in: LibrariesIn, tmp_path: Path
) -> None:
    store, alone = DatasetStore.at(str(tmp_path / "shared")), DatasetStore.at(str(tmp_path / "alone"))
    inputs, marks = libraries_in(store), tmp_path / "marks"
    marks.mkdir()
    params, ranges = SCORING | {"marks": str(marks)}, ranges_of(N_USERS, SHARD)
    doomed = cluster.add_node(num_cpus=2)
    (marks / "doomed").write_text(doomed.node_id)

    class LosesANode:
        """The runner under test; the second node, with shards in work, is killed when three others are there."""

        def run(self, *args):
            for done, made in enumerate(RayRunner(cluster.address).run(*args), start=1):
                if done == 3:
                    cluster.remove_node(doomed, allow_graceful=False)
                yield made

    made = ShardBuilder(store, LosesANode(), "test").build(MARKED_SCORES, inputs, params, ranges)
    tries = Counter(mark.name.split("-")[0] for mark in marks.glob("*-*-*"))
    assert max(tries.values()) > 1, "the node was killed with shards in work, so these were begun twice"
    expected = ShardBuilder(alone, ThreadRunner(2), "test").build(SCORES, libraries_in(alone), SCORING, ranges)
    assert made.fingerprint == expected.fingerprint


def test_an_error_of_the_work_is_raised_as_it_is_and_what_was_made_is_found_again(
    cluster, libraries_in: LibrariesIn, tmp_path: Path
) -> None:
    store = DatasetStore.at(str(tmp_path))
    inputs, marks = libraries_in(store), tmp_path / "marks"
    params, ranges = SCORING | {"marks": str(marks)}, ranges_of(N_USERS, 100)
    builder = ShardBuilder(store, RayRunner(cluster.address), "test")
    with pytest.raises(FileNotFoundError, match="marks"):
        builder.build(MARKED_SCORES, inputs, params, ranges)
    marks.mkdir()
    assert builder.build(MARKED_SCORES, inputs, params, ranges).manifest.rows == N_USERS


def test_nodes_with_another_revision_of_the_code_are_refused(
    cluster, libraries_in: LibrariesIn, tmp_path: Path
) -> None:
    store = DatasetStore.at(str(tmp_path))
    writer = store.writer(CacheKey("scores", code="another revision"), "test")
    work = RayRunner(cluster.address).run(SCORES, libraries_in(store), SCORING, writer, {0: range(10)})
    with pytest.raises(ClusterError, match="another revision of buddies_assets"):
        list(work)


def test_a_store_that_the_nodes_do_not_share_is_noticed_at_the_first_shard(
    cluster, libraries_in: LibrariesIn, tmp_path: Path
) -> None:
    class ElsewhereWriter(DatasetWriter):
        """Looks where no node writes, as a folder of the driver's own machine would be."""

        def __reduce__(self):
            return DatasetWriter, (store.folder("scores"), self.cache_key, "test")

    store = DatasetStore.at(str(tmp_path / "of the nodes"))
    writer = ElsewhereWriter(UPath(tmp_path / "of the driver"), CacheKey("scores", SCORES.version), "test")
    work = RayRunner(cluster.address).run(SCORES, libraries_in(store), SCORING, writer, {0: range(10)})
    with pytest.raises(ClusterError, match=r"shard 0.*BUDDIES_HOME"):
        list(work)


def test_the_setting_chooses_the_runner(tmp_path: Path) -> None:
    home = str(tmp_path)
    assert isinstance(Pipeline.of(Settings(home=home, ray_address="auto")).runner, RayRunner)
    assert isinstance(Pipeline.of(Settings(home=home)).runner, ThreadRunner)
