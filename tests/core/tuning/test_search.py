"""The search: its space, its result, its resumption."""

import pytest

from buddies_core.recommenders.bpr.config import BEST, PUBLISHED, TrainingConfig
from buddies_core.tuning.bpr_space import MIXES, SearchSettings, chosen_config
from buddies_core.tuning.search import SearchFailedError, search
from buddies_core.tuning.trials import Trial

POINT = {"dimension": 8, "learning_rate": 0.01, "decay": 0.9, "l2": 1e-5, "alpha": 0.5, "start": "random"}


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("base", [BEST, PUBLISHED], ids=["best", "published"])
def test_every_point_of_the_space_is_a_configuration(base, mix):
    config = chosen_config(base, POINT | {"mix": mix, "item_bias": False}, epochs=3, pools=False)
    assert config.epochs == 3
    assert config.dimension == 8
    assert config.negatives.count == 4


@pytest.fixture
def ray_does_not_start(monkeypatch):
    """Ray's local cluster is not up within its time, as under load."""
    import ray

    def init(**_):
        raise Exception("The current node timed out during startup. This could happen because some processes failed.")

    monkeypatch.setattr(ray, "init", init)
    # a cluster of other files' tests may run in this process: it is not seen here, and not ended
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "shutdown", lambda: None)


def test_where_ray_does_not_start_the_search_goes_on_in_this_process_and_says_so(
    checkerboard, tmp_path, ray_does_not_start
):
    base = TrainingConfig(dimension=8)
    settings = SearchSettings(trials=3, epochs=3, dimensions=(8, 16), seconds=600)
    result = search(base, checkerboard, settings, folder=tmp_path)
    assert "timed out during startup" in result.note
    assert "in this process" in result.note
    assert len(result.trials) == 3
    scores = [trial.mrr for trial in result.trials]
    assert scores == sorted(scores, reverse=True)
    assert result.best == result.trials[0].config
    assert any(trial.config.learning_rate == base.learning_rate for trial in result.trials)
    again = search(base, checkerboard, settings, folder=tmp_path)
    assert [trial.name for trial in again.trials] == [trial.name for trial in result.trials]
    more = search(base, checkerboard, settings.model_copy(update={"trials": 4}), folder=tmp_path)
    assert {trial.name for trial in result.trials} < {trial.name for trial in more.trials}


def test_where_the_time_is_over_before_the_first_epoch_the_search_keeps_its_start_and_says_so(
    checkerboard, tmp_path, monkeypatch
):
    base = TrainingConfig(dimension=8)
    settings = SearchSettings(trials=3, epochs=3, dimensions=(8,), seconds=20)
    made: list[Trial] = []
    monkeypatch.setattr("buddies_core.tuning.search.search_with_ray", lambda *_, **__: made)
    for trials in ([], [Trial("a", base, 0.0, 1.0, "stopped")]):
        made[:] = trials
        result = search(base, checkerboard, settings, folder=tmp_path)
        assert result.best == base
        assert "20 seconds were over before the first epoch" in result.note
        assert [trial.state for trial in result.trials] == ["stopped"]
    made[:] = [Trial("a", base, 0.0, 1.0, "failed"), Trial("b", base, 0.0, 1.0, "stopped")]
    with pytest.raises(SearchFailedError):
        search(base, checkerboard, settings, folder=tmp_path)


def test_a_search_in_this_process_begins_no_epoch_after_its_time(checkerboard, tmp_path, ray_does_not_start):
    settings = SearchSettings(trials=3, epochs=50, dimensions=(8,), seconds=1e-3)
    result = search(TrainingConfig(dimension=8), checkerboard, settings, folder=tmp_path)
    assert [(trial.state, len(trial.epochs)) for trial in result.trials] == [("stopped", 1)]


@pytest.mark.ray
def test_a_search_ranks_its_trials_and_called_again_starts_none(checkerboard, tmp_path):
    # After the searches in this process: Ray's workers find the kernels compiled, and need not compile them each.
    base = TrainingConfig(dimension=8)
    settings = SearchSettings(trials=3, epochs=3, dimensions=(8, 16), seconds=600)
    (tmp_path / "trials").mkdir()
    (tmp_path / "trials" / "tuner.pkl").write_bytes(b"left by a search that died before its first trial")
    result = search(base, checkerboard, settings, folder=tmp_path)
    assert len(result.trials) == 3
    scores = [trial.mrr for trial in result.trials]
    assert scores == sorted(scores, reverse=True)
    assert result.best == result.trials[0].config
    assert result.trials[0].state == "ended"
    assert any(trial.config.learning_rate == base.learning_rate for trial in result.trials)
    assert result.trials[0].row()["mrr"] == scores[0]
    again = search(base, checkerboard, settings, folder=tmp_path)
    assert [trial.name for trial in again.trials] == [trial.name for trial in result.trials]
