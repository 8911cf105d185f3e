import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from buddies_core.kernels import randomness

WORD = st.integers(0, 2**63 - 1)


@settings(max_examples=50, deadline=None)
@given(seed=WORD, stream=st.integers(1, 20), a=WORD, b=WORD)
def test_kernel_and_table_forms_give_the_same_bits(seed, stream, a, b):
    kernel = randomness.hash_pair(np.uint64(seed), np.uint64(stream), np.uint64(a), np.uint64(b))
    assert int(kernel) == int(randomness.hash_pairs(seed, stream, [a], [b])[0])


def test_uniform_is_flat_and_never_touches_its_ends():
    draws = randomness.uniform(7, randomness.SPLIT, np.arange(100_000))
    counts, _ = np.histogram(draws, bins=20, range=(0, 1))
    assert draws.min() > 0 and draws.max() < 1
    chi_square = ((counts - 5_000) ** 2 / 5_000).sum()
    assert chi_square < 43.8  # 99.9 % quantile with 19 degrees of freedom


def test_streams_and_seeds_are_independent():
    entities = np.arange(50_000)
    base = randomness.uniform(1, randomness.COLD, entities)
    for other in (randomness.uniform(2, randomness.COLD, entities), randomness.uniform(1, randomness.SPLIT, entities)):
        assert abs(np.corrcoef(base, other)[0, 1]) < 0.02
