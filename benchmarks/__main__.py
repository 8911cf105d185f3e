"""`python -m benchmarks NAME [--scale small|real|tenth|full] [--json FILE] [--compare OLD]`: ours beside its peers."""

import argparse
import json
import re
from importlib import import_module
from pathlib import Path

from benchmarks.compare import KEPT, compared

BENCHMARKS = {
    "scores": "benchmarks.scores",
    "pairing": "benchmarks.pairing",
    "serving": "benchmarks.serving",
    "song_requests": "benchmarks.song_requests",
    "durability": "benchmarks.durability",
    "bpr": "benchmarks.bpr",
    "bpr_cuda": "benchmarks.bpr_cuda",
    "quality": "benchmarks.quality",
    "data_parallel": "benchmarks.data_parallel",
    "dashboard": "benchmarks.dashboard",
    "dashboard_paint": "benchmarks.dashboard_paint",
    "defects": "benchmarks.defects",
    "damages": "benchmarks.damages.bench",
    "full": "benchmarks.full",
    "checks": "benchmarks.checks",
    "loop": "benchmarks.loop",
    "attack": "benchmarks.attack",
    "links": "benchmarks.links",
    "artists": "benchmarks.artists",
    "songs": "benchmarks.songs",
    "next_track": "benchmarks.next_track",
    "skip_gram": "benchmarks.skip_gram",
    "continuation": "benchmarks.continuation",
    "sensors": "benchmarks.sensors",
}
"""Name -> module with `run(scale: str) -> Report`; imported only when asked for."""

_NEEDS_CUDA = {"bpr_cuda"}


def main() -> None:
    """Runs one benchmark, or all of them, and prints their tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=[*BENCHMARKS, "all"])
    parser.add_argument("--scale", type=_scale, default="tenth", help="small, real, tenth, full; `full` takes 3%% too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the report there too")
    parser.add_argument("--compare", type=Path, metavar="OLD", help="a report to compare with; fails on a worse ratio")
    arguments = parser.parse_args()
    names = [name for name in BENCHMARKS if name not in _NEEDS_CUDA] if arguments.name == "all" else [arguments.name]
    if len(names) > 1 and (arguments.json or arguments.compare):
        parser.error("--json and --compare take one report: name one benchmark")
    for name in names:
        report = import_module(BENCHMARKS[name]).run(arguments.scale)
        print(f"{name} ({arguments.scale})\n{report.to_text()}\n", flush=True)
        if arguments.json:
            arguments.json.write_text(report.to_json(), encoding="utf-8")
        if arguments.compare:
            old = json.loads(arguments.compare.read_text(encoding="utf-8"))
            table, worse = compared(json.loads(report.to_json()), old)
            print(table)
            if worse:
                raise SystemExit(f"{', '.join(worse)}: below {KEPT:.0%} of what {old['revision']} reached")


def _scale(text: str) -> str:
    if text in ("small", "real", "tenth", "full") or re.fullmatch(r"\d+(\.\d+)?%", text):
        return text
    raise argparse.ArgumentTypeError(f"{text!r} is none of small, real, tenth, full or a percentage")


if __name__ == "__main__":
    main()
