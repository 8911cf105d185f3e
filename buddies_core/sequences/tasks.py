"""What is asked of the models of sequences: the queries of the two protocols, drawn by the playlist's own id.

*Next track*: `last` shows all songs but the last, `random` a prefix of random length; right is the song that follows.
*Continuation*: eight categories of the RecSys Challenge 2018; right are all songs that are not shown.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from buddies_core.kernels.randomness import SPLIT, hash_pairs, uniform
from buddies_core.sequences.corpus import Sequences
from buddies_core.sequences.query import Query

LAST, RANDOM = "last", "random"
_PREFIX, _CATEGORY, _SEEDS = SPLIT << 8 | 1, SPLIT << 8 | 2, SPLIT << 8 | 3


@dataclass(frozen=True)
class Category:
    """One kind of continuation: how many songs are shown, the first ones or random ones, always with the title."""

    seeds: int
    first: bool

    @property
    def name(self) -> str:
        """`0`, `5`, `25 first`, `25 random` …, as tables show it."""
        return f"{self.seeds} {'first' if self.first else 'random'}" if self.seeds >= 25 else str(self.seeds)


CATEGORIES = tuple(
    Category(seeds, first)
    for seeds, first in (
        (0, True), (1, True), (5, True), (10, True), (25, True), (25, False), (100, True), (100, False),
    )
)  # fmt: skip
BESIDE = 10
"""Songs that a playlist must hold beside those shown."""


@dataclass(frozen=True)
class Question:
    """A query with its answer.

    Attributes:
        query: what is shown.
        right: int array of the songs that are right; ids behind the vocabulary cannot be answered and count.
        playlist: index of the playlist in its `Sequences`.
        kind: `last`, `random`, or the name of a category.
    """

    query: Query
    right: np.ndarray
    playlist: int
    kind: str


def next_track_questions(sequences: Sequences, *, seed: int, kinds: tuple[str, ...] = (LAST, RANDOM)) -> list[Question]:
    """One question of each kind a playlist; `random` may stand several times among the kinds, and differs each time."""
    questions = []
    for i in range(len(sequences)):
        songs, artists = sequences.playlist(i)
        for nth, kind in enumerate(kinds):
            u = uniform(seed, _PREFIX, sequences.pids[i], nth).item()
            shown = len(songs) - 1 if kind == LAST else 1 + int(u * (len(songs) - 1))
            query = Query(songs[:shown], artists[:shown])
            questions.append(Question(query, songs[shown : shown + 1], i, kind))
    return questions


def continuation_questions(sequences: Sequences, *, seed: int, of_each: int) -> list[Question]:
    """Up to `of_each` playlists of each category, those of the smallest hash among the long enough."""
    questions = []
    for number, category in enumerate(CATEGORIES):
        able = np.flatnonzero(sequences.lengths >= category.seeds + BESIDE)
        order = np.argsort(hash_pairs(seed, _CATEGORY, sequences.pids[able], number), kind="stable")
        questions += [_continuation(sequences, i, category, seed) for i in np.sort(able[order[:of_each]]).tolist()]
    return questions


def continuation_examples(sequences: Sequences, *, seed: int, of_each_playlist: int) -> Iterator[Question]:
    """Questions to learn from: a few categories of each playlist, drawn by its id."""
    for i, length in enumerate(sequences.lengths.tolist()):
        able = [number for number, category in enumerate(CATEGORIES) if length >= category.seeds + BESIDE]
        order = np.argsort(hash_pairs(seed, _CATEGORY, sequences.pids[i], np.array(able, np.int64)), kind="stable")
        for place in order[:of_each_playlist].tolist():
            yield _continuation(sequences, i, CATEGORIES[able[place]], seed)


def _continuation(sequences: Sequences, i: int, category: Category, seed: int) -> Question:
    songs, artists = sequences.playlist(i)
    shown = np.arange(category.seeds)
    if not category.first:
        order = np.argsort(hash_pairs(seed, _SEEDS, sequences.pids[i], np.arange(len(songs))), kind="stable")
        shown = np.sort(order[: category.seeds])
    right = np.delete(songs, shown)
    return Question(Query(songs[shown], artists[shown], sequences.titles[i]), right, i, category.name)


SEEDS_OF_LINKS = (1, 10, 25)


def seed_questions(sequences: Sequences, seeds: int, *, seed: int, of_each: int) -> list[Question]:
    """Up to `of_each` playlists that show some of their songs at random and no title; right are all others."""
    category = Category(seeds, False)
    able = np.flatnonzero(sequences.lengths >= seeds + BESIDE)
    order = np.argsort(hash_pairs(seed, _CATEGORY, sequences.pids[able], 100 + seeds), kind="stable")
    return [_continuation(sequences, i, category, seed) for i in np.sort(able[order[:of_each]]).tolist()]
