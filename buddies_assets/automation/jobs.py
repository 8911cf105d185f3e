"""Jobs: named parts of the graph, each one run."""

from collections.abc import Sequence

import dagster as dg

SOURCES_TO_LIBRARIES = dg.AssetSelection.groups("sources", "libraries") | dg.AssetSelection.assets("listener_plays")
PREPARATION = SOURCES_TO_LIBRARIES | dg.AssetSelection.groups("scoring", "splitting", "pairing")
TRAINING_DATA = dg.AssetSelection.assets("user_blocks", "triplets", "validation_batches", "test_batches")
WINDOW = dg.AssetSelection.assets("training_window")
PUBLICATION = dg.AssetSelection.assets(
    "candidates", "taste_candidates", "ranked_candidates", "listener_evaluation", "served_model"
)

prepare_data_job = dg.define_asset_job(
    "prepare_data_job",
    selection=PREPARATION | TRAINING_DATA | WINDOW,
    description="Raw files to user-blocks, pairings and evaluation batches.",
)
train_job = dg.define_asset_job(
    "train_job",
    selection=dg.AssetSelection.assets(
        "als_factors",
        "training_window",
        "song_taste",
        "taste_candidates",
        "taste_positives",
        "bpr_checkpoint",
        "bpr_evaluation",
    ),
    description="A new version of the model from the stored blocks and the newest feedback, and its evaluation.",
)
search_job = dg.define_asset_job(
    "search_job",
    selection=dg.AssetSelection.assets("bpr_search"),
    description="A search for the configuration that the next training uses.",
)
publish_job = dg.define_asset_job(
    "publish_job",
    selection=PUBLICATION,
    description="Candidates drawn anew, ranked by the newest model and published to the service.",
)

JOBS = [prepare_data_job, train_job, search_job, publish_job]


def system_job(name: str, *shared: str, beside: Sequence[str] = ()):
    """The job that makes a system whose assets are in the group of its name, and those it shares with what they need.

    Args:
        shared: groups of assets that several systems are made from.
        beside: single assets of other groups that are made before its own.
    """
    own = dg.AssetSelection.groups(name)
    selection = own | dg.AssetSelection.groups(*shared).upstream() if shared else own
    if beside:
        selection = selection | dg.AssetSelection.assets(*beside)
    return dg.define_asset_job(f"{name}_job", selection=selection, description=f"The whole system {name} in one run.")
