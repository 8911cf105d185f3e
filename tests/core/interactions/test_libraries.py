"""Libraries against Python sets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_core.interactions.csr import Library, LibraryError

pairs_in_a_matrix = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 9)), max_size=80)


def library_of(pairs: list[tuple[int, int]], n_rows: int = 7, n_columns: int = 10) -> Library:
    rows, columns = [r for r, _ in pairs], [c for _, c in pairs]
    return Library.from_pairs(np.array(rows, np.int64), np.array(columns, np.int64), n_rows, n_columns)


@settings(deadline=None, max_examples=60)
@given(pairs_in_a_matrix)
def test_rows_hold_each_column_once_and_ascending(pairs):
    library = library_of(pairs)
    for row in range(7):
        assert library.row(row).tolist() == sorted({c for r, c in pairs if r == row})
    assert library.indptr.dtype == np.int64 and library.indices.dtype == np.uint32


@settings(deadline=None, max_examples=60)
@given(pairs_in_a_matrix)
def test_transposing_exchanges_rows_and_columns_and_twice_gives_the_same(pairs):
    library = library_of(pairs)
    turned = library.transpose()
    for column in range(10):
        assert turned.row(column).tolist() == sorted({r for r, c in pairs if c == column})
    back = turned.transpose()
    assert np.array_equal(back.indptr, library.indptr) and np.array_equal(back.indices, library.indices)


def test_a_part_of_the_rows_is_a_library_of_its_own():
    part = library_of([(0, 1), (2, 3), (2, 9), (4, 4), (6, 0)]).rows(2, 5)
    assert [part.row(i).tolist() for i in range(part.n_rows)] == [[3, 9], [], [4]]
    assert part.lengths.tolist() == [2, 0, 1]


def test_a_matrix_without_rows_or_pairs_is_allowed():
    assert library_of([], 0, 0).n_rows == 0
    assert library_of([], 3, 0).transpose().n_rows == 0


@pytest.mark.parametrize(("row", "column", "named"), [(7, 0, "row"), (0, 10, "column"), (-1, 0, "row")])
def test_an_index_outside_the_matrix_is_refused_by_name(row, column, named):
    with pytest.raises(LibraryError, match=named):
        library_of([(row, column)])


def test_rows_and_columns_of_different_number_are_refused():
    with pytest.raises(LibraryError, match="2 rows but 1 columns"):
        Library.from_pairs(np.array([0, 1]), np.array([0]), 2, 1)
