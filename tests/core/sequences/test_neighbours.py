"""Neighbours within a window, beside a plain count over all pairs of places."""

from itertools import pairwise

import numpy as np
import pytest

from buddies_core.sequences.neighbours import near, postings


def counted_by_hand(indptr, items, n, *, window, decay, backward, norm):
    """Every pair of places of every playlist, as the module's formula says."""
    weights, shows = np.zeros((n, n)), np.zeros((n, n), int)
    for start, stop in pairwise(indptr.tolist()):
        for i in range(start, stop):
            for j in range(start, stop):
                gap, x, y = j - i, items[i], items[j]
                if 0 < abs(gap) <= window and x != y and max(x, y) < n:
                    weight = decay ** (abs(gap) - 1) * (1 if gap > 0 else backward)
                    if weight:
                        weights[x, y] += weight
                        shows[x, y] += 1
    popularity = np.maximum(np.bincount(items[items < n], minlength=n), 1.0) ** -norm
    return weights * popularity[:, None] * popularity[None, :], shows


@pytest.mark.parametrize(("window", "decay", "backward"), [(1, 1.0, 0.0), (3, 0.5, 0.8), (20, 0.85, 1.0)])
def test_weights_and_counts_are_those_of_a_count_over_all_pairs(window, decay, backward):
    generator = np.random.default_rng(5)
    lengths = generator.integers(1, 12, 30)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    items = np.concatenate([generator.permutation(14)[:length] for length in lengths]).astype(np.int32)
    found = near(indptr, items, 12, window=window, decay=decay, backward=backward, norm=0.25, most=100)
    weights, shows = counted_by_hand(indptr, items, 12, window=window, decay=decay, backward=backward, norm=0.25)
    for x in range(12):
        others, own, counts = found.row(x)
        assert sorted(others.tolist()) == np.flatnonzero(weights[x]).tolist()
        assert own == pytest.approx(weights[x, others], rel=1e-6)
        assert counts.tolist() == shows[x, others].tolist()
        assert (np.diff(own) <= 0).all()


def test_only_the_heaviest_neighbours_are_kept():
    indptr, items = np.array([0, 3, 6, 8]), np.array([0, 1, 2, 0, 1, 3, 0, 1], np.int32)
    found = near(indptr, items, 4, window=2, decay=0.5, backward=0.0, norm=0.0, most=1)
    others, weights, counts = found.row(0)
    assert (others.tolist(), weights.tolist(), counts.tolist()) == ([1], [3.0], [3])


def test_postings_name_every_place_of_an_item_and_leave_out_the_unknown():
    found = postings(np.array([0, 2, 5]), np.array([1, 9, 0, 1, 9], np.int32), 2)
    assert found.indptr.tolist() == [0, 1, 3]
    assert list(zip(found.playlists.tolist(), found.places.tolist(), strict=True)) == [(1, 0), (0, 0), (1, 1)]
