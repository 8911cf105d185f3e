"""`buddies run --select` and `--dry-run`: what would be made, in which order, and what is known of the last time."""

import dagster as dg
import polars as pl
import pytest
from typer.testing import CliRunner

from buddies_assets.cli.main import app
from buddies_assets.cli.planning import SelectionError, plan_table, planned, selected_job
from buddies_assets.definitions import defs
from buddies_assets.io_managers import DatasetIOManager
from buddies_assets.systems.found import chosen_systems
from buddies_core.settings import Settings, get_settings
from buddies_core.storage.datasets import DatasetStore


def names(select: str | None, system: str = "playlists", store: DatasetStore | None = None) -> list[str]:
    """Assets that a command would make, in order."""
    job = selected_job(defs, chosen_systems(system), select)
    return [one.asset for one in planned(job, store or DatasetStore.at("/nowhere"), None)]


def test_a_selection_is_made_in_the_order_of_the_graph():
    assert names("splits, scores,exploration_coefficients") == ["exploration_coefficients", "scores", "splits"]


def test_a_plus_is_a_step_and_a_star_is_all_of_them():
    assert names("artist_search+") == ["artist_search", "artist_model"]
    assert names("*artist_search") == ["artist_plays", "artist_splits", "artist_search"]


def test_what_one_step_makes_is_made_together():
    assert names("mpd_tracks") == names("mpd_playlists") == ["mpd_playlists", "mpd_tracks"]


def test_every_asset_that_a_run_makes_can_be_asked_for_alone():
    asked = names(None, "all")
    assert all(one in names(one) for one in asked)


def test_a_system_and_all_systems_are_whole():
    artists = names(None, "artists")
    assert len(artists) == 6 and artists[-1] == "served_artists"
    both = set(names(None, "all"))
    assert set(artists) | set(names(None)) <= both
    assert "user_feedback" not in both, "what no run makes is not promised"


@pytest.mark.parametrize(
    ("select", "said"),
    [
        ("weather", "there is no asset weather"),
        ("splits,weather", "weather"),
        ("spl(", "cannot be read"),
        (" , ", "nothing"),
    ],
)
def test_a_selection_that_names_nothing_says_so_in_one_line(select, said):
    with pytest.raises(SelectionError, match=said) as caught:
        names(select)
    assert "\n" not in str(caught.value)


def test_time_and_disk_of_the_last_time_are_told(tmp_path):
    store = DatasetStore.at(str(tmp_path))

    @dg.asset
    def artist_plays() -> pl.DataFrame:
        return pl.DataFrame({"user": ["u"]})

    made = dg.Definitions(assets=[artist_plays], resources={"io_manager": DatasetIOManager(store.root)})
    with dg.DagsterInstance.ephemeral() as instance:
        job = made.resolve_implicit_global_asset_job_def()
        assert job.execute_in_process(instance=instance).success
        plan = planned(selected_job(defs, [], "artist_plays,artist_splits"), store, instance)
    first, second = plan
    assert first.asset == "artist_plays" and first.bytes == store.open("artist_plays").manifest.bytes
    assert first.seconds is not None and 0 < first.seconds < 60
    assert (second.seconds, second.bytes, second.made_at) == (None, None, None)
    caption = str(plan_table(plan, Settings(home=str(tmp_path))).caption)
    assert "1 were never made here" in caption


def test_a_dry_run_makes_nothing_and_starts_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("BUDDIES_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("BUDDIES_POSTGRES_URL", raising=False)
    get_settings.cache_clear()
    told = CliRunner().invoke(app, ["run", "--dry-run", "--select", "splits*"])
    get_settings.cache_clear()
    assert told.exit_code == 0, told.output
    assert "playlist_ownership" in told.output and "never" in told.output
    assert not (tmp_path / "home").exists()
