"""Pairings, model and feedback of a synthetic world, by brute force."""

from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl

from benchmarks.data_defects.world.sizes import DAYS, DIMENSION, NOW, PLAYLISTS, USERS


def pairings(
    rng: np.random.Generator, heard: np.ndarray, ownership: pl.DataFrame, splits: pl.DataFrame
) -> dict[str, Any]:
    """The nearest users by cosine who own a playlist, and what of theirs is new to each user."""
    owned = {u: set(p) for u, p in ownership.group_by("owner").agg("playlist").iter_rows()}
    train = splits.filter(pl.col("split") == "train").group_by("user").agg("playlist")
    known = {u: set(p) for u, p in train.iter_rows()}
    shared = heard.astype(np.int64) @ heard.T.astype(np.int64)
    sizes = heard.sum(axis=1)
    similarity = shared / np.sqrt(np.outer(sizes, sizes))
    pairs, lists = [], []
    for user in range(USERS):
        others = np.flatnonzero(shared[user])
        others = others[others != user]
        nearest = others[np.lexsort((others, -similarity[user, others]))][:100]
        chosen = [int(v) for v in nearest if v in owned][:50]
        pairs += [
            {"user": user, "rank": r, "neighbour": v, "similarity": similarity[user, v], "shared": shared[user, v]}
            for r, v in enumerate(chosen)
        ]
        reach = set().union(*(owned[v] for v in chosen)) if chosen else set()
        free = sorted(reach - known.get(user, set()) - owned.get(user, set()))
        lists.append({"user": user, "playlists": np.sort(rng.permutation(free)[:75]).astype(int).tolist()})
    u32 = pl.UInt32
    schema = {"user": u32, "rank": u32, "neighbour": u32, "similarity": pl.Float32, "shared": u32}
    return {
        "user_pairings": pl.DataFrame(pairs, schema=schema),
        "candidates": pl.DataFrame(lists, schema={"user": u32, "playlists": pl.List(u32)}),
    }


