"""Every rule on the datasets that `full` has stored: seconds and memory of judging each asset, and what it found.

`python -m benchmarks checks --scale small|tenth|full` reads the home of `full` at that scale, or the folder that
BUDDIES_BENCHMARK_HOME names. Each asset is judged in a process of its own, so that its peak is its own; an asset that
is not stored, or that needs one that is not, is said and skipped.
"""

import multiprocessing
import os
import resource
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.full import home_of
from benchmarks.measure import Report, Row
from benchmarks.tree_memory import TreeMemory
from buddies_core.artifact.errors import ServedModelError
from buddies_core.errors import BuddiesError
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from quality.check_inputs import CheckInputs, datasets_for
from quality.judging import judge
from quality.registry import spec_of
from quality.rules.catalogue import rules_by_asset

HOME = "BUDDIES_BENCHMARK_HOME"
NOT_THERE = (BuddiesError, ServedModelError, LookupError, OSError)
"""What the readers raise where there is no checkpoint, no served version or no file of theirs."""


@dataclass(frozen=True)
class CheckRow(Row):
    """One asset judged: the rows it has, its rules, and those that are broken with what they found."""

    rows: int = 0
    rules: int = 0
    failures: tuple[str, ...] = ()


class CheckReport(Report):
    """A report whose rows are assets that were judged."""

    def to_text(self) -> str:
        """The table for people."""
        table = [("asset", "rows", "rules", "failures", "seconds", "processor s", "peak MiB")]
        table += [
            (
                row.step,
                f"{row.rows:,}",
                str(row.rules),
                str(len(row.failures)),
                f"{row.seconds:,.1f}",
                f"{row.cpu_seconds or 0:,.1f}",
                f"{row.peak_mib or 0:,.0f}",
            )
            for row in self.rows
            if isinstance(row, CheckRow)
        ]
        widths = [max(len(line[i]) for line in table) for i in range(len(table[0]))]
        lines = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in table]
        return "\n".join([*lines, *self.notes])


def run(scale: str, home: Path | None = None) -> Report:
    """Every asset that has rules, upstream first; broken rules and what was skipped are notes."""
    home = (home or Path(os.environ.get(HOME) or home_of(scale))).resolve()
    report = CheckReport("checks")
    for asset in rules_by_asset():
        found = _in_its_own_process(asset, str(home))
        if isinstance(found, str):
            report.notes.append(f"skipped {asset}: {found}")
            continue
        report.add(found)
        report.notes += [f"BROKEN {asset}.{failure}" for failure in found.failures]
        print(f"{asset}: {found.seconds:,.1f} s, {found.peak_mib or 0:,.0f} MiB", file=sys.stderr, flush=True)
    judged = [row for row in report.rows if isinstance(row, CheckRow)]
    report.notes.append(
        f"{len(judged)} assets, {sum(row.rules for row in judged)} rules, "
        f"{sum(len(row.failures) for row in judged)} broken, {sum(row.seconds for row in judged):,.0f} s "
        f"({sum(row.cpu_seconds or 0 for row in judged):,.0f} of a processor), "
        f"peak {max((row.peak_mib or 0 for row in judged), default=0) / 1024:.2f} GiB"
    )
    return report


def _in_its_own_process(asset: str, home: str) -> CheckRow | str:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(judged, asset, home).result()
        except BrokenProcessPool:
            return "its process died, perhaps for want of memory"


def judged(asset: str, home: str) -> CheckRow | str:
    """The row of one asset, or why it cannot be judged."""
    rules, store = rules_by_asset()[asset], DatasetStore.at(home)
    reader = spec_of(asset).reader
    names = [name for rule in rules for name in rule.inputs.values()]
    needed = sorted(datasets_for(names)) if reader is None else []
    if missing := [name for name in needed if not store.has(name)]:
        return f"not stored: {', '.join(missing)}"
    with TreeMemory() as memory:
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        given: Mapping[str, Any] = {}
        if reader is not None:
            try:
                given = reader.read(Settings(home=home, _env_file=None))
            except NOT_THERE as error:
                return f"{type(error).__name__}: {error}".splitlines()[0]
        handles = {name: store.open(name) for name in needed}
        verdicts = judge(asset, rules, CheckInputs(handles, given))
        seconds, used = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    rows = handles[asset].manifest.rows if asset in handles else max(v.finding.total for v in verdicts)
    return CheckRow(
        step=asset,
        system="rules",
        threads=len(os.sched_getaffinity(0)),
        seconds=seconds,
        rate=rows / seconds,
        unit="row",
        peak_mib=memory.peak_mib,
        cpu_seconds=used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime,
        rows=rows,
        rules=len(rules),
        failures=tuple(
            f"{v.rule.name} ({v.rule.severity}): {v.finding.value:g} of {v.finding.low} to {v.finding.high}, "
            f"{v.finding.offending:,} of {v.finding.total:,}"
            for v in verdicts
            if not v.passed
        ),
    )
