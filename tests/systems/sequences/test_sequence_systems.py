"""Next track and continuation from slices to what the service answers from, on playlists that are seen through."""

import json

import dagster as dg
import numpy as np
import polars as pl
import pytest

from buddies_assets.definitions import build_definitions
from buddies_assets.sources.steps.sequences import read_corpus, rows_of
from buddies_assets.systems.next_track import steps
from buddies_core.artifact.named_arrays import read_artifact
from buddies_core.sequences.answers import ServedSequences
from buddies_core.sequences.fit import SequenceConfig
from buddies_core.sequences.skipgram import SkipGramConfig
from buddies_core.sequences.training import ModelsConfig
from buddies_core.sequences.trees_training import TreesConfig
from buddies_core.sequences.wish import Wish
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
PLAYLISTS, ARTISTS, EACH = 200, 24, 6


def playlists() -> list[dict]:
    """Each runs through the songs of four artists of one of two kinds, in the order of their albums."""
    found = []
    for pid in range(PLAYLISTS):
        kind, rng = pid % 2, np.random.default_rng(pid)
        tracks = []
        for artist in rng.choice(ARTISTS // 2, 4, replace=False).tolist():
            first = int(rng.integers(0, 3))
            for song in range(first, first + 4):
                number = 2 * artist + kind
                if rng.random() < 0.3:
                    number, song = 2 * int(rng.integers(ARTISTS // 2)) + kind, int(rng.integers(EACH))
                uri = f"spotify:track:{number:011d}{song % EACH:011d}"
                tracks.append(
                    {"track_uri": uri, "track_name": f"song {song % EACH}", "artist_name": f"artist {number}"}
                )
        name = ("slow rock", "fast techno")[kind]
        found.append({"pid": pid, "name": name, "num_followers": pid % 7, "tracks": tracks})
    return found


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slices")
    (folder / "mpd.slice.0-999.json").write_text(json.dumps({"info": {}, "playlists": playlists()}))
    settings = Settings(home=str(tmp_path_factory.mktemp("home")), mpd_dir=str(folder), threads=1)
    small = ModelsConfig(
        index=SequenceConfig(
            factors=8, wide_factors=8, artist_factors=8, iterations=2, skip_gram=SkipGramConfig(dimension=8, epochs=2)
        ),
        folds=2,
        trees=TreesConfig(trees=20),
    )
    definitions = build_definitions(settings)
    results = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(steps, "GRID", ({"dimension": 8, "epochs": 3}, {"dimension": 8, "epochs": 3, "window": 4}))
        patch.setattr("buddies_assets.sources.steps.sequence_models.config_for", lambda *_, **__: small)
        for system in ("next_track", "continuation"):
            job = definitions.resolve_job_def(f"{system}_job")
            instance = dg.DagsterInstance.ephemeral()
            results[system] = job.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False)
    return settings, results


@pytest.mark.parametrize("system", ["next_track", "continuation"])
def test_one_job_makes_a_system_and_every_check_passes(made, system):
    result = made[1][system]
    checks = result.get_asset_check_evaluations()
    assert [(c.check_name, c.metadata) for c in checks if not c.passed] == []
    failures = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    assert result.success, failures[:1]
    assert len(checks) > 30


def test_stored_playlists_come_back_in_order_whatever_the_order_of_their_rows(made):
    store = DatasetStore.at(made[0].home)
    corpus = read_corpus(store.open("playlist_sequences"))
    rows = rows_of(corpus.sequences)
    assert rows.equals(store.open("playlist_sequences").frame().sort("pid", "place"))
    of_pid = {playlist["pid"]: playlist for playlist in playlists()}
    for i in (0, 7, 150):
        pid = int(corpus.sequences.pids[i])
        uris = list(dict.fromkeys(track["track_uri"] for track in of_pid[pid]["tracks"]))
        songs = corpus.sequences.playlist(i)[0].tolist()
        assert corpus.songs.table["uri"].gather(songs).to_list() == uris


def test_copies_of_a_playlist_are_in_one_split(made):
    splits = DatasetStore.at(made[0].home).open("sequence_splits").frame()
    assert splits.group_by("content").agg(pl.col("split").n_unique())["split"].max() == 1
    assert set(splits["split"].cast(pl.String)) == {"train", "validation", "test"}


@pytest.mark.parametrize("task", ["next_track", "continuation"])
def test_what_is_served_goes_on_in_the_kind_of_the_playlist(made, task):
    served = ServedSequences(read_artifact(made[0].local_home / "sequences" / task).arrays)
    shown = [track["track_uri"] for track in playlists()[0]["tracks"][:6]]
    known, named = served.answer(task, Wish(shown, n=8))
    assert all(known)
    assert np.mean([int(one.artist.split()[1]) % 2 == 0 for one in named]) > 0.8


def test_the_card_says_what_it_is_made_of_and_is_a_file(made):
    home = made[0].local_home
    for task in ("next_track", "continuation"):
        card = (home / "cards" / f"{task}.md").read_text()
        assert card == DatasetStore.at(made[0].home).open(f"{task}_card").frame()["card"][0]
        assert "200 playlists in order" in card and "## Limits" in card and "most popular" in card
    assert "vega" in (home / "cards" / "graphsage.html").read_text()


def test_the_two_forms_of_the_graph_and_every_system_are_in_the_evaluation_of_links(made):
    stored = DatasetStore.at(made[0].home).open("link_evaluation")
    assert set(stored.frame()["system"]) == {"popularity", "ALS-64", "GraphSAGE"}
    assert stored.part("continued")["seeds"].unique().sort().to_list() == [1, 10, 25]
    graphs = stored.part("graphs")
    assert graphs.filter(pl.col("graph") == "co-occurrence")["edges"][0] > 0


def test_a_word_of_a_title_is_near_the_words_it_stands_with(made):
    frame = DatasetStore.at(made[0].home).open("title_neighbours").frame()
    near = dict(frame.select("word", "near").iter_rows())
    assert near["rock"][0] == "slow" and near["techno"][0] == "fast"
