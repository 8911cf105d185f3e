"""The list of the forgotten: keyed hashes, recognised in any letter case, and useless without the key."""

import polars as pl
import pytest

from buddies_core.storage.forgotten import ForgottenIds, ForgottenKeyError

MINE, YOURS = "a1" * 20, "b2" * 20


def test_nobody_is_forgotten_in_a_new_home(tmp_path) -> None:
    listed = ForgottenIds.at(str(tmp_path))
    assert MINE not in listed
    assert listed.digest == ""
    assert listed.mask(pl.Series([MINE, None], dtype=pl.String)).to_list() == [False, False]


def test_the_forgotten_are_recognised_after_a_restart_in_any_letter_case(tmp_path) -> None:
    ForgottenIds.at(str(tmp_path)).adding(MINE)
    listed = ForgottenIds.at(str(tmp_path))
    assert MINE in listed
    assert MINE.upper() in listed
    assert YOURS not in listed
    assert listed.mask(pl.Series([YOURS, MINE, None, MINE.upper()])).to_list() == [False, True, False, True]


def test_neither_file_holds_the_id_and_the_key_is_its_owners_alone(tmp_path) -> None:
    ForgottenIds.at(str(tmp_path)).adding(MINE)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == 2
    assert not any(MINE.encode() in path.read_bytes().lower() for path in files)
    assert (tmp_path / "keys" / "forgotten").stat().st_mode & 0o077 == 0


def test_who_is_forgotten_twice_is_listed_once_and_others_change_the_digest(tmp_path) -> None:
    once = ForgottenIds.at(str(tmp_path)).adding(MINE)
    twice = once.adding(MINE.upper())
    assert twice.hashes == once.hashes
    assert twice.adding(YOURS).digest != once.digest


def test_a_list_without_its_key_is_an_error_and_not_an_empty_list(tmp_path) -> None:
    ForgottenIds.at(str(tmp_path)).adding(MINE)
    (tmp_path / "keys" / "forgotten").unlink()
    with pytest.raises(ForgottenKeyError, match="restore it"):
        ForgottenIds.at(str(tmp_path))
