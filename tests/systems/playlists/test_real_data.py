"""The graph on real MPD and ENTP files, against short independent queries over the same files."""

import json
from pathlib import Path

import polars as pl
import pytest
from running import materialise

from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def real_run(tmp_path_factory, real_data: Path) -> Settings:
    settings = Settings(
        home=str(tmp_path_factory.mktemp("real")),
        mpd_dir=str(real_data / "mpd"),
        entp_file=str(real_data / "entp" / "train_triplets.txt"),
        msd_file=str(real_data / "msd" / "song_data.csv"),
        msd_mismatches_file=str(real_data / "msd" / "sid_mismatches.txt"),
        match="exact",
    )
    assert materialise(settings).success
    return settings


def exact_key(title: str, artist: str) -> pl.Expr:
    """Strip and lower-case, as the exact key is defined."""
    cleaned = [pl.col(name).str.strip_chars().str.to_lowercase() for name in (title, artist)]
    return pl.concat_str(cleaned, separator="\x1f")


def test_counts_agree_with_an_independent_query_over_the_raw_files(real_run: Settings, real_data: Path):
    store = DatasetStore.at(real_run.home)
    playlists = [
        playlist
        for file in sorted((real_data / "mpd").glob("*.json"))
        for playlist in json.loads(file.read_text(encoding="utf-8"))["playlists"]
    ]
    assert store.open("mpd_playlists").manifest.rows == len(playlists)
    assert store.open("mpd_tracks").manifest.rows == sum(len(playlist["tracks"]) for playlist in playlists)
    plays = pl.read_csv(
        real_data / "entp" / "train_triplets.txt",
        separator="\t",
        has_header=False,
        new_columns=["user", "song_id", "plays"],
    )
    assert store.open("entp_plays").manifest.rows == plays.height
    assert store.open("user_library").manifest.rows == plays["user"].n_unique()
    wrong = (real_data / "msd" / "sid_mismatches.txt").read_text(encoding="utf-8")
    mismatched = pl.Series([line[8:26] for line in wrong.splitlines() if line.startswith("ERROR: <SO")])
    text = pl.read_csv(real_data / "msd" / "song_data.csv").unique("song_id", keep="first", maintain_order=True)
    hidden = store.open("hidden_plays").frame().rename({"user_id": "user"})
    visible = plays.join(hidden, on=["user", "song_id"], how="anti")
    played = text.filter(pl.col("song_id").is_in(visible["song_id"].unique().implode()))
    ours = played.filter(~pl.col("song_id").is_in(mismatched.implode())).with_columns(
        key=exact_key("title", "artist_name")
    )
    tracks = pl.DataFrame(
        {
            "pid": [p["pid"] for p in playlists for _ in p["tracks"]],
            "uri": [t["track_uri"] for p in playlists for t in p["tracks"]],
            "title": [t["track_name"] for p in playlists for t in p["tracks"]],
            "artist": [t["artist_name"] for p in playlists for t in p["tracks"]],
        }
    ).with_columns(key=exact_key("title", "artist"))
    shared = ours.select("key", "song_id").join(tracks.select("key").unique(), on="key", how="semi")
    stored = store.open("songs").frame()
    # Repaired text ("Ã©" for "é") may add a few matches that the plain query does not see.
    assert shared["key"].n_unique() <= stored.height <= shared["key"].n_unique() + 5
    holding = tracks.join(shared.select("key").unique(), on="key", how="semi")["pid"].n_unique()
    assert holding <= store.open("playlist_library").manifest.rows <= holding + 5


def test_recommendations_name_real_playlists_and_shared_songs(real_run: Settings):
    from rich.console import Console

    from buddies_assets.cli.recommending import Recommender

    recommender = Recommender(DatasetStore.at(real_run.home))
    console = Console(width=200, record=True)
    user = recommender.some_users(1)[0]
    console.print(recommender.table(user))
    shown = console.export_text()
    ranked = DatasetStore.at(real_run.home).open("ranked_candidates").frame().filter(pl.col("user") == user)
    pids = DatasetStore.at(real_run.home).open("playlist_library").frame()["pid"]
    for playlist in ranked["playlists"][0][:5]:
        assert str(pids[playlist]) in shown
    assert " – " in shown
