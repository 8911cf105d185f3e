"""Features of a (listener, song): one definition each, one code for training, for lists and for a request.

A `FeatureWorld` is what is known of songs once the sources are fitted; a listener enters by the history alone. So a
request with fresh plays gets the features that a list of tomorrow would be ranked by, to the bit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array

from buddies_core.kernels.ordering import falling_ranks
from buddies_core.recommenders.cooccurrence import nearest_items
from buddies_core.songs.facts import SongFacts
from buddies_core.songs.histories import Histories
from buddies_core.songs.in_common import in_common
from buddies_core.songs.nearness import nearness

NEIGHBOURS, SHRINK = 300, 3.0
WINDOWS = (7, 30)
"""Days of activity that are counted where plays have dates."""
TREND_DAYS = 30.0
LAST = 3
"""Songs last played that count as what the listener is at."""


@dataclass(frozen=True, slots=True)
class Feature:
    """A feature: its name, its unit, and what it says."""

    name: str
    unit: str
    what: str


_FIXED = (
    Feature("sources", "sources", "sources that have the song among their best hundred"),
    Feature("song listeners", "log(1 + listeners)", "listeners of the song"),
    Feature("song plays", "log(1 + plays)", "mean of the listeners' plays"),
    Feature("song year", "year", "year of the song, missing where unknown"),
    Feature("song text", "0 or 1", "whether the song's text is known"),
    Feature("song playlists", "log(1 + playlists)", "playlists that hold the song"),
    Feature("artist listeners", "log(1 + plays)", "plays of all songs of the artist"),
    Feature("artist songs", "songs", "songs of the artist in the catalogue"),
    Feature("songs", "songs", "songs that the listener knows"),
    Feature("mainstream", "log(1 + listeners)", "mean popularity of the songs known"),
    Feature("breadth", "share", "artists in the songs known"),
    Feature("texts", "share", "songs known whose text is known"),
    Feature("above mainstream", "log ratio", "popularity of the song above the mean of those known"),
    Feature("artist known", "songs", "songs of that artist known"),
    Feature("artist share", "share", "songs known that are by that artist"),
    Feature("artist plays", "share", "plays that went to that artist, as logarithms"),
    Feature("artist explored", "share", "songs of that artist that are known already"),
    Feature("release known", "songs", "songs of that release known"),
    Feature("title known", "songs", "songs known with that title by anybody"),
    Feature("years away", "years", "distance from the mean year of the songs known, missing where unknown"),
    Feature("nearest", "cosine", "likeness to the nearest song known"),
    Feature("second nearest", "cosine", "likeness to the second nearest song known"),
    Feature("near songs", "songs", "songs known that it is near to"),
    Feature("nearness", "cosine", "sum of the likenesses to the songs known"),
    Feature("near share", "share", "songs known that it is near to"),
)
_DATED = (
    Feature("song trend", "log ratio", "plays in the last 30 days against those of the 30 days before"),
    Feature("song age", "days", "days since anybody played it first"),
    *(Feature(f"songs in {days} days", "songs", f"songs played in the last {days} days") for days in WINDOWS),
    Feature("silent", "days", "days since the listener's last play"),
    Feature("nearest of the last", "cosine", f"likeness to the nearest of the last {LAST} songs"),
)


@dataclass(frozen=True)
class FeatureWorld:
    """What features know of songs.

    Attributes:
        facts: of the songs.
        listeners: float32 [n], who has each song; plays: float32 [n], mean of log(1 + plays) of those.
        alike: float32 [n, n], the songs most like each song by common listeners.
        trend, song_age: float32 [n], where plays have dates.
    """

    facts: SongFacts
    listeners: np.ndarray
    plays: np.ndarray
    alike: csr_array
    trend: np.ndarray | None = None
    song_age: np.ndarray | None = None

    @classmethod
    def of(cls, histories: Histories, facts: SongFacts) -> "FeatureWorld":
        """The world of the plays that may be seen: what is hidden must have been taken out before."""
        known = histories.known
        holders = np.bincount(known.indices, minlength=known.shape[1])
        sums = np.bincount(known.indices, weights=np.log1p(histories.plays.data), minlength=known.shape[1])
        alike = nearest_items(known, NEIGHBOURS, shrink=SHRINK)
        trend, age = song_dates(histories) if histories.age is not None else (None, None)
        mean = (sums / np.maximum(holders, 1)).astype(np.float32)
        return cls(facts, holders.astype(np.float32), mean, alike, trend, age)

    @cached_property
    def of_songs(self) -> tuple[np.ndarray, ...]:
        """What is said of songs alone, each [n]."""
        return _song_columns(self.facts, self.listeners, self.plays)

    @property
    def dated(self) -> bool:
        """Whether features of time are among the features."""
        return self.trend is not None


def song_dates(histories: Histories) -> tuple[np.ndarray, np.ndarray]:
    """Trend of songs, log of listeners in the last 30 days against the 30 before, and days since the first play."""
    assert histories.age is not None and histories.met is not None
    songs, n = histories.plays.indices, histories.plays.shape[1]
    late = np.bincount(songs, weights=histories.age <= TREND_DAYS, minlength=n)
    before = np.bincount(songs, weights=(histories.met > TREND_DAYS) & (histories.met <= 2 * TREND_DAYS), minlength=n)
    age = np.zeros(n, np.float32)
    np.maximum.at(age, songs, histories.met)
    return np.log((1 + late) / (1 + before)).astype(np.float32), age


def features_of(sources: Sequence[str], *, dated: bool) -> list[Feature]:
    """All features in the order of their columns."""
    of_sources = [
        feature
        for name in sources
        for feature in (
            Feature(
                f"{name}: score", "deviations", "score, standardised over the songs that the listener does not know"
            ),
            Feature(f"{name}: rank", "log(1 + rank)", "place among the candidates, 0 the best"),
        )
    ]
    blend = Feature("blend", "deviations", "weighted sum of the sources' scores")
    return [*of_sources, blend, *_FIXED, *(_DATED if dated else ())]


def candidate_features(
    world: FeatureWorld,
    histories: Histories,
    candidates: np.ndarray,
    scores: Mapping[str, np.ndarray],
    blend: np.ndarray,
) -> np.ndarray:
    """Features of candidates, float32 [n, c, f], columns as `features_of` names them; missing ones are NaN.

    Args:
        histories: of n listeners.
        candidates: int64 [n, c], songs.
        scores: by source, float32 [n, c], standardised; blend: their weighted sum.
    """
    columns: list[np.ndarray] = []
    best = np.zeros(candidates.shape, np.float32)
    logs = np.log1p(np.arange(candidates.shape[1]))
    for values in scores.values():
        ranks = falling_ranks(values)
        best += ranks < 100
        columns += [values, logs[ranks]]
    columns += [np.where(np.isfinite(blend), blend, 0.0), best]  # what is barred is ranked last whatever it has
    columns += _of_songs(world, candidates)
    columns += _of_listeners_and_pairs(world, histories, candidates)
    if world.dated:
        columns += _dated(world, histories, candidates)
    found = np.empty((*candidates.shape, len(columns)), np.float32)
    for at, column in enumerate(columns):
        found[:, :, at] = column
    return found


def _of_songs(world: FeatureWorld, candidates: np.ndarray) -> list[np.ndarray]:
    return [column[candidates] for column in world.of_songs]


def _song_columns(facts: SongFacts, listeners: np.ndarray, plays: np.ndarray) -> tuple[np.ndarray, ...]:
    """What is said of songs alone: popularity, plays, year, text, playlists, plays and songs of the artist."""
    held = np.bincount(facts.playlists.indices, minlength=facts.n_songs)
    plays_of_artist = _summed(facts.artist, listeners)
    songs_of_artist = _summed(facts.artist, np.ones(facts.n_songs))
    year = np.where(facts.year > 0, facts.year, np.nan)
    return (
        *(np.log1p(listeners), plays, year, (facts.artist >= 0).astype(np.float32), np.log1p(held)),
        *(np.log1p(plays_of_artist), songs_of_artist),
    )


def _of_listeners_and_pairs(world: FeatureWorld, histories: Histories, candidates: np.ndarray) -> list[np.ndarray]:
    facts, known = world.facts, histories.known
    lengths = np.maximum(histories.lengths, 1)[:, None].astype(np.float32)
    popularity = world.of_songs[0]
    mainstream = _means(known, popularity)
    text = _means(known, world.of_songs[3])
    artists, distinct = in_common(known, facts.artist, candidates)
    logs = csr_array((np.log1p(histories.plays.data), known.indices, known.indptr), shape=known.shape)
    plays, _ = in_common(logs, facts.artist, candidates)
    total = np.maximum(_sums(logs)[:, None], 1e-6)
    releases, _ = in_common(known, facts.release, candidates)
    titles, _ = in_common(known, facts.title, candidates)
    year = facts.year.astype(np.float32)
    dated = _sums(csr_array((year[known.indices] > 0, known.indices, known.indptr), shape=known.shape))
    years = _sums(csr_array((year[known.indices], known.indices, known.indptr), shape=known.shape))
    mean_year = np.where(dated > 0, years / np.maximum(dated, 1), np.nan)[:, None]
    away = np.where(year[candidates] > 0, np.abs(year[candidates] - mean_year), np.nan)
    near = nearness(known, world.alike, candidates)
    songs_of_artist = np.maximum(world.of_songs[-1][candidates], 1)
    return [
        *(lengths, mainstream, distinct / lengths, text, popularity[candidates] - mainstream),
        *(artists, artists / lengths, plays / total, artists / songs_of_artist, releases, titles, away),
        *(near[:, :, 0], near[:, :, 1], near[:, :, 2], near[:, :, 3], near[:, :, 2] / lengths),
    ]


def _dated(world: FeatureWorld, histories: Histories, candidates: np.ndarray) -> list[np.ndarray]:
    assert world.trend is not None and world.song_age is not None
    age = histories.age if histories.age is not None else np.full(histories.plays.nnz, np.nan, np.float32)
    plays = histories.plays
    row = np.repeat(np.arange(plays.shape[0]), np.diff(plays.indptr))
    windows = [np.bincount(row, weights=age <= days, minlength=plays.shape[0])[:, None] for days in WINDOWS]
    silent = np.full(plays.shape[0], np.inf)
    np.minimum.at(silent, row, age)
    order = np.lexsort((plays.indices, age, row))
    place = np.arange(len(order)) - plays.indptr[row[order]]
    last = np.zeros(len(order), bool)
    last[order] = place < LAST
    near = nearness(histories.only(last).known, world.alike, candidates)[:, :, 0]
    silent = np.where(np.isfinite(silent), silent, np.nan)[:, None]
    return [world.trend[candidates], world.song_age[candidates], *windows, silent, near]


def _sums(rows: csr_array) -> np.ndarray:
    """Sum of each row, float64 [n]: in order, so that a row alone gives the bits that it gives among others."""
    of_row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    return np.bincount(of_row, weights=rows.data, minlength=rows.shape[0])


def _means(known: csr_array, values: np.ndarray) -> np.ndarray:
    """Mean of a value over the songs known, [n, 1]; 0 for a stranger."""
    found = _sums(csr_array((values[known.indices], known.indices, known.indptr), shape=known.shape))
    return (found / np.maximum(np.diff(known.indptr), 1))[:, None]


def _summed(numbers: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum of a value over the songs of the same number, [n_songs]; 0 where the number is unknown."""
    sums = np.bincount(numbers[numbers >= 0], weights=values[numbers >= 0], minlength=int(numbers.max(initial=-1)) + 1)
    return np.where(numbers >= 0, np.append(sums, 0.0)[numbers], 0.0)
