"""Jobs that the loop runs by itself."""

import dagster as dg
import pytest

from buddies_assets.definitions import build_definitions
from buddies_core.settings import Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
NAMED = {
    "prepare_data_job",
    "train_job",
    "publish_job",
    "search_job",
    "quality_job",
    "purge_old_runs_job",
    "materialise_all_job",
    "retrain_job",
    "daily_job",
    "pairing_job",
    "simulate_job",
    "feedback_days_job",
}


def test_every_named_job_is_there_and_says_what_it_does():
    jobs = {job.name: job for job in build_definitions(Settings()).resolve_all_job_defs()}
    assert set(jobs) >= NAMED
    assert all(jobs[name].description for name in NAMED)


def test_purging_brings_the_history_up_to_date_and_keeps_young_runs(loop_settings, instance):
    job = build_definitions(loop_settings).resolve_job_def("purge_old_runs_job")
    for _ in range(2):
        assert job.execute_in_process(instance=instance, run_config=QUIET).success
    assert instance.get_runs_count(dg.RunsFilter(job_name="purge_old_runs_job")) == 2


def test_a_dry_purge_names_what_would_go_and_deletes_nothing(loop_settings, instance):
    job = build_definitions(loop_settings).resolve_job_def("purge_old_runs_job")

    def purge(**config) -> dict:
        ops = {"ops": {"purge_old_runs": {"config": {"keep_days": 0, "keep_last": 0, **config}}}}
        result = job.execute_in_process(instance=instance, run_config=QUIET | ops)
        (output,) = [e.step_output_data for e in result.all_node_events if e.is_successful_output]
        return {name: entry.value for name, entry in output.metadata.items()}

    def kept() -> set[str]:
        return {run.run_id for run in instance.get_runs()}

    first = job.execute_in_process(instance=instance, run_config=QUIET).run_id
    told = purge(dry_run=True)
    assert (told["dry run"], told["would be deleted"], told["oldest of these runs"]) == (True, 1, [first])
    assert told["kept: still running"] == 1
    assert first in kept()
    done = purge()
    assert (done["dry run"], done["deleted"]) == (False, 2)
    assert first not in kept()
    assert len(kept()) == 1


@pytest.mark.parametrize("name", ["materialise_all_job", "retrain_job", "daily_job", "quality_job"])
def test_jobs_of_assets_need_no_partition(name):
    assert build_definitions(Settings()).resolve_job_def(name).partitions_def is None
