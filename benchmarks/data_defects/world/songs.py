"""A small world of the songs system: plays, their songs and splits, what sources found, figures, and what is served."""

from typing import Any

import numpy as np
import polars as pl

_LISTENERS, _SONGS, _LISTED, _NEAREST = 40, 60, 8, 6
_SOURCES = ("EASE with artists", "ALS", "Item2Item", "popular")
_FEATURES = ("EASE with artists: score", "blend", "song listeners", "songs", "song year")


def songs(rng: np.random.Generator) -> dict[str, Any]:
    """Every dataset of the system by name, and the inputs of its rules."""
    chance = 0.6 / (np.arange(_SONGS) + 1.0) ** 0.3
    played = rng.random((_LISTENERS, _SONGS)) < chance
    played[0] = True
    played[0, 40:] = False
    rows, columns = np.nonzero(played)
    users, names = [f"u{n:02d}" for n in range(_LISTENERS)], [f"S{n:02d}" for n in range(_SONGS)]
    plays = pl.DataFrame(
        {
            "user": [users[r] for r in rows], "song": [names[c] for c in columns],
            "weight": rng.integers(1, 9, len(rows)).astype(float),
        }
    )  # fmt: skip
    plays = plays.filter(pl.col("song").is_in([name for at, name in enumerate(names) if played[:, at].any()]))
    away = np.isin(rows, [3, 17])
    hidden = ~away & (rng.random(len(rows)) < 0.3)
    split = np.where(away, "new", np.where(hidden, "test", "train"))
    splits = plays.select("user", "song").with_columns(split=pl.Series(split.tolist()))
    counts = played.sum(axis=0)
    there = [at for at in range(_SONGS) if counts[at]]
    train = splits.filter(pl.col("split") == "train").group_by("song").len("listeners")
    popularity = pl.DataFrame({"song": [names[at] for at in there]}).join(train, on="song", how="left")
    return {
        "song_plays": plays,
        "song_catalogue": _catalogue(names, counts, there),
        "songs_on_file": _catalogue(names, counts, there),
        "songs_told": plays.head(3).select("user", pl.format("{}b", "song").alias("item"), "weight"),
        "play_splits": splits,
        **{slug: pl.DataFrame({"user": users[:2], "songs": [names[50:54]] * 2}) for slug in _slugs()},
        "song_candidates": pl.DataFrame(
            {
                "source": [*_SOURCES, "union"], "listeners": [38] * 5, "recall_100": [0.3, 0.25, 0.2, 0.1, None],
                "recall_500": [0.5, 0.45, 0.3, 0.25, 0.6], "alone": [0.05, 0.04, 0.03, 0.01, None],
            }
        ),
        "song_ranker": pl.DataFrame(
            {"ranker": ["blend", "classifier"], "map500": [0.11, 0.12], "served": [False, True]}
        ),
        "ranker_popularity": popularity.with_columns(pl.col("listeners").fill_null(0).cast(pl.Int64)),
        "song_features": _features("training"),
        "serving_features": _features("serving"),
        "song_evaluation": _evaluation(),
        "served_songs": pl.DataFrame(
            {"experiment": ["plays"], "version": ["v-1"], "users": [_LISTENERS], "songs": [len(there)]}
        ),
        "song_arrays": _served(played, counts, rng),
    }  # fmt: skip


def _slugs() -> list[str]:
    from buddies_assets.systems.songs.slugs import SLUGS

    return list(SLUGS.values())


def _catalogue(names: list[str], counts: np.ndarray, there: list[int]) -> pl.DataFrame:
    from buddies_assets.systems.songs.catalogue import SCHEMA

    rows: list[tuple[object, ...]] = []
    for at in there:
        wrong = at % 13 == 5
        title, artist = (None, None) if wrong else (f"Title {at}", f"Artist {at % 7}")
        keys = (f"artist {at % 7}", f"title {at}", f"title {at}\tartist {at % 7}")
        rows.append(
            (names[at], [names[at], f"{names[at]}b"], title, artist, None if wrong else "Record",
             None if wrong else 1999, wrong, *keys, [], int(counts[at]), float(counts[at] * 3), at % 3)
        )  # fmt: skip
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _features(where: str) -> pl.DataFrame:
    n = len(_FEATURES)
    return pl.DataFrame(
        {
            "feature": list(_FEATURES), "unit": ["deviations"] * n, "what": ["what it says"] * n, "where": [where] * n,
            "mean": [0.5, 1.0, 3.0, 12.0, 1_999.0], "deviation": [1.0, 1.0, 0.5, 8.0, 10.0],
            "missing": [0.0, 0.0, 0.0, 0.0, 0.2], "importance": [0.3, 0.4, 0.1, 0.1, 0.1],
        }
    )  # fmt: skip


def _evaluation() -> pl.DataFrame:
    from buddies_assets.systems.songs.evaluation import SCHEMA

    rows: list[tuple[Any, ...]] = []
    for system, value, ahead in (("ranker", 0.12, 0.0), ("blend", 0.11, 0.01), ("popular", 0.03, 0.09)):
        rows.append(
            (system, "all", "map500", 38, value, value - 0.01, value + 0.01, ahead, ahead - 0.005, ahead + 0.005)
        )
        for metric, exact in (("novelty", 1.0), ("novelty_by_text", 1.0), ("coverage_user", 1.0), ("duplicates", 0.0)):
            rows.append((system, "all", metric, 38, exact, None, None, None, None, None))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _served(played: np.ndarray, counts: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    lists = np.full((_LISTENERS, _LISTED), -1, np.int32)
    for row in range(_LISTENERS):
        fresh = np.flatnonzero(~played[row])[:_LISTED]
        lists[row, : len(fresh)] = fresh
    offsets = np.concatenate([[0], np.cumsum(played.sum(axis=1))])
    similar = (np.arange(_SONGS)[:, None] + np.arange(1, _NEAREST + 1)) % _SONGS
    return {
        "lists": lists,
        "scores": np.tile(np.linspace(0.9, 0.1, _LISTED, dtype=np.float32), (_LISTENERS, 1)),
        "known_offsets": offsets,
        "known": np.nonzero(played)[1].astype(np.int32),
        "similar": similar.astype(np.int32),
        "similar_scores": np.tile(np.linspace(0.5, 0.1, _NEAREST, dtype=np.float32), (_SONGS, 1)),
        "listeners": counts.astype(np.int32),
        "popular": np.lexsort((np.arange(_SONGS), -counts))[:10].astype(np.int32),
    }
