"""The example of one's own files: plays and playlists of another world, fitted and asked as its README says."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import polars as pl
import pytest

from buddies_serving.main import create_app
from buddies_serving.settings import ServingSettings

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_data"
JAZZ = {"Ella", "Miles", "Nina", "Chet", "Dexter", "Sarah", "Art", "Wayne"}


def run(*words: object, home: Path, **environment: str) -> str:
    """What a command prints; a command that fails fails the test with what it said."""
    told = {**os.environ, "BUDDIES_HOME": str(home), "COLUMNS": "200", **environment}
    done = subprocess.run([sys.executable, *map(str, words)], env=told, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked(home: Path, path: str, body: object) -> dict:
    async def post() -> dict:
        app = create_app(ServingSettings(_env_file=None, home=str(home), postgres_url=None))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            return (await client.post(path, json=body)).json()

    return asyncio.run(post())


def test_a_listener_of_the_file_gets_artists_of_their_taste_and_the_broken_line_is_kept(tmp_path):
    plays = EXAMPLE / "plays.csv"
    said = run("-m", "buddies_assets.cli", "fit", plays, "--user", "listener", "--weight", "listens", home=tmp_path)
    assert "Set aside 1 rows: not_a_number" in said
    broken = pl.read_parquet(tmp_path / "artists" / "plays" / "quarantine.parquet")
    lines = plays.read_text(encoding="utf-8").splitlines()
    assert [lines[number - 1] for number in broken["position"]] == ["ben,Anvil,many"]

    heard = {line.split(",")[1] for line in lines if line.startswith("ada,")}
    body = {"userid": "ada", "item_to_recommend": 3, "experiment": "plays"}
    assert set(asked(tmp_path, "/recommend/", body)["recommended_artist"]) == JAZZ - heard, "ada lacks three of jazz"


def test_playlists_of_a_csv_file_are_slices_that_the_reader_of_mpd_takes_without_a_complaint(tmp_path):
    from buddies_assets.cli.sequences import rows_and_names

    said = run(EXAMPLE / "slices.py", EXAMPLE / "playlists.csv", tmp_path / "slices", home=tmp_path)
    assert said.startswith("60 playlists with 510 songs under ")
    rows, names = rows_and_names(tmp_path / "slices", strict=True)
    assert (rows.height, names.height) == (510, 60)
    assert names.filter(pl.col("pid") == 0)["name"].to_list() == ["Nils 1"]
    (slice_file,) = (tmp_path / "slices").iterdir()
    first = json.loads(slice_file.read_text(encoding="utf-8"))["playlists"][0]
    assert [track["track_name"] for track in first["tracks"][:2]] == ["Morning", "Dew"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("playlist,artist\nA,B\n", "no column 'title'"),
        ("playlist,artist,title\nA,B,C\nA,,C\n", "line 3: playlist, artist and title must all be there"),
    ],
)
def test_a_file_that_is_no_list_of_playlists_is_refused_by_line_and_column(tmp_path, text, says):
    (tmp_path / "playlists.csv").write_text(text, encoding="utf-8")
    words = [sys.executable, EXAMPLE / "slices.py", tmp_path / "playlists.csv", tmp_path / "out"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 1
    assert says in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_one_s_own_playlists_are_fitted_and_a_song_is_followed_by_its_own_artist(tmp_path):
    run(EXAMPLE / "slices.py", EXAMPLE / "playlists.csv", tmp_path / "slices", home=tmp_path)
    told = {"BUDDIES_MPD_DIR": str(tmp_path / "slices")}
    run("-m", "buddies_assets.cli", "fit-playlists", home=tmp_path, **told)
    said = run("-m", "buddies_assets.cli", "recommend-tracks", "Nils - Morning", home=tmp_path, **told)
    first = next(line for line in said.splitlines() if line.startswith("│"))
    assert [cell.strip() for cell in first.split("│")[1:3]] == ["Dew", "Nils"]
