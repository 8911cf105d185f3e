"""Binary matrices as CSR: which songs a user has played, which songs a playlist holds, which users like a playlist."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit

from buddies_core.errors import BuddiesError


class LibraryError(BuddiesError, ValueError):
    """A row or column index lies outside the matrix it is meant for."""


@dataclass(frozen=True)
class Library:
    """A binary sparse matrix in CSR form; every row's columns are distinct and ascending.

    Attributes:
        indptr: int64 [n_rows + 1]; row i's columns are `indices[indptr[i]:indptr[i + 1]]`.
        indices: uint32 [n_entries].
        n_columns: number of columns; every index is below it.
    """

    indptr: np.ndarray
    indices: np.ndarray
    n_columns: int

    @classmethod
    def from_pairs(cls, rows: np.ndarray, columns: np.ndarray, n_rows: int, n_columns: int) -> "Library":
        """The matrix of (row, column) pairs in any order; a pair given more than once counts once.

        Raises:
            LibraryError: a row or a column is out of range.
        """
        return cls.from_parts([(rows, columns)], n_rows, n_columns)

    @classmethod
    def from_parts(cls, parts: Sequence[tuple[np.ndarray, np.ndarray]], n_rows: int, n_columns: int) -> "Library":
        """`from_pairs` of pairs that come in parts: uint32 ones are neither widened nor joined, as they may be many.

        Raises:
            LibraryError: a row or a column is out of range.
        """
        indptr = np.zeros(n_rows + 1, np.int64)
        parts = [(_indices(rows), _indices(columns)) for rows, columns in parts]
        for rows, columns in parts:
            if rows.shape != columns.shape:
                raise LibraryError(f"{len(rows)} rows but {len(columns)} columns: give one column for each row")
            for name, values, bound in (("row", rows, n_rows), ("column", columns, n_columns)):
                if len(values) and not (values.min() >= 0 and values.max() < bound):
                    found = f"{values.min()} to {values.max()}"
                    raise LibraryError(f"{name} indices run from {found}; the matrix has {bound}")
            _count(indptr, rows)
        np.cumsum(indptr, out=indptr)
        cursor, indices = indptr[:-1].copy(), np.empty(indptr[-1], np.uint32)
        for rows, columns in parts:
            _place(cursor, indices, rows, columns)
        distinct_indptr, distinct = _sort_rows(indptr, indices)
        return cls(distinct_indptr, distinct, n_columns)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.indptr) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Number of entries of each row, int64 [n_rows]."""
        return np.diff(self.indptr)

    def row(self, i: int) -> np.ndarray:
        """Columns of row `i`, ascending (a view)."""
        return self.indices[self.indptr[i] : self.indptr[i + 1]]

    def rows(self, start: int, stop: int) -> "Library":
        """Rows [start, stop) as a matrix of their own, renumbered from 0; the indices are a view."""
        first, last = self.indptr[start], self.indptr[stop]
        return Library(self.indptr[start : stop + 1] - first, self.indices[first:last], self.n_columns)

    def first_columns(self, n: int) -> "Library":
        """The matrix without the columns from `n` on."""
        kept = self.indices < n
        before = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
        return Library(before[self.indptr], self.indices[kept], n)

    def transpose(self) -> "Library":
        """The matrix with rows and columns exchanged, in one counting sort."""
        rows = np.repeat(np.arange(self.n_rows, dtype=np.uint32), self.lengths)
        indptr, indices = np.zeros(self.n_columns + 1, np.int64), np.empty(len(rows), np.uint32)
        _count(indptr, self.indices)
        np.cumsum(indptr, out=indptr)
        _place(indptr[:-1].copy(), indices, self.indices, rows)
        return Library(indptr, indices, self.n_rows)


def _indices(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    return values if values.dtype == np.uint32 else values.astype(np.int64)


@njit(nogil=True, cache=True)
def _count(indptr, rows):
    for i in range(len(rows)):
        indptr[np.int64(rows[i]) + 1] += 1


@njit(nogil=True, cache=True)
def _place(cursor, indices, rows, columns):
    """One pass of a stable counting sort: each column goes to the next free place of its row."""
    for i in range(len(rows)):
        row = np.int64(rows[i])
        indices[cursor[row]] = columns[i]
        cursor[row] += 1


@njit(nogil=True, cache=True)
def _sort_rows(indptr, indices):
    """The same rows with their columns ascending and repetitions dropped."""
    kept_indptr = np.zeros_like(indptr)
    kept = 0
    for row in range(len(indptr) - 1):
        start, stop = indptr[row], indptr[row + 1]
        part = indices[start:stop]
        part.sort()
        for i in range(len(part)):
            if i == 0 or part[i] != part[i - 1]:
                # `kept` never overtakes the read position, so the rows are compacted in place.
                value = part[i]
                indices[kept] = value
                kept += 1
        kept_indptr[row + 1] = kept
    return kept_indptr, indices[:kept].copy()
