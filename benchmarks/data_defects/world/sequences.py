"""A small world of next track and continuation: playlists in order, their splits and links, figures and answers."""

from typing import Any

import numpy as np
import polars as pl

_PLAYLISTS, _ARTISTS, _EACH, _LENGTH = 240, 60, 8, 20
_SONGS = _ARTISTS * _EACH
_PARTS = pl.Enum(("train", "validation", "test"))
_CONFIG = "{}"


def sequences(rng: np.random.Generator) -> dict[str, Any]:
    """Every dataset of both systems by name, and the inputs of their rules."""
    popularity = 1.0 / (np.arange(_ARTISTS) + 3.0)
    rows = []
    for _ in range(_PLAYLISTS):
        songs: list[int] = []
        while len(songs) < _LENGTH:
            artist = int(rng.choice(_ARTISTS, p=popularity / popularity.sum()))
            first = int(rng.integers(0, _EACH - 2))
            songs += [artist * _EACH + first + k for k in range(3) if artist * _EACH + first + k not in songs]
        rows.append(songs[:_LENGTH])
    song = np.array(rows).ravel()
    pid = np.repeat(np.arange(_PLAYLISTS), _LENGTH)
    place = np.tile(np.arange(_LENGTH), _PLAYLISTS)
    table = {"pid": pid, "place": place, "song": song, "artist": song // _EACH}
    split = np.array(["train"] * 8 + ["validation", "test"])[rng.permutation(_PLAYLISTS) % 10]
    splits = {"pid": np.arange(_PLAYLISTS, dtype=np.uint32), "content": np.arange(_PLAYLISTS, dtype=np.uint64) + 7}
    train = np.isin(pid, np.flatnonzero(split == "train"))
    return {
        "playlist_sequences": pl.DataFrame(table).cast(pl.UInt32),
        "sequence_splits": pl.DataFrame(splits).with_columns(split=pl.Series(split, dtype=_PARTS)),
        **_next_track(rng),
        **_graph(rng, pid[train], song[train]),
        **_continuation(rng),
    }


def _next_track(rng: np.random.Generator) -> dict[str, Any]:
    pairs = pl.DataFrame({"song": [0, 0, 1], "next": [1, 2, 2]}).cast(pl.UInt32)
    pairs = pairs.with_columns(weight=pl.Series([2.0, 1.0, 1.0], dtype=pl.Float32))
    pairs = pairs.with_columns(playlists=pl.Series([2, 1, 1], dtype=pl.Int32))
    vectors = {name: rng.standard_normal((_SONGS, 8)).astype(np.float32) for name in ("inputs", "outputs")}
    song = np.arange(_SONGS, dtype=np.uint32)
    genre = pl.Series(np.where(song % 2, "rock", "rap"))
    places = {name: rng.standard_normal(_SONGS).astype(np.float32) for name in ("x", "y")}
    agreement = {"in_space": np.full(_SONGS, 0.86), "in_plane": np.full(_SONGS, 0.8)}
    return {
        "song_successors": pairs,
        "artist_transitions": pairs.rename({"song": "artist"}),
        "track2vec_search": pl.DataFrame({"number": [0], "cosine": [0.06], "in_out": [0.2], "config": [_CONFIG]}),
        "track2vec": pl.DataFrame({"song": song, "playlists": np.full(_SONGS, 3, np.uint32)}),
        "track2vec_vectors": vectors,
        "track2vec_least": 1,
        "next_track_ranker": _fitted("next_track"),
        "next_track_arrays": {
            "song_factors": vectors["inputs"],
            "next_track_trees_thresholds": np.array([1.0, np.inf]),
        },
        "next_track_evaluation": _figures(
            "blend (served)", ("last", "random"), {"hit@10": 0.1, "hit@100": 0.3, "mrr@100": 0.05}
        ),
        "next_track_last": 0.29,
        "track_index": _published("next_track"),
        "next_track_answers": _answers(rng),
        "genre_labels": pl.DataFrame({"song": song, "genre": genre}),
        "latent_map": pl.DataFrame({"song": song, **places, "genre": genre, **agreement}),
    }


def _graph(rng: np.random.Generator, playlist: np.ndarray, song: np.ndarray) -> dict[str, Any]:
    edges = pl.DataFrame({"playlist": playlist, "song": song}).cast(pl.UInt32)
    order = np.lexsort((playlist, song))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(song, minlength=_SONGS))])
    part = np.array(["train"] * 14 + ["validation"] * 3 + ["test"] * 3)[
        np.tile(np.arange(_LENGTH), len(song) // _LENGTH)
    ]
    degree = np.bincount(song[part == "train"], minlength=_SONGS)
    held = {(int(p), int(s)) for p, s in zip(playlist, song, strict=True)}
    negatives: dict[str, list[int | None]] = {"uniform": [], "matched": []}
    drawn: set[tuple[str, int, int]] = set()
    by_degree = np.argsort(degree, kind="stable")
    rank = np.argsort(by_degree, kind="stable")
    for p, s, of in zip(playlist.tolist(), song.tolist(), part.tolist(), strict=True):
        orders = {
            "uniform": rng.permutation(_SONGS),
            "matched": by_degree[np.argsort(abs(np.arange(_SONGS) - rank[s]))],
        }
        for name, order_of in orders.items():
            found = next(int(n) for n in order_of if (p, int(n)) not in held and (name, p, int(n)) not in drawn)
            drawn |= {(name, p, found)} if of != "train" else set()
            negatives[name].append(found if of != "train" else None)
    links = edges.with_columns(
        part=pl.Series(part, dtype=_PARTS),
        **{name: pl.Series(found, dtype=pl.UInt32) for name, found in negatives.items()},
        degree=pl.Series(degree[song], dtype=pl.UInt32),
    )
    first = rng.standard_normal(_SONGS)
    curve = {"epoch": [0, 1], "loss": [5.0, 4.0], "auc": [0.8, 0.9], "precision": [0.8, 0.8], "recall": [0.8, 0.9]}
    told = {"system": ["popularity", "GraphSAGE"], "auc": [0.7, 0.92], "matched_auc": [0.5, 0.86]}
    return {
        "playlist_graph": edges,
        "graph_by_song": {"indptr": indptr, "playlists": playlist[order]},
        "link_splits": links.with_columns(degree=pl.when(pl.col("uniform").is_null()).then(None).otherwise("degree")),
        "graphsage_checkpoint": pl.DataFrame(curve | {"f1": [0.8, 0.85]}),
        "graphsage_orders": pl.DataFrame({"first": first, "second": first + rng.standard_normal(_SONGS)}),
        "link_evaluation": pl.DataFrame(told),
    }


def _continuation(rng: np.random.Generator) -> dict[str, Any]:
    metrics = {"r_precision": 0.15, "r_precision_official": 0.17, "ndcg@500": 0.29, "clicks": 4.0, "recall@500": 0.36}
    return {
        "continuation_ranker": _fitted("continuation"),
        "title_neighbours": pl.DataFrame(
            {"word": ["rock"], "playlists": pl.Series([4], dtype=pl.UInt32), "near": [["metal"]]}
        ),
        "continuation_evaluation": _figures("two stages (served)", ("0", "mean"), metrics),
        "continuation_last": 0.28,
        "served_continuation": _published("continuation"),
        "continuation_answers": _answers(rng),
    }


def _fitted(task: str) -> pl.DataFrame:
    return pl.DataFrame({"task": [task], "songs": [_SONGS], "playlists": [_PLAYLISTS], "config": [_CONFIG]})


def _published(task: str) -> pl.DataFrame:
    return pl.DataFrame({"experiment": [task], "version": ["v-1"], "songs": [_SONGS], "playlists": [_PLAYLISTS]})


def _figures(served: str, kinds: tuple[str, ...], metrics: dict[str, float]) -> pl.DataFrame:
    rows = []
    for model, share in ((served, 1.0), ("most popular", 0.1)):
        for kind in kinds:
            row: dict[str, Any] = {"model": model, "kind": kind, "queries": 24}
            for name, value in metrics.items():
                row |= {name: value * share, f"{name}_low": value * share * 0.9, f"{name}_high": value * share * 1.1}
            rows.append(row)
    return pl.DataFrame(rows)


def _answers(rng: np.random.Generator) -> pl.DataFrame:
    rows = []
    for request in range(12):
        for place, artist in enumerate(rng.permutation(_ARTISTS)[:20].tolist()):
            rows.append((request, place, artist * _EACH, artist, False, False, True, True))
    names = ("request", "place", "song", "artist", "shown", "imitation", "reasoned", "true_reason")
    return pl.DataFrame(rows, schema=names, orient="row")
