"""What models are trained and evaluated on: user-blocks, triplets, validation and test batches."""

import dagster as dg

from buddies_assets import plots
from buddies_assets.metadata import OWNERS, TRAINING, per_value, spread
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.shards import ShardBuilder, ranges_of

KINDS = {"parquet", "numba"}


@dg.asset(
    group_name=TRAINING,
    kinds=KINDS,
    owners=OWNERS,
    code_version=code_version("buddies_assets.systems.playlists.steps.blocks"),
)
def user_blocks(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    splits: Dataset,
    scores: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
    playlist_ownership: Dataset,
) -> dg.Output[Dataset]:
    """One row a (user, train positive): `user, positive, negatives`, the first half of these hard, the others easy."""
    from buddies_assets.systems.playlists.steps.blocks import USER_BLOCKS

    settings = pipeline.settings
    inputs = {
        "splits": splits,
        "scores": scores,
        "user_library": user_library,
        "playlist_library": playlist_library,
        "playlist_ownership": playlist_ownership,
    }
    params = {"seed": settings.seed, "mode": settings.mode, "negatives": settings.negatives}
    ranges = pipeline.users_in_shards(user_library.manifest.rows)
    dataset = pipeline.build(context, USER_BLOCKS, inputs, params, ranges)
    blocks = per_value(dataset, "user")
    facts = {"users": len(blocks), "mode": settings.mode} | spread("blocks a user", blocks)
    return dg.Output(dataset, metadata=facts | {"plot": plots.histogram(blocks, "User-blocks of a user", "blocks")})


@dg.asset(
    group_name=TRAINING,
    kinds=KINDS,
    owners=OWNERS,
    code_version=code_version("buddies_assets.systems.playlists.steps.triplets"),
)
def triplets(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    user_blocks: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
) -> dg.Output[Dataset]:
    """The blocks exploded to (user, positive, negative), in an order that is a hash of each triplet."""
    from buddies_assets.systems.playlists.steps.triplets import SCATTERED, TRIPLETS, bucket_count

    settings = pipeline.settings
    buckets = bucket_count(user_blocks, settings.negatives)
    params = {"seed": settings.seed, "buckets": buckets}
    scratch = DatasetStore(pipeline.store.root.parent / "scratch")
    builder = ShardBuilder(scratch, pipeline.runner, context.run.run_id, settings.reuse_shards)
    users = pipeline.users_in_shards(user_library.manifest.rows)
    libraries = {"user_library": user_library, "playlist_library": playlist_library}
    scattered = builder.build(SCATTERED, {"user_blocks": user_blocks, **libraries}, params, users)
    dataset = pipeline.build(context, TRIPLETS, {"scattered": scattered, **libraries}, params, ranges_of(buckets, 1))
    scratch.delete(scattered.name)
    per_user = per_value(dataset, "user")
    plot = plots.histogram(per_user, "Triplets of a user", "triplets")
    return dg.Output(dataset, metadata=spread("triplets a user", per_user) | {"plot": plot})


def _batches(split: str) -> dg.AssetsDefinition:
    @dg.asset(
        name=f"{split}_batches",
        description=f"One row a {split} positive with 50 playlists that the user neither likes nor owns.",
        group_name=TRAINING,
        kinds=KINDS,
        owners=OWNERS,
        code_version=code_version("buddies_assets.systems.playlists.steps.blocks"),
    )
    def batches(
        context: dg.AssetExecutionContext,
        pipeline: dg.ResourceParam[Pipeline],
        splits: Dataset,
        user_library: Dataset,
        playlist_library: Dataset,
        playlist_ownership: Dataset,
    ) -> dg.Output[Dataset]:
        from buddies_assets.systems.playlists.steps.blocks import TEST_BATCHES, VALIDATION_BATCHES

        step = {"validation": VALIDATION_BATCHES, "test": TEST_BATCHES}[split]
        settings = pipeline.settings
        inputs = {
            "splits": splits,
            "user_library": user_library,
            "playlist_library": playlist_library,
            "playlist_ownership": playlist_ownership,
        }
        params = {
            "seed": settings.seed,
            "mode": settings.mode,
            "split": split,
            "batch_negatives": settings.batch_negatives,
        }
        ranges = pipeline.users_in_shards(user_library.manifest.rows)
        dataset = pipeline.build(context, step, inputs, params, ranges)
        users = len(per_value(dataset, "user"))
        return dg.Output(dataset, metadata={"users": users, "negatives a batch": settings.batch_negatives})

    return batches


validation_batches = _batches("validation")
test_batches = _batches("test")
