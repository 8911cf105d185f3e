"""The whole graph at size: raw files to a served model, each asset as Dagster runs it, beside the reference's hours.

`python -m benchmarks full --scale small|tenth|full|3%` makes the raw files of a synthetic world once, then
materialises the assets one after the other. A run that was cut off goes on at the first asset it had not finished.
`python -m benchmarks.full tenth` makes the raw files alone.
"""

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from benchmarks.generated_raw import (
    World,
    forget_generation,
    generation_seconds,
    slices_made_when_read,
    write_all_but_slices,
    write_slices,
)
from benchmarks.graph_steps import Step, Work, steps_of
from benchmarks.measure import Report, Row, cpu_seconds
from benchmarks.tree_memory import TreeMemory
from benchmarks.twins_at_size import twin_ratios
from buddies_assets.definitions import ASSET_MODULES, resources
from buddies_assets.sources.synthetic.world import FULL_PLAYLISTS, FULL_USERS
from buddies_assets.sources.synthetic.write import WorldPaths
from buddies_core.settings import Settings
from buddies_core.storage import progress
from buddies_core.storage.code_version import code_version
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.durable import write_durably

SEED, THREADS = 1, 2
WARM_UP = World(2_000, 3_000, SEED)
MAKE_SLICES_FROM = 200_000
"""Users from which the slices are made while they are read, beside whose datasets 34 GB of JSON would not fit."""
CHECKS_AIM = {"tenth": 240.0, "full": 1_500.0}
"""Seconds in which every rule is to be judged on what was made."""
_SECONDS_BETWEEN_LINES = 15.0


@dataclass(frozen=True)
class StepRow(Row):
    """One asset: what it wrote, and what the reference needed for the same share of users.

    Attributes:
        rows, bytes: of the datasets that it stored. resumed: shards that an interrupted run had left.
        work: units of work, in `unit`. reference_hours: None where the reference gives none.
    """

    rows: int = 0
    bytes: int = 0
    resumed: int = 0
    work: float = 0.0
    reference_hours: float | None = None


class StepReport(Report):
    """A report whose rows are assets."""

    def to_text(self) -> str:
        """The table for people."""
        header = (
            "step",
            "seconds",
            "processor s",
            "rows",
            "rows/s",
            "work/s",
            "peak MiB",
            "written MiB",
            "reference h",
            "ours h",
        )
        table = [header, *(_cells(row) for row in self.rows if isinstance(row, StepRow))]
        widths = [max(len(line[i]) for line in table) for i in range(len(header))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in table]
        return "\n".join([*lines, *(f"{name} = {ratio:.3g}" for name, ratio in self.ratios.items()), *self.notes])


def _cells(row: StepRow) -> tuple[str, ...]:
    return (
        row.step,
        f"{row.seconds:,.1f}",
        f"{row.cpu_seconds:,.1f}",
        f"{row.rows:,}",
        f"{row.rows / row.seconds:,.0f}",
        f"{row.rate:,.3g} {row.unit}",
        f"{row.peak_mib or 0:,.0f}",
        f"{row.bytes / 2**20:,.0f}",
        "" if row.reference_hours is None else f"{row.reference_hours:.2f}",
        "" if row.reference_hours is None else f"{row.seconds / 3600:.3f}",
    )


