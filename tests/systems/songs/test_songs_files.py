"""`buddies evaluate songs` on files: lists of everybody, popular songs for strangers, and nothing held out is seen."""

import numpy as np
import polars as pl
import pytest
from rich.console import Console
from song_worlds import LISTENERS, SMALL, SONGS, plays

from buddies_assets.cli.songs import recommend_songs
from buddies_assets.systems.songs.commands import LISTED, Beside, evaluate_files
from buddies_core.artifact.errors import NoServedModelError
from buddies_core.errors import BuddiesError

QUICK = SMALL.model_copy(update={"trees": 5})


def _files(folder):
    """Every fifth play is held out, and a listener whom training does not know."""
    rows, columns = plays().nonzero()
    lines = [f"u{row:02d}\tS{column:02d}\t{1 + column % 3}" for row, column in zip(rows, columns, strict=True)]
    held = [line for at, line in enumerate(lines) if at % 5 == 0]
    (folder / "train.tsv").write_text("\n".join(line for at, line in enumerate(lines) if at % 5) + "\n")
    (folder / "heldout.tsv").write_text("\n".join([*held, "stranger\tS00\t1"]) + "\n")
    return folder / "train.tsv", folder / "heldout.tsv"


def test_everybody_gets_a_list_of_new_songs_and_a_stranger_the_popular_ones(tmp_path):
    train, heldout = _files(tmp_path)
    done = evaluate_files(train, heldout, tmp_path / "recs.tsv", Beside(), config=QUICK)
    recs = pl.read_csv(tmp_path / "recs.tsv", separator="\t")
    known = pl.read_csv(train, separator="\t", has_header=False, new_columns=["user", "item", "n"])
    assert recs["user"].n_unique() == LISTENERS + 1
    assert recs.join(known, on=["user", "item"]).is_empty()
    assert not recs.select("user", "item").is_duplicated().any()
    counts = known.group_by("item").len().sort(["len", "item"], descending=[True, False])
    stranger = recs.filter(pl.col("user") == "stranger").sort("rank")["item"].to_list()
    assert stranger[:5] == counts["item"].to_list()[:5]
    assert len(stranger) == min(LISTED, SONGS)
    assert (done.beyond.novelty, done.beyond.coverage_user, done.beyond.duplicates) == (1.0, 1.0, 0)
    assert done.report.figures["recall500"].value > 0.5


def test_what_is_held_out_changes_no_list(tmp_path):
    train, heldout = _files(tmp_path)
    evaluate_files(train, heldout, tmp_path / "one.tsv", Beside(), config=QUICK)
    users = sorted({line.split("\t")[0] for line in heldout.read_text().splitlines()})
    heldout.write_text("\n".join(f"{user}\tS{np.arange(SONGS)[-1]:02d}\t9" for user in users) + "\n")
    evaluate_files(train, heldout, tmp_path / "other.tsv", Beside(), config=QUICK)
    assert (tmp_path / "one.tsv").read_bytes() == (tmp_path / "other.tsv").read_bytes()


def test_the_terminal_says_what_to_do_where_nothing_is_served(tmp_path, monkeypatch):
    monkeypatch.setenv("BUDDIES_HOME", str(tmp_path))
    with pytest.raises(NoServedModelError, match="buddies run --system"):
        recommend_songs(Console(), ["ann"], 5, "plays")


def _rows(path, rows, header="user\tsong\tplays"):
    path.write_text("\n".join([header, *("\t".join(map(str, row)) for row in rows)]) + "\n")
    return path


def test_ids_of_any_letters_unknown_songs_and_strangers_are_listed_and_judged(tmp_path):
    rows = [(user, f"song {(at * 7 + n) % 30}", 1) for at, user in enumerate(_ODD) for n in range(10)]
    held = [("Zoë O'Neil", "no such song", 1), ("=cmd()", "song 20", 1), ("somebody else", "song 3", 1)]
    files = _rows(tmp_path / "train.tsv", rows), _rows(tmp_path / "held.tsv", held)
    done = evaluate_files(*files, tmp_path / "recs.tsv", Beside(), config=QUICK)
    assert sorted(done.report.users) == sorted(user for user, *_ in held)
    listed = {line.split("\t")[0] for line in (tmp_path / "recs.tsv").read_text().splitlines()[1:]}
    assert listed == {*_ODD, "somebody else"}


_ODD = ["Zoë O'Neil", "=cmd()", "user,1", "0012", "<b>", *(f"u{n}" for n in range(9))]


@pytest.mark.parametrize(
    "rows",
    [
        [("a", "s", 1)],
        [("a", f"song {n}", 1) for n in range(9)],
        [(user, f"song {n}", 1) for user in _ODD for n in range(8)],
    ],
    ids=["one play", "one listener", "everybody knows the same"],
)
def test_plays_that_teach_no_order_still_give_lists(tmp_path, rows):
    files = _rows(tmp_path / "train.tsv", rows), _rows(tmp_path / "held.tsv", [("a", "t", 1), ("b", "s", 1)])
    done = evaluate_files(*files, tmp_path / "recs.tsv", Beside(), config=QUICK)
    assert done.report.users == ["a", "b"]
    assert done.beyond.duplicates == 0


def test_what_cannot_be_written_or_is_not_there_is_said_before_anything_is_fitted(tmp_path, monkeypatch):
    train, held = _files(tmp_path)
    empty = tmp_path / "empty.tsv"
    empty.touch()
    monkeypatch.setattr("buddies_assets.systems.songs.commands.fit", None)
    for files, said in (
        ((train, held, tmp_path), "is a folder"),
        ((train, held, train), "would be overwritten"),
        ((train, held, tmp_path / "." / "heldout.tsv"), "would be overwritten"),
        ((train, tmp_path / "none.tsv", tmp_path / "recs.tsv"), "no such file"),
        ((train, empty, tmp_path / "recs.tsv"), "nothing is written"),
    ):
        with pytest.raises(BuddiesError, match=said):
            evaluate_files(*files, Beside(), config=QUICK)
