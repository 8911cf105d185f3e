"""Listeners by what is known of them: songs known, new or trained on, how popular their songs are, and their genre."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from buddies_core.artifact.texts import TextColumn
from buddies_core.comparison.stored_version import StoredVersion
from buddies_core.interactions.csr import Library
from buddies_core.recommenders.fold_in import drawn_rows, select
from buddies_core.sequences.corpus import Sequences
from buddies_core.sequences.genres import GENRES, genres_of_songs

EVERYBODY = "everybody"
FEW, MANY = 10, 30
"""Songs known, up to which a listener knows few and from which many."""
TITLES_READ = 20_000
"""Playlists whose titles are read for genres: the same in every run, drawn by pid."""
FEWEST_OF_GENRE = 30
"""Listeners below which a genre is counted among the others."""


@dataclass(frozen=True)
class Segment:
    """Some of the listeners judged: by what they are told apart, which of them these are, and their places."""

    kind: str
    name: str
    places: np.ndarray


def segments(visible: Library, new: np.ndarray, likers: np.ndarray, genre: np.ndarray) -> list[Segment]:
    """Segments of listeners that have anybody in them, everybody first; those of a kind do not overlap.

    Args:
        visible: songs that each listener is known to play.
        new: whether neither version was trained on them, bool.
        likers: how many play each song.
        genre: genre of each song as an index into `GENRES`, -1 where it is not known.
    """
    everybody = np.ones(visible.n_rows, bool)
    kinds = {
        EVERYBODY: {EVERYBODY: everybody},
        "songs known": _by_songs(visible.lengths),
        "new or old": {"set aside from training": new, "trained on": ~new},
        "popularity of their songs": _by_thirds(_mean_popularity(visible, likers)),
        "genre of most songs": dict(_by_genre(visible, genre)),
    }
    return [
        Segment(kind, name, np.flatnonzero(mask))
        for kind, named in kinds.items()
        for name, mask in named.items()
        if mask.any()
    ]


def _by_songs(known: np.ndarray) -> dict[str, np.ndarray]:
    return {
        f"under {FEW}": known < FEW,
        f"{FEW} to {MANY}": (known >= FEW) & (known <= MANY),
        f"over {MANY}": known > MANY,
    }


def _mean_popularity(visible: Library, likers: np.ndarray) -> np.ndarray:
    """Mean logarithm of how many play a listener's songs: by plain means a single hit would outweigh all others."""
    rows = np.repeat(np.arange(visible.n_rows), visible.lengths)
    sums = np.bincount(rows, weights=np.log1p(likers[visible.indices]), minlength=visible.n_rows)
    return sums / np.maximum(visible.lengths, 1)


def _by_thirds(values: np.ndarray) -> dict[str, np.ndarray]:
    low, high = np.quantile(values, [1 / 3, 2 / 3]) if len(values) else (0.0, 0.0)
    return {
        "the least popular third": values < low,
        "the middle third": (values >= low) & (values <= high),
        "the most popular third": values > high,
    }


def _by_genre(visible: Library, genre: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Listeners by the genre that most of their songs have, largest first; of as many songs, the first of `GENRES`."""
    rows = np.repeat(np.arange(visible.n_rows), visible.lengths)
    of_song = genre[visible.indices].astype(np.int64)
    known = of_song >= 0
    counts = np.bincount(rows[known] * len(GENRES) + of_song[known], minlength=visible.n_rows * len(GENRES)).reshape(
        visible.n_rows, len(GENRES)
    )
    most = np.where(counts.any(axis=1), counts.argmax(axis=1), -1)
    sizes = np.bincount(most[most >= 0], minlength=len(GENRES))
    names, others = list(GENRES), np.zeros(visible.n_rows, bool)
    for index in np.argsort(-sizes, kind="stable").tolist():
        if sizes[index] >= FEWEST_OF_GENRE:
            yield names[index], most == index
        else:
            others |= most == index
    yield "other genres", others
    yield "not known", most < 0


def genres_by_title(version: StoredVersion, numbers: np.ndarray, n_songs: int) -> np.ndarray:
    """Genre of each song of a catalogue, int8 [n_songs], by the titles of a sample of the version's playlists.

    Args:
        numbers: the catalogue's number of each song of the version.
    """
    pids = np.asarray(version.arrays["playlist_pids"])
    rows = drawn_rows(pids.astype(np.uint64), TITLES_READ, seed=0)
    names = TextColumn(*(version.arrays[f"playlist_names_{part}"] for part in ("offsets", "bytes")))
    held = select(version.playlists, rows)
    songs = numbers[held.indices].astype(np.int32)
    titles = [names[row] for row in rows.tolist()]
    playlists = Sequences(held.indptr, songs, np.zeros_like(songs), pids[rows].astype(np.int64), titles, n_songs, 1)
    return genres_of_songs(playlists, titles)
