"""Large datasets cut into pieces by a key, so that each piece holds every row of its keys.

Each asset has the key by which its rules are judged (`DatasetSpec.judged_by`). What can be cut by that key is given
piece by piece, the asset and what it is compared with alike; a rule then finds in a piece what it would find of these
keys in the whole.

A dataset sorted by user is read in the ranges that it was written in. One whose shards have no key in common (a
playlist's tracks, a user's plays: looked up, not believed) is read as it is stored. Any other is first written once to
a temporary folder, a file for each piece, since reading it whole for each piece would take hours: that folder (of
`TMPDIR`) needs up to the dataset's size in memory as room, 12 bytes a triplet and 13 a like.
"""

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from buddies_core.storage.dataset import Dataset
from buddies_core.storage.shards import EntityShards
from quality.check_inputs import Piece
from quality.dataset_spec import rows_by
from quality.registry import spec_of

BYTES_AT_ONCE = 1 << 28
EVERYBODY = range(0, 1 << 32)
_PROBE = 1_000

Place = Callable[[pl.Series], np.ndarray]
"""Number of each key; a piece is a range of numbers."""


def size_in_memory(dataset: Dataset) -> float:
    """Bytes of the whole table, estimated from the first thousand rows."""
    return _bytes_a_row(dataset) * dataset.manifest.rows


def _bytes_a_row(dataset: Dataset) -> float:
    probe = dataset.shard_rows(0, 0, min(_PROBE, dataset.manifest.shards[0].rows))
    return max(probe.estimated_size() / max(probe.height, 1), 1.0)


@contextmanager
def pieces(asset: str, datasets: Mapping[str, Dataset]) -> Iterator[Iterator[Piece]]:
    """The pieces in which an asset and what it is compared with are judged, each read when it is asked for."""
    key = spec_of(asset).judged_by
    assert key is not None
    if key != "user" and len(datasets) == 1 and _are_apart(datasets[asset], key):
        yield ({asset: partial(datasets[asset].shard, n)} for n in range(len(datasets[asset].manifest.shards)))
        return
    if key == "user":
        ranges, place = ranges_of_users(asset, datasets[asset]), _user
    else:
        number = max(math.ceil(size_in_memory(dataset) / BYTES_AT_ONCE) for dataset in datasets.values())
        ranges, place = [range(n, n + 1) for n in range(number)], partial(_bucket, number)
    with tempfile.TemporaryDirectory(prefix=f"{asset}-") as folder:
        readers = {
            name: EntityShards(dataset).frame
            if key == "user" and spec_of(name).in_ranges
            else Scattered(dataset, key, place, ranges, Path(folder) / name).frame
            for name, dataset in datasets.items()
        }
        yield ({name: partial(read, held) for name, read in readers.items()} for held in ranges)


def _are_apart(dataset: Dataset, key: str) -> bool:
    """Whether every shard is small enough for a piece and no key has rows in two of them (by 64-bit hash)."""
    largest = max(shard.rows for shard in dataset.manifest.shards)
    if largest * _bytes_a_row(dataset) > BYTES_AT_ONCE:
        return False
    found = [shard[key].unique().hash() for shard in dataset.shards([key])]
    return pl.concat(found).n_unique() == sum(len(keys) for keys in found)


def _user(users: pl.Series) -> np.ndarray:
    return users.fill_null(0).to_numpy()


def _bucket(number: int, keys: pl.Series) -> np.ndarray:
    return (keys.hash() % number).to_numpy()


def ranges_of_users(asset: str, dataset: Dataset) -> list[range]:
    """Ranges in which a dataset of users' rows is judged: as written, or of as many rows as are held at once."""
    if spec_of(asset).in_ranges:
        return _as_written(dataset)
    return ranges_of_rows(dataset, int(BYTES_AT_ONCE / _bytes_a_row(dataset)))


def ranges_to_judge(dataset: Dataset) -> list[range]:
    """Everybody where a dataset sorted by user is small, else the ranges of users that it was written in."""
    return [EVERYBODY] if size_in_memory(dataset) <= BYTES_AT_ONCE else _as_written(dataset)


def _as_written(dataset: Dataset) -> list[range]:
    return _between(dataset.manifest.extra.get("starts", [0]))


def ranges_of_rows(dataset: Dataset, most: int) -> list[range]:
    """Ranges of users with at most `most` rows each (a user with more is a range of their own)."""
    counted = rows_by("user", "rows").of(shard.drop_nulls() for shard in dataset.shards(["user"]))
    starts, held = [0], 0
    for user, rows in counted.sort("user").iter_rows():
        if held and held + rows > most:
            starts.append(user)
            held = 0
        held += rows
    return _between(starts)


def _between(starts: Sequence[int]) -> list[range]:
    return [range(a, b) for a, b in zip(starts, [*starts[1:], EVERYBODY.stop], strict=True)]


class Scattered:
    """A dataset in any order, written once as one file for each piece."""

    def __init__(self, dataset: Dataset, key: str, place: Place, ranges: Sequence[range], folder: Path) -> None:
        import pyarrow as pa

        folder.mkdir()
        self._files = {held: folder / f"{held.start}.arrow" for held in ranges}
        first = np.array([held.start for held in ranges[1:]], np.int64)
        packed = pa.ipc.IpcWriteOptions(compression="lz4")
        writers: list[pa.ipc.RecordBatchFileWriter] = []
        for shard in dataset.shards():
            piece = np.searchsorted(first, place(shard[key]), side="right")
            order = np.argsort(piece, kind="stable")
            table = shard[order].to_arrow()
            if not writers:
                files = self._files.values()
                writers = [pa.ipc.new_file(str(file), table.schema, options=packed) for file in files]
            edges = np.searchsorted(piece[order], np.arange(len(ranges) + 1))
            for writer, start, stop in zip(writers, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
                writer.write_table(table.slice(start, stop - start))
        for writer in writers:
            writer.close()

    def frame(self, held: range) -> pl.DataFrame:
        """The rows of one of the pieces."""
        return pl.read_ipc(self._files[held])
