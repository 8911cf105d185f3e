"""ENTP play rows stream in bounded batches, and each bad line is set aside with its number."""

import gzip
import hashlib
import zipfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_assets.sources.entp import read_triplets
from buddies_assets.sources.entp_lines import PLAYS
from buddies_core.errors import MalformedInputError, SourceNotFoundError


def user(number: int) -> str:
    return f"{number:040x}"


def song(number: int) -> str:
    return f"SO{number:016d}"


def line(u: int, s: int, plays: int = 1) -> str:
    return f"{user(u)}\t{song(s)}\t{plays}\n"


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "train_triplets.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(path: Path, **options: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    batches = list(read_triplets(path, strict=False, **options))
    assert all(batch.counts.reconciled for batch in batches)
    return pl.concat([b.plays for b in batches]), pl.concat([b.quarantined for b in batches])


@pytest.mark.parametrize(
    ("bad", "field", "reason"),
    [
        (f"{user(9)}\t{song(1)}", None, "wrong_field_count"),
        (f"{user(9)}\t{song(1)}\t1\t1", None, "wrong_field_count"),
        ("", None, "wrong_field_count"),
        (f"{'g' * 40}\t{song(1)}\t1", "user_id", "bad_id"),
        (f"{'A' * 40}\t{song(1)}\t1", "user_id", "bad_id"),
        (f"{user(9)[1:]}\t{song(1)}\t1", "user_id", "bad_id"),
        (f"\t{song(1)}\t1", "user_id", "missing_field"),
        (f"{user(9)}\tTR{1:016d}\t1", "song_id", "bad_id"),
        (f"{user(9)}\t{song(1)}x\t1", "song_id", "bad_id"),
        (f"{user(9)}\t{song(1)}\t", "plays", "missing_field"),
        (f"{user(9)}\t{song(1)}\tmany", "plays", "not_a_number"),
        (f"{user(9)}\t{song(1)}\t1.5", "plays", "not_a_number"),
        (f"{user(9)}\t{song(1)}\t0", "plays", "negative_count"),
        (f"{user(9)}\t{song(1)}\t-3", "plays", "negative_count"),
        (f"{user(9)}\t{song(1)}\t{2**32}", "plays", "bad_id"),
        (f"{user(1)}\t{song(1)}\t5", "song_id", "repeated_song_id"),
        (b"\xff" * 40 + f"\t{song(1)}\t1".encode(), None, "mojibake"),
    ],
)
def test_a_bad_line_is_set_aside_with_its_number_and_the_rest_goes_on(tmp_path, bad, field, reason):
    bad = bad if isinstance(bad, bytes) else bad.encode()
    path = write(tmp_path, line(1, 1).encode() + bad + b"\n" + line(2, 2, 7).encode())
    plays, quarantined = read(path)
    assert plays.rows() == [(user(1), song(1), 1), (user(2), song(2), 7)]
    assert plays.schema == PLAYS
    assert quarantined.select("file", "position", "field", "reason").rows() == [
        ("train_triplets.txt", 2, field, reason)
    ]
    with pytest.raises(MalformedInputError, match=rf"train_triplets\.txt, line or pid 2: {reason}"):
        list(read_triplets(path, strict=True))


def test_of_a_repeated_pair_the_first_row_is_kept_even_when_the_user_comes_back_later(tmp_path):
    rows = [(1, 1), (1, 2), (2, 1), (3, 1), (1, 2), (1, 3), (2, 1)]
    path = write(tmp_path, "".join(line(u, s, 10 + n) for n, (u, s) in enumerate(rows)))
    for size in (1 << 20, 130, 1):
        plays, quarantined = read(path, batch_bytes=size)
        assert plays["plays"].to_list() == [10, 11, 12, 13, 15]
        assert quarantined.select("position", "reason").rows() == [(5, "repeated_song_id"), (7, "repeated_song_id")]


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(-1, 3)), max_size=30),
    st.integers(1, 500),
    st.integers(1, 3),
)
def test_any_batch_size_and_number_of_workers_give_what_a_plain_loop_gives(tmp_path_factory, rows, size, workers):
    path = write(tmp_path_factory.mktemp("entp"), "".join(line(*row) for row in rows))
    expected, seen, bad = [], set(), []
    for number, (u, s, count) in enumerate(rows, 1):
        if count < 1:
            bad.append((number, "negative_count"))
        elif (u, s) in seen:
            bad.append((number, "repeated_song_id"))
        else:
            seen.add((u, s))
            expected.append((user(u), song(s), count))
    batches = list(read_triplets(path, strict=False, batch_bytes=size, workers=workers))
    assert [row for batch in batches for row in batch.plays.rows()] == expected
    assert [row for b in batches for row in b.quarantined.select("position", "reason").rows()] == bad
    assert sum(batch.counts.rows for batch in batches) == len(rows)


def test_with_several_workers_the_first_bad_line_is_the_one_that_stops_a_strict_reading(tmp_path):
    rows = [line(u, s) for u in range(300) for s in range(3)]
    rows[500], rows[40] = "bad\n", "worse\n"
    with pytest.raises(MalformedInputError, match="line or pid 41: wrong_field_count"):
        list(read_triplets(write(tmp_path, "".join(rows)), strict=True, batch_bytes=1_000, workers=3))


def test_crlf_and_a_missing_last_newline_are_read(tmp_path):
    path = write(tmp_path, (line(1, 1) + line(1, 2)).replace("\n", "\r\n").rstrip().encode())
    assert read(path)[0]["song_id"].to_list() == [song(1), song(2)]


def test_gzip_and_zip_give_the_same_rows(tmp_path):
    content = (line(1, 1) + line(2, 2)).encode()
    (tmp_path / "t.txt.gz").write_bytes(gzip.compress(content))
    with zipfile.ZipFile(tmp_path / "t.txt.zip", "w") as archive:
        archive.writestr("train_triplets.txt", content)
    plain, _ = read(write(tmp_path, content))
    assert read(tmp_path / "t.txt.gz")[0].equals(plain)
    assert read(tmp_path / "t.txt.zip")[0].equals(plain)


def test_a_gzip_cut_short_keeps_what_was_read_and_says_so(tmp_path):
    users = [hashlib.sha1(bytes([u % 256, u // 256])).hexdigest() for u in range(4000)]
    content = "".join(f"{u}\t{song(s)}\t25\n" for u in users for s in range(2)).encode()
    (tmp_path / "t.gz").write_bytes(gzip.compress(content)[:-4000])
    plays, quarantined = read(tmp_path / "t.gz", batch_bytes=10_000)
    assert 1000 < plays.height < 8000
    assert plays["plays"].unique().to_list() == [25]
    assert quarantined["reason"].to_list()[-1] == "undecodable_file"


def test_a_wrong_path_stops_at_once(tmp_path):
    with pytest.raises(SourceNotFoundError, match=r"ENTP triplets: no such file at .*BUDDIES_ENTP_FILE"):
        list(read_triplets(tmp_path / "no.txt", strict=False))
    with pytest.raises(SourceNotFoundError, match="a folder, not a file"):
        list(read_triplets(tmp_path, strict=False))


def test_a_file_is_what_its_content_says_whatever_its_name(tmp_path):
    content = (line(1, 1) + line(2, 2)).encode()
    for name, data in (("t.gz", content), ("t.zip", content), ("t.txt", gzip.compress(content))):
        (tmp_path / name).write_bytes(data)
        plays, quarantined = read(tmp_path / name)
        assert (plays.height, quarantined.height) == (2, 0)
