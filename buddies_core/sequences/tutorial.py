"""The recipe of the track2vec tutorial as it is written, and with skip-gram as it was meant: baselines of next track.

As written: gensim's `Word2Vec` without `sg=1`, which is CBOW; asked by the cosine of the last song alone; a song that
it does not know is replaced by one drawn at random. Songs already in the playlist are left out here, which flatters it.
"""

from collections.abc import Callable

import numpy as np

from buddies_core.kernels.randomness import CANDIDATE, hash_pairs
from buddies_core.sequences.corpus import Sequences
from buddies_core.sequences.query import Query
from buddies_core.sequences.skipgram import SkipGramConfig, train_skip_gram

LEAST, EPOCHS, DIMENSION, WINDOW, ANSWERS = 3, 30, 48, 10, 100

Ranking = Callable[[Query], np.ndarray]


def as_written(train: Sequences, seed: int) -> Ranking:
    """CBOW by gensim, which has to be installed; on one thread, so that it gives the same each time."""
    from gensim.models import Word2Vec

    playlists = [train.playlist(i)[0].tolist() for i in range(len(train)) if train.lengths[i] > 2]
    model = Word2Vec(
        playlists, min_count=LEAST, epochs=EPOCHS, vector_size=DIMENSION, window=WINDOW, ns_exponent=0.75, workers=1,
        seed=seed,
    )  # fmt: skip
    vectors = np.zeros((train.n_known, DIMENSION), np.float32)
    vectors[np.array(model.wv.index_to_key, np.int64)] = model.wv.vectors
    return _by_last_song(vectors, seed)


def as_meant(train: Sequences, seed: int) -> Ranking:
    """The same with skip-gram, by this project's kernel."""
    config = SkipGramConfig(
        dimension=DIMENSION, window=WINDOW, epochs=EPOCHS, least=LEAST, learning_rate=0.025, seed=seed
    )
    return _by_last_song(train_skip_gram(train.indptr, train.songs, train.n_known, config).inputs, seed)


def _by_last_song(vectors: np.ndarray, seed: int) -> Ranking:
    """The nearest songs by cosine to the last one, or to a random one where that has no vector."""
    lengths = np.linalg.norm(vectors, axis=1)
    known = np.flatnonzero(lengths > 0)
    if not len(known):
        return lambda query: np.empty(0, np.int64)
    units = vectors[known] / lengths[known, None]
    row = np.full(len(vectors), -1, np.int64)
    row[known] = np.arange(len(known))

    def ranking(query: Query) -> np.ndarray:
        last = int(query.songs[-1]) if len(query.songs) else len(vectors)
        place = row[last] if last < len(vectors) else -1
        if place < 0:
            place = int(hash_pairs(seed, CANDIDATE, last, len(query.songs)).item() % np.uint64(len(known)))
        scores = units @ units[place]
        scores[np.isin(known, query.songs)] = -np.inf
        best = np.argpartition(-scores, min(ANSWERS, len(scores) - 1))[:ANSWERS]
        best = best[np.argsort(-scores[best], kind="stable")]
        return known[best[np.isfinite(scores[best])]]

    return ranking
