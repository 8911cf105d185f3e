"""Skip-gram with grouped negatives, one song after another, in plain numpy: what the kernel of the library does."""

import numpy as np

from buddies_core.kernels.alias_table import alias_table
from buddies_core.kernels.randomness import TRAINING, hash_member, stream_key
from buddies_core.recommenders.factors import random_rows
from buddies_core.sequences.skipgram import SkipGramConfig

MOST_AWAY = 0.25


def plain_skip_gram(playlists: list[list[int]], n_songs: int, config: SkipGramConfig) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and outputs, float64 [n_songs, d]; every song stands in a playlist, and ids fall with popularity."""
    counts = np.bincount([song for playlist in playlists for song in playlist], minlength=n_songs)
    assert (np.diff(counts) <= 0).all(), "the kernel numbers songs by popularity: give them so numbered"
    scale = float(1.0 / (config.dimension * np.sqrt(12.0)))
    inputs = random_rows(np.arange(n_songs), config.dimension, scale=scale, seed=config.seed, side=4).astype(np.float64)
    outputs = np.zeros_like(inputs)
    chance, alias = alias_table(counts.astype(np.float64) ** config.exponent)
    threshold = chance.astype(np.float32)
    starts = np.concatenate([[0], np.cumsum([len(playlist) for playlist in playlists])])
    for epoch in range(config.epochs):
        order = np.random.default_rng((config.seed, epoch)).permutation(len(playlists))
        first, last = (config.learning_rate * max(1 - at / config.epochs, 0.01) for at in (epoch, epoch + 1))
        for turn, playlist in enumerate(order.tolist()):
            rate = first + (last - first) * turn / len(order)
            for place, centre in enumerate(playlists[playlist]):
                stream = np.uint64((TRAINING << 8 | 16) + (epoch << 16))
                key = stream_key(np.uint64(config.seed), stream, np.uint64(starts[playlist] + place))
                reach = 1 + int(hash_member(key, np.uint64(0))) % config.window
                near = range(max(0, place - reach), min(len(playlists[playlist]), place + reach + 1))
                contexts = [playlists[playlist][other] for other in near if other != place]
                negatives = _negatives(key, config.negatives, centre, contexts, threshold, alias) if contexts else []
                own = inputs[centre].copy()
                away = min(rate * len(contexts), MOST_AWAY)
                steps = {song: rate * (1 - _sigmoid(own @ outputs[song])) for song in contexts}
                steps |= {song: -away * _sigmoid(own @ outputs[song]) for song in negatives}
                inputs[centre] += sum((step * outputs[song] for song, step in steps.items()), np.zeros_like(own))
                for song, step in steps.items():
                    outputs[song] += step * own
    return inputs, outputs


def _negatives(key, wanted, centre, contexts, threshold, alias) -> list[int]:  # type: ignore[no-untyped-def]
    drawn: list[int] = []
    for k in range(wanted):
        bits = int(hash_member(key, np.uint64(k + 1)))
        song = (bits >> 32) * len(alias) >> 32
        if np.float32(bits & 0xFFFFFF) * np.float32(2.0**-24) >= threshold[song]:
            song = int(alias[song])
        if song != centre and song not in contexts and song not in drawn:
            drawn.append(song)
    return drawn


def _sigmoid(x: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(x, -8, 8))))
