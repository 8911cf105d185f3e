"""The steps of the songs' assets on stored frames; no Dagster here."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from buddies_assets.sources.steps.hidden import hashes
from buddies_assets.systems.songs.catalogue import CanonicalPlays
from buddies_assets.systems.songs.recommender import Material, lists_of, material
from buddies_assets.systems.songs.served import publish
from buddies_assets.systems.songs.splits import TRAIN, part_of, seen_plays
from buddies_core.recommenders.standardised import known_items
from buddies_core.settings import Settings
from buddies_core.songs.calibration import Calibration
from buddies_core.songs.candidates import named
from buddies_core.songs.config import SongsConfig
from buddies_core.songs.features import features_of
from buddies_core.songs.mixing import Mix
from buddies_core.songs.model import Learning, SongsModel
from buddies_core.songs.source_list import SongSource
from buddies_core.songs.sources import fitted_sources
from buddies_core.songs.trees import library_versions
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.dataset_writer import DatasetWriter

EACH = 500
"""Songs that a source proposes to a listener."""
MOST_JUDGED = 5_000
"""Listeners whose hidden plays judge."""
CANDIDATES: dict[str, Any] = {"user": pl.String, "songs": pl.List(pl.String)}
FEATURES: dict[str, Any] = {
    "feature": pl.String, "unit": pl.String, "what": pl.String, "where": pl.String,
    "mean": pl.Float64, "deviation": pl.Float64, "missing": pl.Float64, "importance": pl.Float64,
}  # fmt: skip


def config_of(settings: Settings) -> SongsConfig:
    """The configuration that the settings ask for."""
    return SongsConfig(seed=settings.seed, threads=max(1, settings.threads))


def most_used(shares: Mapping[str, float], count: int = 20) -> pl.DataFrame:
    """The features with the greatest shares."""
    best = sorted(shares.items(), key=lambda one: -one[1])[:count]
    return pl.DataFrame(best, schema={"feature": pl.String, "share": pl.Float64}, orient="row")


def material_of(plays: Dataset, catalogue: Dataset, splits: pl.DataFrame | None) -> Material:
    """What models are fitted on: the part `train`, or everything where no split is given."""
    frame = plays.frame()
    tracks = plays.part("tracks")
    events = plays.part("events")
    kept = frame if splits is None else part_of(seen_plays(frame, events, splits), splits, TRAIN)
    return material(CanonicalPlays(kept, catalogue.frame(), events), tracks if tracks.height else None)


def hidden_of(splits: pl.DataFrame, *names: str) -> dict[str, set[str]]:
    """Songs by listener of some parts of the split; of many listeners the `MOST_JUDGED` of the smallest hashes."""
    chosen = splits.filter(pl.col("split").is_in(list(names))).group_by("user").agg("song").sort("user")
    if chosen.height > MOST_JUDGED:
        chosen = chosen[np.sort(np.argsort(hashes(chosen["user"].to_list()), kind="stable")[:MOST_JUDGED])]
    return {user: set(songs) for user, songs in chosen.iter_rows()}


def holders(found: Material, hidden: Mapping[str, set[str]]) -> np.ndarray:
    """Rows of the listeners of the material who hide something."""
    return np.array([row for row, user in enumerate(found.plays.users) if user in hidden], np.int64)


def proposed_by(
    source: SongSource, found: Material, hidden: Mapping[str, set[str]], config: SongsConfig
) -> pl.DataFrame:
    """What one source alone proposes to those who hide something: `user, songs`, best first; empty where it is dead."""
    models = fitted_sources([source], found.histories, found.facts, half_life=config.half_life)
    rows = holders(found, hidden)
    if not models:
        return pl.DataFrame(schema=CANDIDATES)
    users, lists = [], []
    for first in range(0, len(rows), 128):
        some = rows[first : first + 128]
        mine = found.histories.of(some)
        scores = models[0][1].scores(mine.weights(config.half_life))
        scores = named(scores, known_items(mine.plays))
        order = _best_first(scores, EACH)
        kept = np.isfinite(np.take_along_axis(scores, order, axis=1))
        users += [found.plays.users[row] for row in some.tolist()]
        lists += [[found.plays.items[s] for s in row[mask].tolist()] for row, mask in zip(order, kept, strict=True)]
    return pl.DataFrame({"user": users, "songs": lists}, schema=CANDIDATES)


def _best_first(scores: np.ndarray, count: int) -> np.ndarray:
    """Places of the highest of each row, best first, equal ones by place: `np.argsort`, and less than all is sorted."""
    if count >= scores.shape[1]:
        return np.argsort(-scores, axis=1, kind="stable")
    least = -np.partition(-scores, count - 1, axis=1)[:, count - 1]
    found = np.empty((len(scores), count), np.int64)
    for row, values in enumerate(scores):
        places = np.flatnonzero(values >= least[row])
        found[row] = places[np.argsort(-values[places], kind="stable")[:count]]
    return found


def candidates_compared(proposals: Mapping[str, pl.DataFrame], hidden: Mapping[str, set[str]]) -> pl.DataFrame:
    """One row a source and one for the union: `source, listeners, recall_100, recall_500, alone`.

    `alone` is the share of the hidden songs that no other source has among its 500.
    """
    lists = {name: dict(frame.iter_rows()) for name, frame in proposals.items()}
    total = max(sum(len(songs) for songs in hidden.values()), 1)
    found = {
        name: {(user, song) for user, songs in of.items() for song in songs if song in hidden.get(user, ())}
        for name, of in lists.items()
    }
    early = {
        name: sum(song in hidden.get(user, ()) for user, songs in of.items() for song in songs[:100])
        for name, of in lists.items()
    }
    rows: list[tuple[Any, ...]] = []
    for name, pairs in found.items():
        others = set().union(*(other for key, other in found.items() if key != name))
        rows.append((name, len(lists[name]), early[name] / total, len(pairs) / total, len(pairs - others) / total))
    union = set().union(*found.values()) if found else set()
    rows.append(("union", len(hidden), None, len(union) / total, None))
    schema = {
        "source": pl.String,
        "listeners": pl.Int64,
        **dict.fromkeys(("recall_100", "recall_500", "alone"), pl.Float64),
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def ranker_rows(model: SongsModel) -> pl.DataFrame:
    """`ranker, kind, map500, weight`: what ranked hidden plays out of fold, and what is served of it."""
    rows = [
        (name, float(value), name == "mix") for name, value in model.learning.figures.items()
    ]  # fmt: skip
    return pl.DataFrame(rows, schema={"ranker": pl.String, "map500": pl.Float64, "served": pl.Boolean}, orient="row")


def save_ranker(model: SongsModel, writer: DatasetWriter) -> Dataset:
    """The rankers in their libraries' own formats as parts; mix, calibration and versions stand beside the table."""
    for kind, stored in model.rankers.items():
        for place, one in enumerate(stored):
            writer.write_part(f"{kind}-{place}", np.frombuffer(one, np.uint8))
    beside = {
        "config": json.loads(model.config.model_dump_json()),
        "mix": dict(model.mix.weights),
        "calibration": [model.calibration.slope, model.calibration.activity, model.calibration.bias],
        "rankers": {kind: len(stored) for kind, stored in model.rankers.items()},
        "features": model.feature_names,
        "libraries": library_versions(),
        "recall": model.learning.recall,
        "importances": {kind: dict(used) for kind, used in model.learning.importances.items()},
        "shap": {kind: dict(used) for kind, used in model.learning.shap.items()},
    }
    return writer.commit([writer.write_shard(0, ranker_rows(model))], extra=beside)


