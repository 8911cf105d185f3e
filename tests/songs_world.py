"""Songs as they are served, two listeners and sixteen songs: for tests that work their answers out by hand."""

from pathlib import Path
from typing import Any

import numpy as np

from buddies_core.artifact.served_songs import LISTED, NEAREST, NEAREST_OF_SOURCE, TASTE, publish_songs

SONGS = 16
ARTIST = [0, 0, 1, 1, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, -1]


def row(*values: float, length: int, fill: float = -1, dtype: Any = np.int32) -> np.ndarray:
    return np.array([*values, *[fill] * (length - len(values))], dtype)


def sid(song: int) -> str:
    return f"SO{song:016d}"


def world(**changed: Any) -> tuple[dict[str, np.ndarray], dict[str, list[str]]]:
    similar, scores = {6: [7, 8, 2], 9: [10, 8]}, {6: [0.9, 0.6, 0.5], 9: [0.8, 0.5]}
    by_source = [{6: [7, 8], 9: [10]}, {6: [2, 7], 9: [8, 11]}]
    f32 = np.float32
    arrays = {
        "lists": np.stack([row(2, 3, 4, 5, length=LISTED), row(length=LISTED)]),
        "scores": np.stack([row(0.8, 0.7, 0.6, 0.5, length=LISTED, fill=0, dtype=f32),
                            row(length=LISTED, fill=0, dtype=f32)]),
        "reasons": np.stack([row(1, 2, 3, 3, length=LISTED, fill=0), row(length=LISTED, fill=0)]).astype(np.uint8),
        "because": np.stack([row(0, 1, 0, -1, length=LISTED), row(length=LISTED)]),
        "known_offsets": np.array([0, 2, 3]),
        "known": np.array([0, 1, 15], np.int32),
        "taste": np.stack([row(1, 0, length=TASTE), row(15, length=TASTE)]),
        "plays": np.stack([row(9, 1, length=TASTE, fill=0, dtype=f32)] * 2),
        "similar": np.stack([row(*similar.get(at, []), length=NEAREST) for at in range(SONGS)]),
        "similar_scores": np.stack([row(*scores.get(at, []), length=NEAREST, fill=0, dtype=f32)
                                    for at in range(SONGS)]),
        "similar_by_source": np.stack([np.stack([row(*of.get(at, []), length=NEAREST_OF_SOURCE)
                                                 for at in range(SONGS)]) for of in by_source]),
        "listeners": np.arange(1, SONGS + 1, dtype=np.int32),
        "artist_number": np.array(ARTIST, np.int32),
        "year": np.full(SONGS, 1999, np.int16),
        "id_row": np.array([*range(SONGS), 6], np.int32),
    }  # fmt: skip
    texts = {
        "user": ["0" * 40, "4" * 40],
        "song": [sid(at) for at in range(SONGS)],
        "title": [f"T{at}" if artist >= 0 else "" for at, artist in enumerate(ARTIST)],
        "artist": [f"A{artist}" if artist >= 0 else "" for artist in ARTIST],
        "release": [""] * SONGS,
        "uri": [f"spotify:track:{at}" for at in range(SONGS)],
        "id": [*(sid(at) for at in range(SONGS)), "SOX"],
    }
    return arrays | changed.pop("arrays", {}), texts | changed


def publish(home: Path, **changed: Any) -> str:
    return publish_songs(home, *world(**changed), {"sources": ["als", "bpr"]})
