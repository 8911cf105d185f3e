"""What a training of the graph is configured with."""

from types import SimpleNamespace

import pytest
from pydantic import ValidationError

from buddies_assets.systems.playlists.steps.tracked_training import configuration, learns, learnt
from buddies_core.recommenders.bpr.config import BEST, PUBLISHED
from buddies_core.settings import Settings

FOUND = BEST.model_copy(update={"dimension": 32})
SEARCH = SimpleNamespace(manifest=SimpleNamespace(extra={"best": FOUND.model_dump(mode="json")}))


def test_the_search_is_believed_unless_a_preset_is_named():
    assert configuration(Settings(positives="likes"), SEARCH) == FOUND
    assert configuration(Settings(preset="published"), SEARCH) == PUBLISHED


def test_threads_and_backend_come_from_the_settings():
    settings = Settings(positives="likes", training_threads=2, training_backend="torch")
    config = configuration(settings, SEARCH)
    assert config == FOUND.model_copy(update={"threads": 2, "backend": "torch"})


def test_taste_is_taught_with_the_best_preset_whatever_a_search_by_likes_found():
    assert configuration(Settings(), SEARCH) == BEST
    assert configuration(Settings(training_threads=2), SEARCH) == BEST.model_copy(update={"threads": 2})


def test_the_published_recipe_learns_likes_whose_negatives_are_stored():
    assert learns(Settings()) == "taste"
    assert learns(Settings(positives="likes")) == "likes"
    assert learns(Settings(preset="published", positives="taste")) == "likes"


def test_a_checkpoint_that_does_not_say_what_it_was_taught_learnt_likes():
    assert [learnt(lineage) for lineage in ({}, {"positives": "likes"}, {"positives": "taste"})] == [
        "likes",
        "likes",
        "taste",
    ]


def test_a_backend_that_cannot_run_the_preset_is_refused():
    with pytest.raises(ValidationError, match=r"adam .* runs on backend=torch alone"):
        configuration(Settings(preset="published", training_backend="numba"), SEARCH)
