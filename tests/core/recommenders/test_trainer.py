"""The training loop: resumption, divergence, early stopping, reports."""

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from buddies_core.recommenders.bpr import trainer
from buddies_core.recommenders.bpr.config import NegativeMix, TrainingConfig
from buddies_core.recommenders.bpr.data import Blocks, EvaluationCases, TrainingData
from buddies_core.recommenders.bpr.errors import BlocksError, DivergedError, NegativesError, ResumeMismatchError
from buddies_core.recommenders.bpr.trainer import train
from buddies_core.recommenders.factors import RowKeys

CONFIG = TrainingConfig(dimension=16, epochs=4, learning_rate=0.05)


class Stopped(Exception):
    """Stands for whatever ends a run between two epochs."""


def stop_after(epoch: int):
    def on_epoch(report):
        if report.epoch == epoch:
            raise Stopped

    return on_epoch


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        CONFIG.model_copy(update={"optimiser": "adagrad", "item_bias": True}),
        CONFIG.model_copy(update={"start": "als"}),
        CONFIG.model_copy(update={"backend": "torch", "optimiser": "adam", "batch_size": 256}),
    ],
    ids=["sgd", "adagrad", "als", "adam"],
)
def test_a_resumed_training_ends_with_the_weights_of_one_that_was_never_stopped(world, config, state_folder, sharded):
    whole = train(config, sharded(world.data, 3))
    with pytest.raises(Stopped):
        train(config, sharded(world.data, 3), resume_dir=state_folder, on_epoch=stop_after(2))
    resumed = train(config, sharded(world.data, 3), resume_dir=state_folder)
    assert [report.epoch for report in resumed.history] == [1, 2, 3, 4]
    np.testing.assert_allclose(resumed.factors.users, whole.factors.users, atol=1e-6)
    np.testing.assert_allclose(resumed.factors.playlists, whole.factors.playlists, atol=1e-6)


KILLED = """
import os, signal, sys
from pathlib import Path
from benchmarks.worlds import overlap_world
from buddies_core.recommenders.bpr import trainer
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.recommenders.bpr.trainer import train

config = TrainingConfig(dimension=16, epochs=4, learning_rate=0.05)
data = overlap_world(1000, 1500, 500, seed=3).data
load = data.shards[0]
loads = 0

def deadly():
    global loads
    loads += 1
    if loads == 4:  # once for the likes, then once an epoch: in the middle of the third
        os.kill(os.getpid(), signal.SIGKILL)
    return load()

object.__setattr__(data, "shards", [deadly])
train(config, data, resume_dir=Path(sys.argv[1]))
"""


def test_a_training_killed_in_the_middle_of_an_epoch_resumes_to_the_same_weights(world, state_folder):
    root = Path(__file__).parents[3]
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(state_folder)]
    killed = subprocess.run(command, env=environment, cwd=root, check=False, capture_output=True)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert [path.name for path in state_folder.iterdir() if not path.name.startswith(".")][-1].startswith("epoch-0002")
    resumed = train(CONFIG, world.data, resume_dir=state_folder)
    whole = train(CONFIG, world.data)
    np.testing.assert_allclose(resumed.factors.users, whole.factors.users, atol=1e-6)
    np.testing.assert_allclose(resumed.factors.playlists, whole.factors.playlists, atol=1e-6)


def test_cutting_the_blocks_into_shards_changes_neither_the_likes_nor_the_samples(world, sharded):
    one, many = (train(CONFIG, data) for data in (world.data, sharded(world.data, 5)))
    assert one.history[0].samples == many.history[0].samples == 4 * len(world.data.load(0))
    assert one.metrics["mrr"] == pytest.approx(many.metrics["mrr"], abs=0.05)


def test_a_loss_that_is_not_a_number_stops_with_the_last_good_state_named(world, state_folder, monkeypatch):
    steady = trainer._rate
    monkeypatch.setattr(trainer, "_rate", lambda config, epoch: steady(config, epoch) if epoch < 3 else 1e30)
    with pytest.raises(DivergedError, match=r"epoch-0002\.safetensors") as raised:
        train(CONFIG, world.data, resume_dir=state_folder)
    assert raised.value.epoch == 3
    assert [path.name for path in state_folder.iterdir()] == ["epoch-0002.safetensors"]
    monkeypatch.undo()
    assert len(train(CONFIG, world.data, resume_dir=state_folder).history) == 4


def test_a_rate_that_is_far_too_high_is_a_named_error(world):
    with pytest.raises(DivergedError, match="Lower `learning_rate`"):
        train(CONFIG.model_copy(update={"learning_rate": 1e9, "start_scale": 1e10}), world.data)


def test_states_of_another_configuration_or_of_other_data_are_refused(world, state_folder):
    train(CONFIG.model_copy(update={"epochs": 1}), world.data, resume_dir=state_folder)
    with pytest.raises(ResumeMismatchError, match="another config"):
        train(CONFIG.model_copy(update={"learning_rate": 0.06}), world.data, resume_dir=state_folder)
    with pytest.raises(ResumeMismatchError, match="another data"):
        train(CONFIG, replace(world.data, fingerprint="other"), resume_dir=state_folder)


