"""Attacks on a living `buddies up` while other clients go on: what happened to them, and what is left afterwards.

Bounded, and against this machine's loopback alone. Ratio `attacks_without_harm_share`: of the attacks, the share during
which nobody else waited longer than 250 ms or saw an error, and after which nothing was left. 1 is the only good value.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks import attacks
from benchmarks.attack_crowd import BUCKETS_A_SECOND, Crowd
from benchmarks.attacks import Target
from benchmarks.http_load import Plan
from benchmarks.measure import Report, Row
from benchmarks.served_world import ServedWorld
from benchmarks.serving import load
from buddies_core.artifact.store import read_channels
from buddies_core.http.ports import free_port
from buddies_serving.model.served_model import ServedModel

LONGEST_WAIT = 0.25
SHARE_OF_SATURATION = 0.6
CONNECTIONS = 16
START_SECONDS = 300.0


@dataclass
class AttackReport(Report):
    """The report as a table of attacks."""

    outcomes: list["Outcome"] = field(default_factory=list)

    def to_text(self) -> str:
        """Attack, what happened to others meanwhile, what is left afterwards."""
        table = [("attack", "longest wait of others", "their errors", "left afterwards")]
        table += [outcome.cells for outcome in self.outcomes]
        widths = [max(len(line[i]) for line in table) for i in range(4)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in table]
        lines += [f"{name} = {ratio:.3g}" for name, ratio in self.ratios.items()]
        return "\n".join([*lines, *self.notes])


@dataclass
class Outcome:
    """One attack: when it was, what others saw, and what it left."""

    name: str
    began: float
    ended: float
    left: str
    wait: float = 0.0
    answers: int = 0
    errors: Counter[str] = field(default_factory=Counter)

    @property
    def is_harmless(self) -> bool:
        """Whether nobody else noticed and nothing was left."""
        return self.wait <= LONGEST_WAIT and not self.errors and not self.left

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """The row of the table."""
        errors = ", ".join(f"{count} × {kind}" for kind, count in self.errors.items()) or "none"
        return self.name, f"{self.wait * 1000:,.0f} ms of {self.answers:,} answers", errors, self.left or "nothing"

    def take_in(self, seen: dict) -> None:
        """Adds what the crowd saw between the beginning and the end."""
        for bucket in range(int(self.began * BUCKETS_A_SECOND), int(self.ended * BUCKETS_A_SECOND) + 2):
            self.wait = max(self.wait, seen["waits"].get(str(bucket), 0.0))
            self.answers += seen["answers"].get(str(bucket), 0)
            self.errors.update(seen["errors"].get(str(bucket), {}))


def run(scale: str, chosen: Collection[str] = attacks.ATTACKS) -> AttackReport:
    """Every attack once; at scale `small` against service and dashboard alone, and with fewer hands."""
    report = AttackReport("attack")
    folder = Path(tempfile.mkdtemp(prefix="buddies-attack-", dir="/var/tmp"))
    folder.chmod(0o711)
    try:
        _run(report, folder, chosen, is_short=scale == "small")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return report


def _run(report: AttackReport, folder: Path, chosen: Collection[str], *, is_short: bool) -> None:
    home = folder / "home"
    ServedWorld.at("small").write(home / "served_model")
    with Up(home, ["service", "dashboard"] if is_short else []) as up:
        target = up.target(hands=100 if is_short else 400)
        rate = 150.0 if is_short else SHARE_OF_SATURATION * _saturation(target)
        report.notes.append(f"others: {rate:,.0f} requests a second over {CONNECTIONS} connections")
        crowd = Crowd(target.service, rate, CONNECTIONS, target.users, target.pids)
        others = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.attack_crowd", json.dumps(asdict(crowd))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        time.sleep(2.0)
        for name, attack in attacks.ATTACKS.items():
            if name not in chosen or (is_short and attack in attacks.OF_ALL_SERVERS):
                continue
            report.outcomes.append(_attacked(name, attack, target))
        seen = json.loads(others.communicate("\n", timeout=120)[0])
    for outcome in report.outcomes:
        outcome.take_in(seen)
        seconds = outcome.ended - outcome.began
        report.add(Row(outcome.name, "others", CONNECTIONS, outcome.wait, outcome.answers / seconds, "answer"))
    harmless = sum(outcome.is_harmless for outcome in report.outcomes)
    report.ratios["attacks_without_harm_share"] = harmless / len(report.outcomes)


def _attacked(name: str, attack: Callable[[Target], str], target: Target) -> Outcome:
    began = time.time()
    left = attack(target)
    ended = time.time()
    trouble = target.trouble()
    time.sleep(0.5)
    return Outcome(name, began, ended, "; ".join(filter(None, (left, trouble))))


def _saturation(target: Target) -> float:
    result = load(Plan(target.service, 3.0, CONNECTIONS, 1, target.users))
    return result.requests / result.seconds


class Up:
    """A living `buddies up` on free ports, stopped with the block."""

    def __init__(self, home: Path, only: list[str]) -> None:
        self.home = home
        self.ports = {name: free_port() for name in ("DAGSTER_PORT", "PORT", "DASHBOARD_PORT", "MLFLOW_PORT")}
        self._only = [argument for name in only for argument in ("--only", name)]
        self._log = home.parent / "up.log"

    def __enter__(self) -> "Up":
        environment = {key: value for key, value in os.environ.items() if not key.startswith("BUDDIES_")}
        environment |= {"BUDDIES_HOME": str(self.home), "BUDDIES_AUTOMATION": "off", "BUDDIES_SCHEDULES": "off"}
        environment |= {f"BUDDIES_{name}": str(port) for name, port in self.ports.items()}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "buddies_assets.cli", "up", *self._only],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while "All are up" not in self._log.read_text(encoding="utf-8"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"`buddies up` did not come up:\n{self._log.read_text(encoding='utf-8')}")
            time.sleep(0.2)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(60)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def target(self, hands: int) -> Target:
        """What the attacks are given."""
        root = self.home / "served_model"
        model = ServedModel.open(root / "versions" / read_channels(root).champion)
        ports = self.ports
        return Target(
            *(self.home, self.process.pid, ports["PORT"], ports["DASHBOARD_PORT"], ports["DAGSTER_PORT"]),
            *(model.users, model.pids[:2000].tolist(), hands),
        )
