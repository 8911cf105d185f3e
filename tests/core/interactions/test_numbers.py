"""Numbers of users: given once, never moved, never given again."""

from pathlib import Path

import polars as pl
import pytest

from buddies_core.interactions.numbers import REGISTER, RegisterError, extended, stored_register
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.manifest import CacheKey


def register(*ids: str) -> pl.DataFrame:
    return pl.DataFrame({"number": range(len(ids)), "user_id": ids}, schema=REGISTER)


def test_in_a_new_home_the_numbers_are_the_ranks_of_the_ids():
    assert extended(REGISTER.to_frame(), pl.Series(["c", "a", "b"])).equals(register("a", "b", "c"))


def test_old_users_keep_their_numbers_and_new_ones_get_the_next_in_the_order_of_their_ids():
    assert extended(register("d", "m"), pl.Series(["z", "m", "a", "d"])).equals(register("d", "m", "a", "z"))


def test_who_has_gone_keeps_the_number_and_has_it_again_on_return():
    without = extended(register("d", "m"), pl.Series(["a", "m"]))
    assert without.equals(register("d", "m", "a"))
    assert extended(without, pl.Series(["d", "a"])).equals(without)


@pytest.mark.parametrize("numbers", [[0, 0], [0, 1]])
def test_a_register_that_gives_a_number_or_a_user_twice_is_refused(numbers):
    broken = pl.DataFrame({"number": numbers, "user_id": ["a", "b"] if numbers == [0, 0] else ["a", "a"]}, REGISTER)
    with pytest.raises(RegisterError, match="twice: restore the part `numbers`"):
        extended(broken, pl.Series(["a"]))


def test_a_library_from_before_there_were_numbers_was_served_by_its_rows(tmp_path: Path):
    writer = DatasetStore.at(str(tmp_path)).writer(CacheKey("user_library"), "run")
    rows = pl.DataFrame({"user": [0, 1], "user_id": ["p", "q"]}, schema_overrides={"user": pl.UInt32})
    assert stored_register(writer.commit([writer.write_shard(0, rows)])).equals(register("p", "q"))
    assert stored_register(None).height == 0
