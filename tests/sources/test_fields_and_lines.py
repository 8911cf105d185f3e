"""A value that nobody needs costs no row, a quotation mark left open costs its own line, and a pid has one width."""

import json
from pathlib import Path

import polars as pl
import pytest

from buddies_assets.sources.mpd_slice import parse_slice
from buddies_assets.sources.msd import read_songs
from buddies_assets.sources.steps.raw import something_kept
from buddies_core.errors import NothingReadError

A, B, C = (f"SO{letter * 16}" for letter in "ABC")
HEADER = "song_id,title,release,artist_name,year\n"
TRACK = {"pos": 0, "track_uri": f"spotify:track:{1:022d}", "track_name": "T", "artist_name": "A"}


@pytest.mark.parametrize(
    ("field", "written", "read", "nulled"),
    [
        ("collaborative", "False", False, 0),
        ("collaborative", "TRUE", True, 0),
        ("collaborative", True, True, 0),
        ("collaborative", "maybe", None, 1),
        ("duration_ms", -1, None, 1),
        ("duration_ms", "1000", 1000, 0),
        ("num_followers", -1, None, 1),
        ("num_followers", 3.0, 3, 0),
        ("num_followers", "many", None, 1),
        ("num_followers", 2**40, None, 1),
        ("num_followers", float("nan"), None, 1),
        ("num_followers", [1], None, 1),
        ("modified_at", 1493424000.75, 1493424000, 0),
        ("modified_at", "2017-04-29T00:00:00Z", 1493424000, 0),
        ("modified_at", "2017-04-29", 1493424000, 0),
        ("modified_at", "yesterday", None, 1),
        ("name", 2014, "2014", 0),
        ("name", None, "", 0),
        ("name", {"en": "mix"}, "", 1),
        ("description", 7, "7", 0),
    ],
)
def test_an_unneeded_value_is_read_or_becomes_null_and_is_counted(field: str, written, read, nulled: int):
    good = {"pid": 1, "name": "mix", "tracks": [TRACK]}
    data = json.dumps({"playlists": [good, good | {"pid": 2, field: written}]}).encode()
    parsed = parse_slice(data, "f.json", strict=True)
    assert parsed.playlists.filter(pl.col("pid") == 2)[field].to_list() == [read]
    assert (parsed.playlist_counts.kept, parsed.playlist_counts.nulled, parsed.quarantined.height) == (2, nulled, 0)


@pytest.mark.parametrize(
    ("given", "read", "nulled"),
    [
        ([0.0, 1.0], [0, 1], 0),
        (["0", "1"], [0, 1], 0),
        ([0, -1], [0, 1], 1),
        ([5, None], [0, 1], 0),
        ([3, 9], [3, 9], 0),
        ([0, [1]], [0, 1], 1),
        ([True, 1], [0, 1], 1),
    ],
)
def test_a_position_that_cannot_be_read_is_the_place_in_the_list(given: list, read: list[int], nulled: int):
    tracks = [TRACK | {"pos": pos} for pos in given]
    parsed = parse_slice(json.dumps({"playlists": [{"pid": 1, "tracks": tracks}]}).encode(), "f.json", strict=True)
    assert parsed.tracks["pos"].to_list() == read
    assert (parsed.track_counts.nulled, parsed.quarantined.height) == (nulled, 0)


@pytest.mark.parametrize(("pid", "kept"), [(2**31 - 1, True), (2**31, False), (2**32 - 1, False)])
def test_a_pid_is_as_wide_as_feedback_takes_it(pid: int, kept: bool):
    parsed = parse_slice(json.dumps({"playlists": [{"pid": pid, "tracks": [TRACK]}]}).encode(), "f.json", strict=False)
    assert parsed.playlists["pid"].to_list() == [pid] * kept
    assert parsed.quarantined["reason"].to_list() == ["bad_id"] * (not kept)


@pytest.mark.parametrize(
    ("damage", "pids", "lost"),
    [
        (lambda text: text.replace('"pid": 2, "tracks"', '"pid": 2 "tracks"'), [1, 3], [2]),
        (lambda text: text.replace('"num_followers": 1', '"num_followers": NaN'), [1, 2, 3], []),
        (lambda text: text[: text.index('"pid": 3')] + '"pid": 3', [1, 2], [3]),
        (lambda text: text.replace("},", "},,", 2), [2, 3], [1]),
        (lambda text: text + "and more", [1, 2, 3], [None]),
        (lambda text: text.replace("mix 2", "mix\n\t2"), [1, 2, 3], []),
    ],
)
def test_of_a_slice_that_is_not_json_every_playlist_is_kept_that_can_be_decoded(damage, pids: list, lost: list):
    rows = [
        {"name": f"mix {n}", "num_followers": 1, "pid": n, "tracks": [TRACK, TRACK | {"pos": 1}]} for n in (1, 2, 3)
    ]
    parsed = parse_slice(damage(json.dumps({"playlists": rows})).encode(), "f.json", strict=False)
    assert parsed.playlists["pid"].to_list() == pids
    assert parsed.quarantined["position"].to_list() == lost
    assert parsed.playlist_counts.reconciled


