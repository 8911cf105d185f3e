"""The models that propose songs, each fitted on plays and on what is said of songs, and asked by histories."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.sparse import csr_array

from buddies_core.recommenders.protocol import Recommender
from buddies_core.recommenders.sources import new_source
from buddies_core.songs.facts import SongFacts, rows_of
from buddies_core.songs.histories import Histories
from buddies_core.songs.source_list import SongSource

LATELY = 30.0
"""Days that are lately."""


def fitted_sources(
    sources: Sequence[SongSource], histories: Histories, facts: SongFacts, *, half_life: float
) -> list[tuple[SongSource, Recommender]]:
    """Each source fitted; one whose rows are empty (no playlist holds a song, plays have no dates) is left out.

    Args:
        half_life: days, see `Histories.weights`.
    """
    side = {
        "none": None, "rows": facts.side_rows(), "descriptions": facts.descriptions(), "artists": rows_of(facts.artist)
    }  # fmt: skip
    reads = {"plays": histories.weights(half_life), "playlists": facts.playlists, "lately": histories.lately(LATELY)}
    found = []
    for source in sources:
        rows = reads[source.reads]
        if not rows.nnz or (source.side == "artists" and not side["artists"].nnz):
            continue
        features = side[source.side]
        if features is not None and not features.nnz:
            features = None
        found.append((source, new_source(source.source).fit(rows, features)))
    return found


def scored(models: Sequence[tuple[SongSource, Recommender]], histories: csr_array) -> dict[str, np.ndarray]:
    """Scores of all songs by name of source, float32 [n, n_songs]."""
    return {source.name: model.scores(histories) for source, model in models}


def source_arrays(models: Sequence[tuple[SongSource, Recommender]]) -> dict[str, np.ndarray]:
    """Arrays of the models, each under `<place>/<name>`."""
    return {
        f"{place}/{name}": array
        for place, (_, model) in enumerate(models)
        for name, array in model.arrays().items()
    }  # fmt: skip


def restored_sources(
    sources: Sequence[SongSource], arrays: Mapping[str, np.ndarray]
) -> list[tuple[SongSource, Recommender]]:
    """The models of `source_arrays`; `sources` are those that were fitted, in order."""
    found: list[tuple[SongSource, Recommender]] = []
    for place, source in enumerate(sources):
        head = f"{place}/"
        own = {name.removeprefix(head): array for name, array in arrays.items() if name.startswith(head)}
        empty = new_source(source.source)
        found.append((source, type(empty).from_arrays(empty.config, own)))
    return found
