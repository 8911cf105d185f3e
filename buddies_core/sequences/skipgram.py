"""track2vec: skip-gram with negative sampling (Mikolov et al. 2013) over playlists, as one numba kernel.

For each song as centre, every song within a window (its reach drawn anew for each centre, as word2vec does) is drawn
towards it in the output table, and negatives are pushed away. Negatives are *grouped*: one set, drawn by popularity to
the power 0.75 from an alias table, serves all contexts of a centre, weighted by how many contexts there are. So a
centre costs contexts + negatives rows, not contexts x negatives.

A context scores a song by (context's input vector) . (song's output vector): what skip-gram was trained for. The
cosine of input vectors says which songs are exchangeable, which is another question and a worse answer here.

One thread gives the same vectors each time; two write the tables without locks (hogwild) and agree in quality alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from pydantic import BaseModel, ConfigDict, Field

from buddies_core.errors import SequencesError
from buddies_core.kernels.alias_table import alias_table
from buddies_core.kernels.randomness import TRAINING, hash_member, stream_key
from buddies_core.kernels.simd_rows import WIDTH, add_rows, dot_products, padded
from buddies_core.kernels.threads import use_threads
from buddies_core.recommenders.factors import aligned, random_rows

_STREAM = TRAINING << 8 | 16
_TILE = 4
_MOST_AWAY = 0.25
"""Greatest step of a group's negatives: one by one they would slow down, together they would overshoot and diverge."""
_FAST = {"reassoc", "contract", "nsz", "arcp"}


