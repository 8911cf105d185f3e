"""Sums by item are those of a dictionary, whatever was asked before."""

from collections import Counter, defaultdict

import numpy as np

from buddies_core.sequences.scorers.tally import Tally


def test_sums_counts_and_greatest_weights_are_those_of_a_dictionary_request_after_request():
    generator = np.random.default_rng(3)
    tally = Tally(50)
    for length in (200, 3, 0, 90, 1):
        items = generator.integers(0, 50, length).astype(np.int32)
        weights = generator.integers(1, 9, length).astype(np.float32)
        sums, counts, greatest = defaultdict(float), Counter(items.tolist()), defaultdict(float)
        for item, weight in zip(items.tolist(), weights.tolist(), strict=True):
            sums[item] += weight
            greatest[item] = max(greatest[item], weight)
        tally.of(items)
        tally.add("sum", weights)
        tally.add("count")
        tally.greatest("greatest", weights)
        assert sorted(tally.items.tolist()) == sorted(counts)
        said = tally.at(np.arange(50), ("sum", "count", "greatest"))
        assert said["sum"].tolist() == [sums[item] for item in range(50)]
        assert said["count"].tolist() == [counts[item] for item in range(50)]
        assert said["greatest"].tolist() == [greatest[item] for item in range(50)]
        best = tally.best("sum", 4)
        assert len(best) == min(4, len(counts))
        assert sorted(sums[item] for item in best.tolist()) == sorted(sums.values())[-len(best) or len(sums) :]


def test_what_was_forgotten_or_never_added_up_is_nothing():
    tally = Tally(9)
    tally.of(np.array([4, 4, 7])).add("sum", np.ones(3))
    assert tally.at(np.array([4, 5]), ("sum", "other"))["other"].tolist() == [0, 0]
    tally.of(np.array([2])).add("sum", np.ones(1))
    assert tally.at(np.arange(9), ("sum",))["sum"].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0]
    tally.clear()
    assert not tally.at(np.arange(9), ("sum",))["sum"].any()
    assert not len(tally.best("sum", 3))
