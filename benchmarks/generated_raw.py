"""Raw files of a synthetic world for `full`: written, or with the MPD slices made only when they are read.

A million playlists are 34 GB of JSON. Made a slice at a time in the process that is about to parse it, a slice is
never on disk; the seconds that the making took are noted, so that they are not counted as reading.
"""

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from unittest.mock import patch

import numpy as np

from buddies_assets.sources import mpd
from buddies_assets.sources.inputs.listing import Member
from buddies_assets.sources.mpd import SliceRef, Slices
from buddies_assets.sources.mpd_slice import ParsedSlice, parse_slice
from buddies_assets.sources.steps import read_mpd
from buddies_assets.sources.synthetic.slices import SLICE_PLAYLISTS, SliceWriter
from buddies_assets.sources.synthetic.world import SyntheticWorld
from buddies_assets.sources.synthetic.write import (
    BLOCK_USERS,
    WorldPaths,
    msd_lines,
    msd_song_indices,
    triplet_bytes,
    world_paths,
)
from buddies_core.storage.durable import write_durably

_WORLD, _SECONDS = "world.json", "generation_seconds"
_POOL_FROM_SLICES = 50
_writers: dict[tuple[int, int, int], SliceWriter] = {}


@dataclass(frozen=True)
class World:
    """Size and seed of a synthetic world."""

    users: int
    playlists: int
    seed: int

    @property
    def synthetic(self) -> SyntheticWorld:
        """The world itself."""
        return SyntheticWorld(self.users, self.playlists, self.seed)


def write_all_but_slices(world: World, folder: Path) -> WorldPaths:
    """Play rows and song text as files, and of the slices only a note of the world that they come from."""
    paths, synthetic = world_paths(folder), world.synthetic
    if (paths.mpd / _WORLD).exists():
        return paths
    paths.mpd.mkdir(parents=True, exist_ok=True)
    played = np.zeros(synthetic.songs, bool)
    with paths.triplets.open("wb") as stream:
        for start in range(0, world.users, BLOCK_USERS):
            stream.write(triplet_bytes(synthetic, start, min(start + BLOCK_USERS, world.users), played))
    songs = msd_song_indices(synthetic, played)
    with paths.song_data.open("w", encoding="utf-8") as text, paths.mismatches.open("w", encoding="utf-8") as wrong:
        text.write("song_id,title,release,artist_name,year\n")
        for start in range(0, len(songs), 50_000):
            lines, _, mismatches = msd_lines(synthetic, songs[start : start + 50_000])
            text.writelines(lines)
            wrong.writelines(mismatches)
    (paths.mpd / _WORLD).write_text(json.dumps(vars(world)), encoding="utf-8")
    return paths


def write_slices(world: World, folder: Path, *, workers: int = 2) -> None:
    """Every slice of the world as a file beside the note of it; those that are there already are kept.

    A process makes some 30 MB of JSON a second, so `tenth` (34 GB) takes a quarter of an hour; a few are made here.
    """
    note = world_paths(folder).mpd / _WORLD
    numbers = range(_writer(world).slices)
    if len(numbers) < _POOL_FROM_SLICES:
        for k in numbers:
            _write_slice(note, k)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for k, _ in enumerate(pool.map(partial(_write_slice, note), numbers, chunksize=4), start=1):
            if k % 100 == 0:
                print(f"raw files: {k} of {len(numbers)} slices", file=sys.stderr, flush=True)


def _write_slice(note: Path, k: int) -> None:
    writer = _writer(World(**json.loads(note.read_text(encoding="utf-8"))))
    path = note.parent / writer.name(k)
    if not path.exists():
        write_durably(path, writer.slice_bytes(k))


@contextmanager
def slices_made_when_read() -> Iterator[None]:
    """While the block runs, the reader of MPD finds the slices of the noted world, and makes each when it reads it."""
    with patch.object(read_mpd, "list_slices", _list_slices), patch.object(mpd, "read_slice", read_made_slice):
        yield


def forget_generation(folder: Path) -> None:
    """Begin the noting anew: what a run that was cut off had made is made again."""
    (folder / _SECONDS).unlink(missing_ok=True)


def generation_seconds(folder: Path) -> tuple[float, float]:
    """Seconds of all processes together that went into making slices rather than reading them: wall, processor."""
    noted = folder / _SECONDS
    lines = noted.read_text(encoding="utf-8").splitlines() if noted.exists() else []
    wall, processor = zip(*(map(float, line.split()) for line in lines), strict=True) if lines else ((), ())
    return sum(wall), sum(processor)


def _list_slices(path: Path) -> Slices:
    world = World(**json.loads((path / _WORLD).read_text(encoding="utf-8")))
    writer = _writer(world)
    size = len(writer.slice_bytes(0))
    starts = range(0, world.playlists, SLICE_PLAYLISTS)
    names = [writer.name(k) for k in range(len(starts))]
    refs = [
        SliceRef(start, copy=False, name=name, size=size, member=Member(name, path / _WORLD, size))
        for start, name in zip(starts, names, strict=True)
    ]
    return Slices(refs, [])


def read_made_slice(ref: SliceRef, strict: bool, sample: float) -> ParsedSlice:
    """One slice, made and parsed in this process."""
    note = ref.member.path
    world = World(**json.loads(note.read_text(encoding="utf-8")))
    start = time.perf_counter(), time.process_time()
    data = _writer(world).slice_bytes(ref.first // SLICE_PLAYLISTS)
    with (note.parent / _SECONDS).open("a", encoding="utf-8") as noted:
        noted.write(f"{time.perf_counter() - start[0]:.4f} {time.process_time() - start[1]:.4f}\n")
    return parse_slice(data, ref.name, strict=strict, sample=sample)


def _writer(world: World) -> SliceWriter:
    key = (world.users, world.playlists, world.seed)
    if key not in _writers:
        _writers[key] = SliceWriter(world.synthetic)
    return _writers[key]
