"""Counter-based draws of the synthetic world: skewed ranks, sizes by published quantiles, distinct items a row."""

from collections.abc import Callable

import numpy as np

from buddies_core.kernels.randomness import hash_pairs, uniform

(
    SHARED, RANK_NOISE, USER_SIZE, USER_NICHE, USER_DRAW, USER_PLAYS, USER_ALTERNATE, PLAYLIST_SIZE, PLAYLIST_NICHE,
    PLAYLIST_DRAW, PLAYLIST_ALTERNATE, ARTIST, TITLE, NAME, ALBUM, DURATION, TRACK_DIRT, SONG_DIRT, MISMATCH, HEADER,
    USER_ID, SONG_ID, MSD_TRACK_ID, TRACK_ID, ARTIST_ID, ALBUM_ID, YEAR, DEFECT, REPEAT, UNHEARD,
    PLAYLIST_ORDER, USER_RETURN, USER_RETURN_WORK,
) = range(1001, 1034)  # fmt: skip
"""Streams of the synthetic world, apart from those of the pipeline."""

NICHES, GENRES = 240, 24
"""A song's niche is its index modulo 240 and its genre the same modulo 24, so that a niche lies in one genre."""

_RETRY = 1 << 24


def interpolated(u: np.ndarray, shares: list[float], values: list[float]) -> np.ndarray:
    """Whole numbers whose quantiles at `shares` are `values`, log-linear in between."""
    return np.exp(np.interp(u, shares, np.log(values))).astype(np.int64)


def skewed_rank(u: np.ndarray, size: np.ndarray | int, offset: np.ndarray | float) -> np.ndarray:
    """Ranks 0..size-1 with probability falling as 1 / (rank + offset): Zipf-Mandelbrot, by inversion."""
    rank = (offset * ((1.0 + size / offset) ** u - 1.0)).astype(np.int64)
    return np.minimum(rank, np.asarray(size, np.int64) - 1)


Returning = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class TasteSampler:
    """Draws of items for rows (users or playlists) of a few niches each.

    A draw takes the whole catalogue, a genre of the row or a niche of the row, and in it an item by popularity.

    Args:
        seed: of the world.
        size: items of the catalogue, the most popular first.
        offset: flatness of the head of the popularity.
        niche_stream, draw_stream: of randomness.
        tastes: niches a row has.
        shares: of draws from the whole catalogue and from a genre; the rest comes from a niche.
        returning: what the draws of a round become in the light of those before them, given the id of each draw's row,
            which draw of it each is, and the items.
    """

    def __init__(
        self,
        *,
        seed: int,
        size: int,
        offset: float,
        niche_stream: int,
        draw_stream: int,
        tastes: int,
        shares: tuple[float, float],
        returning: Returning | None = None,
    ) -> None:
        self._seed = seed
        self._size = size
        self._offset = offset
        self._niche_stream = niche_stream
        self._draw_stream = draw_stream
        self._tastes = tastes
        self._global, self._genre = shares
        self._returning = returning

    def tastes(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Niches of each row (rows, tastes) and their cumulative weights, float64 of the same shape."""
        slots = np.arange(self._tastes)
        u = uniform(self._seed, self._niche_stream, rows[:, None], slots)
        niches = (NICHES * u**1.4).astype(np.int64)
        weights = uniform(self._seed, self._niche_stream, rows[:, None], slots + 100) ** 2.0
        weights[:, 0] += 0.3
        return niches, np.cumsum(weights / weights.sum(1, keepdims=True), axis=1)

    def draw(self, rows: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Distinct items for each row, as many as asked, in the order drawn.

        Args:
            rows: ids of the rows, which alone determine what is drawn.
            counts: items per row, each at most a third of the catalogue.

        Returns:
            CSR: indptr int64 [rows + 1], items int64.
        """
        niches, weights = self.tastes(rows)
        places = np.arange(len(rows))
        row, item = self._distinct(*self._round(rows, places, counts * 3 // 2 + 6, niches, weights, 0))
        row, item = _first(row, item, counts)
        for attempt in range(1, 12):
            missing = counts - np.bincount(row, minlength=len(rows))
            short = np.flatnonzero(missing > 0)
            if not len(short):
                break
            more = self._round(rows, short, missing[short] * 3 + 8, niches, None if attempt > 2 else weights, attempt)
            row, item = np.concatenate([row, more[0]]), np.concatenate([item, more[1]])
            order = np.argsort(row, kind="stable")
            row, item = self._distinct(row[order], item[order])
            row, item = _first(row, item, counts)
        indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=len(rows)))]).astype(np.int64)
        return indptr, item

    def _round(
        self,
        rows: np.ndarray,
        places: np.ndarray,
        draws: np.ndarray,
        niches: np.ndarray,
        weights: np.ndarray | None,
        attempt: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        row = np.repeat(places, draws)
        nth = np.arange(len(row)) - np.repeat(np.cumsum(draws) - draws, draws) + attempt * _RETRY
        bits = hash_pairs(self._seed, self._draw_stream, rows[row], nth)
        u = (bits >> np.uint64(24)).astype(np.float64) * 2.0**-40
        if weights is None:
            return row, skewed_rank(u, self._size, self._offset * 40)
        level = (bits & np.uint64(0xFFF)).astype(np.float64) / 4096
        chosen = ((bits >> np.uint64(12)) & np.uint64(0xFFF)).astype(np.float64) / 4096
        taste = (chosen[:, None] >= weights[row]).sum(1).clip(0, self._tastes - 1)
        niche = niches[row, taste]
        step = np.where(level < self._global, 1, np.where(level < self._global + self._genre, GENRES, NICHES))
        inside = np.where(step == 1, 0, niche % step)
        size = (self._size - inside + step - 1) // step
        offset = np.maximum(self._offset / step, 4.0)
        items = skewed_rank(u, size, offset) * step + inside
        return row, items if self._returning is None else self._returning(rows[row], nth, items)

    def _distinct(self, row: np.ndarray, item: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        _, first = np.unique(row * np.int64(self._size) + item, return_index=True)
        first.sort()
        return row[first], item[first]


def _first(row: np.ndarray, item: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first `counts[r]` items of each row; rows must stand together."""
    drawn = np.bincount(row, minlength=len(counts))
    nth = np.arange(len(row)) - np.repeat(np.cumsum(drawn) - drawn, drawn)
    keep = nth < counts[row]
    return row[keep], item[keep]
