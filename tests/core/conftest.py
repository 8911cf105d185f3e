"""Small worlds and hand-made data for the tests of training."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from benchmarks.worlds import World, overlap_world
from buddies_core.recommenders.bpr.data import Blocks, EvaluationCases, TrainingData


@pytest.fixture(scope="session")
def world() -> World:
    """A thousand users, 1,500 playlists and likes made of song overlap."""
    return overlap_world(1000, 1500, 500, seed=3)


@pytest.fixture
def checkerboard() -> TrainingData:
    """Forty users and sixty playlists: users like the train playlists of their own parity, and nothing else.

    Playlists 0 to 9 are held out of the train likes of users 0 to 9, so each of those users has five unseen playlists
    of its own parity, which must come before all of the other parity.
    """
    n_users, n_playlists = 40, 60
    users, positives, negatives = [], [], []
    for user in range(n_users):
        for playlist in range(user % 2, n_playlists, 2):
            if user < 10 and playlist < 10:
                continue
            others = np.arange(1 - user % 2, n_playlists, 2)
            users.append(user)
            positives.append(playlist)
            negatives.append(np.roll(others, user + playlist)[:4])
    cases = [(user, playlist) for user in range(10) for playlist in range(user % 2, 10, 2)]
    held = EvaluationCases(
        np.array([user for user, _ in cases], np.uint32),
        np.array([playlist for _, playlist in cases], np.uint32),
        np.array([np.arange(1 - user % 2, n_playlists, 2) for user, _ in cases], np.uint32),
    )
    blocks = Blocks(np.array(users, np.uint32), np.array(positives, np.uint32), np.array(negatives, np.uint32))
    return TrainingData.from_blocks(blocks, n_users=n_users, n_playlists=n_playlists, validation=held)


@pytest.fixture
def sharded() -> Callable[[TrainingData, int], TrainingData]:
    """Cuts data of one shard into shards of whole users."""

    def cut(data: TrainingData, shards: int) -> TrainingData:
        blocks = data.load(0)
        cuts = np.searchsorted(blocks.users, np.linspace(0, data.n_users, shards + 1))
        loaders = [
            lambda a=a, b=b: Blocks(blocks.users[a:b], blocks.positives[a:b], blocks.negatives[a:b])
            for a, b in pairwise(cuts)
        ]
        return replace(data, shards=loaders)

    return cut


@pytest.fixture
def state_folder(tmp_path: Path) -> Path:
    """Folder for the states of a training."""
    return tmp_path / "states"
