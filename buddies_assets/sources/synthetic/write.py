"""Writer of a synthetic world in the formats of the real data sets: MPD, ENTP and MSD files, seeded and streaming."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from buddies_assets.sources.synthetic import draws, text
from buddies_assets.sources.synthetic.slices import SliceWriter
from buddies_assets.sources.synthetic.world import SyntheticWorld
from buddies_core.kernels.randomness import hash_pairs, uniform

BLOCK_USERS = 4_000
UNHEARD_SHARE = 0.15
"""MSD knows songs that no user played: here 15 % as many as ENTP has."""


@dataclass(frozen=True)
class WorldPaths:
    """Files of a written world.

    Attributes:
        mpd: folder of slices.
        triplets, song_data, unique_tracks, mismatches: files.
    """

    mpd: Path
    triplets: Path
    song_data: Path
    unique_tracks: Path
    mismatches: Path


def world_paths(out: Path) -> WorldPaths:
    """Where `write_world` puts each file."""
    return WorldPaths(
        mpd=out / "mpd",
        triplets=out / "train_triplets.txt",
        song_data=out / "song_data.csv",
        unique_tracks=out / "unique_tracks.txt",
        mismatches=out / "sid_mismatches.txt",
    )


def write_world(
    out: Path,
    users: int,
    playlists: int,
    seed: int,
    progress: Callable[[str, int, int], None] | None = None,
    *,
    defects: float = 0.0,
) -> WorldPaths:
    """Write a world of `users` and `playlists` under a folder; memory holds one slice and the catalogue.

    Args:
        out: folder, made when absent; files of the same names are replaced.
        users, playlists, seed: of the world. The same three give the same bytes.
        progress: called with (what, done, all) after each slice and block.
        defects: share of rows written broken on purpose.
    """
    world = SyntheticWorld(users, playlists, seed, defects)
    paths = world_paths(out)
    paths.mpd.mkdir(parents=True, exist_ok=True)
    writer = SliceWriter(world)
    for k in range(writer.slices):
        (paths.mpd / writer.name(k)).write_bytes(writer.slice_bytes(k))
        if progress is not None:
            progress("slices", k + 1, writer.slices)
    played = np.zeros(world.songs, bool)
    with paths.triplets.open("wb") as stream:
        for start in range(0, users, BLOCK_USERS):
            stop = min(start + BLOCK_USERS, users)
            stream.write(triplet_bytes(world, start, stop, played))
            if progress is not None:
                progress("users", stop, users)
    songs = msd_song_indices(world, played)
    with (
        paths.song_data.open("w", encoding="utf-8", newline="") as song_data,
        paths.unique_tracks.open("w", encoding="utf-8", newline="") as unique_tracks,
        paths.mismatches.open("w", encoding="utf-8", newline="") as mismatches,
    ):
        song_data.write("song_id,title,release,artist_name,year\n")
        for start in range(0, len(songs), 50_000):
            csv, tracks, wrong = msd_lines(world, songs[start : start + 50_000])
            song_data.writelines(csv)
            unique_tracks.writelines(tracks)
            mismatches.writelines(wrong)
            if progress is not None:
                progress("songs", min(start + 50_000, len(songs)), len(songs))
    return paths


def triplet_bytes(world: SyntheticWorld, start: int, stop: int, played: np.ndarray | None = None) -> bytes:
    """Lines of `train_triplets.txt` for users start..stop-1; marks the songs in `played`, bool [world.songs]."""
    drawn, plays = world.user_songs(start, stop)
    if played is not None:
        played[drawn.values] = True
    rows = np.arange(start, stop)
    users = text.user_ids(world, rows)
    distinct, place = np.unique(drawn.values, return_inverse=True)
    names = text.song_ids(world, distinct)
    counts = plays.tolist()
    if world.defects > 0:
        row = np.repeat(rows, np.diff(drawn.offsets))
        for at in np.flatnonzero(
            uniform(world.seed, draws.DEFECT, row, drawn.values.astype(np.int64) + (1 << 33)) < world.defects
        ).tolist():
            counts[at] = -counts[at]
    per_line = np.repeat(np.arange(len(rows)), np.diff(drawn.offsets)).tolist()
    lines = [
        f"{users[user]}\t{names[song]}\t{count}\n"
        for user, song, count in zip(per_line, place.tolist(), counts, strict=True)
    ]
    return "".join(lines).encode()


def msd_song_indices(world: SyntheticWorld, played: np.ndarray) -> np.ndarray:
    """Songs with text on file: every one played, and some that nobody did."""
    songs = np.arange(world.songs)
    unheard = uniform(world.seed, draws.UNHEARD, songs) < UNHEARD_SHARE * played.mean()
    return np.flatnonzero(played | unheard)


def msd_lines(world: SyntheticWorld, songs: np.ndarray) -> tuple[list[str], list[str], list[str]]:
    """Lines of `song_data.csv`, `unique_tracks.txt` and `sid_mismatches.txt` for songs; one in 200 stands twice."""
    titles, artists = text.msd_text(world, songs)
    wrong = world.is_mismatched(songs)
    others = (
        songs + 1 + (hash_pairs(world.seed, draws.MISMATCH, songs, 1) % np.uint64(world.songs - 1)).astype(np.int64)
    )
    wrong_titles, wrong_artists = text.msd_text(world, others[wrong] % world.songs)
    lines: list[str] = []
    mismatches: list[str] = []
    ids, tracks = text.song_ids(world, songs), text.msd_track_ids(world, songs)
    for at, place in enumerate(np.flatnonzero(wrong).tolist()):
        told = f"{artists[place]}  -  {titles[place]}  !=  {wrong_artists[at]}  -  {wrong_titles[at]}"
        mismatches.append(f"ERROR: <{ids[place]} {tracks[place]}> {told}\n")
        titles[place], artists[place] = wrong_titles[at], wrong_artists[at]
    releases = text.titles(world, songs + (1 << 41))
    u = uniform(world.seed, draws.YEAR, songs)
    years = np.where(u < 0.4, 0, 2010 - (40 * ((u - 0.4).clip(0) / 0.6) ** 2).astype(np.int64)).tolist()
    unique: list[str] = []
    twice = (uniform(world.seed, draws.YEAR, songs, 1) < 0.005).tolist()
    for song, track, title, release, artist, year, again in zip(
        ids, tracks, titles, releases, artists, years, twice, strict=True
    ):
        line = f"{song},{title},{release},{artist},{year}\n"
        lines.append(line * 2 if again else line)
        unique.append(f"{track}<SEP>{song}<SEP>{artist}<SEP>{title}\n")
    return lines, unique, mismatches


def in_memory_slices(world: SyntheticWorld) -> Iterator[tuple[str, bytes]]:
    """(file name, JSON) of each slice in order, for reading a world without writing it."""
    writer = SliceWriter(world)
    for k in range(writer.slices):
        yield writer.name(k), writer.slice_bytes(k)
