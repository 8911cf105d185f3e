"""Compiles the kernels into NUMBA_CACHE_DIR by making the whole graph once, on a world of a few hundred listeners.

A new container begins with a copy of that cache. Kernels are compiled for the machine that builds: one with another
processor compiles its own, as it would have without this.
"""

import os
import sys
import tempfile
from pathlib import Path

import dagster as dg

from buddies_assets.definitions import build_definitions
from buddies_core.settings import Settings

folder = Path(os.environ["NUMBA_CACHE_DIR"])
folder.mkdir(parents=True, exist_ok=True)
with tempfile.TemporaryDirectory() as home, dg.DagsterInstance.ephemeral() as instance:
    settings = Settings(
        home=home,
        synthetic_users=400,
        synthetic_playlists=2_000,
        shard_users=200,
        threads=2,
        search_trials=0,
        track=False,
    )
    job = build_definitions(settings).resolve_job_def("materialise_all_job")
    quiet = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
    done = job.execute_in_process(instance=instance, run_config=quiet, raise_on_error=False)
compiled = sum(1 for _ in folder.rglob("*.nbc"))
sys.stdout.write(f"{compiled} kernels compiled, the graph {'was made' if done.success else 'FAILED'}\n")
sys.exit(0 if done.success and compiled else 1)
