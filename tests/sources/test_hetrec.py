"""The Last.fm files of HetRec 2011: both encodings in one file, gaps in ids, artists that have plays and no name."""

import zipfile
from pathlib import Path

import polars as pl
import pytest

from buddies_assets.sources.hetrec import read_hetrec
from buddies_assets.sources.synthetic.hetrec import GENRES, write_hetrec
from buddies_core.errors import MalformedInputError, SourceNotFoundError

GOOD = {
    "user_artists.dat": b"2\t7\t13",
    "user_taggedartists.dat": b"2\t7\t5\t1\t4\t2009",
    "artists.dat": b"7\tA\t\t",
}
HEADERS = {
    "user_artists.dat": b"userID\tartistID\tweight",
    "user_taggedartists.dat": b"userID\tartistID\ttagID\tday\tmonth\tyear",
    "artists.dat": b"id\tname\turl\tpictureURL",
}


def files(folder: Path, **lines: list[bytes]) -> Path:
    """The three files with some lines each, by the file's name without ending; a file not given has one good line."""
    folder.mkdir(exist_ok=True)
    for name, header in HEADERS.items():
        content = [header, *lines.get(name.removesuffix(".dat"), [GOOD[name]])]
        (folder / name).write_bytes(b"\r\n".join(content) + b"\r\n")
    return folder


def test_names_in_utf_8_and_latin_1_are_read_in_one_file_as_they_were_meant(tmp_path):
    artists = [
        "7\tSigur Rós\thttp://a\thttp://b".encode(),
        "9\tMotörhead\thttp://c\thttp://d".encode("latin-1"),
        "18745\t東京事変\t\t".encode(),
    ]
    found = read_hetrec(files(tmp_path / "it", artists=artists))
    assert found.artists.rows() == [
        ("7", "Sigur Rós", "http://a", "http://b"),
        ("9", "Motörhead", "http://c", "http://d"),
        ("18745", "東京事変", "", ""),
    ]
    assert found.quarantine.is_empty()


def test_an_artist_that_only_plays_know_keeps_its_plays_and_ids_are_text_not_rows(tmp_path):
    found = read_hetrec(files(tmp_path / "it", artists=[b"7\tA\t\t"], user_artists=[b"2\t7\t13", b"2\t18745\t1"]))
    assert found.plays.rows.select("user", "item", "weight").sort("item").rows() == [
        ("2", "18745", 1.0),
        ("2", "7", 13.0),
    ]
    assert found.artists["item"].to_list() == ["7"]


def test_rows_that_cannot_be_used_are_named_by_file_line_and_reason_and_cost_no_other(tmp_path):
    folder = files(
        tmp_path / "it",
        user_artists=[b"2\t7\t13", b"2\t8\t0", b"3\t7\tmany", b"4\t\t5"],
        user_taggedartists=[b"2\t7\t5\t1\t4\t2009", b"2\t\t5\t1\t4\t2009"],
        artists=[b"7\tA\t\t", b"8\tB", b"\tC\t\t", b"7\tA again\t\t"],
    )
    found = read_hetrec(folder)
    assert found.plays.rows.select("user", "item", "weight").rows() == [("2", "7", 13.0)]
    assert found.artists["name"].to_list() == ["A"], "the first of two rows with one id"
    told = {(Path(file).name, position, reason) for file, position, reason in found.quarantine.select(
        "file", "position", "reason"
    ).rows()}  # fmt: skip
    assert told == {
        ("user_artists.dat", 3, "weight_not_positive"),
        ("user_artists.dat", 4, "not_a_number"),
        ("user_artists.dat", 5, "missing_field"),
        ("user_taggedartists.dat", 3, "missing_field"),
        ("artists.dat", 3, "wrong_field_count"),
        ("artists.dat", 4, "missing_field"),
    }
    with pytest.raises(MalformedInputError, match="weight_not_positive"):
        read_hetrec(folder, strict=True)


@pytest.mark.parametrize("missing", sorted(HEADERS))
def test_a_missing_file_is_named_with_what_to_set(tmp_path, missing):
    folder = files(tmp_path / "it")
    (folder / missing).unlink()
    with pytest.raises(SourceNotFoundError, match=rf"no {missing} at .*BUDDIES_LASTFM_DIR"):
        read_hetrec(folder)
    with pytest.raises(SourceNotFoundError, match="no such folder"):
        read_hetrec(tmp_path / "elsewhere")


def test_a_zip_is_read_as_its_folder_is(tmp_path):
    folder = write_hetrec(tmp_path / "world", 12, 20, seed=3)
    with zipfile.ZipFile(tmp_path / "hetrec.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"hetrec2011-lastfm-2k/{path.name}")
    one, other = read_hetrec(folder), read_hetrec(tmp_path / "hetrec.zip")
    assert one.plays.rows.equals(other.plays.rows)
    assert one.tags.rows.equals(other.tags.rows)
    assert one.artists.equals(other.artists)


def test_the_synthetic_files_mix_encodings_and_are_read_back_without_a_loss(tmp_path):
    folder = write_hetrec(tmp_path / "world", 30, 40, seed=5)
    with pytest.raises(UnicodeDecodeError):
        (folder / "artists.dat").read_bytes().decode("utf-8")
    found = read_hetrec(folder)
    assert found.quarantine.is_empty()
    assert found.artists.height == 39, "one of the forty is in the plays alone"
    assert all(name.startswith("Björk and the ") for name in found.artists["name"])
    assert any(GENRES[2] in name for name in found.artists["name"]), "électronique, in either encoding"
    played = found.plays.rows.group_by("user").len()["len"]
    assert (len(played), played.max()) == (30, 24)
    assert set(found.plays.rows["item"].unique()) - set(found.artists["item"]) <= {"79"}


def test_the_same_arguments_write_the_same_bytes_and_another_seed_writes_others(tmp_path):
    def content(name: str, seed: int) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in write_hetrec(tmp_path / name, 9, 11, seed).iterdir()}

    assert content("a", 1) == content("b", 1)
    assert content("a", 1)["user_artists.dat"] != content("c", 2)["user_artists.dat"]


@pytest.mark.real_data
def test_the_real_files_have_the_published_sizes_and_names_in_both_encodings(real_data):
    folder = real_data / "hetrec-lastfm-2k"
    if not folder.exists():
        pytest.skip("BUDDIES_REAL_DATA has no hetrec-lastfm-2k")
    found = read_hetrec(folder)
    rows = found.plays.rows
    assert (rows.height, rows["user"].n_unique(), rows["item"].n_unique()) == (92_834, 1_892, 17_632)
    assert rows["weight"].max() == 352_698
    names = dict(found.artists.select("item", "name").iter_rows())
    assert len(names) == 17_632
    assert not [name for name in names.values() if "\ufffd" in name]
    assert {"Björk", "Sigur Rós", "Mötley Crüe"} <= set(names.values())
    assert found.quarantine.filter(pl.col("file").str.ends_with("user_artists.dat")).is_empty()