def test_more_epochs_may_be_asked_for_on_resuming(world, state_folder):
    train(CONFIG.model_copy(update={"epochs": 1}), world.data, resume_dir=state_folder)
    assert len(train(CONFIG, world.data, resume_dir=state_folder).history) == 4


def test_early_stopping_returns_the_best_epoch_also_after_a_resumption(world, state_folder):
    config = CONFIG.model_copy(update={"epochs": 60, "patience": 2, "learning_rate": 0.2})
    result = train(config, world.data, resume_dir=state_folder)
    scores = [report.metrics["mrr"] for report in result.history]
    assert result.stopped == "early"
    assert len(scores) == result.epoch + 2 < 60
    assert result.metrics["mrr"] == max(scores)
    again = train(config, world.data, resume_dir=state_folder)
    np.testing.assert_array_equal(again.factors.users, result.factors.users)
    assert len(list(state_folder.iterdir())) == 2


def test_reports_hold_what_a_progress_line_shows(world):
    seen = []
    train(CONFIG, world.data, on_epoch=seen.append)
    assert [report.epoch for report in seen] == [1, 2, 3, 4]
    assert seen[0].loss > seen[-1].loss > 0
    assert seen[-1].eta_seconds == 0 < seen[0].eta_seconds
    assert all(report.samples_per_second > 0 and 0 < report.metrics["mrr"] < 1 for report in seen)


def test_the_learning_rate_decays(world):
    history = train(CONFIG.model_copy(update={"decay": 0.5, "epochs": 3}), world.data).history
    assert [report.learning_rate for report in history] == pytest.approx([0.05, 0.025, 0.0125])


def test_a_block_outside_the_model_names_shard_and_field(checkerboard):
    with pytest.raises(BlocksError, match="block shard 0, field `positives`: index 59 is not below 10"):
        train(CONFIG, TrainingData(40, 10, checkerboard.shards, checkerboard.validation))


def test_stored_negatives_need_no_pools_and_drawn_ones_do(checkerboard):
    stored = CONFIG.model_copy(update={"negatives": NegativeMix(hard=2, easy=2, resample=False)})
    assert train(stored, checkerboard).history
    with pytest.raises(NegativesError, match="the data has no pools"):
        train(CONFIG.model_copy(update={"negatives": NegativeMix(hard=2, easy=2)}), checkerboard)


@pytest.mark.parametrize("optimiser", ["sgd", "adagrad"])
def test_users_and_playlists_in_other_rows_get_the_same_factors_to_the_bit(world, optimiser):
    # Each entity is drawn for by its own key: start, order of the samples and negatives. On one thread nothing is left
    # that knows a row.
    data, generator = world.data, np.random.default_rng(4)
    n_users, n_playlists = data.n_users, data.n_playlists
    keys = RowKeys(generator.integers(0, 2**63, n_users, np.uint64), generator.permutation(n_playlists), np.empty(0))
    user_row, playlist_row = generator.permutation(n_users), generator.permutation(n_playlists)
    blocks = data.load(0)
    order = np.argsort(user_row[blocks.users], kind="stable")
    users, positives = (column[order].astype(np.uint32) for column in (blocks.users, blocks.positives))
    moved = Blocks(
        *(row[c].astype(np.uint32) for row, c in ((user_row, users), (playlist_row, positives))),
        blocks.negatives[order],
    )
    config = CONFIG.model_copy(update={"optimiser": optimiser, "negatives": NegativeMix(uniform=2, popular=2)})
    here = train(config, replace(data, shards=[lambda: blocks], keys=keys)).factors
    places = np.argsort(user_row), np.argsort(playlist_row)
    keys = RowKeys(keys.users[places[0]], keys.playlists[places[1]], keys.songs)
    none = EvaluationCases(np.empty(0, np.uint32), np.empty(0, np.uint32), np.empty((0, 50), np.uint32))
    there = train(config, replace(data, shards=[lambda: moved], keys=keys, validation=none)).factors
    np.testing.assert_array_equal(there.users[user_row], here.users)
    np.testing.assert_array_equal(there.playlists[playlist_row], here.playlists)


@pytest.mark.slow
def test_the_numbers_are_the_same_in_the_process_that_compiles_and_in_the_next(tmp_path):
    told = textwrap.dedent(
        """
        import numpy as np
        from benchmarks.worlds import overlap_world
        from buddies_core.recommenders.bpr.config import TrainingConfig
        from buddies_core.recommenders.bpr.trainer import train

        data = overlap_world(400, 600, 300, seed=3).data
        for optimiser in ("sgd", "adagrad"):
            config = TrainingConfig(dimension=24, epochs=2, learning_rate=0.05, start="als", optimiser=optimiser)
            found = train(config, data).factors
            print(found.users.tobytes().hex(), found.playlists.tobytes().hex())
        """
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "OMP_NUM_THREADS": "1"}
    runs = [
        subprocess.run([sys.executable, "-c", told], env=environment, capture_output=True, check=True).stdout
        for _ in range(2)
    ]
    assert runs[0] == runs[1]