class SkipGramConfig(BaseModel):
    """Everything that decides track2vec's vectors, given the playlists."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimension: int = Field(default=64, ge=2, le=1024, description="Length of a vector.")
    window: int = Field(default=10, ge=1, le=100, description="Greatest distance of a context.")
    negatives: int = Field(default=5, ge=1, le=64, description="Negatives that a context meets.")
    epochs: int = Field(default=20, ge=1, le=200, description="Passes over the playlists.")
    learning_rate: float = Field(default=0.05, gt=0, description="Step size at the start; it falls to a hundredth.")
    least: int = Field(default=1, ge=1, description="Songs in fewer playlists get no vector (zeros).")
    exponent: float = Field(default=0.75, description="Of popularity, when negatives are drawn.")
    threads: int = Field(default=1, ge=1, description="1 is deterministic; more is hogwild.")
    seed: int = Field(default=20_250_514, ge=0, description="Of starting vectors, order, reaches and negatives.")


@dataclass(frozen=True)
class SkipGram:
    """Vectors of songs: `inputs` and `outputs`, float32 [n_songs, d]; songs below `least` have zeros in both."""

    inputs: np.ndarray
    outputs: np.ndarray


def train_skip_gram(
    indptr: np.ndarray,
    songs: np.ndarray,
    n_songs: int,
    config: SkipGramConfig,
    *,
    progress: Callable[[int], None] = lambda epoch: None,
) -> SkipGram:
    """Vectors of songs from playlists in order.

    Args:
        indptr, songs: sequences; ids from `n_songs` on, and songs below `config.least`, stand for nothing.
        n_songs: size of the vocabulary.
        progress: called after each epoch, with its number from 0.

    Raises:
        SequencesError: the steps were too large, and the vectors are not finite.
    """
    counts = np.bincount(songs[songs < n_songs], minlength=n_songs)
    kept = counts >= config.least
    number = np.full(max(n_songs, int(songs.max()) + 1), -1, np.int32)
    by_popularity = np.flatnonzero(kept)[np.argsort(-counts[kept], kind="stable")]
    number[by_popularity] = np.arange(len(by_popularity), dtype=np.int32)
    rows = number[songs]
    row_of = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))[rows >= 0]
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(row_of, minlength=len(indptr) - 1))])
    rows = rows[rows >= 0]
    width = padded(config.dimension)
    inputs, outputs = aligned((len(by_popularity), width)), aligned((len(by_popularity), width))
    inputs[:], outputs[:] = 0.0, 0.0
    scale = float(1.0 / (config.dimension * np.sqrt(12.0)))
    inputs[:, : config.dimension] = random_rows(
        np.arange(len(by_popularity)), config.dimension, scale=scale, seed=config.seed, side=4
    )
    chance, alias = alias_table(counts[by_popularity].astype(np.float64) ** config.exponent)
    chance, alias = chance.astype(np.float32), alias.astype(np.int32)
    use_threads(config.threads)
    playlists = len(starts) - 1
    for epoch in range(config.epochs):
        order = np.random.default_rng((config.seed, epoch)).permutation(playlists)
        done = np.concatenate([[0], np.cumsum(np.diff(starts)[order])])
        bounds = np.searchsorted(done, np.linspace(0, done[-1], config.threads + 1))
        first, last = epoch / config.epochs, (epoch + 1) / config.epochs
        _epoch(
            order, bounds, starts, rows, inputs, outputs, chance, alias, config.window, config.negatives,
            config.learning_rate * max(1 - first, 0.01), config.learning_rate * max(1 - last, 0.01),
            np.uint64(config.seed), np.uint64(_STREAM + (epoch << 16)), (0,) * _TILE, (0,) * (width // WIDTH),
        )  # fmt: skip
        progress(epoch)
    if not (np.isfinite(inputs).all() and np.isfinite(outputs).all()):
        raise SequencesError(
            f"skip-gram diverged at learning_rate {config.learning_rate} and window {config.window}: lower either."
        )
    found = [np.zeros((n_songs, config.dimension), np.float32) for _ in range(2)]
    found[0][by_popularity], found[1][by_popularity] = (
        inputs[:, : config.dimension],
        outputs[:, : config.dimension],
    )
    return SkipGram(*found)


@njit(fastmath=_FAST, nogil=True, cache=True, forceinline=True)
def _sigmoid(x):
    return np.float32(1.0) / (np.float32(1.0) + np.exp(-min(max(x, np.float32(-8.0)), np.float32(8.0))))


@njit(parallel=True, fastmath=_FAST, nogil=True, cache=True)
def _epoch(
    order, bounds, starts, rows, inputs, outputs, threshold, alias, window, negatives, rate, last_rate, seed, stream,
    tile, vectors,
):  # fmt: skip
    """The playlists `order[bounds[t]:bounds[t + 1]]`, by thread t; the rate falls evenly from `rate` to `last_rate`."""
    width = inputs.shape[1]
    line = width * 4
    base = outputs.ctypes.data
    most = 2 * window + negatives + _TILE
    most_away = np.float32(_MOST_AWAY)
    for t in prange(len(bounds) - 1):
        targets, places = np.empty(most, np.int64), np.empty(most, np.int64)
        products, weights = np.empty(most, np.float32), np.empty(most, np.float32)
        change, nothing = np.empty(width, np.float32), np.zeros(width, np.float32)
        first, last = bounds[t], bounds[t + 1]
        for turn in range(first, last):
            playlist = order[turn]
            start, stop = starts[playlist], starts[playlist + 1]
            pace = np.float32(rate + (last_rate - rate) * (turn - first) / (last - first))
            for place in range(start, stop):
                centre = rows[place]
                key = stream_key(seed, stream, np.uint64(place))
                reach = 1 + np.int64(hash_member(key, np.uint64(0)) % np.uint64(window))
                count = 0
                for other in range(max(start, place - reach), min(stop, place + reach + 1)):
                    if other != place:
                        targets[count] = rows[other]
                        count += 1
                if count == 0:
                    continue
                contexts = count
                for k in range(negatives):
                    bits = hash_member(key, np.uint64(k + 1))
                    drawn = np.int64((bits >> np.uint64(32)) * np.uint64(len(alias)) >> np.uint64(32))
                    if np.float32(bits & np.uint64(0xFFFFFF)) * np.float32(2.0**-24) >= threshold[drawn]:
                        drawn = np.int64(alias[drawn])
                    clash = drawn == centre
                    for j in range(count):
                        clash |= targets[j] == drawn
                    if not clash:
                        targets[count] = drawn
                        count += 1
                whole = count
                for j in range(count):
                    places[j] = base + targets[j] * line
                while whole % _TILE:
                    places[whole] = nothing.ctypes.data
                    whole += 1
                own = inputs[centre].ctypes.data
                for j in range(0, whole, _TILE):
                    dot_products(own, places[j:].ctypes.data, products[j:].ctypes.data, tile, vectors)  # type: ignore[call-arg]
                for j in range(contexts):
                    weights[j] = pace * (np.float32(1.0) - _sigmoid(products[j]))
                away = min(pace * np.float32(contexts), most_away)
                for j in range(contexts, count):
                    weights[j] = -away * _sigmoid(products[j])
                for j in range(count, whole):
                    weights[j] = np.float32(0.0)
                change[:] = np.float32(0.0)
                for j in range(0, whole, _TILE):
                    add_rows(change.ctypes.data, places[j:].ctypes.data, weights[j:].ctypes.data, tile, vectors)  # type: ignore[call-arg]
                for j in range(count):
                    row = outputs[targets[j]]
                    for d in range(width):
                        row[d] += weights[j] * inputs[centre, d]
                for d in range(width):
                    inputs[centre, d] += change[d]
