"""Search of the configuration on a cut inside the training plays: nothing that is judged later is looked at."""

import polars as pl

from buddies_assets.systems.artists.config import ArtistsConfig
from buddies_assets.systems.artists.recommender import recommend
from buddies_core.evaluation.lists import evaluate
from buddies_core.interactions.folds import fold_of_cells, kept_cells
from buddies_core.interactions.labelled_plays import LabelledPlays
from buddies_core.tuning.tune import Tuned, tune

_PARTS = 5


def cut(plays: LabelledPlays, *, seed: int) -> tuple[LabelledPlays, dict[str, dict[str, float]]]:
    """Plays without a fifth, and that fifth by user; the catalogue stays whole."""
    held = fold_of_cells(plays.matrix, _PARTS, seed=seed) == 0
    train = LabelledPlays(plays.users, plays.items, kept_cells(plays.matrix, ~held))
    rest = kept_cells(plays.matrix, held).tocoo()
    wanted: dict[str, dict[str, float]] = {}
    for user, item, weight in zip(*rest.coords, rest.data, strict=True):
        wanted.setdefault(plays.users[user], {})[plays.items[item]] = float(weight)
    return train, wanted


def search(
    plays: LabelledPlays, tags: pl.DataFrame | None, start: ArtistsConfig, *, trials: int, seconds: float, seed: int
) -> Tuned[ArtistsConfig]:
    """The best configuration by NDCG@10 of the blend on the cut; trees are left to the final fit."""
    train, wanted = cut(plays, seed=seed)

    def ndcg(config: ArtistsConfig) -> float:
        _, lists = recommend(train, tags, config.model_copy(update={"ranked": False}))
        return evaluate(lists.by_user(train), wanted, n_items=len(plays.items)).figures["ndcg"].value

    return tune(start, ndcg, trials=trials, seconds=seconds, seed=seed)
