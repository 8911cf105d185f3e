"""After a rollback nothing is ranked by the lists of the model that was rolled back; what is served keeps its own."""

import json
import shutil
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from running import materialise

from buddies_assets.automation.schedules import build_schedules
from buddies_assets.release.channels import reject_model
from buddies_assets.resources.pipeline import Pipeline
from buddies_assets.systems.playlists.own_lists import ListsOfAnotherModelError
from buddies_core.registry.checkpoints import CheckpointStore
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore


@pytest.fixture
def copied(tiny_world, tmp_path) -> Settings:
    """The tiny world, served, in a home of this test's own."""
    settings, _ = tiny_world
    shutil.copytree(settings.home, tmp_path / "copy")
    return settings.model_copy(update={"home": str(tmp_path / "copy")})


def trained_again_and_rolled_back(settings: Settings, taste: str) -> None:
    """A second model beside another taste of songs, which is the stored one from now on, and its rollback."""
    checkpoints = CheckpointStore.at(settings.home)
    first = checkpoints.latest()
    lineage = first.lineage | {"song_taste": taste, "run_id": "second"}
    second = checkpoints.save(checkpoints.factors(first.version), first.config, metrics=first.metrics, lineage=lineage)
    assert second.version == "000002"
    manifest = Path(settings.home) / "datasets" / "taste_candidates" / "manifest.json"
    told = json.loads(manifest.read_text())
    told["inputs"]["song_taste"] = taste
    manifest.write_text(json.dumps(told))
    reject_model(settings.local_home / "served_model", "000002")


def ranked_by(settings: Settings) -> str:
    return DatasetStore.at(settings.home).open("ranked_candidates").manifest.params["version"]


def nightly(settings: Settings, name: str) -> Any:
    schedule = next(one for one in build_schedules(settings) if one.name == name)
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_schedule_context(instance=instance, resources={"pipeline": Pipeline.of(settings)}) as context,
    ):
        return schedule.evaluate_tick(context)


def test_a_checkpoint_says_beside_which_taste_it_was_trained(tiny_world):
    settings, _ = tiny_world
    stored = DatasetStore.at(settings.home)
    lineage = CheckpointStore.at(settings.home).latest().lineage
    assert lineage["song_taste"] == stored.open("song_taste").fingerprint


def test_the_lists_of_a_model_that_was_rolled_back_are_nobody_elses(copied):
    trained_again_and_rolled_back(copied, taste="of newer feedback")
    with pytest.raises(ListsOfAnotherModelError, match="not made beside model 000001, and 000002 was rolled back"):
        materialise(copied, "ranked_candidates")
    assert ranked_by(copied) == "000001"
    # The reference's rule reads no lists of taste.
    assert materialise(copied.model_copy(update={"ranking": "reference"}), "ranked_candidates").success


def test_lists_of_the_same_taste_go_on_after_a_rollback(copied):
    taste = DatasetStore.at(copied.home).open("song_taste").fingerprint
    trained_again_and_rolled_back(copied, taste=taste)
    assert materialise(copied, "ranked_candidates").success
    assert ranked_by(copied) == "000001"


def test_every_night_after_a_rollback_only_the_file_of_the_lists_as_served_is_written(copied):
    current = copied.local_home / "served_model" / "current.json"
    current.write_text(json.dumps({"format": 1, "champion": "000001-a", "challenger": None, "since": ""}))
    (request,) = nightly(copied, "daily_recommendations_schedule").run_requests
    assert request.asset_selection is None
    trained_again_and_rolled_back(copied, taste="of newer feedback")
    (request,) = nightly(copied, "daily_recommendations_schedule").run_requests
    assert [key.to_user_string() for key in request.asset_selection] == ["daily_recommendations"]
    assert "000001 keeps the lists" in nightly(copied, "pairing_schedule").skip_message
