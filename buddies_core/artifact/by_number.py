"""A model's arrays with users in the order of their numbers, made of those in the order of the library's rows."""

from collections.abc import Mapping

import numpy as np

from buddies_core.artifact.format import ARRAYS, INDEXES

Arrays = dict[str, np.ndarray]


def by_number(arrays: Mapping[str, np.ndarray], numbers: np.ndarray, n_numbers: int) -> Arrays:
    """The arrays of the format with row `numbers[i]` of every user axis for the library's row i, and indexes likewise.

    Numbers without a row in the library get zeros and empty lists.

    Args:
        arrays: by name; arrays that are not of the format, or have no user axis, are handed back as they are.
        numbers: the number of each row, [n_rows], distinct.
        n_numbers: how many numbers were ever given.
    """
    if n_numbers == len(numbers) and np.array_equal(numbers, np.arange(n_numbers)):
        return dict(arrays)
    rows = np.argsort(numbers)
    changed = dict(arrays)
    for name, array in arrays.items():
        axis = ARRAYS[name].shape[0] if name in ARRAYS else ""
        if axis == "users":
            changed[name] = np.zeros((n_numbers, *array.shape[1:]), array.dtype)
            changed[name][numbers] = array
        elif axis == "users+1":
            changed |= _lists(arrays, name, numbers, rows, n_numbers)
    for name in changed:
        if INDEXES.get(name) == "users":
            old = changed[name]
            known = old >= 0
            changed[name] = np.where(known, numbers[np.where(known, old, 0)], old).astype(old.dtype)
    return changed


def _lists(
    arrays: Mapping[str, np.ndarray], name: str, numbers: np.ndarray, rows: np.ndarray, n_numbers: int
) -> Arrays:
    """The row pointers `name` and every flat array that they cut, in the order of the numbers."""
    pointers = arrays[name]
    lengths = np.diff(pointers)
    of_numbers = np.zeros(n_numbers, np.int64)
    of_numbers[numbers] = lengths
    found = {name: np.concatenate([np.zeros(1, np.int64), np.cumsum(of_numbers)]).astype(pointers.dtype)}
    # Where each entry of the reordered lists stands now: the start of its list and its place in there.
    starts = np.cumsum(lengths[rows]) - lengths[rows]
    places = np.arange(pointers[-1]) + np.repeat(pointers[:-1][rows] - starts, lengths[rows])
    for other in _cut_by(name):
        if other in arrays:
            found[other] = arrays[other][places]
    return found


def _cut_by(name: str) -> list[str]:
    """The flat arrays that row pointers cut: those as long as the arrays that share the pointers' name."""
    stem = name.removesuffix("_indptr")
    lengths = {spec.shape[0] for other, spec in ARRAYS.items() if other.startswith(f"{stem}_") and other != name}
    return [other for other, spec in ARRAYS.items() if spec.shape[0] in lengths]
