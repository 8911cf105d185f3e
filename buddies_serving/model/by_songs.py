"""Lists for what is not a known user: songs, or a playlist that others should be like.

Both look at every playlist, tens of milliseconds at full size, so they run in threads, and only a few at a time.
"""

from collections.abc import Callable
from unicodedata import normalize

import numpy as np

from buddies_core.interactions.song_key import song_key
from buddies_serving.model.served_model import ServedModel
from buddies_serving.types.api import SongQuery
from buddies_serving.types.feedback import SongName

FindSong = Callable[[SongQuery], SongName | None]
"""How a catalogue finds a song."""
_CHUNK = 65_536
_LONGEST_TEXT = 1_000


def find_song(model: ServedModel, query: SongQuery) -> int | None:
    """The song of a query by id, or by title and artist under the scheme of the model's keys; None if unknown."""
    if query.id is not None:
        return model.find_song_id(query.id)
    title, artist = query.title or "", query.artist or ""
    if max(len(normalize("NFKD", title)), len(normalize("NFKD", artist))) > _LONGEST_TEXT:
        # some characters become eighteen: nobody's song is called that, and its key would take long to make
        return None
    key = song_key(title, artist, model.manifest.song_key_scheme)
    return None if key is None else model.song_keys.find(key)


def can_fold_in(model: ServedModel) -> bool:
    """Whether the model offers embeddings for listeners who are known by songs only."""
    return "song_vectors" in model.arrays and "playlist_factors" in model.arrays


def fold_in(model: ServedModel, songs: list[int], length: int) -> list[int]:
    """The playlists (indexes) of highest score for a listener with these songs.

    The listener's vector is that of `buddies_core.recommenders.fold_in`, by the stored maps.
    """
    known = len(songs)
    mean = model.arrays["song_vectors"][np.array(songs)].mean(axis=0)
    inputs = np.concatenate([mean, [np.log1p(known), 1.0 / np.sqrt(known), 1.0]]).astype(np.float32)
    level = int(np.searchsorted(model.arrays["fold_in_bounds"], known, side="right"))
    vector = inputs @ model.arrays["fold_in_maps"][level]
    scores = _scores(model.arrays["playlist_factors"], vector[:-1])
    return _best(scores + vector[-1] * model.arrays["fold_in_popularity"], length)


def similar(model: ServedModel, playlist: int, length: int) -> tuple[str, list[tuple[int, float]]]:
    """(method, [(playlist index, cosine)]), most similar first: by embeddings where there are any, else by songs."""
    if "playlist_factors" in model.arrays:
        factors = model.arrays["playlist_factors"]
        lengths = np.concatenate([np.linalg.norm(part, axis=1) for part in _chunks(factors)])
        scores = _scores(factors, factors[playlist]) / np.maximum(lengths * lengths[playlist], 1e-12)
        method = "embeddings"
    else:
        scores = _song_cosines(model, playlist)
        method = "songs"
    best = [row for row in _best(scores, length + 1) if row != playlist and scores[row] > 0]
    return method, [(row, float(min(scores[row], 1.0))) for row in best[:length]]


def _song_cosines(model: ServedModel, playlist: int) -> np.ndarray:
    indptr, indices = model.arrays["playlist_library_indptr"], model.arrays["playlist_library_indices"]
    wanted = np.zeros(model.songs, dtype=np.uint8)
    wanted[model.row("playlist_library", playlist)] = 1
    shared = np.concatenate([np.zeros(1, np.int64), np.cumsum(wanted[indices], dtype=np.int64)])
    overlap = shared[indptr[1:]] - shared[indptr[:-1]]
    sizes = np.diff(indptr)
    return overlap / np.sqrt(np.maximum(sizes, 1) * max(int(sizes[playlist]), 1))


def _scores(factors: np.ndarray, vector: np.ndarray) -> np.ndarray:
    return np.concatenate([part @ vector for part in _chunks(factors)])


def _chunks(factors: np.ndarray) -> list[np.ndarray]:
    return [factors[start : start + _CHUNK] for start in range(0, len(factors), _CHUNK)]


def _best(scores: np.ndarray, length: int) -> list[int]:
    """Rows of the highest scores, best first, ties by lower row."""
    length = min(length, len(scores))
    cut = np.partition(scores, len(scores) - length)[len(scores) - length]
    rows = np.flatnonzero(scores >= cut)
    return rows[np.argsort(-scores[rows], kind="stable")][:length].tolist()