def model(rng: np.random.Generator, splits: pl.DataFrame, candidates: pl.DataFrame, cold: np.ndarray) -> dict[str, Any]:
    """A model that knows the train likes (their truncated SVD), its evaluation and its rankings."""
    train = splits.filter(pl.col("split") == "train")
    likes = np.zeros((USERS, PLAYLISTS))
    likes[train["user"].to_numpy(), train["playlist"].to_numpy()] = 1.0
    left, weight, right = np.linalg.svd(likes, full_matrices=False)
    root = np.sqrt(weight[:DIMENSION])
    users = (left[:, :DIMENSION] * root + rng.normal(0, 1e-3, (USERS, DIMENSION))).astype(np.float32)
    playlists = (right[:DIMENSION].T * root + rng.normal(0, 1e-3, (PLAYLISTS, DIMENSION))).astype(np.float32)
    ranked = []
    for user, members in candidates.iter_rows():
        values = playlists[members] @ users[user] if members else np.zeros(0, np.float32)
        order = np.lexsort((members, -values))
        row = {"user": user, "playlists": [members[i] for i in order], "scores": [float(values[i]) for i in order]}
        ranked.append(row)
    fingerprints = {"splits": f"{rng.integers(1 << 60):016x}", "triplets": f"{rng.integers(1 << 60):016x}"}
    metrics = {"mrr": [0.50, 0.41, 0.96], "hit_1": [0.33, 0.28, 0.94], "hit_5": [0.72, 0.6, 0.98]}
    evaluation = {"system": ["bpr", "most liked", "overlap"], "split": ["validation"] * 3, **metrics}
    schema: dict[str, Any] = {"user": pl.UInt32, "playlists": pl.List(pl.UInt32), "scores": pl.List(pl.Float32)}
    return {
        "user_vectors": users,
        "playlist_vectors": playlists,
        "model_card": {"inputs": dict(fingerprints), "losses": [0.69, 0.41, 0.30]},
        "current_inputs": fingerprints,
        "bpr_evaluation": pl.DataFrame(
            {
                **evaluation,
                "hit_10": [0.90, 0.8, 0.99],
                "ties": [0.0, 0.4, 0.2],
                "twins": [0.3] * 3,
                "served_similarity": [0.2, 0.1, 0.3],
                "served_reach": [0.4] * 3,
                "served_recall": [0.3] * 3,
                "shown_precision_5": [0.02] * 3,
            }
        ),
        "ranked_candidates": pl.DataFrame(ranked, schema=schema),
        "taste_candidates": pl.DataFrame(ranked, schema=schema),
        "taste_positives": _positives(ranked, cold),
        "listener_evaluation": listeners(),
        "song_taste": pl.DataFrame({"source": ["plays", "playlists", "popularity"], "weight": [0.6, 0.1, 0.2]}),
        "als_users": users,
        "als_playlists": playlists,
        "als_factors": pl.DataFrame(
            {"side": ["users", "playlists"], "rows": [USERS, PLAYLISTS], "root_mean_square_length": [0.4, 0.4]}
        ),
        "bpr_search": pl.DataFrame(
            {
                "trial": ["a", "b"],
                "mrr": [0.5, 0.4],
                "state": ["ended", "stopped"],
                "epochs": [5, 1],
                "seconds": [1.5, 0.3],
                "dimension": [64, 32],
                "batch_size": [1024, 2048],
                "learning_rate": [0.01, 0.02],
            }
        ),
        "cold_user_evaluation": pl.DataFrame(
            {
                "system": ["most liked", "fold-in", "fold-in"],
                "known_songs": [None, 1, None],
                "users": [40, 40, 40],
                "mrr_gain_high": [0.0, 0.05, 0.24],
                "hit_5_gain_high": [0.0, 0.06, 0.24],
                "listeners": [None, 40, 40],
                "precision_gain_high": [None, 0.02, 0.03],
                "mrr": [0.41, 0.44, 0.61],
                "mrr_low": [0.38, 0.41, 0.57],
                "mrr_high": [0.44, 0.47, 0.65],
                "hit_1": [0.28, 0.3, 0.5],
                "hit_5": [0.6, 0.62, 0.8],
                "hit_10": [0.8, 0.81, 0.9],
            }
        ),
    }


def _positives(ranked: list[dict[str, Any]], cold: np.ndarray) -> pl.DataFrame:
    """The first playlists of each list, with gains that fall."""
    rows = [
        {"user": row["user"], "positive": playlist, "gain": 0.5 / (place + 1), "cold": row["user"] in cold}
        for row in ranked
        for place, playlist in enumerate(row["playlists"][:5])
    ]
    schema = {"user": pl.UInt32, "positive": pl.UInt32, "gain": pl.Float32, "cold": pl.Boolean}
    return pl.DataFrame(rows, schema=schema)


def feedback(rng: np.random.Generator, candidates: pl.DataFrame, playlist_rows: pl.DataFrame) -> dict[str, Any]:
    """A month of sessions, the blocks they give, and the window of the last four weeks."""
    pids = playlist_rows["pid"].to_list()
    index = pl.DataFrame({"pid": pids}).with_row_index("playlist")
    lists = {u: p for u, p in candidates.iter_rows() if len(p) >= 5}
    users = np.array(sorted(lists))
    sessions: list[dict[str, Any]] = []
    for day in range(DAYS):
        for _ in range(int(rng.integers(40, 71))):
            user = int(rng.choice(users))
            shown = [pids[int(p)] for p in rng.choice(lists[user], 5, replace=False)]
            at = NOW - timedelta(days=DAYS - day) + timedelta(seconds=float(rng.uniform(0, 86_000)))
            sessions.append(
                {
                    "created_at": at,
                    "user_id": user,
                    "liked": int(rng.choice(shown)),
                    "shown": shown,
                    "model_version": "v1" if day < DAYS // 2 else "v2",
                    "recommendation_id": f"a.{0:016x}{len(sessions):012x}.v1",
                }
            )
    ids = pl.List(pl.Int64)
    frame = pl.DataFrame(sessions, schema_overrides={"shown": ids, "user_id": pl.Int64}).sort("created_at")
    row_of = {pid: playlist for playlist, pid in index.iter_rows()}
    blocks = pl.DataFrame(
        {
            "user": frame["user_id"].to_list(),
            "positive": [row_of[pid] for pid in frame["liked"]],
            "negatives": [
                [row_of[pid] for pid in shown if pid != liked]
                for shown, liked in frame.select("shown", "liked").iter_rows()
            ],
        },
        schema={"user": pl.UInt32, "positive": pl.UInt32, "negatives": pl.List(pl.UInt32)},
    )
    drawn = rng.random(blocks.height)
    window = blocks.with_columns(
        pl.Series("session_id", frame["recommendation_id"]),
        pl.Series("created_at", frame["created_at"]),
        pl.Series("split", np.where(drawn < 0.7, "train", np.where(drawn < 0.9, "validation", "test"))),
        pl.lit(1, pl.UInt8).alias("copies"),
    )
    begin = NOW - timedelta(days=28)
    return {
        "training_window": window.filter(pl.col("created_at") >= begin),
        "window_from": begin,
        "user_feedback": frame,
        "feedback_blocks": blocks,
        "quarantined_feedback": pl.DataFrame({"reason": ["no such user"], "user_id": [99_999]}),
        **_events(),
    }


