"""Growing of the trees that rank candidates beside the network: LightGBM on the same examples."""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from buddies_core.kernels.tree_masks import MOST_LEAVES
from buddies_core.sequences.ranker_training import Example
from buddies_core.sequences.trees import Trees


class TreesConfig(BaseModel):
    """Everything that decides a forest, given its examples."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trees: int = Field(default=240, ge=1, le=2_000, description="Grown one after another.")
    leaves: int = Field(default=16, ge=2, le=MOST_LEAVES, description="Of a tree.")
    rate: float = Field(default=0.1, gt=0, le=1, description="Step size.")
    fewest: int = Field(default=50, ge=1, description="Candidates in a leaf at least.")
    share: float = Field(default=0.5, gt=0, le=1, description="Of the features that a tree may use.")
    ridge: float = Field(default=5.0, ge=0, description="On the leaves' values.")
    threads: int = Field(default=1, ge=1, description="Give the same trees whatever their number.")
    seed: int = Field(default=20_250_514, ge=0)


def train_trees(examples: Sequence[Example], config: TreesConfig) -> Trees | None:
    """A forest that tells what was right; None where there are too few candidates for two leaves."""
    import lightgbm

    features = np.concatenate([example.features for example in examples])
    right = np.concatenate([example.right for example in examples])
    if len(right) < 2 * config.fewest:
        return None
    parameters = {
        "objective": "binary", "num_leaves": config.leaves, "learning_rate": config.rate,
        "min_data_in_leaf": config.fewest, "feature_fraction": config.share, "lambda_l2": config.ridge,
        "max_bin": 63, "seed": config.seed, "deterministic": True, "num_threads": config.threads,
        "force_row_wise": True, "use_missing": False, "verbose": -1,
    }  # fmt: skip
    data = lightgbm.Dataset(features, right.astype(np.int8), params={"max_bin": 63, "verbose": -1})
    return Trees.from_lightgbm(lightgbm.train(parameters, data, config.trees).dump_model())
