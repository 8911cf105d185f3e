"""`buddies fit-playlists` and `buddies recommend-tracks`: next track and continuation, fitted, stored and asked."""

import time
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table

from buddies_assets.release.sharing import share
from buddies_assets.sources.mpd import find_slices, read_slices
from buddies_assets.sources.nowplaying import read_nowplaying
from buddies_core.artifact.named_arrays import read_artifact, write_artifact
from buddies_core.errors import BuddiesError, SourceNotFoundError
from buddies_core.sequences.answers import SYSTEM, ServedSequences, served_arrays
from buddies_core.sequences.catalogue import catalogue_of
from buddies_core.sequences.corpus import Songs, encoded, keyed_rows, vocabulary
from buddies_core.sequences.models import CONTINUE, NEXT
from buddies_core.sequences.wish import Named, Wish
from buddies_core.settings import Settings

EXPERIMENT = "mpd"


class NoSuchPlaylistError(BuddiesError, ValueError):
    """A playlist that the slices do not hold."""


def rows_and_names(folder: Path, *, strict: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keyed rows of the slices of a folder, and `pid, name` of its playlists."""
    parts = list(read_slices(find_slices(folder), strict=strict))
    names = pl.concat([part.playlists.select("pid", "name") for part in parts])
    return keyed_rows(pl.concat([part.tracks for part in parts])), names


def fit_playlists(console: Console, settings: Settings) -> str:
    """Fit both models on BUDDIES_MPD_DIR and store them under the home; returns the version."""
    from buddies_core.sequences.training import ModelsConfig, fit_models

    started = time.perf_counter()
    rows, names = training_rows(console, settings)
    songs = vocabulary(rows)
    sequences = encoded(rows, names, songs)
    models = fit_models(
        sequences, catalogue_of(songs), ModelsConfig(seed=settings.seed),
        workers=settings.worker_threads,
        progress=lambda step: console.print(f"{time.perf_counter() - started:6.0f} s  {step}", highlight=False),
    )  # fmt: skip
    playlists = sequences.pids, sequences.titles
    columns = {name: songs.table[name].to_list() for name in ("key", "uri", "title", "artist")}
    arrays = served_arrays(models, columns, songs.artists.to_list(), _song_of_uris(rows, songs), playlists)
    facts = {"system": SYSTEM, "experiment": EXPERIMENT, "playlists": names.height, "songs": len(songs)}
    version = write_artifact(_root(settings), arrays, facts)
    share(settings)
    console.print(f"{version}: {len(songs):,} songs of {names.height:,} playlists, under {_root(settings)}")
    return version


def recommend_tracks(console: Console, settings: Settings, wish: Wish, playlist: int | None) -> list[Named]:
    """Songs that could follow, as a table with reasons; of a playlist its songs and title are what is continued."""
    task = NEXT if wish.tracks and playlist is None and not wish.title else CONTINUE
    own = settings.local_home / SYSTEM / task
    served = ServedSequences(read_artifact(own if (own / "current.json").is_file() else _root(settings)).arrays)
    if playlist is not None:
        found = served.playlist(playlist)
        if found is None:
            raise NoSuchPlaylistError(f"the model was fitted on no playlist {playlist}. Give one of its pids.")
        wish = Wish(found[0], found[1], wish.n)
    known, named = served.answer(task, wish)
    if not all(known):
        unknown = [as_typed(track) for track, there in zip(wish.tracks, known, strict=True) if not there]
        console.print(f"Not known: {'; '.join(unknown[:5])}{' …' if len(unknown) > 5 else ''}", markup=False)
    table = Table(title=f"{task}: {len(wish.tracks)} {'song' if len(wish.tracks) == 1 else 'songs'} shown")
    for heading in ("song", "artist", "URI", "why"):
        table.add_column(heading)
    for song in named:
        seed = served.song(song.why.of) if song.why.of else None
        of = f" {served.text(seed)[0]}" if seed is not None else ""
        lists = song.why.playlists
        times = f", {lists} {'playlist' if lists == 1 else 'playlists'}" if lists else ""
        table.add_row(song.title, song.artist, song.uri, f"{song.why.kind}{of}{times}")
    console.print(table)
    return named


def training_rows(console: Console, settings: Settings) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keyed rows and names of BUDDIES_MPD_DIR, or of BUDDIES_NOWPLAYING_FILE where that is unset.

    Raises:
        SourceNotFoundError: neither is set, or what is named is not there.
    """
    if settings.mpd_dir is not None or settings.nowplaying_file is None:
        return rows_and_names(_slices(settings), strict=settings.strict)
    return rows_of_nowplaying(console, Path(settings.nowplaying_file), strict=settings.strict)


def rows_of_nowplaying(console: Console, path: Path, *, strict: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Keyed rows and names of the tutorial's CSV; rows that cannot be used are named."""
    read = read_nowplaying(path, strict=strict)
    for row in read.quarantine.head(5).iter_rows(named=True):
        console.print(f"set aside: {row['file']}, line {row['position']}: {row['reason']}", markup=False)
    if read.quarantine.height > 5:
        console.print(f"… {read.quarantine.height:,} rows in all are set aside.")
    return keyed_rows(read.tracks), read.playlists.select("pid", "name")


def typed_track(text: str) -> str | tuple[str, str]:
    """A URI as it is, or `Artist - Title` as (title, artist)."""
    if text.startswith("spotify:track:") or " - " not in text:
        return text
    artist, title = text.split(" - ", 1)
    return title, artist


def as_typed(track: str | tuple[str, str]) -> str:
    """A song as `typed_track` reads it."""
    return track if isinstance(track, str) else f"{track[1]} - {track[0]}"


def _song_of_uris(rows: pl.DataFrame, songs: Songs) -> dict[str, int]:
    """Song of every URI; of a URI with several texts the song of the first row stands."""
    numbered = songs.table.select("key", pl.int_range(pl.len()).alias("song"))
    pairs = rows.select("track_uri", "key").unique("track_uri", keep="first", maintain_order=True)
    return dict(pairs.join(numbered, on="key").select("track_uri", "song").iter_rows())


def _root(settings: Settings) -> Path:
    return settings.local_home / SYSTEM / EXPERIMENT


def _slices(settings: Settings) -> Path:
    if settings.mpd_dir is None:
        raise SourceNotFoundError(
            "playlists", "BUDDIES_MPD_DIR", "not set", "Set it to a folder of mpd.slice.<a>-<b>.json files."
        )
    return Path(settings.mpd_dir)
