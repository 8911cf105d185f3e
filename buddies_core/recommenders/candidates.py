"""Candidates for a listener and what is known of each: the features that a ranker reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_array

from buddies_core.recommenders.blend import Blend
from buddies_core.recommenders.standardised import known_items, standardised


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What holds of an item for every listener, float32 [n_items]: log listeners, and their mean weight."""

    listeners: np.ndarray
    weight: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """By the names they are stored under."""
        return {"facts/listeners": self.listeners, "facts/weight": self.weight}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """From what `arrays` gave."""
        return cls(arrays["facts/listeners"], arrays["facts/weight"])


@dataclass(frozen=True, slots=True)
class Candidates:
    """The best items of a blend for n listeners, c for each.

    `items` int64 [n, c], best first, none of the history; `features` float32 [n, c, f]: of each source the
    standardised score and the log of its rank, then the facts of the item, the length of the history and the mean
    popularity in it. `blend` float32 [n, n_items] holds the blend's scores.
    """

    items: np.ndarray
    features: np.ndarray
    blend: np.ndarray


def item_facts(interactions: csr_array) -> ItemFacts:
    """Facts of the items of a matrix of interactions."""
    n_items = interactions.shape[1]
    holders = np.bincount(interactions.indices, minlength=n_items)
    sums = np.bincount(interactions.indices, weights=interactions.data, minlength=n_items)
    return ItemFacts(np.log1p(holders).astype(np.float32), (sums / np.maximum(holders, 1)).astype(np.float32))


def candidate_features(blend: Blend, facts: ItemFacts, histories: csr_array, count: int) -> Candidates:
    """Candidates of listeners; whoever has nearly everything gets known items last rather than a shorter list."""
    known = known_items(histories)
    each = [standardised(model.scores(histories), known) for model in blend.models]
    total = np.zeros(histories.shape, np.float32)
    for source, scores in zip(blend.config.sources, each, strict=True):
        total += np.float32(source.weight) * scores
    items = _best(np.where(known, -np.inf, total), min(count, histories.shape[1]))
    columns = []
    for scores in each:
        mine = np.take_along_axis(scores, items, axis=1)
        columns += [mine, np.log1p(_ranks(mine))]
    lengths = np.diff(histories.indptr)
    of_row = np.repeat(np.arange(len(lengths)), lengths)
    taste = np.bincount(of_row, weights=facts.listeners[histories.indices], minlength=len(lengths))
    listener = (np.log1p(lengths), taste / np.maximum(lengths, 1))
    columns += [facts.listeners[items], facts.weight[items]]
    columns += [np.broadcast_to(column[:, None], items.shape) for column in listener]
    return Candidates(items, np.stack(columns, axis=2).astype(np.float32), total)


def _best(scores: np.ndarray, count: int) -> np.ndarray:
    """Items with the highest scores, best first; equal ones by index."""
    if count < scores.shape[1]:
        found = np.sort(np.argpartition(-scores, count - 1, axis=1)[:, :count], axis=1)
    else:
        found = np.broadcast_to(np.arange(scores.shape[1]), scores.shape)
    order = np.argsort(-np.take_along_axis(scores, found, axis=1), axis=1, kind="stable")
    return np.take_along_axis(found, order, axis=1)


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Place of each score in its row, 0 the highest; equal ones in order."""
    order = np.argsort(-scores, axis=1, kind="stable")
    ranks = np.empty(scores.shape, np.int64)
    np.put_along_axis(ranks, order, np.broadcast_to(np.arange(scores.shape[1]), scores.shape), axis=1)
    return ranks
