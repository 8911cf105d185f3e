"""Genres by the titles of playlists: weak labels, since playlists name no genre of a song."""

import re
from collections.abc import Sequence

import numpy as np

from buddies_core.sequences.corpus import Sequences

GENRES: dict[str, tuple[str, ...]] = {
    "worship": ("worship", "christian", "gospel", "praise", "church"),
    "edm": ("edm", "house", "techno", "dubstep", "electronic", "trance", "rave"),
    "rap": ("rap", "hip hop", "hiphop", "trap"),
    "country": ("country",),
    "christmas": ("christmas", "xmas"),
    "rock": ("rock", "grunge"),
    "oldies": ("oldies", "motown", "60s", "50s"),
    "latin": ("latin", "reggaeton", "salsa", "bachata", "latino", "spanish"),
    "indie": ("indie",),
    "metal": ("metal", "metalcore", "hardcore"),
    "jazz": ("jazz",),
    "classical": ("classical", "piano"),
    "rnb": ("rnb", "r b", "randb", "soul"),
    "reggae": ("reggae",),
    "punk": ("punk", "emo"),
    "disney": ("disney",),
    "kpop": ("kpop", "k pop"),
    "blues": ("blues",),
    "pop": ("pop",),
}
_NO_WORD = re.compile(r"[^a-z0-9]+")
LEAST_SHARE = 0.6


def genre_of_title(title: str) -> str | None:
    """The one genre whose words a title holds whole; None for none and for several: "trap" is no "rap"."""
    plain = f" {_NO_WORD.sub(' ', title.lower()).strip()} "
    found = [genre for genre, words in GENRES.items() if any(f" {word} " in plain for word in words)]
    if "kpop" in found and "pop" in found:
        found.remove("pop")
    return found[0] if len(found) == 1 else None


def genres_of_songs(sequences: Sequences, titles: Sequence[str], least: int = 1) -> np.ndarray:
    """Genre of each song as an index into `GENRES`, int8 [n_known], -1 where labelled playlists do not agree.

    Args:
        sequences: playlists.
        titles: of each.
        least: labelled playlists that a song must stand in.
    """
    names = list(GENRES)
    of_playlist = np.array(
        [names.index(genre) if (genre := genre_of_title(title)) else -1 for title in titles], np.int64
    )
    row = np.repeat(np.arange(len(sequences)), sequences.lengths)
    kept = (of_playlist[row] >= 0) & (sequences.songs < sequences.n_known)
    key = sequences.songs[kept].astype(np.int64) * len(names) + of_playlist[row][kept]
    pairs, counts = np.unique(key, return_counts=True)
    song, genre = pairs // len(names), pairs % len(names)
    total = np.bincount(song, weights=counts, minlength=sequences.n_known)
    order = np.argsort(counts, kind="stable")
    best, held = np.full(sequences.n_known, -1, np.int8), np.zeros(sequences.n_known)
    best[song[order]], held[song[order]] = genre[order], counts[order]
    best[(total < least) | (held < LEAST_SHARE * total)] = -1
    return best


def agreement(vectors: np.ndarray, labels: np.ndarray, *, neighbours: int = 10, at_once: int = 512) -> float:
    """Share of each point's nearest neighbours, by Euclidean distance, that have its label; NaN below two points."""
    if len(vectors) < 2:
        return float("nan")
    most = min(neighbours, len(vectors) - 1)
    squares = (vectors**2).sum(1)
    same = []
    for first in range(0, len(vectors), at_once):
        block = vectors[first : first + at_once]
        distance = squares - 2 * block @ vectors.T
        distance[np.arange(len(block)), np.arange(first, first + len(block))] = np.inf
        near = np.argpartition(distance, most - 1, axis=1)[:, :most]
        same.append((labels[near] == labels[first : first + len(block), None]).mean(1))
    return float(np.concatenate(same).mean())
