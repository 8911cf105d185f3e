"""Recommended playlists judged by plays that no model saw: how many of the songs they bring are really played?

A computed like is the overlap of library and playlist, so whoever ranks by overlap fits it best; a hidden play is an
act of the listener. Only songs that both sources know are counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit

from buddies_core.interactions.csr import Library
from buddies_core.interactions.ragged import Ragged

SHOWN = 5
FEWEST_VISIBLE, FEWEST_HIDDEN = 3, 2
METRICS = ("precision", "hits", "any", "common", "shorter")
DRAWS = 2_000
_DRAWS_AT_ONCE = 50


@dataclass(frozen=True)
class ListenerMetrics:
    """One number a judged listener and metric, float64 [judged].

    Attributes:
        precision: mean over the playlists shown of (hidden songs in it / songs in it that are not visible); a playlist
            with nothing new counts 0, and so does one that is missing.
        hits: distinct hidden songs in the playlists shown; any: whether there is one.
        common: share of the playlists shown with a visible song in it; shorter: whether fewer than five are shown.
    """

    precision: np.ndarray
    hits: np.ndarray
    any: np.ndarray
    common: np.ndarray
    shorter: np.ndarray

    def taken(self, order: np.ndarray) -> "ListenerMetrics":
        """The same of some listeners, or of all in another order."""
        return ListenerMetrics(*(getattr(self, name)[order] for name in METRICS))


def judged_users(visible: Library, hidden: Library) -> np.ndarray:
    """Rows with at least 3 visible and 2 hidden songs, those also visible not counted; int64, ascending."""
    counts = _hidden_counts(visible.indptr, visible.indices, hidden.indptr, hidden.indices, visible.n_columns)
    return np.flatnonzero((visible.lengths >= FEWEST_VISIBLE) & (counts >= FEWEST_HIDDEN))


def listener_metrics(
    users: np.ndarray, lists: Ragged, playlist_songs: Library, visible: Library, hidden: Library, *, shown: int = SHOWN
) -> ListenerMetrics:
    """Judge the first `shown` playlists of each list.

    Args:
        users: rows judged in `visible` and `hidden`, [n].
        lists: playlists of each of these users, best first.
    """
    found = _judge(
        np.asarray(users, np.int64), lists.offsets, lists.values, playlist_songs.indptr, playlist_songs.indices,
        visible.indptr, visible.indices, hidden.indptr, hidden.indices, visible.n_columns, shown,
    )  # fmt: skip
    return ListenerMetrics(*found)


def intervals(metrics: ListenerMetrics) -> Mapping[str, tuple[float, float, float]]:
    """Mean and 95 % interval of each metric: percentiles of 2,000 bootstrap draws of the listeners, always the same."""
    n = len(metrics.precision)
    if not n:
        return dict.fromkeys(METRICS, (0.0, 0.0, 0.0))
    generator, even = np.random.default_rng(0), np.full(n, 1 / n)
    values = [getattr(metrics, name).astype(np.float64) for name in METRICS]
    means: dict[str, list[np.ndarray]] = {name: [] for name in METRICS}
    for _ in range(0, DRAWS, _DRAWS_AT_ONCE):
        weights = generator.multinomial(n, even, _DRAWS_AT_ONCE) / n
        for name, value in zip(METRICS, values, strict=True):
            means[name].append(weights @ value)
    found = {}
    for name, value in zip(METRICS, values, strict=True):
        low, high = np.percentile(np.concatenate(means[name]), [2.5, 97.5])
        found[name] = (float(value.mean()), float(low), float(high))
    return found


@njit(nogil=True, cache=True)
def _hidden_counts(visible_ptr, visible, hidden_ptr, hidden, n_songs):
    counts = np.zeros(len(hidden_ptr) - 1, np.int64)
    stamps = np.full(n_songs, -1, np.int64)
    for user in range(len(counts)):
        for song in visible[visible_ptr[user] : visible_ptr[user + 1]]:
            stamps[song] = user
        for song in hidden[hidden_ptr[user] : hidden_ptr[user + 1]]:
            counts[user] += stamps[song] != user
    return counts


@njit(nogil=True, cache=True)
def _judge(
    users, offsets, playlists, playlist_ptr, playlist_songs, visible_ptr, visible, hidden_ptr, hidden, n_songs, shown
):
    n = len(users)
    precision, hits, some, common, shorter = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    state = np.zeros(n_songs, np.int8)  # 1 hidden, 2 visible, 3 hidden and already met
    for row in range(n):
        user = users[row]
        mine = hidden[hidden_ptr[user] : hidden_ptr[user + 1]]
        had = visible[visible_ptr[user] : visible_ptr[user + 1]]
        for song in mine:
            state[song] = 1
        for song in had:
            state[song] = 2
        last = min(offsets[row] + shown, offsets[row + 1])
        total, with_known = 0.0, 0
        for playlist in playlists[offsets[row] : last]:
            new, right, known = 0, 0, False
            for song in playlist_songs[playlist_ptr[playlist] : playlist_ptr[playlist + 1]]:
                if state[song] == 2:
                    known = True
                    continue
                new += 1
                if state[song]:
                    right += 1
                    hits[row] += state[song] == 1
                    state[song] = 3
            if new:
                total += right / new
            with_known += known
        precision[row], common[row] = total / shown, with_known / shown
        some[row], shorter[row] = hits[row] > 0, last - offsets[row] < shown
        for song in mine:
            state[song] = 0
        for song in had:
            state[song] = 0
    return precision, hits, some, common, shorter
