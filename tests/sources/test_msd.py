"""MSD song text is read from either format, one row per song id, with the mismatched ones flagged."""

import gzip

import pytest

from buddies_assets.sources.msd import SONGS, read_songs
from buddies_core.errors import MalformedInputError, SourceNotFoundError

A, B, C = (f"SO{letter * 16}" for letter in "ABC")
TRACK = "TR" + "A" * 16
HEADER = "song_id,title,release,artist_name,year\n"


def write(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_quoted_text_absent_years_and_releases_are_read_from_song_data(tmp_path):
    path = write(tmp_path, "song_data.csv", f'{HEADER}{A},"Hello, ""you""",Rel,X,1999\r\n{B},T,,Y,0\r\n')
    text = read_songs([path], None, strict=True)
    assert text.songs.rows() == [(A, 'Hello, "you"', "X", "Rel", 1999, False), (B, "T", "Y", None, None, False)]
    assert text.songs.schema == SONGS


def test_unique_tracks_is_told_by_its_content_whatever_its_name(tmp_path):
    path = write(tmp_path, "songs.txt", f"{TRACK}<SEP>{A}<SEP>Artist<SEP>Title\n")
    assert read_songs([path], None, strict=True).songs.rows() == [(A, "Title", "Artist", None, None, False)]


def test_the_first_file_says_what_a_song_is_and_the_second_adds_the_songs_it_lacks(tmp_path):
    first = write(tmp_path, "a.csv", f"{HEADER}{A},T,R,X,2000\n")
    second = write(tmp_path, "b.txt", f"{TRACK}<SEP>{A}<SEP>X<SEP>T\n{TRACK}<SEP>{B}<SEP>Y<SEP>U\n")
    text = read_songs([first, second], None, strict=True)
    assert text.songs["song_id"].to_list() == [A, B]
    assert (text.counts.rows, text.counts.kept, text.counts.repeats) == (3, 2, 1)


def test_a_repeat_is_counted_and_a_contradiction_is_quarantined(tmp_path):
    path = write(tmp_path, "s.csv", f"{HEADER}{A},T,R,X,2000\n{A},T,Other,X,2001\n{A},Else,R,X,2000\n{B},U,R,Y,0\n")
    text = read_songs([path], None, strict=False)
    assert text.songs["title"].to_list() == ["T", "U"]
    assert text.counts.reconciled
    assert (text.counts.repeats, text.counts.quarantined) == (1, 1)
    assert text.quarantined.select("position", "field", "reason").rows() == [(4, "song_id", "repeated_song_id")]


@pytest.mark.parametrize(
    ("bad", "field", "reason"),
    [
        (f"{B},T,R,X", None, "wrong_field_count"),
        ("B,T,R,X,1", "song_id", "bad_id"),
        (f"{B},,R,X,1", "title", "missing_field"),
        (f"{B},T,R, ,1", "artist", "missing_field"),
        (f"{B},T,R,".encode() + b"\xe9,1", "artist", "mojibake"),
    ],
)
def test_a_bad_row_is_set_aside_with_its_line(tmp_path, bad, field, reason):
    bad = bad if isinstance(bad, bytes) else bad.encode()
    path = write(tmp_path, "s.csv", f"{HEADER}{A},T,R,X,1\n".encode() + bad + f"\n{C},V,R,Z,1\n".encode())
    text = read_songs([path], None, strict=False)
    assert text.songs["song_id"].to_list() == [A, C]
    assert text.quarantined.select("position", "field", "reason").rows() == [(3, field, reason)]
    assert text.counts.reconciled
    with pytest.raises(MalformedInputError, match=rf"s\.csv, line or pid 3: {reason}"):
        read_songs([path], None, strict=True)


def test_a_file_without_the_columns_is_named(tmp_path):
    text = read_songs([write(tmp_path, "s.csv", "id,name\n1,2\n")], None, strict=False)
    assert text.quarantined.select("position", "reason").rows() == [(1, "missing_field")]


def test_a_bad_first_line_of_unique_tracks_costs_only_itself(tmp_path):
    path = write(tmp_path, "u.txt", f"oops\n{TRACK}<SEP>{A}<SEP>X<SEP>T\n")
    text = read_songs([path], None, strict=False)
    assert text.songs["song_id"].to_list() == [A]
    assert text.quarantined.select("position", "reason").rows() == [(1, "wrong_field_count")]


def test_a_quote_that_never_closes_is_set_aside(tmp_path):
    path = write(tmp_path, "s.csv", f'{HEADER}{A},T,R,X,1\n{B},"T,R,X,1\n' + f"{C},T,R,X,1\n" * 9000)
    text = read_songs([path], None, strict=False)
    assert text.quarantined["reason"].to_list() == ["unclosed_quote"]
    assert text.songs["song_id"].to_list() == [A, C]
    assert (text.counts.rows, text.counts.lines) == (9002, 9003)
    assert text.counts.reconciled


def test_of_a_gzip_cut_short_whole_lines_are_kept_and_the_other_file_is_read(tmp_path):
    cut = write(tmp_path, "s.csv.gz", gzip.compress((HEADER + f"{A},T,R,X,1\n" * 50).encode())[:-9])
    other = write(tmp_path, "u.txt", f"{TRACK}<SEP>{B}<SEP>Y<SEP>U\n")
    text = read_songs([cut, other], None, strict=False)
    assert text.songs["song_id"].to_list() == [A, B]
    assert text.quarantined.select("file", "reason").rows() == [("s.csv.gz", "undecodable_file")]
    assert (text.counts.files, text.counts.bad_files, text.counts.kept) == (2, 1, 2)
    assert text.counts.unread_bytes > 0


def test_mismatched_songs_are_flagged_and_bad_lines_of_their_file_set_aside(tmp_path):
    path = write(tmp_path, "s.csv", f"{HEADER}{A},T,R,X,1\n{B},U,R,Y,1\n")
    wrong = write(tmp_path, "m.txt", f"ERROR: <{B} {TRACK}> a  -  t  !=  b  -  u\nERROR: <oops>\n\n")
    text = read_songs([path], wrong, strict=False)
    assert text.songs["mismatched"].to_list() == [False, True]
    assert text.quarantined.select("file", "position", "reason").rows() == [
        ("m.txt", 2, "bad_id"),
        ("m.txt", 3, "wrong_field_count"),
    ]
    assert text.mismatch_counts.reconciled
    assert text.mismatch_counts.rows == 3


def test_a_wrong_path_stops_at_once(tmp_path):
    with pytest.raises(SourceNotFoundError, match="BUDDIES_MSD_FILE"):
        read_songs([tmp_path / "no.csv"], None, strict=False)
