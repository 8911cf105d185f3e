"""BUDDIES_SAMPLE reads some playlists and users, by their ids alone, and says everywhere that it did."""

from pathlib import Path

import numpy as np

from buddies_assets.sources.entp import read_triplets
from buddies_assets.sources.mpd import find_slices, merge_slices, read_slices
from buddies_assets.sources.sampling import playlists_in_sample, users_in_sample
from buddies_assets.sources.steps.raw import RawRun
from buddies_assets.sources.steps.read_mpd import read_mpd
from buddies_assets.sources.synthetic.write import write_world
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.sample import sample_note, sample_of


def test_a_sample_is_of_its_share_and_lies_within_every_larger_one():
    ids = np.arange(200_000, dtype=np.uint64)
    for chosen in (playlists_in_sample, users_in_sample):
        tenth, half = chosen(ids, 0.1), chosen(ids, 0.5)
        assert abs(tenth.mean() - 0.1) < 0.004
        assert not (tenth & ~half).any()
        assert chosen(ids, 1.0).all()
    assert (playlists_in_sample(ids, 0.5) != users_in_sample(ids, 0.5)).mean() > 0.4


def test_what_is_left_out_is_counted_and_what_is_read_is_a_part_of_the_whole(tmp_path: Path):
    paths = write_world(tmp_path, 200, 600, 3)
    whole = merge_slices(list(read_slices(find_slices(paths.mpd), strict=True)))
    part = merge_slices(list(read_slices(find_slices(paths.mpd), strict=True, sample=0.2)))
    kept = whole.playlists["pid"].to_numpy()[playlists_in_sample(whole.playlists["pid"].to_numpy(), 0.2)]
    assert part.playlists["pid"].to_list() == kept.tolist()
    assert part.playlist_counts.reconciled
    assert part.playlist_counts.left_out == 600 - len(kept)
    batches = list(read_triplets(paths.triplets, strict=True, sample=0.2))
    users = set().union(*(batch.plays["user_id"].unique() for batch in batches))
    assert 10 < len(users) < 80
    assert all(batch.counts.reconciled and batch.counts.left_out for batch in batches)


def test_the_store_knows_that_it_holds_a_sample(tmp_path: Path):
    paths = write_world(tmp_path / "raw", 200, 600, 3)
    store = DatasetStore.at(str(tmp_path / "home"))
    assert sample_of(store) == 1
    settings = Settings(home=str(tmp_path / "home"), sample=0.2)
    read_mpd(RawRun(store, settings, "run"), paths.mpd)
    assert sample_of(store) == 0.2
    assert sample_note(0.2) == "a sample: 20.00% of playlists and users (BUDDIES_SAMPLE=0.2)"
    assert sample_note(1.0) == ""
