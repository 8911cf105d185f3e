"""The artists recommender: plays and tags made into weights, a model fitted, the best artists of each listener."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy.sparse import csr_array

from buddies_assets.systems.artists.config import ArtistsConfig
from buddies_core.interactions.labelled_plays import LabelledPlays
from buddies_core.interactions.row_weights import rank_weights
from buddies_core.interactions.tag_rows import tag_rows
from buddies_core.recommenders.blend import Blend, BlendConfig
from buddies_core.recommenders.protocol import Recommender
from buddies_core.recommenders.ranker import Ranker, RankerConfig

_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Lists:
    """The best artists of every listener: `items` int32 [n_users, k] best first, and their `scores` float32.

    Where a listener has nearly everything, the rest of the row is -1 with a score of minus infinity.
    """

    items: np.ndarray
    scores: np.ndarray

    def by_user(self, plays: LabelledPlays) -> dict[str, list[str]]:
        """Ids of artists by id of listener."""
        return {
            user: [plays.items[item] for item in row if item >= 0]
            for user, row in zip(plays.users, self.items.tolist(), strict=True)
        }


def new_model(config: ArtistsConfig) -> Recommender:
    """The model of a configuration, not fitted yet."""
    if config.ranked:
        return Ranker(RankerConfig(sources=config.sources, trees=config.trees, seed=config.seed))
    return Blend(BlendConfig(sources=config.sources))


def inputs(
    plays: LabelledPlays, tags: pl.DataFrame | None, config: ArtistsConfig
) -> tuple[csr_array, csr_array | None]:
    """What a model is fitted on: weights of plays, and rows of tags where there are any.

    Args:
        tags: `item, tag`, a row for each time that a tag was given.
    """
    features = None if tags is None else tag_rows(tags, plays.items, fewest=config.fewest_tags)
    return rank_weights(plays.matrix, config.rank_power), features if features is not None and features.nnz else None


def best_lists(model: Recommender, histories: csr_array, k: int) -> Lists:
    """The k best items of each history, what is in it left out; equal scores in the order of the catalogue."""
    count = min(k, histories.shape[1])
    items = np.full((histories.shape[0], count), -1, np.int32)
    values = np.full((histories.shape[0], count), -np.inf, np.float32)
    for first in range(0, histories.shape[0], _AT_ONCE):
        part = histories[first : first + _AT_ONCE]
        scores = model.scores(part)
        scores[np.repeat(np.arange(part.shape[0]), np.diff(part.indptr)), part.indices] = -np.inf
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        best = np.take_along_axis(scores, order, axis=1)
        items[first : first + _AT_ONCE] = np.where(np.isfinite(best), order, -1)
        values[first : first + _AT_ONCE] = best
    return Lists(items, values)


def recommend(
    plays: LabelledPlays, tags: pl.DataFrame | None, config: ArtistsConfig, k: int = 10
) -> tuple[Recommender, Lists]:
    """A model fitted on plays and tags alone, and the lists that it gives to those who have plays."""
    weights, features = inputs(plays, tags, config)
    model = new_model(config).fit(weights, features)
    return model, best_lists(model, weights, k)


def held_out_of(frame: pl.DataFrame) -> dict[str, Mapping[str, float]]:
    """What users hold out, of a frame `user, item, weight`."""
    found: dict[str, dict[str, float]] = {}
    for user, item, weight in frame.select("user", "item", "weight").iter_rows():
        found.setdefault(user, {})[item] = weight
    return dict(found)
