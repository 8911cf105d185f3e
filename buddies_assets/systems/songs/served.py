"""What the service holds of songs: every list worked out, songs like each song, what strangers get, the catalogue."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from buddies_assets.systems.songs.recommender import Material, lists_of
from buddies_core.artifact.served_songs import (
    LISTED,
    NEAREST,
    NEAREST_OF_SOURCE,
    TASTE,
    Reason,
    publish_songs,
)
from buddies_core.recommenders.protocol import Recommender
from buddies_core.songs.model import SongsModel
from buddies_core.songs.source_list import SongSource

ALIKE = ("ALS", "BPR", "item neighbours", "Item2Item")
"""Sources whose neighbours are served one by one, for a round robin."""
_AT_ONCE = 256


def publish(home: Path, model: SongsModel, found: Material, catalogue: pl.DataFrame, facts: Mapping[str, Any]) -> str:
    """Store a version for the service; returns its name."""
    rows = catalogue.join(pl.DataFrame({"song": found.plays.items}), on="song", how="right", maintain_order="right")
    order = _by_bytes(found.plays.users)
    shown = rows["artist"].is_not_null().to_numpy()
    arrays = _lists(model, found, order, shown) | _neighbours(model, found)
    sources = [source.name for source, _ in _alike(model)]
    ids = [(name, row) for row, names in enumerate(rows["song_ids"].to_list()) for name in names]
    ids.sort(key=lambda pair: pair[0].encode())
    arrays |= {
        "listeners": rows["listeners"].to_numpy().astype(np.int32),
        "artist_number": np.where(shown, found.facts.artist, -1).astype(np.int32),
        "year": rows["year"].fill_null(0).to_numpy().astype(np.int16),
        "id_row": np.array([row for _, row in ids], np.int32),
    }
    texts: dict[str, Sequence[str]] = {
        "user": [found.plays.users[place] for place in order.tolist()],
        "song": found.plays.items,
        "uri": [uris[0] if uris else "" for uris in rows["track_uris"].to_list()],
        "id": [name for name, _ in ids],
        **{name: rows[name].fill_null("").to_list() for name in ("title", "artist", "release")},
    }
    return publish_songs(home, arrays, texts, {**facts, "sources": sources})


def _by_bytes(ids: list[str]) -> np.ndarray:
    return np.array(sorted(range(len(ids)), key=lambda place: ids[place].encode()), np.int64)


def _lists(model: SongsModel, found: Material, order: np.ndarray, shown: np.ndarray) -> dict[str, np.ndarray]:
    histories = found.histories.of(order)
    lists = lists_of(model, found, LISTED, order)
    reasons, because = _reasons(model, np.where(shown, found.facts.artist, -1), histories.plays, lists.songs)
    plays = histories.plays
    taste = np.full((len(order), TASTE), -1, np.int32)
    amounts = np.zeros((len(order), TASTE), np.float32)
    for row in range(len(order)):
        mine = slice(plays.indptr[row], plays.indptr[row + 1])
        best = np.argsort(-plays.data[mine], kind="stable")[:TASTE]
        taste[row, : len(best)], amounts[row, : len(best)] = plays.indices[mine][best], plays.data[mine][best]
    return {
        "lists": lists.songs, "scores": lists.chances, "reasons": reasons, "because": because,
        "known_offsets": plays.indptr.astype(np.int64), "known": plays.indices.astype(np.int32),
        "taste": taste, "plays": amounts,
    }  # fmt: skip


def _reasons(model: SongsModel, artist: np.ndarray, plays: Any, lists: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Why each song is named: the nearest song known, or one of its artist, or those who play alike, or popularity.

    Args:
        artist: int [n_songs], number of each song's artist; -1 where none is shown, which is no reason to give.
    """
    alike = model.world.alike
    reasons, because = np.zeros(lists.shape, np.uint8), np.full(lists.shape, -1, np.int32)
    for row, listed in enumerate(lists.tolist()):
        mine = plays.indices[plays.indptr[row] : plays.indptr[row + 1]]
        likeness = alike[mine].tocsc() if len(mine) else None
        for place, song in enumerate(listed):
            if song < 0 or likeness is None:
                continue
            same = mine[artist[mine] == artist[song]] if artist[song] >= 0 else mine[:0]
            column = slice(likeness.indptr[song], likeness.indptr[song + 1])
            near, values = likeness.indices[column], likeness.data[column]
            if len(same):
                reasons[row, place], because[row, place] = Reason.ARTIST, same[0]
            elif len(near):
                reasons[row, place], because[row, place] = Reason.PLAYED, mine[near[np.argmax(values)]]
            else:
                reasons[row, place] = Reason.LISTENERS
    return reasons, because


