"""The listeners' taste of songs, and the playlists that it chooses."""

import dagster as dg

from buddies_assets.metadata import OWNERS, PAIRING, per_value, spread, table
from buddies_assets.resources.pipeline import Pipeline
from buddies_core.storage.code_version import code_version
from buddies_core.storage.dataset import Dataset


@dg.asset(
    group_name=PAIRING,
    kinds={"numpy"},
    owners=OWNERS,
    code_version=code_version("buddies_assets.systems.playlists.steps.taste"),
)
def song_taste(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    user_library: Dataset,
    playlist_library: Dataset,
    songs: Dataset,
    training_window: Dataset,
) -> dg.Output[Dataset]:
    """How likely listeners are to play a song, from their songs: `source, weight` of the blend, its arrays as parts.

    EASE of plays with artists and of what listeners liked in the window of feedback, EASE of playlists and popularity;
    the weights are learnt from plays hidden once more.
    """
    from buddies_assets.systems.playlists.steps.taste import fit_song_taste, save_song_taste

    seed = pipeline.settings.seed
    taste = fit_song_taste(user_library, playlist_library, songs, training_window, seed=seed)
    inputs = {"user_library": user_library, "playlist_library": playlist_library, "songs": songs}
    inputs |= {"training_window": training_window}
    dataset = save_song_taste(taste, pipeline.writer(context, "song_taste", inputs, {"seed": seed}))
    return dg.Output(dataset, metadata={"weights": taste.weights.nnz, "table": table(dataset.frame())})


@dg.asset(
    group_name=PAIRING,
    kinds={"parquet", "numba"},
    owners=OWNERS,
    code_version=code_version("buddies_assets.systems.playlists.steps.taste"),
)
def taste_candidates(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    song_taste: Dataset,
    user_library: Dataset,
    playlist_library: Dataset,
    playlist_ownership: Dataset,
    training_window: Dataset,
) -> dg.Output[Dataset]:
    """Playlists dense in songs that are new to a user and to their taste: `user, playlists, scores`, best first.

    Of all playlists, owned or not, but the user's own; each adds songs that those before it do not have. What listeners
    liked and passed over in the window of feedback counts beside what they play.
    """
    from buddies_assets.systems.playlists.steps.taste import TASTE_CANDIDATES

    inputs = {
        "song_taste": song_taste,
        "user_library": user_library,
        "playlist_library": playlist_library,
        "playlist_ownership": playlist_ownership,
        "training_window": training_window,
    }
    ranges = pipeline.users_in_shards(user_library.manifest.rows)
    params = {"most": pipeline.settings.candidates, "seed": pipeline.settings.seed}
    dataset = pipeline.build(context, TASTE_CANDIDATES, inputs, params, ranges)
    chosen = dataset.frame(["playlists"])["playlists"].list.len()
    return dg.Output(dataset, metadata={"users chosen for": len(chosen), **spread("playlists a user", chosen)})


@dg.asset(
    group_name=PAIRING,
    kinds={"parquet"},
    owners=OWNERS,
    code_version=code_version("buddies_assets.systems.playlists.steps.taste"),
)
def taste_positives(
    context: dg.AssetExecutionContext,
    pipeline: dg.ResourceParam[Pipeline],
    taste_candidates: Dataset,
    user_library: Dataset,
    cold_users: Dataset,
) -> dg.Output[Dataset]:
    """What the model is taught: `user, positive, gain, cold`, the ten playlists that taste chooses first for each user.

    Fewer where `BUDDIES_CANDIDATES` is below ten.

    Those of cold users are not learnt from; the fold-in is judged by them.
    """
    from buddies_assets.systems.playlists.steps.taste import BEST_OF_TASTE, TASTE_POSITIVES

    inputs = {"taste_candidates": taste_candidates, "user_library": user_library, "cold_users": cold_users}
    ranges = pipeline.users_in_shards(user_library.manifest.rows)
    params = {"most": BEST_OF_TASTE, "mode": pipeline.settings.mode, "seed": pipeline.settings.seed}
    dataset = pipeline.build(context, TASTE_POSITIVES, inputs, params, ranges)
    positives = per_value(dataset, "user")
    return dg.Output(dataset, metadata={"users": len(positives), **spread("positives a user", positives)})
