"""Serving: ours by look-up, live and as a daily file, beside the reference's request path; one run, in turns.

Ratios `serving_vs_reference_1`, `_100`, `_1000`: processor time of the server a request, reference / look-up, with as
many users in a request. The load comes from a process of its own.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.http_load import Plan, Result
from benchmarks.measure import Report, Row
from benchmarks.served_world import ServedWorld
from benchmarks.server_process import ServerProcess
from buddies_serving.model.batch import write_daily

PRICE_PER_CORE_HOUR = 0.04
"""US dollars: what the large clouds ask for a shared core by the hour; only turns processor time into money."""
ROUNDS = 3


def load(plan: Plan) -> Result:
    """Runs the load generator in its own process."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.http_load", json.dumps(asdict(plan))],
        capture_output=True,
        text=True,
        check=True,
    )
    return Result(**json.loads(done.stdout))


def run(scale: str) -> Report:
    """Requests a second and processor time a request at saturation, latency at 60 % of it, start and memory."""
    report = Report("serving")
    seconds = 1.0 if scale == "small" else 4.0
    world = ServedWorld.at(scale)
    with tempfile.TemporaryDirectory(prefix="buddies-serving-") as name:
        folder = Path(name)
        size = world.write(folder / "served_model", folder / "reference")
        report.notes.append(f"model: {world.users:,} users, {world.playlists:,} playlists, {size / 2**20:,.0f} MiB")
        servers = _servers(folder)
        try:
            _measure(report, servers, world, seconds)
        finally:
            for server in servers.values():
                server.stop()
        _daily(report, folder, world)
    return report


def _servers(folder: Path) -> dict[str, ServerProcess]:
    def ours(mode: str) -> ServerProcess:
        environment = {
            "BUDDIES_HOME": str(folder),
            "BUDDIES_SERVING_MODE": mode,
            "BUDDIES_SPOOL_DIR": str(folder / f"spool-{mode}"),
        }
        return ServerProcess("buddies_serving", environment=environment, log=folder / f"{mode}.log").start()

    arguments = ["PORT", str(folder / "reference")]
    reference = ServerProcess("benchmarks.reference_service", arguments, path="/openapi.json", log=folder / "ref.log")
    return {"look-up": ours("lookup"), "live": ours("live"), "reference": reference.start()}


def _measure(report: Report, servers: dict[str, ServerProcess], world: ServedWorld, seconds: float) -> None:
    for name, server in servers.items():
        resident, private = server.memory_mib()
        about = f"{server.ready_seconds:.2f} s to ready, {resident:,.0f} MiB resident ({private:,.0f} private)"
        report.notes.append(f"{name}: {about}")
    for count in (1, 100, 1000):
        costs: dict[str, list[tuple[float, Result]]] = {name: [] for name in servers}
        for _ in range(ROUNDS):
            for name, server in servers.items():
                plan = Plan(server.port, seconds, 8 if count == 1 else 2, count, world.users)
                costs[name].append(_loaded(server, plan))
        medians = {}
        for name, rounds in costs.items():
            cost, result = sorted(rounds, key=lambda pair: pair[0])[len(rounds) // 2]
            medians[name] = cost
            _row(report, f"{count} users a request", name, cost, result)
        report.ratios[f"serving_vs_reference_{count}"] = medians["reference"] / medians["look-up"]
        report.ratios[f"live_vs_reference_{count}"] = medians["reference"] / medians["live"]
        if count == 1:
            for name, server in servers.items():
                saturation = statistics.median(result.requests / result.seconds for _, result in costs[name])
                plan = Plan(server.port, seconds, 32, 1, world.users, rate=0.6 * saturation)
                cost, result = _loaded(server, plan)
                _row(report, "1 user, 60 % of saturation", name, cost, result)
    for name, server in servers.items():
        resident, private = server.memory_mib()
        report.notes.append(f"{name}: after the load {resident:,.0f} MiB resident ({private:,.0f} private)")


def _loaded(server: ServerProcess, plan: Plan) -> tuple[float, Result]:
    before = server.cpu_seconds()
    result = load(plan)
    if result.failures:
        raise RuntimeError(f"{result.failures} requests failed; see {server.log}")
    return (server.cpu_seconds() - before) / result.requests, result


def _row(report: Report, step: str, system: str, cost: float, result: Result) -> None:
    rate = result.requests / result.seconds
    report.add(Row(step, system, 1, 1 / rate, rate, "request", cpu_seconds=cost))
    money = cost * 1e6 / 3600 * PRICE_PER_CORE_HOUR
    times = ", ".join(f"{name} {value:g}" for name, value in result.percentiles.items())
    cpu = f"{cost * 1e6:,.1f} µs of CPU a request, ${money:.4f} a million requests"
    report.notes.append(f"{step}, {system}: {cpu}; latency ms: {times}")


def _daily(report: Report, folder: Path, world: ServedWorld) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    daily = write_daily(folder / "served_model", folder / "daily" / "recommendations.ndjson")
    taken, cpu = time.perf_counter() - began, time.process_time() - cpu
    report.add(Row("all users once", "daily file", 1, taken, world.users / taken, "user", cpu_seconds=cpu))
    money = cpu / world.users * 1e6 / 3600 * PRICE_PER_CORE_HOUR
    report.notes.append(
        f"daily file: {daily.users:,} users in {taken:.2f} s, {daily.bytes / 2**20:.1f} MiB, "
        f"{cpu / world.users * 1e6:.1f} µs of CPU a user, ${money:.5f} a million lists"
    )
