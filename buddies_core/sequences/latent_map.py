"""A map of songs in the plane: openTSNE of their vectors, with a number for how much of the space it keeps."""

import logging
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from buddies_core.kernels.sorted_lookup import places_in
from buddies_core.sequences.genres import agreement

MOST = 30_000
_FEW = 200

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LatentMap:
    """Songs and their places.

    Attributes:
        songs: int32, the most popular that have a vector.
        places: float32 [n, 2].
        in_space, in_plane: share of ten neighbours of the same genre, of the labelled songs alone; NaN for too few.
    """

    songs: np.ndarray
    places: np.ndarray
    in_space: float
    in_plane: float


def latent_map(
    vectors: np.ndarray,
    popularity: np.ndarray,
    labels: np.ndarray,
    *,
    seed: int,
    most: int = MOST,
    start: tuple[np.ndarray, np.ndarray] | None = None,
    threads: int = 1,
) -> LatentMap:
    """The map of the most popular songs; where openTSNE is not installed (it has no wheel for Linux on arm64), and for
    fewer than 200 songs, they lie along their two main axes.

    Args:
        vectors: float32 [n_songs, d]; a row of zeros stands for nothing.
        popularity, labels: of each song; a label of -1 is none.
        seed: of what is drawn.
        most: songs at most.
        start: songs and places of the last map, so that a new one has its layout; new songs start at its middle.
        threads: of openTSNE.
    """
    lengths = np.linalg.norm(vectors, axis=1)
    able = np.flatnonzero(lengths > 0)
    songs = able[np.argsort(-popularity[able], kind="stable")[:most]].astype(np.int32)
    units = vectors[songs] / lengths[songs, None]
    places = _embedded(units, songs, seed, start, threads)
    told = labels[songs] >= 0
    named = labels[songs][told]
    return LatentMap(songs, places, agreement(units[told], named), agreement(places[told], named))


def _embedded(
    units: np.ndarray, songs: np.ndarray, seed: int, start: tuple[np.ndarray, np.ndarray] | None, threads: int
) -> np.ndarray:
    if len(units) < _FEW:
        return _main_axes(units)
    if find_spec("openTSNE") is None:
        _log.warning("openTSNE is not installed here: the map is of the two main axes, which keep less of the space")
        return _main_axes(units)
    from openTSNE import TSNE

    first: str | np.ndarray = "pca"
    if start is not None:
        order = np.argsort(start[0])
        known, place = places_in(start[0][order], songs)
        first = np.where(known[:, None], start[1][order][place], 0).astype(np.float64)
        first += 1e-4 * np.random.default_rng(seed).normal(size=first.shape)
        first *= 1e-4 / max(float(first[:, 0].std()), 1e-12)
    tsne = TSNE(
        perplexity=30, metric="cosine", initialization=first, random_state=seed, n_jobs=threads,
        negative_gradient_method="fft",
    )  # fmt: skip
    return np.asarray(tsne.fit(units.astype(np.float64)), np.float32)


def _main_axes(units: np.ndarray) -> np.ndarray:
    centred = units - units.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    flat = centred @ axes[:2].T
    return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1]))).astype(np.float32)
