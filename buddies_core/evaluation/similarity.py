"""How like what is shown is to what a listener has: cosine of songs, as the reference meant to judge its lists."""

import numpy as np
from scipy.sparse import csr_array

from buddies_core.interactions.csr import Library
from buddies_core.recommenders.fold_in import select


def mean_similarity(users: np.ndarray, shown: Library, known: Library, playlist_songs: Library) -> float:
    """Mean cosine of each playlist shown and all that its listener owns or likes in train, over users and lists.

    A playlist is its shared songs, at length one, and a listener the sum of those they own or like. Listeners who have
    none are left out; NaN where nobody is left.

    Args:
        users: row in `known` of each row of `shown`.
        shown: playlists shown, one row a user. known: playlists that each user owns or likes in train.
    """
    root = 1.0 / np.sqrt(np.maximum(playlist_songs.lengths, 1))
    songs = _matrix(playlist_songs, np.repeat(root, playlist_songs.lengths))
    theirs = _matrix(select(known, users)) @ songs
    norm = np.sqrt(theirs.multiply(theirs).sum(axis=1))
    pairs = np.repeat(np.arange(len(users)), shown.lengths)
    pairs, playlists = pairs[norm[pairs] > 0], shown.indices[norm[pairs] > 0]
    if not len(pairs):
        return float("nan")
    return float((theirs[pairs].multiply(songs[playlists]).sum(axis=1) / norm[pairs]).mean())


def _matrix(library: Library, values: np.ndarray | None = None) -> csr_array:
    values = np.ones(len(library.indices)) if values is None else values
    return csr_array((values, library.indices, library.indptr), (library.n_rows, library.n_columns))