def world_at(scale: str) -> World:
    """The world of a scale: `small`, `tenth` (a tenth of the users, all playlists), `full`, or a percentage of both."""
    if scale == "full":
        return World(FULL_USERS, FULL_PLAYLISTS, SEED)
    if scale == "tenth":
        return World(FULL_USERS // 10, FULL_PLAYLISTS, SEED)
    share = float(scale.removesuffix("%")) / 100 if scale.endswith("%") else 0.01
    return World(round(FULL_USERS * share), round(FULL_PLAYLISTS * share), SEED)


def home_of(scale: str) -> Path:
    """Where a scale's raw files and datasets lie."""
    return (Path(".buddies") / f"benchmark-{scale.removesuffix('%')}").resolve()


def run(scale: str, home: Path | None = None) -> Report:
    """Every asset of the graph on the world of a scale, in `home` (`.buddies/benchmark-<scale>` by default).

    A small world goes first, in several shards as the others, so that no kernel is compiled while it is measured.
    """
    world = world_at(scale)
    home = home or home_of(scale)
    with tempfile.TemporaryDirectory() as folder:
        _run(WARM_UP, Path(folder), shard_users=WARM_UP.users // 3)
    rows, settings = _run(world, home)
    report = _report(rows, world, settings)
    _add_checks(report, scale, home)
    return report


def _add_checks(report: Report, scale: str, home: Path) -> None:
    """A last row `checks`: every rule on what was made, each asset in a process of its own."""
    from benchmarks import checks

    judged = checks.run(scale, home)
    rows = [row for row in judged.rows if isinstance(row, checks.CheckRow)]
    seconds, count = sum(row.seconds for row in rows), sum(row.rows for row in rows)
    peak = max((row.peak_mib or 0 for row in rows), default=0)
    used = sum(row.cpu_seconds or 0 for row in rows)
    rate = count / seconds
    report.add(StepRow("checks", "buddies", THREADS, seconds, rate, "rows", peak, used, rows=count, work=count))
    if scale in CHECKS_AIM:
        report.ratios["checks_aim_over_ours"] = CHECKS_AIM[scale] / seconds
    report.notes += [note for note in judged.notes if note.startswith("BROKEN")]


def _run(world: World, home: Path, shard_users: int = 10_000) -> tuple[list[StepRow], Settings]:
    paths = _raw_files(world, home / "raw")
    settings = Settings(
        home=str(home),
        threads=THREADS,
        training_threads=THREADS,
        seed=SEED,
        preset="best",
        search_trials=0,
        track=False,
        candidate_draw=0,
        shard_users=shard_users,
        mpd_dir=str(paths.mpd),
        entp_file=str(paths.triplets),
        msd_file=str(paths.song_data),
        msd_mismatches_file=str(paths.mismatches),
        _env_file=None,
    )
    done = _recorded(home)
    assets = dg.load_assets_from_modules(ASSET_MODULES, include_specs=True)
    given = resources(settings)
    steps = steps_of(assets, given)
    making = slices_made_when_read() if _made_when_read(world) else nullcontext()
    with dg.DagsterInstance.ephemeral() as instance, progress.listening(_Line()), making:
        for number, step in enumerate(steps, start=1):
            if step.name in done:
                continue
            print(f"{number} of {len(steps)}: {step.name}", file=sys.stderr, flush=True)
            done[step.name] = _measured(step, assets, instance, given, settings, world)
            _record(home, done)
    return list(done.values()), settings


def _measured(step: Step, assets: Sequence[Any], instance, given: dict, settings: Settings, world: World) -> StepRow:
    store = DatasetStore.at(settings.home)
    if step.name == "mpd":  # it would go on after its stored groups, and does not say how many they were
        forget_generation(Path(settings.mpd_dir or ""))
        for name in step.assets:
            store.delete(name)
    quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
    start, processor = time.perf_counter(), cpu_seconds()
    with TreeMemory() as memory:
        selection = dg.AssetSelection.assets(*step.assets)
        dg.materialize(assets, instance=instance, resources=given, selection=selection, run_config=quiet)
    seconds, processor = time.perf_counter() - start, cpu_seconds() - processor
    if step.name == "mpd" and _made_when_read(world):
        making = generation_seconds(Path(settings.mpd_dir or ""))
        seconds, processor = seconds - making[0] / THREADS, processor - making[1]
    stored = [store.open(name).manifest for name in step.assets if store.has(name)]
    work: Work = step.work(store, settings)
    return StepRow(
        step=step.name,
        system="buddies",
        threads=THREADS,
        seconds=seconds,
        rate=work.amount / seconds,
        unit=work.unit,
        peak_mib=memory.peak_mib,
        rows=sum(manifest.rows for manifest in stored),
        bytes=sum(manifest.bytes for manifest in stored),
        resumed=sum(int(manifest.extra.get("reused_shards", 0)) for manifest in stored),
        work=work.amount,
        cpu_seconds=processor,
        reference_hours=step.reference_hours(world.users / FULL_USERS, world.playlists / FULL_PLAYLISTS),
    )


def _report(rows: list[StepRow], world: World, settings: Settings) -> Report:
    ours = sum(row.seconds for row in rows if row.reference_hours is not None) / 3600
    theirs = sum(row.reference_hours or 0.0 for row in rows)
    total = sum(row.seconds for row in rows)
    peak = max(row.peak_mib or 0 for row in rows) / 1024
    report = StepReport("full", list(rows), {"reference_hours_over_ours": theirs / ours} | twin_ratios(settings))
    report.notes = [
        f"{world.users:,} users, {world.playlists:,} playlists: {total / 60:.1f} minutes in all "
        f"({sum(row.cpu_seconds or 0.0 for row in rows) / 60:.1f} of a processor), peak {peak:.1f} GiB, "
        f"{sum(row.bytes for row in rows) / 2**30:.2f} GiB written",
        "reference hours are those of its own run in proportion to the pairs (parsing: playlists; pairing: users²)",
    ]
    if _made_when_read(world):
        report.notes.append("MPD slices were made while they were read; the making is not in the seconds of `mpd`")
    if any(row.resumed for row in rows):
        resumed = ", ".join(row.step for row in rows if row.resumed)
        report.notes.append(f"resumed, so that the seconds are of the last part alone: {resumed}")
    return report


def _made_when_read(world: World) -> bool:
    return world.users >= MAKE_SLICES_FROM


def _raw_files(world: World, folder: Path) -> WorldPaths:
    paths = write_all_but_slices(world, folder)
    if not _made_when_read(world):
        write_slices(world, folder, workers=THREADS)
    return paths


def _code() -> str:
    return code_version(*(module.__name__ for module in ASSET_MODULES))


def _recorded(home: Path) -> dict[str, StepRow]:
    """Rows of an interrupted run of the same code, up to the first asset that it did not finish."""
    noted = home / "benchmark.json"
    if not noted.exists():
        return {}
    found = json.loads(noted.read_text(encoding="utf-8"))
    if found["code"] != _code():
        return {}
    return {row["step"]: StepRow(**row) for row in found["rows"]}


def _record(home: Path, rows: dict[str, StepRow]) -> None:
    content = json.dumps({"code": _code(), "rows": [asdict(row) for row in rows.values()]})
    write_durably(home / "benchmark.json", content.encode())


class _Line:
    """Prints where a step stands, not too often."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def __call__(self, report: progress.Report) -> None:
        if time.monotonic() - self._last < _SECONDS_BETWEEN_LINES:
            return
        self._last = time.monotonic()
        left = "" if report.seconds_left is None else f", {report.seconds_left:,.0f} s left"
        share = f"{report.done / max(1, report.total):.0%}"
        print(f"    {report.step}: {share}, {report.rows:,} rows, {report.seconds:,.0f} s{left}", file=sys.stderr)


if __name__ == "__main__":
    _raw_files(world_at(sys.argv[1]), home_of(sys.argv[1]) / "raw")
