"""Keys of several whole-number columns as one number each, so that they are compared in the time of a sort.

What cannot be packed (text, nulls, negative numbers, keys of more than 63 bits) is None, and compared by polars.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

LARGEST = 1 << 63


def packed(frames: Sequence[pl.DataFrame], columns: Sequence[str]) -> list[np.ndarray] | None:
    """The key of every row of each frame, equal where all columns are equal, and ordered as the columns are.

    None where a frame lacks a column, or one of them is not whole, not null and not negative, or together they are too
    large.
    """
    bounds = [_bound(frames, column) for column in columns]
    size = 1
    for bound in bounds:
        if bound is None:
            return None
        size *= bound
        if size > LARGEST:
            return None
    found = []
    for frame in frames:
        key = np.zeros(frame.height, np.uint64)
        for column, bound in zip(columns, bounds, strict=True):
            key *= np.uint64(bound or 1)
            key += frame[column].to_numpy().astype(np.uint64, copy=False)
        found.append(key)
    return found


def _bound(frames: Sequence[pl.DataFrame], column: str) -> int | None:
    """One more than the largest value of a column in all frames; None where it cannot be part of a key."""
    bound = 1
    for frame in frames:
        if column not in frame.columns or not frame.schema[column].is_integer() or frame[column].null_count():
            return None
        low, high = frame[column].min(), frame[column].max()
        if isinstance(low, int) and isinstance(high, int):
            if low < 0:
                return None
            bound = max(bound, high + 1)
    return bound


def in_order(keys: np.ndarray) -> bool:
    """Whether no key is smaller than the one before it."""
    return bool((keys[1:] >= keys[:-1]).all())


def in_rising_order(keys: np.ndarray) -> np.ndarray:
    """The keys in order; those that are in order already are not copied."""
    return keys if in_order(keys) else np.sort(keys)


def repeats(keys: np.ndarray) -> bool:
    """Whether a key occurs twice."""
    ordered = in_rising_order(keys)
    return bool((ordered[1:] == ordered[:-1]).any())


def are_among(keys: np.ndarray, others: np.ndarray) -> np.ndarray:
    """For each key whether it is one of the others."""
    if not len(others):
        return np.zeros(len(keys), bool)
    ordered = in_rising_order(others)
    place = np.searchsorted(ordered, keys)
    np.minimum(place, len(ordered) - 1, out=place)
    return ordered[place] == keys


def hashes(frame: pl.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """A 64-bit hash of each row's key, whatever its columns hold: different hashes are different keys."""
    return frame.select(pl.struct(columns).hash()).to_series().to_numpy()