@pytest.mark.parametrize(
    ("body", "kept", "aside"),
    [
        (f'{A},T,R,X,1\n{B},"T,R,X,1\n' + f"{C},T,R,X,1\n" * 500, [A, C], [(3, "unclosed_quote")]),
        (f'{A},"T\nsecond line",R,X,1\n{B},T,R,X,1\n', [A, B], []),
        (f'{A},"T, R",R,X,1\n{B},T"s,R,X,1\n', [A, B], []),
        (f"{A},<SEP> and <SEP> and <SEP>,R,X,1\n{B},T,R,X,1\n", [A, B], []),
        (f'{A},T,R,X,1\n{B},"T,R,X,1\n', [A], [(3, "unclosed_quote")]),
        (f"{A},T,R,X,1997.0\n{B},T,R,X,MM\n{C},T,R,X,-5\n", [A, B, C], []),
        (f"{A},T,R,X,1\n\n{B},T,R,X,1\n", [A, B], [(3, "wrong_field_count")]),
    ],
)
def test_every_line_of_song_text_belongs_to_a_row(tmp_path: Path, body: str, kept: list[str], aside: list):
    path = tmp_path / "song_data.csv"
    path.write_text(HEADER + body, encoding="utf-8")
    text = read_songs([path], None, strict=False)
    assert text.songs["song_id"].to_list() == kept
    assert text.quarantined.select("position", "reason").rows() == aside
    assert text.counts.lines == text.counts.parsed_lines == (HEADER + body).count("\n")
    assert text.counts.reconciled


@pytest.mark.parametrize(
    "line", ["song_id;title;release;artist_name;year\n{A};T;R;X;1", "SONG_ID\tTitle\tartist_name\n{A}\tT\tX"]
)
def test_the_header_decides_delimiter_and_columns(tmp_path: Path, line: str):
    (tmp_path / "s.csv").write_text(line.replace("{A}", A), encoding="utf-8")
    assert read_songs([tmp_path / "s.csv"], None, strict=True).songs.select("title", "artist").rows() == [("T", "X")]


WORDS = ["Beyoncé", "Déjà vu", "Mañana", "Björk", "Motörhead", "Señorita", "Voilà", "naïve", "Don’t", "CAFÉ"]


@pytest.mark.parametrize("page", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252", "mac_roman"])
def test_titles_come_through_in_every_code_page(tmp_path: Path, page: str):
    rows = "".join(f"SO{n:016d},{word} {n},R,X,1\n" for n, word in enumerate(WORDS * 3))
    (tmp_path / "s.csv").write_bytes((HEADER + rows).encode(page))
    text = read_songs([tmp_path / "s.csv"], None, strict=True)
    assert text.songs["title"].to_list() == [f"{word} {n}" for n, word in enumerate(WORDS * 3)]


@pytest.mark.parametrize("page", ["cp437", "cp850", "latin-1"])
def test_pages_without_curly_marks_come_through_too(tmp_path: Path, page: str):
    words = [word for word in WORDS if "’" not in word]
    rows = "".join(f"SO{n:016d},{word} {n},R,X,1\n" for n, word in enumerate(words))
    (tmp_path / "s.csv").write_bytes((HEADER + rows).encode(page))
    text = read_songs([tmp_path / "s.csv"], None, strict=True)
    assert text.songs["title"].to_list() == [f"{word} {n}" for n, word in enumerate(words)]
    assert text.pages["s.csv"] in (page, "cp850", "cp1252")


def test_text_of_no_sure_page_is_set_aside_and_not_guessed(tmp_path: Path):
    (tmp_path / "s.csv").write_bytes(f"{HEADER}{A},T,R,".encode() + b"\xe9\xfe\xd0,1\n" + f"{B},T,R,X,1\n".encode())
    text = read_songs([tmp_path / "s.csv"], None, strict=False)
    assert text.songs["song_id"].to_list() == [B]
    assert text.quarantined["reason"].to_list() == ["mojibake"]


def test_when_nothing_was_kept_the_last_word_is_about_what_was_found(tmp_path: Path):
    path = tmp_path / "song_data.csv"
    path.write_text(HEADER + "bad,T,R,X,1\n" * 3 + f"{A},,R,X,1\n", encoding="utf-8")
    text = read_songs([path], None, strict=False)
    with pytest.raises(NothingReadError) as caught:
        something_kept("MSD song text", path, text.counts, text.quarantined)
    said = str(caught.value)
    assert f"none of 4 rows could be used at {path}" in said
    assert "3 × bad_id (first: song_data.csv, line or pid 2, song_id: 'bad | T | X')" in said
    assert "1 × missing_field" in said


@pytest.mark.parametrize("page", ["mac_roman", "cp437", "cp1252"])
def test_text_of_another_page_that_was_read_as_latin_1_is_restored(tmp_path: Path, page: str):
    words = [word for word in WORDS if page != "cp437" or "’" not in word]
    misread = [f"{word} {n}".encode(page).decode("latin-1") for n, word in enumerate(words)]
    rows = "".join(f"SO{n:016d},{title},R,X,1\n" for n, title in enumerate(misread))
    (tmp_path / "s.csv").write_text(HEADER + rows, encoding="utf-8")
    text = read_songs([tmp_path / "s.csv"], None, strict=True)
    assert text.songs["title"].to_list() == [f"{word} {n}" for n, word in enumerate(words)]
    assert text.counts.repaired > 0


def test_letters_that_no_page_is_sure_of_are_set_aside_and_honest_text_is_not_touched(tmp_path: Path):
    odd = "".join(f"SO{n:016d},caf\u0081\u008d\u0090{'abc'[n]},R,X,1\n" for n in range(3))
    rows = f"{odd}{B},SÃO Über Ñandú,R,X,1\n{C},Can\u0092t,R,X,1\n"
    (tmp_path / "s.csv").write_text(HEADER + rows, encoding="utf-8")
    text = read_songs([tmp_path / "s.csv"], None, strict=False)
    assert text.songs["title"].to_list() == ["SÃO Über Ñandú", "Can’t"]
    assert text.quarantined.select("position", "reason").rows() == [(n, "mojibake") for n in (2, 3, 4)]