def load_ranker(stored: Dataset) -> SongsModel:
    """The rankers of the asset, without sources: `refit` gives it those."""
    beside = stored.manifest.extra
    model = SongsModel(SongsConfig.model_validate(beside["config"]))
    model.rankers = {
        kind: [stored.array(f"{kind}-{place}").tobytes() for place in range(count)]
        for kind, count in beside["rankers"].items()
    }
    model.mix = Mix(beside["mix"])
    model.calibration = Calibration(*beside["calibration"])
    figures = dict(stored.frame().select("ranker", "map500").iter_rows())
    model.learning = Learning(figures, beside["importances"], beside["shap"], beside["recall"])
    return model


def refit(model: SongsModel, found: Material) -> SongsModel:
    """The same rankers over sources fitted on a material."""
    return model.with_sources(found.histories, found.facts)


def feature_rows(model: SongsModel, found: Material, where: str) -> pl.DataFrame:
    """Columns of `FEATURES`: each feature over the candidates of at most 200 listeners."""
    names = [source.name for source, _ in model.models]
    told = features_of(names, dated=model.world.dated)
    rows = np.argsort(found.user_hashes, kind="stable")[:200]
    mine = found.histories.of(np.sort(rows))
    proposed = model.proposed(mine)
    there = np.isfinite(proposed.blend).ravel()
    values = model.features(mine, proposed).reshape(-1, len(told))[there].astype(np.float64)
    used: dict[str, float] = {}
    for of_kind in model.learning.importances.values():
        for name, share in of_kind.items():
            used[name] = used.get(name, 0.0) + share / len(model.learning.importances)
    missing = np.isnan(values)
    counts = np.maximum((~missing).sum(axis=0), 1)
    filled = np.where(missing, 0.0, values)
    means = filled.sum(axis=0) / counts
    deviations = np.sqrt((np.where(missing, 0.0, values - means) ** 2).sum(axis=0) / counts)
    return pl.DataFrame(
        [
            (f.name, f.unit, f.what, where, float(means[at]), float(deviations[at]), float(missing[:, at].mean()),
             used.get(f.name, 0.0))
            for at, f in enumerate(told)
        ],
        schema=FEATURES, orient="row",
    )  # fmt: skip


def popularity_rows(model: SongsModel, found: Material) -> pl.DataFrame:
    """`song, listeners`: what the features know of popularity; it must not count what is hidden."""
    counts = model.world.listeners.astype(np.int64)
    return pl.DataFrame({"song": found.plays.items, "listeners": counts})


def published(
    home: Path, found: Material, model: SongsModel, catalogue: pl.DataFrame, evaluation: pl.DataFrame, plays: str
) -> pl.DataFrame:
    """Publish a refitted model: `experiment, version, users, songs`.

    Args:
        plays: fingerprint of the plays.
    """
    figure = evaluation.filter(
        (pl.col("system") == "ranker") & (pl.col("segment") == "all") & (pl.col("metric") == "map500")
    )
    facts = {
        "model": "SongsModel", "mix": dict(model.mix.weights), "map500": figure["value"][0],
        "plays": plays, "libraries": library_versions(),
    }  # fmt: skip
    version = publish(home, model, found, catalogue, facts)
    row = ("plays", version, len(found.plays.users), len(found.plays.items))
    schema = {"experiment": pl.String, "version": pl.String, "users": pl.Int64, "songs": pl.Int64}
    return pl.DataFrame([row], schema=schema, orient="row")


def lists_by_user(model: SongsModel, found: Material, rows: np.ndarray, k: int = EACH) -> dict[str, list[str]]:
    """Ids of the best songs by listener."""
    lists = lists_of(model, found, k, rows)
    return {
        found.plays.users[row]: [found.plays.items[s] for s in listed if s >= 0]
        for row, listed in zip(rows.tolist(), lists.songs.tolist(), strict=True)
    }
