"""Shards as tasks on an existing Ray cluster: the same shards as on local threads, wherever they are made.

Every node has this package, in the same revision, and reaches the store under the same name: an object store whose
credentials are in the environment of its nodes, or a folder that all of them mount.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from buddies_core.errors import BuddiesError
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.dataset_writer import DatasetWriter
from buddies_core.storage.manifest import StoredFile
from buddies_core.storage.shards import Inputs, Params, ShardedStep

RETRIES = 4
TASKS_PER_CPU = 2
"""Tasks handed to the cluster for each of its CPUs: one that runs and one that waits for its turn."""

_WORKER_ENVIRONMENT = {"POLARS_MAX_THREADS": "1", "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


class ClusterError(BuddiesError, RuntimeError):
    """The cluster cannot do the work: it is not there, or its nodes differ from this process."""


@dataclass(frozen=True)
class _Job:
    """What all shards of a step share; sent once, and fetched once by each node."""

    step: ShardedStep
    inputs: dict[str, Dataset]
    params: dict[str, Any]
    writer: DatasetWriter

    @property
    def key(self) -> str:
        """Equal for jobs that prepare the same state."""
        return self.writer.cache_key.fingerprint


@dataclass(frozen=True)
class RayRunner:
    """Runs shards on the cluster at `address` (`auto`, `host:6379`, `ray://host:10001`), one CPU a shard.

    A shard whose worker or node is lost is made again elsewhere, up to `retries` times; an error of the work itself is
    raised at once. What a lost worker had half written has no record, and is written over.
    """

    address: str
    retries: int = RETRIES

    def run(
        self, step: ShardedStep, inputs: Inputs, params: Params, writer: DatasetWriter, ranges: Mapping[int, range]
    ) -> Iterator[tuple[int, StoredFile]]:
        """See `ShardRunner.run`. The number of tasks in flight follows the CPUs that the cluster has at the time.

        Raises:
            ClusterError: no cluster answers, its nodes run other code, a shard was lost too often, or a shard that a
                node stored is not to be found from here.
        """
        if not ranges:
            return
        import ray

        connect(self.address)
        job = ray.put(_Job(step, dict(inputs), dict(params), writer))
        task = ray.remote(num_cpus=1, max_retries=self.retries, runtime_env={"env_vars": _WORKER_ENVIRONMENT})(_make)
        waiting = iter(ranges.items())
        running: dict[Any, int] = {}
        try:
            while True:
                for index, entities in _next_few(waiting, _room() - len(running)):
                    running[task.remote(job, index, entities)] = index
                if not running:
                    return
                ended, _ = ray.wait(list(running), num_returns=1)
                index = running.pop(ended[0])
                yield index, _checked(writer, index, self._result(ended[0], step, ranges[index]))
        finally:
            for reference in running:
                ray.cancel(reference)

    def _result(self, reference: Any, step: ShardedStep, entities: range) -> StoredFile:
        import ray
        from ray.exceptions import NodeDiedError, OutOfMemoryError, WorkerCrashedError

        try:
            return ray.get(reference)
        except (NodeDiedError, OutOfMemoryError, WorkerCrashedError) as lost:
            raise ClusterError(
                f"{step.name}: the workers that made entities {entities.start} to {entities.stop - 1} were lost "
                f"{self.retries + 1} times ({type(lost).__name__}). If they ran out of memory, set a smaller "
                "BUDDIES_SHARD_USERS or give the nodes fewer CPUs; what is stored is kept for the next run."
            ) from lost


def connect(address: str) -> None:
    """Join this process to the cluster, once.

    Raises:
        ClusterError: none answers there.
    """
    import ray

    if ray.is_initialized():
        return
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except ConnectionError as error:
        raise ClusterError(
            f"BUDDIES_RAY_ADDRESS={address}: no Ray cluster answers there. Start one with `ray start --head`, or "
            "unset it to use local threads."
        ) from error


def _room() -> int:
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1))) * TASKS_PER_CPU


def _next_few(items: Iterator[tuple[int, range]], most: int) -> Iterator[tuple[int, range]]:
    for _ in range(most):
        item = next(items, None)
        if item is None:
            return
        yield item


def _checked(writer: DatasetWriter, index: int, stored: StoredFile) -> StoredFile:
    if writer.noted_shard(index) != stored:
        raise ClusterError(
            f"{writer.cache_key.name}: a node stored shard {index}, but from here it is not under {writer.folder}. "
            "Set BUDDIES_HOME to a URL or a mounted folder that all nodes share."
        )
    return stored


def _make(job: _Job, index: int, entities: range) -> StoredFile:
    """The task: one shard, made and stored by a worker."""
    if job.writer.cache_key.code != job.step.version:
        raise ClusterError(
            f"{job.step.name}: a node runs another revision of buddies_assets than the process that started the work. "
            "Install the same one on all nodes: shards of different code must not meet in one dataset."
        )
    return job.step.make(_prepared(job), index, entities, job.writer)


_newest: dict[str, Any] = {}


def _prepared(job: _Job) -> Any:
    """The step's state, built by the first shard that a process makes; only the newest job's is kept."""
    if job.key not in _newest:
        _newest.clear()
        _newest[job.key] = job.step.prepare(job.inputs, job.params)
    return _newest[job.key]
