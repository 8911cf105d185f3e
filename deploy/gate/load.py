#!/usr/bin/env python3
"""The load gate of a release: asks a service as many listeners would, appends a line to a history, and judges it.

    load.py --url http://127.0.0.1:18000 --key-file KEY --environment staging --commit SHA

Open loop: requests leave at a fixed rate whatever the answers do, so that a slow service cannot slow its own load down.
The rate rises until answers come late; the verdict is on a minute at 70 % of that. It fails on errors, on p99, on more
processor time a request than of late (where /metrics can be read), on too few requests, and when it could not ask at
all: a gate that passes because nobody came is no gate. Exit codes: 0 passed, 1 failed, 2 not to be judged.
"""

import argparse
import asyncio
import json
import platform
import random
import statistics
import sys
import time
import tomllib
import urllib.request
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent
LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass
class Line:
    """One line of the history."""

    at: str
    environment: str
    commit: str
    image: str
    machine: str
    rate: float = 0.0
    requests: int = 0
    failures: int = 0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    cpu_us: float | None = None
    verdict: str = ""
    reasons: list[str] = field(default_factory=list)


class Asker:
    """Kept connections to one address; an answer is a status and the seconds since it was due."""

    def __init__(self, url: str, key: str, users: int) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self._key = key
        self._users = users
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self.seconds: list[float] = []
        self.failures = 0

    async def ask(self, due: float) -> None:
        """One question; every failure is counted, whatever it is."""
        body = json.dumps({"user_ids": [random.randrange(self._users)]}).encode()  # noqa: TID251 (a load of integers)
        head = (
            f"POST /api/playlist/recommend/ HTTP/1.1\r\nhost: {self.host}\r\ncontent-type: application/json\r\n"
            f"x-api-key: {self._key}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        try:
            async with asyncio.timeout(10):
                reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection(self.host, self.port)
                writer.write(head.encode() + body)
                answer = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    (int(line[15:]) for line in answer.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
                )
                await reader.readexactly(length)
            self._idle.append((reader, writer))
            self.failures += not answer.startswith(b"HTTP/1.1 200")
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError):
            self.failures += 1
        self.seconds.append(time.monotonic() - due)

    async def load(self, rate: float, seconds: float) -> None:
        """Asks at a rate for a while."""
        self.seconds, self.failures = [], 0
        started, tasks = time.monotonic(), set()
        for place in range(int(rate * seconds)):
            due = started + place / rate
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            task = asyncio.create_task(self.ask(max(due, time.monotonic() - 0.05)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        if tasks:
            await asyncio.wait(tasks)

    def percentile(self, share: float) -> float:
        """Milliseconds within which a share of the answers came."""
        found = sorted(self.seconds)
        return 1_000 * found[min(len(found) - 1, int(share * len(found)))] if found else float("inf")


def cpu_seconds(url: str, key: str) -> tuple[float, str] | None:
    """(processor seconds, image) that /metrics tells; None where it may not be read."""
    request = urllib.request.Request(f"{url}/metrics", headers={"x-api-key": key})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            text = answer.read().decode()
    except (OSError, ValueError):
        return None
    used = next((line for line in text.splitlines() if line.startswith("process_cpu_seconds_total ")), None)
    build = next((line for line in text.splitlines() if line.startswith("buddies_build_info{")), "")
    image = build.partition('image="')[2].partition('"')[0]
    return (float(used.split()[1]), image) if used else None


def judge(line: Line, limits: dict[str, float], history: list[dict]) -> list[str]:
    """Why a line fails; empty: it passes."""
    reasons = []
    if line.requests < limits["fewest_requests"]:
        reasons.append(f"{line.requests} requests are too few to tell, {limits['fewest_requests']:g} are wanted")
    if line.requests and line.failures / line.requests > limits["most_failures"]:
        reasons.append(f"{line.failures} of {line.requests} requests failed")
    if line.p99_ms > limits["p99_ms"]:
        reasons.append(f"one answer in a hundred took over {line.p99_ms:.1f} ms, {limits['p99_ms']:g} are allowed")
    earlier = [
        found["cpu_us"]
        for found in history
        if found["machine"] == line.machine and found["verdict"] == "passed" and found.get("cpu_us")
    ][-5:]
    if line.cpu_us is not None and len(earlier) >= 3:
        usual = statistics.median(earlier)
        if line.cpu_us > (1 + limits["more_cpu"]) * usual:
            reasons.append(f"a request cost {line.cpu_us:.0f} µs of processor, {usual:.0f} of late")
    return reasons


async def measure(asker: Asker, line: Line, asked: argparse.Namespace, limits: dict[str, float]) -> None:
    """Fills the line in."""
    await asker.load(min(20, asked.most_rate), 1.0)
    rate = best = min(50.0, asked.most_rate)
    while rate <= asked.most_rate:
        await asker.load(rate, asked.step_seconds)
        if asker.failures or asker.percentile(0.95) > limits["p99_ms"]:
            break
        best, rate = rate, rate * 1.6
    line.rate = round(0.7 * best, 1)
    before = cpu_seconds(asked.url, asked.admin_key)
    await asker.load(line.rate, asked.seconds)
    after = cpu_seconds(asked.url, asked.admin_key)
    line.requests, line.failures = len(asker.seconds), asker.failures
    line.p50_ms, line.p99_ms = round(asker.percentile(0.5), 2), round(asker.percentile(0.99), 2)
    if before and after and line.requests:
        line.cpu_us, line.image = round(1e6 * (after[0] - before[0]) / line.requests, 1), after[1]


def read_history(path: Path) -> list[dict]:
    """The lines there are; one that cannot be read is an error, not a line less."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    try:
        return [json.loads(line) for line in lines]
    except ValueError as error:
        raise SystemExit(f"error: {path}: {error}; mend or move it") from error


def main() -> int:
    """Measure, judge, append; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--key-file", type=Path, help="file with a key of the scope recommend")
    parser.add_argument("--admin-key-file", type=Path, help="file with a key of the scope admin, for /metrics")
    parser.add_argument("--environment", default="local")
    parser.add_argument("--commit", default="")
    parser.add_argument("--users", type=int, default=1_000, help="listeners asked for: 0 to this")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--step-seconds", type=float, default=4)
    parser.add_argument("--most-rate", type=float, default=2_000)
    parser.add_argument("--history", type=Path, help="default gate/history/<environment>.ndjson")
    parser.add_argument("--thresholds", type=Path, default=HERE / "thresholds.toml")
    parser.add_argument("--i-own-this-host", action="store_true", help="needed for addresses other than loopback")
    asked = parser.parse_args()
    if urlsplit(asked.url).hostname not in LOOPBACK and not asked.i_own_this_host:
        sys.stderr.write("error: a load on a host of others is an attack; --i-own-this-host says that it is yours\n")
        return 2
    limits = tomllib.loads(asked.thresholds.read_text(encoding="utf-8"))
    limits = limits["default"] | limits.get(asked.environment, {})
    path = asked.history or HERE / "history" / f"{asked.environment}.ndjson"
    history = read_history(path)
    key = asked.key_file.read_text(encoding="utf-8").strip() if asked.key_file else ""
    asked.admin_key = asked.admin_key_file.read_text(encoding="utf-8").strip() if asked.admin_key_file else key
    kind = f"{platform.machine()} {platform.system()} {platform.node()}"
    line = Line(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", asked.environment, asked.commit, "", kind)
    asyncio.run(measure(Asker(asked.url, key, asked.users), line, asked, limits))
    line.reasons = judge(line, limits, history)
    line.verdict = "failed" if line.reasons else "passed"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(line), allow_nan=False) + "\n")  # noqa: TID251 (NaN is an error here)
    sys.stdout.write(
        f"{line.verdict}: {line.requests} requests at {line.rate:g}/s, {line.failures} failed, p50 "
        f"{line.p50_ms} ms, p99 {line.p99_ms} ms, {line.cpu_us or '?'} µs of processor each\n"
    )
    for reason in line.reasons:
        sys.stdout.write(f"  {reason}\n")
    return 1 if line.reasons else 0


if __name__ == "__main__":
    sys.exit(main())
