"""Settings are read as a person means them, and what cannot be read is one line that names the variable."""

from pathlib import Path

import pytest

from buddies_core.environment import InvalidSettingError
from buddies_core.settings import Settings
from buddies_serving.settings import ServingSettings
from quality.dashboard.settings import DashboardSettings

HOME = str(Path.home())


@pytest.mark.parametrize(
    ("variable", "written", "field", "read"),
    [
        ("BUDDIES_PORT", "", "port", 8000),
        ("BUDDIES_PORT", "  ", "port", 8000),
        ("BUDDIES_PORT", " 8010 ", "port", 8010),
        ("BUDDIES_MPD_DIR", "", "mpd_dir", None),
        ("BUDDIES_MPD_DIR", "~/mpd", "mpd_dir", f"{HOME}/mpd"),
        ("BUDDIES_ENTP_FILE", "~/train.txt", "entp_file", f"{HOME}/train.txt"),
        ("BUDDIES_HOME", "~/buddies", "home", f"{HOME}/buddies"),
        ("BUDDIES_HOME", "", "home", ".buddies"),
        ("BUDDIES_MODE", "Toy", "mode", "toy"),
        ("BUDDIES_MODE", "FULL", "mode", "full"),
        ("BUDDIES_TRAINING_BACKEND", "Torch", "training_backend", "torch"),
        ("BUDDIES_TRAINING_BACKEND", "", "training_backend", None),
        ("BUDDIES_STRICT", "True", "strict", True),
        ("BUDDIES_STRICT", "", "strict", False),
        ("BUDDIES_SAMPLE", "0.01", "sample", 0.01),
    ],
)
def test_blanks_case_and_the_home_folder_are_read_as_meant(monkeypatch, variable, written, field, read):
    monkeypatch.setenv(variable, written)
    assert getattr(Settings(), field) == read


@pytest.mark.parametrize("settings", [ServingSettings, DashboardSettings])
def test_service_and_dashboard_read_blanks_the_same_way(monkeypatch, settings):
    for name in settings.model_fields:
        monkeypatch.setenv(f"BUDDIES_{name.upper()}", " ")
    assert settings() == settings.model_construct(**settings.model_construct().model_dump())


@pytest.mark.parametrize(
    ("variable", "written", "said"),
    [
        ("BUDDIES_PORT", "eighty", "BUDDIES_PORT=eighty should be a valid integer"),
        ("BUDDIES_PORT", "99999", "BUDDIES_PORT=99999 should be less than or equal to 65535"),
        ("BUDDIES_MODE", "tiny", "BUDDIES_MODE=tiny should be 'full' or 'toy'"),
        ("BUDDIES_SAMPLE", "0", "BUDDIES_SAMPLE=0 should be greater than 0"),
        ("BUDDIES_STRICT", "perhaps", "BUDDIES_STRICT=perhaps should be a valid boolean"),
    ],
)
def test_a_value_that_cannot_be_read_is_one_line_that_names_its_variable(monkeypatch, variable, written, said):
    monkeypatch.setenv(variable, written)
    with pytest.raises(InvalidSettingError) as caught:
        Settings()
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_no_value_of_a_secret_stands_in_an_error(monkeypatch):
    monkeypatch.setenv("BUDDIES_PORT", "eighty")
    with pytest.raises(InvalidSettingError) as caught:
        Settings(postgres_url=5, service_api_key=["hunter2"])
    assert "hunter2" not in str(caught.value)
    assert "BUDDIES_SERVICE_API_KEY" in str(caught.value)
