"""What a request costs: a question of the protocol answered by the models that are served, in processor time."""

import time

import numpy as np

from benchmarks.measure import Report, Row
from buddies_core.sequences.models import SequenceModels
from buddies_core.sequences.tasks import Question

_WARM = 20


def request_times(report: Report, models: SequenceModels, task: str, questions: list[Question]) -> None:
    """Rows for the median and the 99th percentile of one thread; candidates, features and both rankers."""
    answerer = models.answerer(task)
    times = []
    for question in questions[:_WARM] + questions:
        started = time.thread_time()
        answerer.ranked(question.query)
        times.append(time.thread_time() - started)
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        seconds = float(np.quantile(times[_WARM:], share))
        report.add(Row(f"request, {name}", task, 1, seconds, 1 / seconds, "requests", None, seconds))
