"""Interactions with ids, what plays are worth, folds of cells, and tags as rows."""

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_array

from buddies_core.interactions.folds import fold_of_cells, kept_cells
from buddies_core.interactions.labelled_plays import LabelledPlays
from buddies_core.interactions.row_weights import rank_weights
from buddies_core.interactions.tag_rows import tag_rows


def plays(*rows: tuple[str, str, float]) -> LabelledPlays:
    return LabelledPlays.of(pl.DataFrame(rows, ["user", "item", "weight"], orient="row"))


def test_ids_are_sorted_by_number_or_text_and_repeated_pairs_are_summed():
    found = plays(("10", "b", 1.0), ("2", "a", 2.0), ("10", "b", 3.0))
    assert (found.users, found.items) == (["2", "10"], ["a", "b"])
    assert found.matrix.toarray().tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert found.user_place["10"] == 1


def test_the_order_of_the_rows_of_a_file_changes_nothing():
    rows = [(f"u{n % 7}", f"i{n % 11}", float(n)) for n in range(1, 60)]
    one, other = plays(*rows), plays(*rows[::-1])
    assert one.users == other.users and (one.matrix != other.matrix).nnz == 0


def test_a_play_weighs_by_its_rank_and_equal_plays_weigh_alike():
    weights = rank_weights(csr_array(np.array([[9.0, 4.0, 4.0, 1.0], [0.0, 0.0, 5.0, 0.0]])), 1.0)
    assert weights.toarray().tolist() == pytest.approx(np.array([[1, 1 / 2, 1 / 2, 1 / 4], [0, 0, 1, 0]]))
    assert set(rank_weights(weights, 0.0).data) == {1.0}


def test_folds_part_the_cells_and_do_not_depend_on_the_order_of_the_listeners():
    board = csr_array((np.random.default_rng(0).random((30, 40)) < 0.3).astype(np.float32))
    folds = fold_of_cells(board, 5, seed=1)
    assert sum(kept_cells(board, folds == fold).nnz for fold in range(5)) == board.nnz
    assert np.bincount(folds, minlength=5).min() > board.nnz / 10
    order = np.random.default_rng(1).permutation(30)
    moved = board[order]
    again = kept_cells(moved, fold_of_cells(moved, 5, seed=1) == 2)
    assert (again != kept_cells(board, folds == 2)[order]).nnz == 0


def test_tags_are_tf_idf_rows_of_items_of_length_one_and_rare_tags_are_left_out():
    tags = pl.DataFrame(
        [("a", "rock")] * 2 + [("b", "rock"), ("b", "jazz"), ("b", "jazz"), ("c", "odd"), ("gone", "rock")],
        ["item", "tag"],
        orient="row",
    )
    rows = tag_rows(tags, ["a", "b", "c"], fewest=2).toarray()
    jazz, rock = np.log1p(2) * np.log(3), np.log1p(1) * np.log(3 / 2)
    length = np.hypot(jazz, rock)
    assert rows == pytest.approx(np.array([[0, jazz / length, 0], [1, rock / length, 0]]))
