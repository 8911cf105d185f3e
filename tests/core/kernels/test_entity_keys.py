"""What draws know users by."""

import numpy as np
import pytest

from buddies_core.kernels.entity_keys import id_keys


def hexes(n: int, seed: int = 0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    return np.array([draw.bytes(20).hex() for _ in range(n)], "S40")


def test_a_key_depends_on_the_id_alone_and_not_on_its_row_or_its_neighbours():
    ids = hexes(50)
    keys = id_keys(ids)
    order = np.random.default_rng(1).permutation(50)
    assert np.array_equal(id_keys(ids[order]), keys[order])
    assert np.array_equal(id_keys(ids[7:8]), keys[7:8])


def test_the_width_of_the_text_array_changes_nothing():
    short = np.array([b"ab", b"abcdefgh", b"abcdefghi"])
    assert np.array_equal(id_keys(short), id_keys(short.astype("S40")))


def test_ids_that_differ_in_one_digit_have_keys_that_differ_in_half_of_their_bits():
    ids = hexes(2_000)
    changed = np.array([bytes(i[:-1]) + (b"1" if i[-1:] == b"0" else b"0") for i in ids.tolist()], "S40")
    bits = np.bitwise_count(id_keys(ids) ^ id_keys(changed))
    assert bits.mean() == pytest.approx(32, abs=0.5)


def test_different_ids_have_different_keys_also_where_one_begins_the_other():
    ids = np.array([b"", b"a", b"aa", b"a" * 8, b"a" * 9, b"a" * 16, *hexes(20_000).tolist()])
    assert len(np.unique(id_keys(ids))) == len(ids)


def test_ids_that_are_not_bytes_are_refused():
    with pytest.raises(TypeError, match="encode them first"):
        id_keys(np.array(["ab"]))
