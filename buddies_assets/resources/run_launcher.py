"""Dagster's run launcher, with a look at whether a run's process is still there.

Dagster notices dead runs only under launchers that can tell (dagster-io/dagster#4319): under its default one, a run
whose machine lost power stays `STARTED` for ever and keeps its place in the queue. dagster.yaml names this class, and
the daemon's run monitoring then fails such a run and says why.
"""

import contextlib
import os
import platform
from pathlib import Path

from dagster import DagsterEventType, DagsterRun
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, LaunchRunContext, WorkerStatus

HOST_TAG, BOOT_TAG = "buddies/host", ".dagster/buddies_boot"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class WatchedRunLauncher(DefaultRunLauncher):
    """`DefaultRunLauncher` that notes the host of a run when it launches it, and can tell whether the run is dead."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """Launch the run on this host."""
        self._instance.add_run_tags(context.dagster_run.run_id, host_tags())
        super().launch_run(context)

    @property
    def supports_check_run_worker_health(self) -> bool:
        """True: run monitoring asks."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """`NOT_FOUND` for a run whose process is gone; `RUNNING` also for one that this host cannot judge.

        Those are runs that another host launched, and those whose host nobody noted.
        """
        host = run.tags.get(HOST_TAG)
        if host != platform.node():
            return CheckRunHealthResult(WorkerStatus.RUNNING, f"begun by another host: {host or 'unknown'}")
        if run.tags.get(BOOT_TAG) != _boot():
            return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"{host} was restarted since the run began")
        process = self._process_of(run)
        if process is None or _lives(process):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return CheckRunHealthResult(WorkerStatus.NOT_FOUND, f"process {process} on {host} is gone")

    def _process_of(self, run: DagsterRun) -> int | None:
        """The process of the run by its first event that names one; those of its steps come later."""
        for entry in self._instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT):
            pid = entry.get_dagster_event().engine_event_data.metadata.get("pid")
            if pid is not None:
                return int(str(pid.value))
        return None


def host_tags() -> dict[str, str]:
    """Tags of a run that is begun on this host, also of one that no launcher begins."""
    return {HOST_TAG: platform.node(), BOOT_TAG: _boot()}


def _boot() -> str:
    """What changes when this host is restarted; empty where the system does not tell."""
    return _BOOT_ID.read_text(encoding="ascii").strip() if _BOOT_ID.is_file() else ""


def _lives(process: int) -> bool:
    try:
        with contextlib.suppress(PermissionError):  # another user's lives too
            os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
