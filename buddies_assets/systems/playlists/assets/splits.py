"""Who is set aside, what is trained on and what is kept for evaluation, and who owns which playlist."""

import dagster as dg
import numpy as np
import polars as pl

from buddies_assets import plots
from buddies_assets.metadata import OWNERS, SPLITTING, spread
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.evaluation.inequality import gini
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset


@dg.asset(
    group_name=SPLITTING,
    kinds={"parquet", "polars"},
    owners=OWNERS,
    code_version=code_version("buddies_assets.systems.playlists.steps.splits"),
)
def cold_users(
    pipeline: dg.ResourceParam[Pipeline], user_library: Dataset, scores: pl.LazyFrame
) -> dg.Output[pl.DataFrame]:
    """The 5 % of users who are set aside whole, by (seed, user id): `user, number, user_id, songs, liked`."""
    from buddies_assets.systems.playlists.steps.splits import cold_users as set_aside

    frame = set_aside(user_library, scores, pipeline.settings.seed)
    share = frame.height / max(1, user_library.manifest.rows)
    return dg.Output(frame, metadata={"share of users": share} | spread("liked a cold user", frame["liked"]))


@dg.asset(
    group_name=SPLITTING,
    kinds={"parquet", "numba"},
    owners=OWNERS,
    code_version=code_version("buddies_assets.systems.playlists.steps.splits"),
)
def splits(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    user_library: Dataset,
    playlist_library: Dataset,
    liked_playlists: Dataset,
    cold_users: Dataset,
) -> dg.Output[Dataset]:
    """Each like of the users who are not cold, in train (70 %), validation (20 %) or test (10 %).

    A user with fewer than five likes keeps them all in train.
    """
    from buddies_assets.systems.playlists.steps.splits import SPLITS

    dataset = pipeline.build(
        context,
        SPLITS,
        {
            "liked_playlists": liked_playlists,
            "cold_users": cold_users,
            "user_library": user_library,
            "playlist_library": playlist_library,
        },
        {"seed": pipeline.settings.seed},
        pipeline.users_in_shards(user_library.manifest.rows),
    )
    counts = dict(dataset.scan().group_by("split").len().collect().iter_rows())
    return dg.Output(dataset, metadata={f"{split} likes": int(count) for split, count in sorted(counts.items())})


@dg.asset(
    group_name=SPLITTING,
    kinds={"parquet", "numba"},
    owners=OWNERS,
    code_version=code_version("buddies_assets.systems.playlists.steps.splits"),
)
def playlist_ownership(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    splits: Dataset,
    liked_playlists: Dataset,
    cold_users: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
    exploration_coefficients: Dataset,
) -> dg.Output[Dataset]:
    """Who owns each playlist that anybody likes: `playlist, owner, priority, likers`.

    It is the user of highest score/√songs with room: of those who like it in train, or where none of them can, of all
    who share a song with it, but those of whom it is a validation or test positive. The part
    `fits` tells whom all other playlists fit best, those that nobody likes or has room for: `playlist, place, user`.
    """
    from buddies_assets.systems.playlists.steps.splits import own_playlists

    cap = pipeline.settings.ownership_cap
    owned = own_playlists(
        splits,
        liked_playlists,
        cold_users,
        user_library,
        playlist_library,
        exploration_coefficients.frame()["exploration"].to_numpy(),
        cap=cap,
    )
    frame = owned.playlists
    inputs = {
        "splits": splits,
        "liked_playlists": liked_playlists,
        "cold_users": cold_users,
        "user_library": user_library,
        "playlist_library": playlist_library,
        "exploration_coefficients": exploration_coefficients,
    }
    writer = pipeline.writer(context, "playlist_ownership", inputs, {"ownership_cap": cap})
    writer.write_part("fits", owned.fits)
    held = frame.group_by("owner").len("owned")["owned"]
    top = np.sort(held.to_numpy())[::-1]
    facts = {
        "owners": len(held),
        "owned": frame.height,
        "owned by one who does not like them": owned.adopted,
        "liked, and nobody can own them": owned.left_over,
        "share of playlists without an owner": 1 - frame.height / max(1, playlist_library.manifest.rows),
        "share owned by the top 1 % of owners": float(top[: max(1, len(top) // 100)].sum() / max(1, top.sum())),
        "Gini": gini(top),
    }
    return dg.Output(
        writer.commit([writer.write_shard(0, frame)], extra={"unownable": owned.left_over}),
        metadata=facts
        | spread("owned by an owner", held)
        | {
            "histogram": plots.histogram(held, "Playlists owned", "playlists", until=0.995),
            "Lorenz": plots.lorenz(held),
        },
    )
