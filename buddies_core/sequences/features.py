"""Candidates for a playlist as it stands, and what every scorer says of each: the input of the rankers.

Every scorer is cheap and looks only at rows that the playlist's songs, artists or title point to: a request costs what
it looks at, not the size of the vocabulary. Candidates are the union of what each scorer puts first.
"""

import numpy as np

from buddies_core.sequences.feature_names import FEATURES, OWN, SCORES, WHOLE
from buddies_core.sequences.index import SequenceIndex
from buddies_core.sequences.query import Candidates, Query
from buddies_core.sequences.scorers.artists import Artists
from buddies_core.sequences.scorers.like_playlists import LikePlaylists
from buddies_core.sequences.scorers.near_songs import NearSongs
from buddies_core.sequences.scorers.scorer import Found, Scorer, Shown
from buddies_core.sequences.scorers.title_words import TitleWords
from buddies_core.sequences.scorers.vectors import Vectors

_SORTED_BY = 12
"""Songs at the end that tell whether a playlist is sorted by name."""


class Featuriser:
    """Makes candidates and their features from an index; keeps tables between requests, so one thread at a time.

    Args:
        index: what was fitted.
        per_scorer: candidates that each scorer names.
    """

    def __init__(self, index: SequenceIndex, per_scorer: int = 300) -> None:
        self._index = index
        word_idf = np.log(max(index.n_playlists, 2) / np.maximum(np.diff(index.word_ptr), 1)).astype(np.float32)
        self._title = TitleWords(index, per_scorer, word_idf)
        self._scorers: tuple[Scorer, ...] = (
            NearSongs(index, per_scorer), LikePlaylists(index, per_scorer), self._title, Artists(index),
            Vectors(index, per_scorer, word_idf),
        )  # fmt: skip
        self._popular = np.argsort(-index.popularity, kind="stable")[:per_scorer]
        self._log_popularity = np.log1p(index.popularity).astype(np.float32)
        rows = np.bincount(index.artist_of, weights=index.popularity, minlength=index.n_artists)
        self._artist_rows = np.maximum(rows, 1).astype(np.float32)
        self._share = index.popularity / self._artist_rows[index.artist_of]
        place = np.zeros(index.n_songs, np.float32)
        place[index.artist_songs] = np.arange(len(index.artist_songs)) - np.repeat(
            index.artist_ptr[:-1], np.diff(index.artist_ptr)
        )
        self._log_place = np.log1p(place)

    def candidates(self, query: Query) -> Candidates:
        """What could follow a playlist, with features."""
        index = self._index
        shown = Shown.of(query, index)
        pools = [self._popular]
        for scorer in self._scorers:
            pools += scorer.propose(shown)
        songs = np.unique(np.concatenate(pools).astype(np.int64))
        songs = songs[~np.isin(songs, shown.known)]
        songs = songs[index.popularity[songs] > 0]
        found = Found(songs, index.artist_of[songs], self._share[songs].astype(np.float32))
        features = self._features(shown, found)
        for scorer in self._scorers:
            scorer.clear()
        return Candidates(songs, features)

    def _features(self, shown: Shown, found: Found) -> np.ndarray:
        """All columns in the order of `FEATURES`, float32 [n, f]."""
        said = self._of_songs(shown, found)
        for scorer in self._scorers:
            said |= scorer.scores(found)
        of_all = self._of_playlist(shown, said)
        # A row a feature, as they are written and as trees ask for them; what is returned is the view of it by song.
        features = np.empty((len(FEATURES), len(found.songs)), np.float32)
        scores, relative = features[: len(SCORES)], features[len(SCORES) : 2 * len(SCORES)]
        for row, name in zip(scores, SCORES, strict=True):
            row[:] = said[name]
        np.divide(scores, np.maximum(scores.max(1, initial=0), np.float32(1e-9))[:, None], out=relative)
        for row, name in zip(features[2 * len(SCORES) :], (*OWN, *WHOLE), strict=True):
            row[:] = said[name] if name in said else of_all[name]
        return features.T

    def _of_songs(self, shown: Shown, found: Found) -> dict[str, np.ndarray]:
        """What differs from song to song and no scorer says."""
        index, artists = self._index, shown.artists
        never = np.zeros(len(found.songs), np.float32)
        after_artist, step_artist = _after(found.artist, shown.singers, index.n_artists)
        after_title, step_title = _after(found.songs, shown.known, index.n_songs)
        return {
            "log_popularity": self._log_popularity[found.songs],
            "log_artist": np.log1p(self._artist_rows[found.artist]),
            "log_share": np.log(np.maximum(found.share, 1e-6)),
            "artist_is_last": (found.artist == artists[-1]).astype(np.float32) if len(artists) else never,
            "artist_is_second": (found.artist == artists[-2]).astype(np.float32) if len(artists) > 1 else never,
            "log_place_in_artist": self._log_place[found.songs],
            "after_in_artists": after_artist,
            "after_in_titles": after_title,
            "step_in_artists": step_artist,
            "step_in_titles": step_title,
        }

    def _of_playlist(self, shown: Shown, said: dict[str, np.ndarray]) -> dict[str, float]:
        """What is the same for all candidates."""
        known, artists, length = shown.known, shown.artists, max(len(shown.songs), 1)
        run = 0
        while run < len(artists) and artists[-1 - run] == artists[-1]:
            run += 1
        return {
            "log_length": np.log1p(len(shown.songs)),
            "known": len(known) / length,
            "mean_log_popularity": float(self._log_popularity[known].mean()) if len(known) else 0.0,
            "run_of_artist": run,
            "repeats_of_artist": float((artists[1:] == artists[:-1]).mean()) if len(artists) > 1 else 0.0,
            "artists_a_song": len(np.unique(artists)) / length,
            "title_playlists": np.log1p(self._title.playlists),
            "best_knn": float(said["knn"].max(initial=0)),
            "best_near": float(said["near_recent"].max(initial=0)),
            "sorted_by_artist": _direction(shown.singers),
            "sorted_by_title": _direction(known),
        }


def _after(ids: np.ndarray, shown: np.ndarray, of: int) -> tuple[np.ndarray, np.ndarray]:
    """Whether names stand after the last one shown in the direction in which the playlist is sorted, and how far.

    Ids of a vocabulary ascend by name; a step is a share of all `of` names. Both are weighted by how sorted it is.
    """
    trend = _direction(shown)
    step = (ids - (shown[-1] if len(shown) else ids)).astype(np.float32) / of * np.float32(np.sign(trend))
    return np.sign(step) * np.float32(abs(trend)) ** 2, np.abs(step) * np.float32(trend**2)


def _direction(ids: np.ndarray) -> float:
    """How far the last ids ascend (1) or descend (-1) from one to the next; equal ones say nothing."""
    steps = np.sign(np.diff(ids[-_SORTED_BY:].astype(np.int64)))
    moving = np.abs(steps).sum()
    return float(steps.sum() / moving) if moving > 1 else 0.0
