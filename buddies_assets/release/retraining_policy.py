"""When to train again: pure decisions from what was trained, what has come in, and which runs there are."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class RunState(StrEnum):
    """Where a retraining's run stands.

    A queued run waits for a place, however long; a starting one (created, or handed to a process that has not begun)
    and a running one show that they are alive, or are dead.
    """

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    FAILED = "failed"


@dataclass(frozen=True)
class RetrainRun:
    """One run that was started to retrain after a version.

    Attributes:
        after: version of the newest checkpoint when it was started.
        attempt: which attempt to retrain after that version it is, from 1; two daemons may start one attempt twice.
        last_sign: when it last showed that it is alive (a heartbeat, a change of its state or an entry in its log).
    """

    run_id: str
    after: str
    attempt: int
    state: RunState
    last_sign: datetime


@dataclass(frozen=True)
class RetrainingInputs:
    """Everything that the decision depends on. `checkpoint` is None before the first training."""

    now: datetime
    checkpoint: str | None
    new_sessions: int
    needed: int
    runs: tuple[RetrainRun, ...] = ()
    degraded: str | None = None
    trial: str | None = None


@dataclass(frozen=True)
class RetryPolicy:
    """How long a silent run counts as alive, and how failures are answered.

    Attempt n waits `first_pause` x 2^(n-2) after the failure before it, at most `longest_pause`.
    """

    lost_after: timedelta = timedelta(minutes=5)
    first_pause: timedelta = timedelta(minutes=1)
    longest_pause: timedelta = timedelta(hours=6)


@dataclass(frozen=True)
class RetrainDecision:
    """Start a run under `run_key`, or skip because of `reason`; `lost` runs are dead and should be marked failed."""

    reason: str
    run_key: str | None = None
    attempt: int = 0
    lost: tuple[str, ...] = field(default=())


def decide_retraining(inputs: RetrainingInputs, policy: RetryPolicy) -> RetrainDecision:
    """Whether to start a retraining now.

    The run key is made of the checkpoint and the number of the attempt, so that the same tick twice, a second daemon
    or a reset cursor asks for the same run, and a failed run for a new one.
    """
    if inputs.checkpoint is None:
        return RetrainDecision("no bpr_checkpoint yet: materialise the graph once")
    lost = tuple(
        run.run_id
        for run in inputs.runs
        if run.state in (RunState.STARTING, RunState.RUNNING) and inputs.now - run.last_sign > policy.lost_after
    )
    alive = [run for run in inputs.runs if run.state is not RunState.FAILED and run.run_id not in lost]
    if alive:
        return RetrainDecision(f"a retraining is in flight (run {alive[0].run_id[:8]}, {alive[0].state})", lost=lost)
    where = f"{inputs.new_sessions:,} of {inputs.needed:,} sessions since bpr_checkpoint {inputs.checkpoint}"
    if inputs.trial is not None:
        return RetrainDecision(f"{where}; challenger {inputs.trial} is still on trial", lost=lost)
    if inputs.new_sessions < inputs.needed and inputs.degraded is None:
        return RetrainDecision(where, lost=lost)
    if inputs.new_sessions == 0:
        return RetrainDecision(f"{inputs.degraded}; but there is nothing new to learn from: {where}", lost=lost)
    failed = [
        run
        for run in inputs.runs
        if run.after == inputs.checkpoint and (run.state is RunState.FAILED or run.run_id in lost)
    ]
    last = max((run.attempt for run in failed), default=0)
    if failed and not lost:
        pause = min(policy.longest_pause, policy.first_pause * 2 ** (last - 1))
        again = max(run.last_sign for run in failed) + pause
        if inputs.now < again:
            return RetrainDecision(f"{where}; attempt {last} failed, the next is at {again:%H:%M:%S} UTC")
    why = inputs.degraded or "enough feedback"
    key = f"retrain-after-{inputs.checkpoint}-attempt-{last + 1}"
    return RetrainDecision(f"{why}: {where}", key, last + 1, lost)


def decide_raw_files(seen: dict[str, str], found: dict[str, str]) -> tuple[str | None, str]:
    """(digest to run for or None, reason): whether raw files changed; both map a path to its size and time.

    The first look only takes note: what is there then was prepared by whoever materialised the graph.
    """
    from hashlib import blake2b

    if not seen:
        return None, f"{len(found):,} raw files noted; changes from here on start prepare_data_job"
    added = sorted(set(found) - set(seen))
    changed = sorted(path for path in found if path in seen and found[path] != seen[path])
    gone = sorted(set(seen) - set(found))
    if not added and not changed and not gone:
        return None, f"{len(found):,} raw files, none new or changed"
    digest = blake2b(repr(sorted(found.items())).encode(), digest_size=8).hexdigest()
    return digest, f"{len(added)} new, {len(changed)} changed, {len(gone)} gone of {len(found):,} raw files"
