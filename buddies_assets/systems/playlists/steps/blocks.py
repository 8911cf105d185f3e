"""Training and evaluation rows of each user: user-blocks, and batches of one unseen positive."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from buddies_assets.systems.playlists.user_blocks import user_blocks
from buddies_core.evaluation.sampled_negatives import evaluation_batches
from buddies_core.evaluation.splitting import toy_users
from buddies_core.interactions import ragged
from buddies_core.interactions.labelled import load_keys
from buddies_core.interactions.samples import Blocks
from buddies_core.kernels.drawing import Catalogue
from buddies_core.storage.shards import EntityShards, Inputs, Params, ShardedStep

TOY_SHARE = 0.05


@dataclass(frozen=True)
class _SamplingState:
    splits: EntityShards
    scores: EntityShards | None
    owned: pl.DataFrame
    keys: np.ndarray
    catalogue: Catalogue
    params: Params

    def not_to_draw(self, present: np.ndarray, likes: pl.DataFrame) -> pl.DataFrame:
        """What the users like or own, one row a pair in the order of the users: never a negative."""
        owned = self.owned.filter(pl.col("user").is_in(pl.Series(present).implode()))
        return pl.concat([likes.select("user", "playlist"), owned]).unique().sort("user", "playlist")

    def likes(self, users: range) -> tuple[np.ndarray, pl.DataFrame]:
        """The users of the range who like anything (and whom a toy set keeps), and their likes."""
        likes = self.splits.frame(users, ["user", "playlist", "split"])
        present = likes["user"].unique().sort().to_numpy()
        if self.params["mode"] == "toy":
            present = present[toy_users(self.keys[present], self.params["seed"], share=TOY_SHARE)]
            likes = likes.filter(pl.col("user").is_in(pl.Series(present).implode()))
        return present, likes


def prepare_sampling(inputs: Inputs, params: Params) -> _SamplingState:
    """The splits (and scores, for blocks), read shard by shard, and what draws know users and playlists by."""
    scores = EntityShards(inputs["scores"]) if "scores" in inputs else None
    catalogue = Catalogue.of(load_keys(inputs["playlist_library"]))
    keys = load_keys(inputs["user_library"])
    owned = inputs["playlist_ownership"].frame(["owner", "playlist"]).rename({"owner": "user"})
    return _SamplingState(EntityShards(inputs["splits"]), scores, owned, keys, catalogue, params)


def block_users(state: _SamplingState, users: range) -> pl.DataFrame:
    """One row a train positive: `user, positive, negatives`."""
    if state.scores is None:
        raise ValueError("User-blocks draw from the pools of `scores`: give it as an input.")
    present, likes = state.likes(users)
    pools = state.scores.frame(users, ["user", "hard", "easy"]).filter(
        pl.col("user").is_in(pl.Series(present).implode())
    )
    barred = state.not_to_draw(present, likes)
    hard, easy = (_less(pools, pool, barred) for pool in ("hard", "easy"))
    train = likes.filter(pl.col("split") == "train")
    blocks = user_blocks(
        present,
        ragged.of_users(present, train["user"].to_numpy(), train["playlist"].to_numpy()),
        ragged.of_users(present, hard["user"].to_numpy(), hard["playlist"].to_numpy()),
        ragged.of_users(present, easy["user"].to_numpy(), easy["playlist"].to_numpy()),
        ragged.of_users(present, barred["user"].to_numpy(), barred["playlist"].to_numpy()),
        keys=state.keys[present],
        catalogue=state.catalogue,
        seed=state.params["seed"],
        n_negatives=state.params["negatives"],
        n_hard=state.params["negatives"] // 2,
    )
    return _frame(blocks)


def batch_users(state: _SamplingState, users: range) -> pl.DataFrame:
    """One row an unseen positive of the split: `user, positive, negatives`."""
    present, likes = state.likes(users)
    unseen = likes.filter(pl.col("split") == state.params["split"])
    barred = state.not_to_draw(present, likes)
    batches = evaluation_batches(
        present,
        ragged.of_users(present, unseen["user"].to_numpy(), unseen["playlist"].to_numpy()),
        ragged.of_users(present, barred["user"].to_numpy(), barred["playlist"].to_numpy()),
        keys=state.keys[present],
        catalogue=state.catalogue,
        seed=state.params["seed"],
        n_negatives=state.params["batch_negatives"],
    )
    return _frame(batches)


def _less(pools: pl.DataFrame, pool: str, barred: pl.DataFrame) -> pl.DataFrame:
    """A pool of each user without what they own, one row a member; in the order of the pool."""
    members = pools.select("user", playlist=pool).filter(pl.col("playlist").list.len() > 0).explode("playlist")
    return members.join(barred, on=["user", "playlist"], how="anti", maintain_order="left")


def _frame(blocks: Blocks) -> pl.DataFrame:
    width = blocks.negatives.shape[1]
    negatives = pl.Series("negatives", blocks.negatives.reshape(-1)).reshape((len(blocks.user), width))
    if not len(blocks.user):
        negatives = pl.Series("negatives", [], dtype=pl.Array(pl.UInt32, width))
    return pl.DataFrame({"user": blocks.user, "positive": blocks.positive, "negatives": negatives})


USER_BLOCKS = ShardedStep("user_blocks", prepare_sampling, block_users)
VALIDATION_BATCHES = ShardedStep("validation_batches", prepare_sampling, batch_users)
TEST_BATCHES = ShardedStep("test_batches", prepare_sampling, batch_users)
