"""Metrics of whole recommendation lists against what users held out: the report of every system that serves lists.

Ranking metrics are implicit's `ranking_metrics_at_k`: precision divides by min(k, held out) over all users together,
AUC counts what is not in the list as a coin toss. A user without a list counts 0; one who holds nothing out is not
judged. Intervals are 95 %, bootstrap over users.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

DRAWS = 2_000
MEANS = ("ndcg", "map", "auc", "recall", "hit", "mrr", "graded_ndcg")


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over users with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ListReport:
    """What lists are worth. `figures` by metric; `users` judged, in order, and their own values in `each`."""

    k: int
    users: list[str]
    figures: dict[str, Figure]
    each: dict[str, np.ndarray] = field(repr=False)

    def row(self) -> dict[str, float]:
        """The values alone, by metric."""
        return {name: figure.value for name, figure in self.figures.items()}


def evaluate(
    lists: Mapping[str, Sequence[str]],
    held_out: Mapping[str, Mapping[str, float]],
    *,
    n_items: int,
    k: int = 10,
    seed: int = 0,
) -> ListReport:
    """The report of lists.

    Args:
        lists: items for each user, best first; what follows the first k is ignored.
        held_out: weight of each item that a user holds out; weights grade `graded_ndcg` alone.
        n_items: size of the catalogue, for the AUC.
    """
    users = sorted(user for user, items in held_out.items() if items)
    each = {name: np.zeros(len(users)) for name in (*MEANS, "hits", "most")}
    gains = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(gains)
    for place, user in enumerate(users):
        wanted = held_out[user]
        listed = list(lists.get(user, ()))[:k]
        _judge_one(each, place, listed, wanted, n_items, k, gains, ideal)
    draws = np.random.default_rng(seed).multinomial(len(users), np.full(len(users), 1 / len(users)), size=DRAWS)
    drawn = _means(each, draws.astype(np.float64), k)
    whole = _means(each, np.ones((1, len(users))), k)
    figures = {
        name: Figure(float(values[0]), *(float(np.percentile(drawn[name], at)) for at in (2.5, 97.5)))
        for name, values in whole.items()
    }
    return ListReport(k, users, figures, each)


def _judge_one(
    each: Any, place: int, listed: Any, wanted: Any, n_items: int, k: int, gains: np.ndarray, ideal: np.ndarray
) -> None:
    most = min(k, len(wanted))
    found = np.zeros(k, bool)
    found[: len(listed)] = [item in wanted for item in listed]
    so_far = np.cumsum(found)
    hits = int(so_far[-1])
    absent = n_items - len(wanted)
    each["hits"][place], each["most"][place] = hits, most
    each["ndcg"][place] = (found * gains).sum() / ideal[most - 1]
    each["map"][place] = (found * so_far / np.arange(1, k + 1)).sum() / most
    each["recall"][place], each["hit"][place] = hits / len(wanted), hits > 0
    each["mrr"][place] = 1 / (np.argmax(found) + 1) if hits else 0.0
    before = so_far[: len(listed)][~found[: len(listed)]].sum()
    unlisted = absent - (len(listed) - hits)
    each["auc"][place] = (before + (hits + len(wanted)) / 2 * unlisted) / (len(wanted) * absent)
    grades = _grades(wanted)
    got = np.array([2.0 ** grades.get(item, 0) - 1 for item in listed])
    best = np.sort([2.0**grade - 1 for grade in grades.values()])[::-1][:k]
    each["graded_ndcg"][place] = (got * gains[: len(got)]).sum() / (best * gains[: len(best)]).sum()


def _grades(wanted: Mapping[str, float]) -> dict[str, int]:
    """1 to 3 for the lower, middle and upper third of what a user holds out, by weight; equal weights grade alike."""
    values = np.sort(np.array(list(wanted.values()), np.float64))
    share = np.searchsorted(values, list(wanted.values()), side="right") / len(values)
    return dict(zip(wanted, np.ceil(3 * share).astype(int).tolist(), strict=True))


def _means(each: Mapping[str, np.ndarray], draws: np.ndarray, k: int) -> dict[str, np.ndarray]:
    total = draws.sum(1)
    found = {name: draws @ each[name] / total for name in MEANS}
    found["precision"] = draws @ each["hits"] / (draws @ each["most"])
    found["precision_k"] = draws @ each["hits"] / (k * total)
    return found


def paired_difference(left: ListReport, right: ListReport, *, seed: int = 0) -> dict[str, Figure]:
    """Left less right by metric, on the same users, with the interval of the paired bootstrap.

    Raises:
        ValueError: the reports judge different users.
    """
    if left.users != right.users:
        raise ValueError("the two reports judge different users; evaluate both on the same held-out interactions")
    n = len(left.users)
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=DRAWS).astype(np.float64)
    ours, theirs = _means(left.each, draws, left.k), _means(right.each, draws, right.k)
    found = {}
    for name in ours:
        apart = ours[name] - theirs[name]
        value = left.figures[name].value - right.figures[name].value
        found[name] = Figure(value, *(float(np.percentile(apart, at)) for at in (2.5, 97.5)))
    return found
