"""The steps of the artists' assets on stored frames; no Dagster here."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from buddies_assets.sources.hetrec import read_hetrec
from buddies_assets.sources.synthetic.hetrec import write_hetrec
from buddies_assets.systems.artists.config import ArtistsConfig
from buddies_assets.systems.artists.recommender import best_lists, held_out_of, inputs, new_model
from buddies_assets.systems.artists.search import search
from buddies_assets.systems.artists.served import publish, served_arrays
from buddies_core.evaluation.beyond_accuracy import beyond_accuracy
from buddies_core.evaluation.lists import evaluate
from buddies_core.interactions.labelled_plays import LabelledPlays
from buddies_core.interactions.text_hash import hashed_share
from buddies_core.recommenders.item_knn import ItemKnn, ItemKnnConfig
from buddies_core.recommenders.popular import Popular, PopularConfig
from buddies_core.recommenders.protocol import Recommender
from buddies_core.recommenders.weighted_als import AlsConfig, WeightedAls
from buddies_core.settings import Settings
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.forgotten import ForgottenIds

EXPERIMENT = "lastfm"
_SYNTHETIC = (300, 400)
"""Listeners and artists of the synthetic sample."""


@dataclass(frozen=True, slots=True)
class Files:
    """What was read: `plays` (user, item, weight), `tags` (item, tag, user), `artists` (item, name, url, picture)."""

    plays: pl.DataFrame
    tags: pl.DataFrame
    artists: pl.DataFrame
    quarantine: pl.DataFrame


def read_files(settings: Settings) -> Files:
    """The files of BUDDIES_LASTFM_DIR, or a synthetic sample in their form."""
    if settings.lastfm_dir is None:
        path = settings.local_home / "scratch" / "hetrec"
        write_hetrec(path, *_SYNTHETIC, seed=settings.seed)
    else:
        path = Path(settings.lastfm_dir)
    read = read_hetrec(path, strict=settings.strict)
    forgotten = ForgottenIds.at(settings.home)
    plays = read.plays.rows.filter(~forgotten.mask(read.plays.rows["user"]))
    return Files(plays, read.tags.rows, read.artists, read.quarantine)


def split(plays: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """Plays with `split`: a pair is in `test` by its hash in one of five cases; repeated pairs are summed first."""
    summed = plays.group_by("user", "item").agg(pl.col("weight").sum()).sort("user", "item")
    share = hashed_share(summed["user"].to_list(), summed["item"].to_list(), seed=seed)
    return summed.with_columns(split=pl.Series(["test" if part < 0.2 else "train" for part in share.tolist()]))


def _train(splits: pl.DataFrame) -> LabelledPlays:
    return LabelledPlays.of(splits.filter(pl.col("split") == "train"))


def searched(splits: pl.DataFrame, tags: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Configurations tried on a cut inside the training plays, in order."""
    found = search(
        _train(splits), tags, ArtistsConfig(seed=settings.seed),
        trials=max(1, settings.search_trials), seconds=settings.search_seconds, seed=settings.seed,
    )  # fmt: skip
    rows = [(done.number, done.value, done.seconds, done.error, done.config.model_dump_json()) for done in found.trials]
    schema = {"trial": pl.Int64, "ndcg": pl.Float64, "seconds": pl.Float64, "error": pl.String, "config": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def best_config(trials: pl.DataFrame) -> ArtistsConfig:
    """The configuration with the highest NDCG, the earliest of equal ones."""
    best = trials.filter(pl.col("ndcg").is_not_null()).sort(["ndcg", "trial"], descending=[True, False])
    return ArtistsConfig.model_validate_json(best["config"][0])


def fitted(splits: pl.DataFrame, tags: pl.DataFrame, config: ArtistsConfig) -> Recommender:
    """The model of a configuration, fitted on the training plays."""
    return new_model(config).fit(*inputs(_train(splits), tags, config))


def restored(model: Dataset) -> tuple[Recommender, ArtistsConfig]:
    """The model that the asset artist_model stored."""
    config = ArtistsConfig.model_validate_json(model.frame()["config"][0])
    names = [name.removesuffix(".npy") for name in model.manifest.parts if name.endswith(".npy")]
    empty = new_model(config)
    arrays = {name.replace("-", "/"): model.array(name) for name in names}
    return type(empty).from_arrays(empty.config, arrays), config


def evaluated(splits: pl.DataFrame, tags: pl.DataFrame, model: Dataset) -> pl.DataFrame:
    """The model beside what it must beat, on the plays held out; lists hold nothing that the listener has in train."""
    train = _train(splits)
    wanted = held_out_of(splits.filter(pl.col("split") == "test"))
    served, config = restored(model)
    weights, features = inputs(train, tags, config)
    systems: dict[str, Recommender] = {
        "popular by listeners": Popular().fit(weights),
        "popular by plays": Popular(PopularConfig(by="weight")).fit(train.matrix),
        "item-kNN": ItemKnn(ItemKnnConfig(alpha=0.7, locality=1.3, tf_idf=True)).fit(weights),
        "ALS": WeightedAls(AlsConfig(factors=config.als_factors)).fit(weights),
        "blend": new_model(config.model_copy(update={"ranked": False})).fit(weights, features),
        "model": served,
    }
    rows: list[tuple[str, str, float, float | None, float | None]] = []
    most = np.argsort(-np.bincount(weights.indices, minlength=len(train.items)), kind="stable")[:10]
    popular = [train.items[item] for item in most.tolist()]
    for name, system in systems.items():
        lists = best_lists(system, weights, 10).by_user(train)
        report = evaluate(lists, wanted, n_items=len({*train.items, *splits["item"].to_list()}))
        rows += [(name, metric, figure.value, figure.low, figure.high) for metric, figure in report.figures.items()]
        beyond = beyond_accuracy(lists, train, wanted, popular)
        rows += [(name, metric, value, None, None) for metric, value in beyond.items()]
    schema = {"system": pl.String, "metric": pl.String, "value": pl.Float64, "low": pl.Float64, "high": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def published(home: Path, plays: Dataset, model: Dataset, evaluation: Dataset) -> pl.DataFrame:
    """The served experiment: the chosen configuration fitted on every play."""
    whole = LabelledPlays.of(plays.frame())
    _, config = restored(model)
    tags = plays.part("tags")
    refitted = new_model(config).fit(*inputs(whole, tags, config))
    figures = evaluation.frame().filter((pl.col("system") == "model") & (pl.col("metric") == "ndcg"))
    facts = {
        "model": type(refitted).__name__,
        "config": json.loads(config.model_dump_json()),
        "ndcg": figures["value"][0],
        "plays": plays.fingerprint,
    }
    version = publish(home, EXPERIMENT, served_arrays(whole, tags, plays.part("artists"), refitted, config), facts)
    row = (EXPERIMENT, version, len(whole.users), len(whole.items))
    schema = {"experiment": pl.String, "version": pl.String, "users": pl.Int64, "items": pl.Int64}
    return pl.DataFrame([row], schema=schema, orient="row")