def _events() -> dict[str, Any]:
    """What forty listeners did over ten days: each plays a song, likes it, and hears a part of a playlist."""
    rows: list[dict[str, Any]] = []
    for number in range(400):
        song = {"song_id": f"SO{number % 50:016d}", "song_key": None, "pid": None, "seconds": None, "share": None}
        playlist = {**song, "song_id": None, "pid": number % 30, "share": 0.25 + 0.5 * (number % 2)}
        common = {"created_at": NOW - timedelta(days=number // 40, minutes=5), "user_key": f"{number % 40:040x}"}
        deeds = (("play", {**song, "seconds": 120.0}, 0.5), ("like", song, 1.0), ("skip", song, 0.0))
        for kind, told, grade in (*deeds, ("play", playlist, playlist["share"])):
            rows.append({"event_id": f"{number}-{len(rows)}", **common, "kind": kind, **told, "grade": grade})
    types = {"pid": pl.Int64, "song_key": pl.String, "seconds": pl.Float64, "share": pl.Float64, "grade": pl.Float64}
    days = pl.DataFrame(
        rows, schema_overrides={**types, "created_at": pl.Datetime("us", "UTC")}, infer_schema_length=None
    )
    liked = days.filter(pl.col("pid").is_null() & (pl.col("kind") == "like"))
    plays = liked.group_by(user_id="user_key", song_id="song_id", song_key="song_key").agg(
        plays=pl.len().cast(pl.UInt32), grade=pl.col("grade").max(), last=pl.col("created_at").max()
    )
    return {
        "listener_events": days.drop("grade"),
        "listener_event_days": days,
        "quarantined_events": pl.DataFrame({"reason": ["too fast"], "user_key": ["a" * 40]}),
        "listener_plays": plays.sort("user_id", "song_id"),
        "event_senders": plays.select("user_id").unique().sort("user_id"),
    }


def listeners() -> pl.DataFrame:
    """Figures of listeners as a sound world has them: taste above the most liked, the overlap above chance."""
    precision = {"random": 0.004, "most liked": 0.029, "song overlap": 0.009, "bpr": 0.024, "served": 0.1}
    precision["served, of several songs"] = 0.09
    precision["bpr, all playlists"] = 0.08
    figures = {
        f"{metric}{end}": [value * factor for value in precision.values()]
        for metric in ("precision", "hits", "any", "common", "shorter")
        for end, factor in (("", 1.0), ("_low", 0.9), ("_high", 1.1))
    }
    frame = pl.DataFrame({"system": list(precision), **figures})
    return frame.with_columns(
        listeners=pl.lit(885, pl.UInt32),
        version=pl.lit("0001"),
        ranking=pl.lit("taste", pl.String),
        positives=pl.lit("taste", pl.String),
    )
