"""What the daemon does with a queued run, in the pipeline image: `launch_run.py JOB` launches it, prints its id;
`launch_run.py terminate ID` ends it; `launch_run.py health ID` prints what the launcher makes of its pod.
"""

import sys

SAID = "launch_run says: "


def main() -> None:
    import dagster as dg
    from dagster._cli.job import execute_launch_command
    from dagster._cli.utils import get_possibly_temporary_instance_for_cli
    from dagster._cli.workspace.cli_target import WorkspaceOpts

    what, *rest = sys.argv[1:]
    with get_possibly_temporary_instance_for_cli() as instance:
        if what == "terminate":
            said = str(instance.run_launcher.terminate(rest[0]))
        elif what == "health":
            run = instance.get_run_by_id(rest[0])
            said = f"{instance.run_launcher.check_run_worker_health(run).status.name} {run.status.name}"
        else:
            # launched at once, as the daemon does when the run's turn has come
            dg.DagsterInstance.submit_run = lambda self, run_id, workspace: self.launch_run(run_id, workspace)
            opts = WorkspaceOpts(module_name=("buddies_assets.definitions",))
            said = execute_launch_command(instance=instance, workspace_opts=opts, job_name=what).run_id
    sys.stdout.write(f"\n{SAID}{said}\n")


if __name__ == "__main__":
    main()
