"""Synthetic listeners come back to artists as those of the real plays do."""

import numpy as np
import pytest

from buddies_assets.sources.synthetic.loyalty import come_back
from buddies_assets.sources.synthetic.order import Discography
from buddies_assets.sources.synthetic.world import SyntheticWorld

WORLD = SyntheticWorld(users=1_500, playlists=2_500, seed=7)
REAL_PAIRS, REAL_LARGEST = 0.0667, 0.197
"""Of the 211 listeners of the real sample with 16 to 20 songs: pairs of songs by one artist, and the share of the
library that the artist with most songs has."""


def test_songs_of_one_artist_stand_together_in_libraries_as_in_the_real_sample():
    played, _ = WORLD.user_songs(0, 1_500)
    artist = WORLD.artists_of(WORLD.recordings(WORLD.entp_of_songs(played.values)))
    pairs, largest = [], []
    for first, last in zip(played.offsets[:-1], played.offsets[1:], strict=True):
        if 16 <= last - first <= 20:
            counts = np.unique(artist[first:last], return_counts=True)[1]
            pairs.append((counts * (counts - 1)).sum() / (last - first) / (last - first - 1))
            largest.append(counts.max() / (last - first))
    assert len(pairs) > 150
    assert np.mean(pairs) == pytest.approx(REAL_PAIRS, rel=0.2)
    assert np.mean(largest) == pytest.approx(REAL_LARGEST, rel=0.2)


def test_what_is_drawn_instead_is_by_the_artist_of_an_earlier_draw_of_the_row():
    artist_of = np.arange(60) % 6
    discography = Discography.of(artist_of, artist_of, 6)
    row, nth = np.repeat(np.arange(200), 10), np.tile(np.arange(10), 200)
    items = np.random.default_rng(1).integers(0, 60, len(row))
    found = come_back(3, row, nth, items, 10.0, discography)
    changed = np.flatnonzero(found != items)
    assert 0.3 < len(changed) / len(row) < 0.5  # a half of the nine draws that have one before them, less the same song
    for at in changed:
        assert nth[at] > 0
        assert artist_of[found[at]] in artist_of[found[at - nth[at] : at]]


def test_a_listener_is_the_same_whoever_is_drawn_beside_them():
    whole, _ = WORLD.user_songs(0, 60)
    part, _ = WORLD.user_songs(20, 30)
    assert np.array_equal(part.values, whole.values[whole.offsets[20] : whole.offsets[30]])
