"""What a training of the graph is configured with."""

from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from buddies_assets.systems.playlists.steps.tracked_training import configuration
from buddies_core.recommenders.bpr.config import BEST, PUBLISHED
from buddies_core.settings import Settings

FOUND = BEST.model_copy(update={"dimension": 32})
SEARCH = SimpleNamespace(manifest=SimpleNamespace(extra={"best": FOUND.model_dump(mode="json")}))


def test_the_search_is_believed_unless_a_preset_is_named():
    assert configuration(Settings(), SEARCH) == FOUND
    assert configuration(Settings(preset="published"), SEARCH) == PUBLISHED


def test_threads_and_backend_come_from_the_settings():
    config = configuration(Settings(training_threads=2, training_backend="torch"), SEARCH)
    assert config == FOUND.model_copy(update={"threads": 2, "backend": "torch"})


def test_a_backend_that_cannot_run_the_preset_is_refused():
    with pytest.raises(ValidationError, match=r"adam .* runs on backend=torch alone"):
        configuration(Settings(preset="published", training_backend="numba"), SEARCH)
