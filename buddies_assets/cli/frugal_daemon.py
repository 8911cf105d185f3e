"""Dagster's daemon, idle for less: `python -m buddies_assets.cli.frugal_daemon` takes `dagster-daemon`'s arguments.

By itself it opens a connection for each question to the database, and reads the whole asset graph from the
code server once a minute whether it changed or not. Here connections stay open, and the graph is read every four
minutes; a code server that was started anew is noticed at once all the same.
"""

import sys

RELOAD_SECONDS = 240
TRIED_FOR = 240
"""Seconds for which a graph that cannot be read is tried again before the daemon ends; Dagster's own figure."""


def main() -> None:
    """Runs `dagster-daemon`."""
    from dagster._daemon import controller
    from dagster._daemon.cli import main as run

    from buddies_assets.resources.dagster_storage import BuddiesPostgresStorage

    BuddiesPostgresStorage.keeps_connections = True
    # 2026-11-28: Dagster 1.13 has no setting for it; drop this when there is one
    controller.RELOAD_WORKSPACE_INTERVAL = RELOAD_SECONDS
    controller.DEFAULT_WORKSPACE_FRESHNESS_TOLERANCE = RELOAD_SECONDS + TRIED_FOR
    sys.argv[0] = "dagster-daemon"
    run()


if __name__ == "__main__":
    main()
