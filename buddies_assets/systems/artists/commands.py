"""`buddies fit` and `buddies evaluate artists`: the recommender on anybody's own files, without the graph."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from upath import UPath

from buddies_assets.sources.interactions_file import Columns, InteractionsFile, read_interactions, read_tags
from buddies_assets.sources.judged_files import check_judged_files
from buddies_assets.sources.steps.raw import something_kept
from buddies_assets.systems.artists.config import ArtistsConfig
from buddies_assets.systems.artists.recommender import held_out_of, inputs, new_model, recommend
from buddies_assets.systems.artists.search import search
from buddies_assets.systems.artists.served import publish, served_arrays
from buddies_core.artifact.named_arrays import check_name
from buddies_core.evaluation.beyond_accuracy import beyond_accuracy
from buddies_core.evaluation.lists import Figure, evaluate
from buddies_core.interactions.labelled_plays import LabelledPlays
from buddies_core.storage.files import parquet_bytes, write_atomically
from buddies_core.storage.forgotten import ForgottenIds

SHOWN = ("ndcg", "precision", "map", "auc", "precision_k", "recall", "hit", "mrr", "graded_ndcg")


@dataclass(frozen=True, slots=True)
class Fitted:
    """What `fit` did: version published, sizes, what was set aside by reason, and which columns were read."""

    version: str
    users: int
    items: int
    interactions: int
    set_aside: dict[str, int]
    columns: dict[str, str]
    searched: float | None


def fit(
    home: Path,
    file: Path,
    name: str,
    *,
    columns: Columns | None = None,
    tags: Path | None = None,
    trials: int = 0,
    seconds: float = 600.0,
    seed: int = 0,
) -> Fitted:
    """Read a file, fit the recommender and publish it under a name; the same call again replaces that version.

    Args:
        trials: configurations that a search tries first; 0 fits the defaults.

    Raises:
        SourceNotFoundError, ColumnError: a file is not there or cannot be understood.
        NothingReadError: not one of its rows can be used.
        ServedModelError: the name cannot be that of an experiment.
    """
    check_name(name)
    read = _read(file, columns)
    told = None if tags is None else read_tags(tags)
    theirs = ForgottenIds.at(str(home)).mask(read.rows["user"])
    plays = LabelledPlays.of(read.rows.filter(~theirs))
    config, value = ArtistsConfig(seed=seed), None
    rows = None if told is None else told.rows
    if trials:
        found = search(plays, rows, config, trials=trials, seconds=seconds, seed=seed)
        config, value = found.best, found.value
    weights, features = inputs(plays, rows, config)
    model = new_model(config).fit(weights, features)
    facts = {"model": type(model).__name__, "config": config.model_dump(), "columns": read.columns, "file": file.name}
    version = publish(home, name, served_arrays(plays, rows, None, model, config), facts)
    bad = [read.quarantine, *([] if told is None else [told.quarantine])]
    _keep_quarantine(home, name, pl.concat(bad))
    reasons = dict(pl.concat(bad).group_by("reason").len().sort("reason").iter_rows())
    if theirs.any():
        reasons["forgotten"] = int(theirs.sum())
    return Fitted(version, len(plays.users), len(plays.items), plays.matrix.nnz, reasons, read.columns, value)


def _read(file: Path, columns: Columns | None = None) -> InteractionsFile:
    """A file of which at least one row can be used."""
    read = read_interactions(file, columns)
    something_kept("interactions", file, read.counts, read.quarantine)
    return read


def _keep_quarantine(home: Path, name: str, rows: pl.DataFrame) -> None:
    write_atomically(UPath(home / "artists" / name / "quarantine.parquet"), parquet_bytes(rows))


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Figures by metric, and those beyond accuracy."""

    figures: Mapping[str, Figure]
    beyond: Mapping[str, float]
    users: int


def evaluate_files(
    train: Path, heldout: Path, out: Path, *, tags: Path | None = None, items: int | None = None, seed: int = 0
) -> Evaluated:
    """Fit on the training file (and tags) alone, write ten artists for each user to `out`, judge them by the held-out.

    The held-out file is read after the lists are written.

    Args:
        items: size of the catalogue for the AUC; default: items of both files together.
    """
    check_judged_files(train, heldout, out)
    plays = LabelledPlays.of(_read(train).rows)
    told = None if tags is None else read_tags(tags).rows
    _, lists = recommend(plays, told, ArtistsConfig(seed=seed))
    by_user = lists.by_user(plays)
    _write_lists(out, by_user)
    held = _read(heldout)
    catalogue = items or len({*plays.items, *held.rows["item"].to_list()})
    wanted = held_out_of(held.rows)
    report = evaluate(by_user, wanted, n_items=catalogue)
    holders = np.bincount(plays.matrix.indices, minlength=len(plays.items))
    popular = [plays.items[place] for place in np.argsort(-holders, kind="stable")[:10].tolist()]
    beyond = beyond_accuracy(by_user, plays, wanted, popular)
    return Evaluated(report.figures, beyond, len(report.users))


def _write_lists(out: Path, by_user: Mapping[str, list[str]]) -> None:
    lines = ["user\titem\trank"]
    lines += [f"{user}\t{item}\t{rank}" for user, items in by_user.items() for rank, item in enumerate(items, start=1)]
    write_atomically(UPath(out.absolute()), ("\n".join(lines) + "\n").encode())
