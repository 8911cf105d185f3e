"""Anybody's own interactions: forms, columns, ids, and what is set aside with which reason."""

import gzip

import polars as pl
import pytest

from buddies_assets.sources.interactions_file import ColumnError, Columns, read_interactions, read_tags
from buddies_core.errors import MalformedInputError, SourceNotFoundError

ROWS = [("u1", "a, b", 3.0), ("u1", "Björk", 1.0), ("u2", "Björk", 2.5)]


def written(tmp_path, name: str, text: str | bytes):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


CSV = 'User_ID,artist,Plays\nu1,"a, b",3\nu1,Björk,1\nu2,Björk,2.5\n'


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plays.csv", CSV.encode()),
        ("plays.csv", "\ufeff".encode() + CSV.replace("\n", "\r\n").encode()),
        ("plays.tsv", "User_ID\tartist\tPlays\nu1\ta, b\t3\nu1\tBjörk\t1\nu2\tBjörk\t2.5\n".encode()),
        ("plays", gzip.compress(CSV.encode())),
        ("plays.csv", "User_ID;artist;Plays\nu1;a, b;3\nu1;Björk;1\nu2;Björk;2.5\n".encode()),
        ("plays.csv", CSV.encode("latin-1")),
    ],
    ids=["csv", "byte order mark and CRLF", "tsv", "gzip by content", "semicolons", "latin-1"],
)  # fmt: skip
def test_the_same_rows_come_of_every_form(tmp_path, name, content):
    found = read_interactions(written(tmp_path, name, content))
    assert found.rows.rows() == ROWS
    assert found.columns == {"user": "User_ID", "item": "artist", "weight": "Plays"}
    assert found.counts.reconciled and found.quarantine.is_empty()


def test_an_id_that_cannot_be_decoded_is_set_aside_rather_than_merged_with_another(tmp_path):
    found = read_interactions(written(tmp_path, "a.csv", b"user,item\nu,\x81\x8d\nu,a\n"))
    assert found.rows["item"].to_list() == ["a"]
    assert found.quarantine.select("position", "field", "reason").rows() == [(2, "item", "mojibake")]


def test_parquet_is_read_by_content_and_numbers_become_text(tmp_path):
    frame = pl.DataFrame({"userId": [7, 8], "song_id": [1, 2], "play_count": [4, 5], "timestamp": ["a", "b"]})
    frame.write_parquet(tmp_path / "plays.dat")
    found = read_interactions(tmp_path / "plays.dat")
    assert found.rows.rows() == [("7", "1", 4.0, "a"), ("8", "2", 5.0, "b")]


def test_columns_may_be_said_and_weights_may_be_absent(tmp_path):
    path = written(tmp_path, "a.csv", "who,what,user\nx,1,9\ny,2,9\n")
    assert read_interactions(path, Columns("who", "what")).rows.rows() == [("x", "1", 1.0), ("y", "2", 1.0)]


def test_a_file_without_a_header_has_the_usual_order(tmp_path):
    path = written(tmp_path, "a.tsv", "2\t51\t13883\n2\t52\t11690\n")
    assert read_interactions(path).rows.rows() == [("2", "51", 13883.0), ("2", "52", 11690.0)]


def test_rows_that_cannot_be_used_are_set_aside_with_line_column_and_reason(tmp_path):
    text = "user,item,plays\nu,a,0\nu,b,-2\nu,c,NaN\nu,d,inf\nu,e,many\nu,,1\nu,f\n,g,1\nu,h,\nu,i,2\n"
    found = read_interactions(written(tmp_path, "a.csv", text))
    assert found.rows.rows() == [("u", "i", 2.0)]
    assert found.quarantine.select("position", "field", "reason").rows() == [
        (2, "plays", "weight_not_positive"),
        (3, "plays", "weight_not_positive"),
        (4, "plays", "not_a_number"),
        (5, "plays", "not_a_number"),
        (6, "plays", "not_a_number"),
        (7, "item", "missing_field"),
        (8, None, "wrong_field_count"),
        (9, "user", "missing_field"),
        (10, "plays", "missing_field"),
    ]
    assert (found.counts.rows, found.counts.kept, found.counts.quarantined) == (10, 1, 9)
    assert found.counts.reconciled
    with pytest.raises(MalformedInputError, match=r"a\.csv, line or pid 2: weight_not_positive in plays"):
        read_interactions(tmp_path / "a.csv", strict=True)


@pytest.mark.parametrize(
    ("text", "columns", "says"),
    [
        ("who,item\nx,1\n", Columns(), "line 1: no column looks like the user among who, item; say which with --user"),
        ("user,item\nx,1\n", Columns(item="song"), "has no column 'song'; its columns are user, item"),
        ("user,item\nx,1\n", Columns("user", "user"), "the column 'user' was said for two things"),
        ("user,item\n", Columns(), "no rows below its header"),
    ],
)
def test_columns_that_cannot_be_told_are_named_errors(tmp_path, text, columns, says):
    with pytest.raises(ColumnError, match=says):
        read_interactions(written(tmp_path, "a.csv", text), columns)


def test_a_file_that_is_not_there_is_a_named_error(tmp_path):
    with pytest.raises(SourceNotFoundError, match="no such file"):
        read_interactions(tmp_path / "none.csv")


def test_tags_need_an_item_and_a_tag(tmp_path):
    path = written(tmp_path, "t.dat", "userID\tartistID\ttagID\tday\n2\t52\t13\t1\n2\t52\t\t1\n")
    found = read_tags(path)
    assert found.rows.rows() == [("52", "13", "2")]
    assert found.quarantine["reason"].to_list() == ["missing_field"]


def test_a_weight_that_no_number_of_32_bits_holds_is_set_aside(tmp_path):
    found = read_interactions(written(tmp_path, "a.csv", "user,item,plays\nu,a,1e39\nu,b,3e38\n"))
    assert found.rows.rows() == [("u", "b", 3e38)]
    assert found.quarantine["reason"].to_list() == ["not_a_number"]


def test_ids_that_a_parquet_file_holds_as_bytes_are_text(tmp_path):
    path = tmp_path / "a.parquet"
    pl.DataFrame({"user": ["Björk".encode(), b"\xff"], "item": [b"x", b"y"]}).write_parquet(path)
    found = read_interactions(path)
    assert found.rows.select("user", "item").rows() == [("Björk", "x")]
    assert found.quarantine["reason"].to_list() == ["mojibake"]


def test_a_parquet_column_of_lists_is_a_named_error(tmp_path):
    path = tmp_path / "a.parquet"
    pl.DataFrame({"user": [["u"], ["v"]], "item": ["x", "y"], "tags": [["a"], ["b"]]}).write_parquet(path)
    with pytest.raises(ColumnError, match="column 'user' holds several values a row"):
        read_interactions(path)
    pl.DataFrame({"user": ["u"], "item": ["x"], "tags": [["a"]]}).write_parquet(path)
    assert read_interactions(path).rows.rows() == [("u", "x", 1.0)]
