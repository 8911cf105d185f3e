"""What a synthetic world scores, likes, splits, owns and trains on, by brute force."""

from typing import Any

import numpy as np
import polars as pl

from benchmarks.data_defects.world.sizes import PLAYLISTS, POOL, USERS


def scores(
    rng: np.random.Generator, score: np.ndarray, matches: np.ndarray, sizes: np.ndarray, exploration: np.ndarray
) -> dict[str, Any]:
    """Scores of every user against every playlist, and the liked pairs."""
    rows, liked_rows = [], []
    for user in range(USERS):
        found = np.flatnonzero(matches[user])
        best_first = found[np.lexsort((found, -score[user, found]))]
        pairs = len(best_first)
        n_liked = max(1, -(-15 * pairs // 1000))
        liked, rest = best_first[:n_liked], best_first[n_liked:]
        n_hard = -(-len(rest) // 5)
        hard = np.sort(rng.permutation(rest[:n_hard])[:POOL])
        easy = np.sort(rng.permutation(rest[n_hard:])[:POOL])
        ordered = np.sort(score[user, found])
        rows.append(
            {
                "user": user,
                "songs": int(sizes[user]),
                "pairs": pairs,
                "exploration": exploration[user],
                "liked_cut": float(score[user, liked[-1]]),
                "hard_cut": float(score[user, rest[n_hard - 1]]),
                "score_min": float(ordered[0]),
                "score_median": float(ordered[(pairs - 1) // 2]),
                "score_max": float(ordered[-1]),
                "liked": liked.tolist(),
                "liked_matches": matches[user, liked].tolist(),
                "liked_scores": score[user, liked].tolist(),
                "hard": hard.tolist(),
                "easy": easy.tolist(),
            }
        )
        liked_rows += [
            {"user": user, "playlist": int(p), "rank": r, "matches": int(matches[user, p]), "score": score[user, p]}
            for r, p in enumerate(liked)
        ]
    ids, u32 = pl.List(pl.UInt32), pl.UInt32
    overrides: dict[str, Any] = {"user": u32, "songs": u32, "pairs": u32, "liked": ids, "hard": ids, "easy": ids}
    overrides |= {"liked_matches": pl.List(pl.UInt16), "liked_scores": pl.List(pl.Float32)}
    liked_types: dict[str, Any] = {"user": u32, "playlist": u32, "rank": u32, "matches": pl.UInt16, "score": pl.Float32}
    return {
        "scores": pl.DataFrame(rows, schema_overrides=overrides),
        "liked_playlists": pl.DataFrame(liked_rows, schema_overrides=liked_types),
    }


def splits(
    rng: np.random.Generator, liked: pl.DataFrame, cold: np.ndarray, user_rows: pl.DataFrame, sizes: np.ndarray
) -> dict[str, Any]:
    """Who is set aside, and the splits of the others' likes."""
    parts = []
    for (user,), rows in liked.group_by("user", maintain_order=True):
        if user in cold:
            continue
        n = rows.height
        lot = rng.random()
        n_train, n_seen = (int(n * 0.7 + lot), int(n * 0.9 + lot)) if n >= 5 else (n, n)
        named = ["train"] * n_train + ["validation"] * (n_seen - n_train) + ["test"] * (n - n_seen)
        parts.append(rows.select("user", "playlist", pl.Series("split", rng.permutation(named)), "score"))
    split_type = pl.Enum(["train", "validation", "test"])
    counted = liked.group_by("user").len("liked")
    cold_users = (
        user_rows[cold]
        .select(pl.Series("user", cold.astype(np.uint32)), "number", "user_id")
        .with_columns(pl.Series("songs", sizes[cold].astype(np.uint32)))
        .join(counted, on="user", how="left")
        .with_columns(pl.col("liked").fill_null(0).cast(pl.UInt32))
    )
    return {"splits": pl.concat(parts).with_columns(pl.col("split").cast(split_type)), "cold_users": cold_users}


def ownership(
    splits: pl.DataFrame, liked: pl.DataFrame, cold: np.ndarray, score: np.ndarray, sizes: np.ndarray
) -> pl.DataFrame:
    """Each playlist to its liker in train of highest priority with room, one after the other; then those that are
    liked and still have nobody to whoever shares a song with them, but for users set aside and those it is held out of.

    `score` is that of every pair, −inf where no song is shared.
    """
    train = splits.filter(pl.col("split") == "train")
    owned = np.zeros(USERS, int)
    rows = []
    for (playlist,), bids in train.sort("playlist", "user").group_by("playlist", maintain_order=True):
        ranked = sorted((-s / np.sqrt(sizes[u]), u) for u, s in bids.select("user", "score").iter_rows())
        winner = next(((b, u) for b, u in ranked if owned[u] < 100), None)
        if winner is not None:
            owned[winner[1]] += 1
            rows.append({"playlist": playlist, "owner": winner[1], "priority": -winner[0], "likers": len(ranked)})
    held = set(splits.filter(pl.col("split") != "train").select("user", "playlist").iter_rows())
    likers = dict(train.group_by("playlist").len().iter_rows())
    bids_of_all = score / np.sqrt(sizes)[:, None]
    for playlist in sorted(set(liked["playlist"]) - {row["playlist"] for row in rows}):
        able = [u for u in range(USERS) if owned[u] < 100 and u not in cold and (u, playlist) not in held]
        bid, owner = max((bids_of_all[u, playlist], -u) for u in able)
        if np.isfinite(bid):
            owned[-owner] += 1
            fields = {"playlist": playlist, "owner": -owner, "priority": bid, "likers": likers.get(playlist, 0)}
            rows.append(fields)
    rows.sort(key=lambda row: row["playlist"])
    overrides = {"playlist": pl.UInt32, "owner": pl.UInt32, "likers": pl.UInt32}
    return pl.DataFrame(rows, schema_overrides=overrides)


def training(
    rng: np.random.Generator, splits: pl.DataFrame, scores: pl.DataFrame, ownership: pl.DataFrame
) -> dict[str, Any]:
    """User-blocks, triplets, and batches of one unseen positive."""
    owned = {u: set(p) for u, p in ownership.group_by("owner").agg("playlist").iter_rows()}
    liked = {u: set(p) for u, p in splits.group_by("user").agg("playlist").iter_rows()}
    pools = {u: (h, e) for u, h, e in scores.select("user", "hard", "easy").iter_rows()}
    blocks: list[dict[str, Any]] = []
    batches: dict[str, list[dict[str, Any]]] = {"validation": [], "test": []}
    everywhere = np.arange(PLAYLISTS)
    for user, playlist, split in splits.select("user", "playlist", "split").iter_rows():
        mine = owned.get(user, set())
        if split == "train":
            halves = [[p for p in pool if p not in mine] for pool in pools[user]]
            negatives = [int(p) for half in halves for p in rng.permutation(half)[:2]]
            blocks.append({"user": user, "positive": playlist, "negatives": negatives})
        else:
            free = np.setdiff1d(everywhere, list(mine | liked[user]))
            drawn = rng.choice(free, 50, replace=False).tolist()
            batches[split].append({"user": user, "positive": playlist, "negatives": drawn})
    keys: dict[str, Any] = {"user": pl.UInt32, "positive": pl.UInt32}
    user_blocks = pl.DataFrame(blocks, schema={**keys, "negatives": pl.Array(pl.UInt32, 4)})
    triplets = (
        user_blocks.with_columns(pl.col("negatives").arr.to_list())
        .explode("negatives")
        .rename({"negatives": "negative"})
        .sample(fraction=1.0, shuffle=True, seed=int(rng.integers(1 << 30)))
    )
    schema: dict[str, Any] = {**keys, "negatives": pl.Array(pl.UInt32, 50)}
    return {
        "user_blocks": user_blocks,
        "triplets": triplets,
        **{f"{split}_batches": pl.DataFrame(rows, schema=schema) for split, rows in batches.items()},
    }
