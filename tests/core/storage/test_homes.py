"""Where things lie under a `BUDDIES_HOME`: for the datasets, the pipeline's local files and the service, one place."""

from pathlib import Path

import pytest

from buddies_core.settings import Settings
from buddies_core.storage.files import home_path
from buddies_serving.settings import ServingSettings


@pytest.mark.parametrize("scheme", ["", "file://", "file:", "local://"])
def test_a_home_that_is_a_folder_is_one_folder_however_it_is_named(scheme: str, tmp_path: Path):
    home = f"{scheme}{tmp_path}/home"
    settings = Settings(home=home)
    assert settings.home_is_local
    assert settings.local_home == ServingSettings(home=home).local_home == tmp_path / "home"
    assert Path(home_path(home).path) == tmp_path / "home"


def test_a_folder_that_is_named_from_here_is_the_same_for_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert Settings(home="here").local_home == ServingSettings(home="here").local_home.resolve() == tmp_path / "here"


def test_local_files_of_a_home_on_an_object_store_lie_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    settings = Settings(home="s3://bucket/home")
    assert not settings.home_is_local
    assert settings.local_home == ServingSettings(home="s3://bucket/home").model_root.resolve().parent
    assert settings.local_home == tmp_path / ".buddies"
