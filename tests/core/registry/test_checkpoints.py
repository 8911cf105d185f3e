"""The store of models: versions, completeness, damage."""

import numpy as np
import pytest

from buddies_core.recommenders.bpr.config import BEST, PRESETS, PUBLISHED, NegativeMix, TrainingConfig
from buddies_core.recommenders.bpr.errors import CheckpointDamagedError, CheckpointNotFoundError
from buddies_core.recommenders.factors import Factors, RowKeys, random_factors
from buddies_core.registry.checkpoints import CheckpointStore


@pytest.fixture
def store(tmp_path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "checkpoints")


@pytest.fixture
def factors() -> Factors:
    return random_factors(RowKeys.of_rows(7, 9), 16, scale=0.1, seed=1, item_bias=True)


def test_a_stored_model_comes_back_whole(store, factors):
    lineage = {"datasets": {"user_blocks": "abc"}, "run_id": "r1", "watermark": None}
    saved = store.save(factors, BEST, metrics={"mrr": 0.5}, lineage=lineage)
    latest = store.latest()
    assert (latest.version, latest.config, latest.metrics, latest.lineage) == (
        saved.version,
        BEST,
        {"mrr": 0.5},
        lineage,
    )
    np.testing.assert_array_equal(store.factors(latest.version).users, factors.users)
    np.testing.assert_array_equal(store.factors(latest.version).playlists, factors.playlists)


def test_versions_go_up_and_none_is_changed(store, factors):
    for mrr in (0.1, 0.2, 0.3):
        store.save(factors, BEST, metrics={"mrr": mrr}, lineage={})
    assert store.versions() == ["000001", "000002", "000003"]
    assert store.load("000001").metrics == {"mrr": 0.1}
    assert store.latest().metrics == {"mrr": 0.3}


def test_a_version_that_was_never_finished_does_not_exist_and_its_number_is_not_used_again(store, factors):
    store.save(factors, BEST, metrics={}, lineage={})
    (store.root / "000002").mkdir()
    (store.root / "000002" / "factors.safetensors").write_bytes(b"half")
    assert store.versions() == ["000001"]
    assert store.latest().version == "000001"
    with pytest.raises(CheckpointNotFoundError, match="000002"):
        store.factors("000002")
    assert store.save(factors, BEST, metrics={}, lineage={}).version == "000003"


def test_a_changed_or_missing_file_is_named(store, factors):
    version = store.save(factors, BEST, metrics={}, lineage={}).version
    path = store.root / version / "factors.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointDamagedError, match=r"factors\.safetensors"):
        store.factors(version)
    path.unlink()
    with pytest.raises(CheckpointDamagedError, match="missing"):
        store.factors(version)


def test_an_empty_store_says_what_to_do(store):
    assert store.versions() == []
    with pytest.raises(CheckpointNotFoundError, match="Materialise bpr_checkpoint"):
        store.latest()


def test_a_metric_that_is_not_a_number_is_stored_as_none(store, factors):
    saved = store.save(factors, BEST, metrics={"mrr": float("nan"), "loss": 0.5}, lineage={})
    assert store.load(saved.version).metrics == {"mrr": None, "loss": 0.5}


@pytest.mark.parametrize(
    ("mix", "problem"),
    [
        ({}, "must be 1 to 8"),
        ({"uniform": 5, "popular": 4}, "must be 1 to 8"),
        ({"hard": 3, "resample": False}, "stores 2 hard"),
    ],
)
def test_a_mix_that_cannot_be_is_refused(mix, problem):
    with pytest.raises(ValueError, match=problem):
        NegativeMix(**mix)


def test_adam_is_refused_where_it_does_not_run():
    with pytest.raises(ValueError, match="backend=torch"):
        TrainingConfig(optimiser="adam")


def test_presets_survive_json():
    for preset in PRESETS.values():
        assert TrainingConfig.model_validate_json(preset.model_dump_json()) == preset
    assert (PUBLISHED.dimension, PUBLISHED.batch_size, PUBLISHED.learning_rate, PUBLISHED.epochs) == (
        128,
        16_384,
        0.005,
        5,
    )
    assert PUBLISHED.negatives == NegativeMix(hard=2, easy=2, resample=False)
