"""Durability: feedback load while PostgreSQL dies, stops and returns, the spool's disk fills and the service is killed.

Ratio `acknowledged_stored_share`: of the feedback that was acknowledged, the share that is in PostgreSQL at the end
(1 is the only good value). Stored twice, stored though never sent, and requests that hung are counted as well.
"""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from hashlib import blake2b
from pathlib import Path

import asyncpg
import psutil

from benchmarks.feedback_load import Plan
from benchmarks.measure import Report, Row
from benchmarks.served_world import ServedWorld
from benchmarks.server_process import ServerProcess
from buddies_core.artifact.store import read_channels
from buddies_core.http.ports import free_port
from buddies_core.postgres.embedded import EmbeddedPostgres
from buddies_core.postgres.errors import DatabaseError
from buddies_serving.model.served_model import ServedModel

DISK_MIB = 64


def run(scale: str) -> Report:
    """One minute of load (a quarter of it at scale small) with all the faults."""
    seconds = 15.0 if scale == "small" else 60.0
    report = Report("durability")
    folder = Path(tempfile.mkdtemp(prefix="buddies-durability-", dir="/var/tmp"))
    folder.chmod(0o755)
    postgres = EmbeddedPostgres(folder / "postgres")
    spool = _small_disk(folder / "spool", report)
    try:
        _run(report, folder, postgres, spool, seconds)
    finally:
        postgres.stop()
        subprocess.run(["umount", str(spool)], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.rmtree(postgres.folder, ignore_errors=True)
    return report


def _run(report: Report, folder: Path, postgres: EmbeddedPostgres, spool: Path, seconds: float) -> None:
    root = folder / "served_model"
    ServedWorld.at("small").write(root)
    model = ServedModel.open(root / "versions" / read_channels(root).champion)
    url = postgres.start(detached=True)
    service = _service(folder, spool, url)
    acknowledged = folder / "acknowledged.txt"
    plan = Plan(service.port, seconds, 64, model.users, model.pids[:2000].tolist(), str(acknowledged))
    load = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.feedback_load", json.dumps(asdict(plan))], stdout=subprocess.PIPE
    )
    began = time.perf_counter()
    running = {"service": service}

    def restart_service() -> None:
        running["service"] = _service(folder, spool, url, service.port)

    helpers: list[threading.Thread] = []

    def start_postgres() -> None:
        # recovery takes seconds, and the next fault is not to wait for it
        helpers.append(threading.Thread(target=_start, args=(postgres,)))
        helpers[-1].start()

    filler = spool / "filler"
    faults: list[tuple[float, str, Callable[[], object]]] = [
        (10, "PostgreSQL killed", lambda: _signal(postgres, signal.SIGKILL)),
        (16, "PostgreSQL being started", start_postgres),
        (24, "PostgreSQL stopped (SIGSTOP)", lambda: _signal(postgres, signal.SIGSTOP)),
        (31, "PostgreSQL continued", lambda: _signal(postgres, signal.SIGCONT)),
        (36, "PostgreSQL killed", lambda: _signal(postgres, signal.SIGKILL)),
        (37, "disk of the spool filled", lambda: _fill(filler)),
        (42, "disk freed", lambda: filler.unlink(missing_ok=True)),
        (44, "PostgreSQL being started", start_postgres),
        (50, "service killed", lambda: running["service"].process.kill()),
        (51, "service started", restart_service),
    ]
    cpu = 0.0
    for moment, name, act in faults:
        due = moment * seconds / 60
        time.sleep(max(0.0, began + due - time.perf_counter()))
        cpu = cpu or service.cpu_seconds()
        act()
        report.notes.append(f"{time.perf_counter() - began:5.1f} s: {name}")
    for helper in helpers:
        helper.join()
    output, _ = load.communicate(timeout=seconds + 60)
    result = json.loads(output)
    emptied = _wait_until_stored(spool)
    running["service"].stop()
    _judge(report, result, url, acknowledged, seconds, emptied)
    begun = sum(result["by_second"][: int(10 * seconds / 60)])
    report.notes.append(f"healthy: {cpu / begun * 1e6:.0f} µs of the service's CPU a feedback, its start included")


def _judge(report: Report, result: dict, url: str, path: Path, seconds: float, emptied: float) -> None:
    keys = path.read_text(encoding="ascii").split()
    expected = {uuid.UUID(bytes=blake2b(key.encode(), digest_size=16, person=b"key").digest()) for key in keys}
    stored = asyncio.run(_stored(url))
    healthy = result["by_second"][1 : max(2, int(10 * seconds / 60))]
    rate = sum(healthy) / len(healthy)
    report.add(Row("acknowledged, healthy", "service", 1, 1 / rate, rate, "feedback"))
    report.add(Row("acknowledged, all in all", "service", 1, seconds, len(keys) / seconds, "feedback"))
    report.ratios["acknowledged_stored_share"] = len(expected & set(stored)) / len(expected)
    report.notes += [
        f"acknowledged {len(keys):,}, stored {len(stored):,}, "
        f"of these never acknowledged {len(set(stored) - expected):,}, stored twice {len(stored) - len(set(stored))}",
        f"refused with 503: {result['refused']:,}; connections broken by the kill: {result['broken']}; "
        f"hung: {result['hung']}; other answers: {result['other']}; slowest answer {result['slowest']:.2f} s; "
        f"spool empty {emptied:.1f} s after the end",
        "acknowledged by second: " + " ".join(map(str, result["by_second"][: int(seconds) + 1])),
    ]


def _service(folder: Path, spool: Path, url: str, port: int = 0) -> ServerProcess:
    environment = {"BUDDIES_HOME": str(folder), "BUDDIES_SPOOL_DIR": str(spool), "BUDDIES_POSTGRES_URL": url}
    log = folder / "service.log"
    return ServerProcess("buddies_serving", environment=environment, port=port or free_port(), log=log).start()


def _start(postgres: EmbeddedPostgres) -> None:
    # killed again before it had recovered: the next start is to come
    with contextlib.suppress(DatabaseError):
        postgres.start(detached=True)


def _signal(postgres: EmbeddedPostgres, which: signal.Signals) -> None:
    """Sends a signal to the server and all its processes."""
    head = psutil.Process(int((postgres.data / "postmaster.pid").read_text().split()[0]))
    for process in [head, *head.children(recursive=True)]:
        try:
            os.kill(process.pid, which)
        except ProcessLookupError:
            continue
    if which == signal.SIGKILL:
        head.wait(10)


def _small_disk(folder: Path, report: Report) -> Path:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode:
        report.notes.append("no disk of its own could be mounted for the spool: the disk did not fill in this run")
    return folder


def _fill(filler: Path) -> None:
    if not filler.parent.is_mount():
        return
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 16))
        except OSError:
            return


def _wait_until_stored(spool: Path) -> float:
    began = time.perf_counter()
    while any(spool.glob("*.spool")) and time.perf_counter() - began < 60:
        time.sleep(0.05)
    return time.perf_counter() - began


async def _stored(url: str) -> list[uuid.UUID]:
    connection = await asyncpg.connect(url)
    try:
        return [row[0] for row in await connection.fetch("SELECT session_id FROM feedback.sessions")]
    finally:
        await connection.close()