def _alike(model: SongsModel) -> list[tuple[SongSource, Recommender]]:
    return [(source, fitted) for source, fitted in model.models if source.name in ALIKE]


def _neighbours(model: SongsModel, found: Material) -> dict[str, np.ndarray]:
    """Songs like each song: merged by the mean of the sources' standardised likenesses, and of each source."""
    n = found.facts.n_songs
    similar, scores = np.full((n, NEAREST), -1, np.int32), np.zeros((n, NEAREST), np.float32)
    alike = _alike(model)
    by_source = np.full((len(alike), n, NEAREST_OF_SOURCE), -1, np.int32)
    for first in range(0, n, _AT_ONCE):
        songs = np.arange(first, min(first + _AT_ONCE, n))
        total = np.zeros((len(songs), n), np.float32)
        for place, (_, fitted) in enumerate(alike):
            values = fitted.similar(songs)
            values[np.arange(len(songs)), songs] = -np.inf
            best = _best(values, NEAREST_OF_SOURCE)
            by_source[place, songs, : best.shape[1]] = best
            values[np.arange(len(songs)), songs] = 0.0
            total += values / np.maximum(values.max(axis=1, keepdims=True), 1e-6) / max(len(alike), 1)
        total[np.arange(len(songs)), songs] = -np.inf
        if found.groups is not None:
            same = (found.groups[songs][:, None] == found.groups) & (found.groups[songs][:, None] >= 0)
            total[same] = -np.inf
        best = _best(total, NEAREST)
        values = np.take_along_axis(total, best, axis=1)
        kept = np.isfinite(values) & (values > 0)
        similar[songs, : best.shape[1]] = np.where(kept, best, -1)
        scores[songs, : best.shape[1]] = np.where(kept, values, 0.0)
    return {
        "similar": similar,
        "similar_scores": scores * _scale(found, similar, scores),
        "similar_by_source": by_source,
    }


def _scale(found: Material, similar: np.ndarray, scores: np.ndarray) -> np.float32:
    """What turns a likeness into a chance: of who has a song, the share with its neighbour, per unit of likeness."""
    known = found.histories.known.tocsc()
    rng = np.random.default_rng(0)
    able = np.flatnonzero((np.diff(known.indptr) > 1) & (similar[:, 0] >= 0))
    both = weight = 0.0
    for song in rng.choice(able, min(len(able), 500), replace=False).tolist() if len(able) else []:
        mine = known.indices[known.indptr[song] : known.indptr[song + 1]]
        near = similar[song][similar[song] >= 0][:20]
        for place, other in enumerate(near.tolist()):
            theirs = known.indices[known.indptr[other] : known.indptr[other + 1]]
            both += len(np.intersect1d(mine, theirs)) / len(mine)
            weight += float(scores[song, place])
    return np.float32(min(both / weight, 1.0) if weight else 1.0)


def _best(values: np.ndarray, count: int) -> np.ndarray:
    """The highest of each row, best first; equal ones by place."""
    return np.argsort(-values, axis=1, kind="stable")[:, : min(count, values.shape[1] - 1)]
