"""The assets in the order in which `full` runs them: how their work is counted, and what the reference needed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import dagster as dg
import numpy as np
import polars as pl

from buddies_core.interactions.labelled import load_library
from buddies_core.recommenders.bpr.config import PRESETS
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore


@dataclass(frozen=True)
class Work:
    """How much a step did, in units that its cost should be proportional to."""

    amount: float
    unit: str


Counter = Callable[[DatasetStore, Settings], Work]


@dataclass(frozen=True)
class Step:
    """One run of Dagster: an asset, or several that are made together.

    Attributes:
        work: counts what was done, from the stored datasets.
        hours: what the reference needed for `of_users` of all users and all playlists.
        grows: what its hours are in proportion to, at another size.
    """

    name: str
    work: Counter
    assets: tuple[str, ...] = ()
    hours: float | None = None
    of_users: float = 1.0
    grows: Literal["playlists", "pairs", "meetings"] = "pairs"

    def __post_init__(self) -> None:
        if not self.assets:
            object.__setattr__(self, "assets", (self.name,))

    def reference_hours(self, users: float, playlists: float) -> float | None:
        """The reference's hours for these shares of all users and playlists."""
        if self.hours is None:
            return None
        share = users / self.of_users
        return self.hours * {"playlists": playlists, "pairs": share * playlists, "meetings": share**2}[self.grows]


def _rows_of(name: str) -> Counter:
    return lambda store, _: Work(store.open(name).manifest.rows, "rows")


def _json_bytes(store: DatasetStore, _: Settings) -> Work:
    return Work(store.open("mpd_tracks").manifest.extra["raw_bytes"] / 1e6, "MB")


def _pairs(store: DatasetStore, _: Settings) -> Work:
    return Work(float(store.open("scores").frame(["pairs"])["pairs"].cast(pl.Float64).sum()), "pairs")


def _meetings(store: DatasetStore, _: Settings) -> Work:
    library = load_library(store.open("user_library"))
    holders = np.bincount(library.indices, minlength=library.n_columns).astype(np.float64)
    return Work(float((holders**2).sum()), "meetings")


def _samples(store: DatasetStore, settings: Settings) -> Work:
    config = PRESETS[settings.preset]
    return Work(float(store.open("user_blocks").manifest.rows) * config.negatives.count * config.epochs, "samples")


def _cases(store: DatasetStore, _: Settings) -> Work:
    return Work(sum(store.open(name).manifest.rows for name in ("validation_batches", "test_batches")), "cases")


_KNOWN = (
    Step("mpd", _json_bytes, ("mpd_playlists", "mpd_tracks"), hours=22.5 / 60, grows="playlists"),
    Step("songs", _rows_of("mpd_tracks")),
    Step("user_library", _rows_of("entp_plays")),
    Step("playlist_library", _rows_of("mpd_tracks")),
    Step("scores", _pairs, hours=110 / 60),
    Step("liked_playlists", _rows_of("liked_playlists"), hours=105 / 60),
    Step("cold_users", _rows_of("user_library")),
    Step("splits", _rows_of("liked_playlists")),
    Step("playlist_ownership", _rows_of("splits")),
    Step("triplets", _rows_of("triplets"), hours=6.0, of_users=0.1),
    Step("user_pairings", _meetings, hours=2.0, of_users=0.1, grows="meetings"),
    Step("als_factors", _rows_of("splits")),
    Step("bpr_checkpoint", _samples, hours=1.5, of_users=0.1),
    Step("bpr_evaluation", _cases, hours=8 / 60, of_users=0.1),
    Step("served_model", _rows_of("user_library")),
)
"""Steps whose work is not their own rows, or that the reference tells the hours of. `scores` also ranks and cuts, and
the reference's triplets include its user-blocks: hours stand with the step that does the most of their work. The
evaluation of the reference took one fifth of the validation batches."""


def steps_of(assets: Sequence[Any], resources: dict[str, object]) -> list[Step]:
    """Every asset that the served model is made of, each after those it needs; last the triplets, read by none."""
    graph = dg.Definitions(assets=assets, resources=resources).resolve_asset_graph()
    needed = {key.path[-1] for key in dg.AssetSelection.assets("served_model").upstream().resolve(graph)}
    known = {name: step for step in _KNOWN for name in step.assets}
    steps: dict[str, Step] = {}
    ordered = [key for key in graph.toposorted_asset_keys if key in graph.materializable_asset_keys]
    for name in [*(key.path[-1] for key in ordered if key.path[-1] in needed), "triplets"]:
        step = known.get(name) or Step(name, _rows_of(name))
        steps[step.name] = step
    return list(steps.values())
