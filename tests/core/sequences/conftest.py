"""The small corpus, once for all files."""

import pytest
from small_sequences import small_corpus, small_models

from buddies_core.sequences.corpus import Sequences, Songs
from buddies_core.sequences.models import SequenceModels


@pytest.fixture(scope="package")
def corpus() -> tuple[Songs, Sequences]:
    return small_corpus()


@pytest.fixture(scope="package")
def models() -> SequenceModels:
    return small_models()
