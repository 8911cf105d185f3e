"""`buddies evaluate songs`: the recommender fitted on one file of plays, judged by another that it has not seen."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
from upath import UPath

from buddies_assets.sources.dated_plays import read_dated
from buddies_assets.sources.judged_files import check_judged_files
from buddies_assets.systems.songs.catalogue import canonical, no_text, read_text, with_texts
from buddies_assets.systems.songs.reading import read_tracks
from buddies_assets.systems.songs.recommender import (
    Material,
    by_user,
    fit,
    lists_of,
    material,
    popular_songs,
    with_strangers,
)
from buddies_core.evaluation.song_lists import Beyond, SongReport, beyond, evaluate_songs
from buddies_core.songs.config import SongsConfig
from buddies_core.songs.model import Learning, SongsModel
from buddies_core.storage.files import write_atomically

LISTED = 500


@dataclass(frozen=True, slots=True)
class Beside:
    """What may be known beside plays: files of song text, of mismatched ids, and a folder of MPD slices."""

    songs: list[Path] = field(default_factory=list)
    mismatches: Path | None = None
    playlists: Path | None = None


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What the command prints."""

    report: SongReport
    beyond: Beyond
    learning: Learning
    facts: dict[str, int]
    set_aside: dict[str, int]


def evaluate_files(
    train: Path,
    heldout: Path,
    out: Path,
    beside: Beside,
    *,
    config: SongsConfig | None = None,
    said: Callable[[str], None] = lambda step: None,
) -> Evaluated:
    """Fit on the training file, write 500 songs a listener to `out`, and judge them by the held-out file.

    What is held out is read after the lists of everybody in training are made; listeners of whom training knows nothing
    get the popular songs.
    """
    check_judged_files(train, heldout, out)
    read = read_dated(train)
    text = read_text(beside.songs, beside.mismatches, strict=False) if beside.songs else no_text()
    text = with_texts(text, read.texts)
    tracks = None if beside.playlists is None or text.is_empty() else read_tracks(beside.playlists)
    plays = canonical(read.plays, text, tracks)
    found = material(plays, tracks)
    said(
        f"{found.plays.matrix.nnz:,} plays of {len(found.plays.users):,} listeners and {len(found.plays.items):,} songs"
    )
    model = fit(found, config or SongsConfig())
    said("fitted; lists are made")
    lists = by_user(lists_of(model, found, LISTED), found.plays.users, found.plays.items)
    held = read_dated(heldout)
    wanted = _sets(held.plays)
    whole = with_strangers(lists, sorted(wanted), popular_songs(found, LISTED))
    write_lists(out, whole)
    keys = dict(
        plays.catalogue.filter(~pl.col("mismatched")).drop_nulls("text_key").select("song", "text_key").iter_rows()
    )
    artists = dict(plays.catalogue.drop_nulls("artist_key").select("song", "artist_key").iter_rows())
    asked = {user: whole[user] for user in wanted}
    return Evaluated(
        evaluate_songs(asked, wanted),
        beyond(whole, _sets(read.plays), wanted, text=keys, artist=artists),
        model.learning,
        _facts(model, found),
        dict(pl.concat([read.quarantine, held.quarantine]).group_by("reason").len().sort("reason").iter_rows()),
    )


def write_lists(out: Path, lists: dict[str, list[str]]) -> None:
    """`user, item, rank` by tabs, ranks from 1."""
    lines = ["user\titem\trank"]
    lines += [f"{user}\t{song}\t{rank}" for user, songs in lists.items() for rank, song in enumerate(songs, start=1)]
    write_atomically(UPath(out.absolute()), ("\n".join(lines) + "\n").encode())


def _sets(rows: pl.DataFrame) -> dict[str, set[str]]:
    return {user: set(items) for user, items in rows.group_by("user").agg("item").iter_rows()}


def _facts(model: SongsModel, found: Material) -> dict[str, int]:
    return {
        "listeners": len(found.plays.users), "songs": len(found.plays.items), "plays": found.plays.matrix.nnz,
        "songs with an artist": int((found.facts.artist >= 0).sum()),
        "playlists with two of them": found.facts.playlists.shape[0], "sources": len(model.models),
    }  # fmt: skip
