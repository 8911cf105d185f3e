"""Side-by-side measurement: contenders take turns in one process, and the median of their rounds counts."""

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

MIB = 2**20
_BEGUN = time.perf_counter()


@dataclass(frozen=True)
class Row:
    """One measured system.

    Attributes:
        step: what was done; system: who did it.
        seconds: median of the rounds. rate: `unit` a second.
        peak_mib: most memory above what was held before the round (the inputs), MiB; None where it was not watched.
        cpu_seconds: median processor time of all threads; on a machine that others use too it is the steadier figure.
    """

    step: str
    system: str
    threads: int
    seconds: float
    rate: float
    unit: str
    peak_mib: float | None = None
    cpu_seconds: float | None = None


def cpu_seconds() -> float:
    """Processor time so far of this process and of those it started that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def progress(step: str) -> None:
    """Says on stderr what is done next, with the seconds since the benchmark began."""
    print(f"{time.perf_counter() - _BEGUN:6.0f} s  {step}", file=sys.stderr, flush=True)


@dataclass
class Report:
    """What a benchmark found; ratios are named, and larger is better for us."""

    benchmark: str
    rows: list[Row] = field(default_factory=list)
    ratios: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, row: Row) -> Row:
        """Adds a row and returns it."""
        self.rows.append(row)
        return row

    def to_json(self) -> str:
        """The report with the revision and the machine it was measured on."""
        return json.dumps(
            {
                "benchmark": self.benchmark,
                "revision": revision(),
                "machine": machine(),
                "rows": [asdict(row) for row in self.rows],
                "ratios": self.ratios,
                "notes": self.notes,
            },
            indent=1,
        )

    def to_text(self) -> str:
        """The report as a table for people."""
        header = ("step", "system", "threads", "seconds", "rate", "unit", "peak MiB", "CPU s")
        table = [header] + [
            (
                row.step,
                row.system,
                str(row.threads),
                f"{row.seconds:,.4g}",
                f"{row.rate:,.4g}" if row.rate < 1e4 else f"{row.rate:,.0f}",
                f"{row.unit}/s",
                "" if row.peak_mib is None else f"{row.peak_mib:,.0f}",
                "" if row.cpu_seconds is None else f"{row.cpu_seconds:,.4g}",
            )
            for row in self.rows
        ]
        widths = [max(len(line[i]) for line in table) for i in range(len(header))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in table]
        lines += [f"{name} = {ratio:.3g}" for name, ratio in self.ratios.items()]
        return "\n".join([*lines, *self.notes])


@dataclass(frozen=True)
class Contender:
    """Something to measure: `work` does `amount` units of the step on `threads` threads."""

    system: str
    work: Callable[[], object]
    amount: float
    threads: int = 1


def side_by_side(report: Report, step: str, unit: str, contenders: list[Contender], *, rounds: int = 3) -> list[Row]:
    """Measures contenders in turns (so that a noisy minute hits all of them) and adds their rows to the report."""
    seconds: list[list[float]] = [[] for _ in contenders]
    cpu_seconds: list[list[float]] = [[] for _ in contenders]
    peaks = [0.0] * len(contenders)
    for _ in range(rounds):
        for i, contender in enumerate(contenders):
            with PeakMemory() as memory:
                start, cpu_start = time.perf_counter(), time.process_time()
                contender.work()
                seconds[i].append(time.perf_counter() - start)
                cpu_seconds[i].append(time.process_time() - cpu_start)
            peaks[i] = max(peaks[i], memory.peak_mib)
    rows = []
    for contender, taken, cpu, peak in zip(contenders, seconds, cpu_seconds, peaks, strict=True):
        median = statistics.median(taken)
        rate = contender.amount / median
        row = Row(step, contender.system, contender.threads, median, rate, unit, peak, statistics.median(cpu))
        rows.append(report.add(row))
    return rows


class PeakMemory:
    """Context that watches this process: most resident memory above that at its start."""

    peak_mib = 0.0

    def __enter__(self) -> "PeakMemory":
        import psutil

        self._process = psutil.Process()
        self._start = self._process.memory_info().rss
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._stop.wait(0.02):
            self._look()

    def _look(self) -> None:
        self.peak_mib = max(self.peak_mib, (self._process.memory_info().rss - self._start) / MIB)

    def __exit__(self, *_: object) -> None:
        self._look()
        self._stop.set()
        self._thread.join()


def revision() -> str:
    """The commit that was measured; "+" marks changes that are not committed."""
    here = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, check=False).stdout.strip()

    return git("rev-parse", "--short", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")


def machine() -> dict[str, object]:
    """The machine that was measured on."""
    import psutil

    cpu = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [line for line in information.read_text(encoding="utf-8").splitlines() if line.startswith("model name")]
        cpu = names[0].split(":", 1)[1].strip() if names else cpu
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "system": platform.system(),
    }
