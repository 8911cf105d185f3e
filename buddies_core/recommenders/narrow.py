"""Scores that are not laid out for every item: what a catalogue of hundreds of thousands is proposed from.

A model whose score is a sum over neighbours says something of few items only: `sparse_scores`. One whose score is a
product of factors is asked for the items in question: `listener_factors` times `item_factors`.
"""

from typing import Protocol, runtime_checkable

import numpy as np
from scipy.sparse import csr_array


@runtime_checkable
class SparseScorer(Protocol):
    """A recommender whose `scores` are zero but for a few items of each listener."""

    def sparse_scores(self, histories: csr_array) -> csr_array:
        """`scores` as CSR [n, n_items]: what is not stored is 0."""
        ...


@runtime_checkable
class FactorScorer(Protocol):
    """A recommender whose `scores` are `listener_factors(histories) item_factors()'`."""

    def listener_factors(self, histories: csr_array) -> np.ndarray:
        """Factors of listeners, float32 [n, d]."""
        ...

    def item_factors(self) -> np.ndarray:
        """Factors of items, float32 [n_items, d]."""
        ...
