"""What the songs system is worth: sources, blend, ranker, the reference's recipe and peers on the plays held out."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import polars as pl

from buddies_assets.systems.songs.peers import peers_there
from buddies_assets.systems.songs.recommender import Material, popular_songs
from buddies_assets.systems.songs.stored import EACH, hidden_of, holders, lists_by_user
from buddies_core.evaluation.song_lists import Beyond, beyond, evaluate_songs, of_segment, paired_songs
from buddies_core.songs.mixing import Mix
from buddies_core.songs.model import SongsModel
from buddies_core.songs.reference import ReferenceRecipe

SCHEMA: dict[str, Any] = {
    "system": pl.String, "segment": pl.String, "metric": pl.String, "listeners": pl.Int64,
    "value": pl.Float64, "low": pl.Float64, "high": pl.Float64,
    "ahead": pl.Float64, "ahead_low": pl.Float64, "ahead_high": pl.Float64,
}  # fmt: skip
"""`ahead` is the ranker's less this system's, with the interval of the paired bootstrap."""
RANKER, BLEND, REFERENCE, POPULAR = "ranker", "blend", "reference's recipe", "popular"
FEW, MANY = 10, 30
Lists = Mapping[str, list[str]]


def evaluated(
    model: SongsModel,
    found: Material,
    splits: pl.DataFrame,
    proposals: Mapping[str, pl.DataFrame],
    catalogue: pl.DataFrame,
) -> pl.DataFrame:
    """One row a (system, segment, metric), columns of `SCHEMA`.

    Segments are `all`, listeners by songs known, by the share of them with text, and `new`: those set aside whole.
    """
    hidden = hidden_of(splits, "test")
    rows = holders(found, hidden)
    systems = dict(_systems(model, found, rows, proposals))
    reports = {name: evaluate_songs(lists, hidden) for name, lists in systems.items()}
    segments = _segments(found, reports[RANKER].users)
    result: list[tuple[object, ...]] = []
    for name, report in reports.items():
        for segment, places in segments.items():
            figures, ahead = of_segment(report, places), paired_songs(reports[RANKER], report, places)
            for metric, figure in figures.items():
                apart = ahead[metric]
                result.append((name, segment, metric, len(places), figure.value, figure.low, figure.high,
                               apart.value, apart.low, apart.high))  # fmt: skip
        for metric, value in _beyond(systems[name], found, hidden, catalogue).items():
            result.append((name, "all", metric, len(hidden), value, None, None, None, None, None))
    result += _of_new_listeners(found, hidden_of(splits, "new"))
    return pl.DataFrame(result, schema=SCHEMA, orient="row")


def _systems(
    model: SongsModel, found: Material, rows: np.ndarray, proposals: Mapping[str, pl.DataFrame]
) -> Iterator[tuple[str, Lists]]:
    yield RANKER, lists_by_user(model, found, rows)
    mix = model.mix
    model.mix = Mix({"blend": 1.0})
    yield BLEND, lists_by_user(model, found, rows)
    model.mix = mix
    for name, frame in proposals.items():
        yield name, dict(frame.iter_rows())
    if model.config.narrow:
        return  # the recipe and its peers score every song for everybody: they are compared where that can be done
    recipe = ReferenceRecipe(seed=model.config.seed).fit(
        found.histories, found.facts, found.user_hashes, found.song_hashes
    )  # fmt: skip
    listed = recipe.lists(found.histories.of(rows), EACH).songs
    yield REFERENCE, _ids(found, rows, listed)
    for name, ask in peers_there():
        yield name, _ids(found, rows, ask(found, rows, seed=model.config.seed))


def _ids(found: Material, rows: np.ndarray, songs: np.ndarray) -> Lists:
    pairs = zip(rows.tolist(), songs.tolist(), strict=True)
    return {found.plays.users[row]: [found.plays.items[s] for s in listed if s >= 0] for row, listed in pairs}


def _segments(found: Material, users: list[str]) -> dict[str, np.ndarray]:
    """Places of listeners among those judged, by name of segment; empty ones are left out."""
    rows = [found.plays.user_place.get(user) for user in users]
    known = np.array([-1 if row is None else int(found.histories.lengths[row]) for row in rows])
    text = np.array([0.0 if row is None else _share_of_text(found, row) for row in rows])
    there = {
        "all": np.ones(len(users), bool),
        f"under {FEW} songs known": (known >= 0) & (known < FEW),
        f"{FEW} to {MANY} songs known": (known >= FEW) & (known <= MANY),
        f"over {MANY} songs known": known > MANY,
        "under half with text": (known > 0) & (text < 0.5),
        "half to three quarters with text": (known > 0) & (text >= 0.5) & (text < 0.75),
        "over three quarters with text": (known > 0) & (text >= 0.75),
    }
    return {name: np.flatnonzero(mask) for name, mask in there.items() if mask.any()}


def _share_of_text(found: Material, row: int) -> float:
    plays = found.histories.plays
    mine = plays.indices[plays.indptr[row] : plays.indptr[row + 1]]
    return float((found.facts.artist[mine] >= 0).mean()) if len(mine) else 0.0


def _beyond(lists: Lists, found: Material, hidden: Mapping[str, set[str]], catalogue: pl.DataFrame) -> dict[str, float]:
    trusted = catalogue.filter(~pl.col("mismatched"))
    plays = found.plays
    train = {
        user: {
            plays.items[song] for song in plays.matrix.indices[plays.matrix.indptr[row] : plays.matrix.indptr[row + 1]]
        }
        for row, user in enumerate(plays.users)
    }
    told: Beyond = beyond(
        lists, train, hidden,
        text=dict(trusted.drop_nulls("text_key").select("song", "text_key").iter_rows()),
        artist=dict(catalogue.drop_nulls("artist_key").select("song", "artist_key").iter_rows()),
    )  # fmt: skip
    return {
        name: float(getattr(told, name))
        for name in (
            *("coverage_item", "coverage_user", "novelty", "novelty_by_text"),
            *("ceiling", "mean_popularity", "artists", "duplicates"),
        )
    }


def _of_new_listeners(found: Material, hidden: Mapping[str, set[str]]) -> list[tuple[object, ...]]:
    """Strangers get the popular songs; all that they play is held out."""
    if not hidden:
        return []
    popular = popular_songs(found, EACH)
    report = evaluate_songs(dict.fromkeys(hidden, popular), hidden)
    return [
        (POPULAR, "new", metric, len(report.users), figure.value, figure.low, figure.high, None, None, None)
        for metric, figure in report.figures.items()
    ]
