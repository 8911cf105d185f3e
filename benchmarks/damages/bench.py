"""Damages of input: 300 of six kinds, each read by the product and judged by a reader that shares no code with it."""

import random
import tempfile
import time
from collections import Counter
from pathlib import Path

from benchmarks.damages.judging import Verdict, judge
from benchmarks.damages.making import KINDS, make
from benchmarks.damages.world import good_world
from benchmarks.measure import Report, Row

DAMAGES = 300


def try_damages(count: int, seed: int) -> list[Verdict]:
    """Verdicts on `count` damages, as many of each kind; the same seed gives the same damages."""
    verdicts = []
    with tempfile.TemporaryDirectory() as folder:
        for n in range(count):
            rng = random.Random(f"{seed}-{n}")
            world = good_world(rng.randrange(1_000))
            verdicts.append(judge(make(KINDS[n % len(KINDS)], rng, world), world, Path(folder) / "world"))
    return verdicts


def run(scale: str) -> Report:
    """Three hundred damages; `scale` changes nothing."""
    report = Report("damages")
    start = time.perf_counter()
    verdicts = try_damages(DAMAGES, seed=17)
    seconds = time.perf_counter() - start
    kinds = Counter(verdict.damage.kind for verdict in verdicts)
    for kind, count in kinds.items():
        good = sum(not v.problems and not v.traceback for v in verdicts if v.damage.kind == kind)
        report.add(
            Row(f"{count} damages of {kind}", f"{good} accounted", 1, seconds * count / DAMAGES, good / count, "")
        )
    report.ratios["damages_accounted_share"] = sum(not v.problems and not v.traceback for v in verdicts) / DAMAGES
    report.ratios["damages_without_traceback_share"] = sum(not v.traceback for v in verdicts) / DAMAGES
    report.notes += [f"{v.damage.kind}, {v.damage.what}, {v.damage.path}: {'; '.join(v.problems) or v.traceback}"
                     for v in verdicts if v.problems or v.traceback]  # fmt: skip
    return report
