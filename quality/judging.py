"""The rules of one asset judged together: at once where the data are small, else in ranges of users.

In memory are the rows of one range, at most `BYTES_AT_ONCE` (22 million triplets, 11 million blocks) or one shard of
10,000 users where that is more, with about ten times as much around them in joins and groups; one stored shard; and a
number for each user. How many rows a dataset has makes no difference.

A dataset sorted by user is read in the ranges that it was written in. A shuffled one (triplets) is first written once
to a temporary folder, a file for each range, since reading it whole for each range would take hours: that folder (of
`TMPDIR`) needs the dataset's size in memory as room, 12 bytes a triplet. Rules about the order of rows see the shards.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from buddies_assets.datasets import Dataset
from quality.evidence import BY_USER, SHUFFLED, Evidence
from quality.rules.verdict import Finding, Rule, Verdict, merged

BYTES_AT_ONCE = 1 << 28
EVERYBODY = range(0, 1 << 32)
_PROBE = 1_000
SCHEMA_RULE = "matches_its_schema"


def judge(asset: str, rules: Sequence[Rule], evidence: Evidence) -> list[Verdict]:
    """Every rule's verdict on an asset; the same whether it is judged at once or in ranges."""
    stored = evidence.handles.get(asset)
    if not isinstance(stored, Dataset) or asset not in BY_USER | SHUFFLED or size_in_memory(stored) <= BYTES_AT_ONCE:
        return [rule.judge(evidence) for rule in rules]  # type: ignore[arg-type]
    ordered = {rule.name for rule in rules if rule.in_order}
    parts: dict[str, list[Finding]] = {rule.name: [] for rule in rules}
    seen = 0
    with _pieces(asset, stored, evidence) as pieces:
        for limited in pieces:
            for rule in rules:
                if rule.name not in ordered:
                    parts[rule.name].append(rule.judge(limited).finding)  # type: ignore[arg-type]
            seen += limited[asset].height
    for shard in stored.shards() if ordered else ():
        as_stored = Evidence(evidence.handles, {**evidence.given, asset: shard}, None, evidence.cache)
        for rule in rules:
            if rule.name in ordered:
                parts[rule.name].append(rule.judge(as_stored).finding)  # type: ignore[arg-type]
    if seen != stored.manifest.rows:
        parts[SCHEMA_RULE].append(_misplaced(stored.manifest.rows - seen))
    return [Verdict(rule, merged(parts[rule.name])) for rule in rules]


def size_in_memory(dataset: Dataset) -> float:
    """Bytes of the whole table, estimated from the first thousand rows."""
    probe = dataset.shard_rows(0, 0, min(_PROBE, dataset.manifest.shards[0].rows))
    return probe.estimated_size() / max(probe.height, 1) * dataset.manifest.rows


def ranges_to_judge(dataset: Dataset) -> list[range]:
    """Everybody where a dataset sorted by user is small, else the ranges of users that it was written in."""
    return [EVERYBODY] if size_in_memory(dataset) <= BYTES_AT_ONCE else _as_written(dataset)


def _as_written(dataset: Dataset) -> list[range]:
    starts: list[int] = dataset.manifest.extra.get("starts", [0])
    return [range(a, b) for a, b in zip(starts, [*starts[1:], EVERYBODY.stop], strict=True)]


def ranges_of_rows(dataset: Dataset, most: int) -> list[range]:
    """Ranges of users with at most `most` rows each (a user with more is a range of their own)."""
    rows = np.zeros(0, np.int64)
    for shard in dataset.shards(["user"]):
        found = np.bincount(shard["user"].drop_nulls().to_numpy(), minlength=len(rows))
        found[: len(rows)] += rows
        rows = found
    edges, held = [0], 0
    for user, count in enumerate(rows.tolist()):
        if held and held + count > most:
            edges.append(user)
            held = 0
        held += count
    return [range(a, b) for a, b in zip(edges, [*edges[1:], EVERYBODY.stop], strict=True)]


@contextmanager
def _pieces(asset: str, stored: Dataset, evidence: Evidence) -> Iterator[Iterator[Evidence]]:
    if asset in BY_USER:
        yield (evidence.within(users) for users in _as_written(stored))
        return
    most = int(BYTES_AT_ONCE / max(size_in_memory(stored) / stored.manifest.rows, 1))
    ranges = ranges_of_rows(stored, most)
    with tempfile.TemporaryDirectory(prefix=f"{asset}-") as folder:
        evidence.cache[f"scattered {asset}"] = Scattered(stored, ranges, Path(folder))
        try:
            yield (evidence.within(users) for users in ranges)
        finally:
            for key in [k for k in evidence.cache if k == f"scattered {asset}" or k.startswith(f"{asset}[")]:
                del evidence.cache[key]


class Scattered:
    """A dataset in any order, written once as one file for each range of users; a null user is in the first."""

    def __init__(self, dataset: Dataset, ranges: Sequence[range], folder: Path) -> None:
        import pyarrow as pa

        self._files = {users: folder / f"{users.start}.arrow" for users in ranges}
        first = np.array([users.start for users in ranges[1:]], np.int64)
        writers: list[pa.ipc.RecordBatchFileWriter] = []
        for shard in dataset.shards():
            place = np.searchsorted(first, shard["user"].fill_null(0).to_numpy(), side="right")
            order = np.argsort(place, kind="stable")
            table = shard[order].to_arrow()
            if not writers:
                writers = [pa.ipc.new_file(str(file), table.schema) for file in self._files.values()]
            edges = np.searchsorted(place[order], np.arange(len(ranges) + 1))
            for writer, start, stop in zip(writers, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
                writer.write_table(table.slice(start, stop - start))
        for writer in writers:
            writer.close()

    def frame(self, users: range) -> pl.DataFrame:
        """The rows of one of the ranges."""
        return pl.read_ipc(self._files[users])


def _misplaced(rows: int) -> Finding:
    """Rows that no range holds: their user is null, or not among the users of their shard."""
    sample = pl.DataFrame({"rows outside the users of their shard": [rows]})
    return Finding(float(abs(rows)), None, 0.0, abs(rows), 0, sample, counts_rows=True)
