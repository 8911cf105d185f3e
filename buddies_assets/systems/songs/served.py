"""What the service holds of songs: every list worked out, songs like each song, what strangers get, the catalogue."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numba import njit

from buddies_assets.systems.songs.alike import alike_sources, neighbours
from buddies_assets.systems.songs.recommender import Material, lists_of
from buddies_core.artifact.served_songs import LISTED, TASTE, Reason, publish_songs
from buddies_core.songs.model import SongsModel


def publish(home: Path, model: SongsModel, found: Material, catalogue: pl.DataFrame, facts: Mapping[str, Any]) -> str:
    """Store a version for the service; returns its name."""
    rows = catalogue.join(pl.DataFrame({"song": found.plays.items}), on="song", how="right", maintain_order="right")
    order = _by_bytes(found.plays.users)
    shown = rows["artist"].is_not_null().to_numpy()
    arrays = _lists(model, found, order, shown) | neighbours(model, found)
    sources = [source.name for source, _ in alike_sources(model)]
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
    """Why each song is named: a song known of its artist, or the nearest one, or those who play alike.

    Args:
        artist: int [n_songs], number of each song's artist; -1 where none is shown, which is no reason to give.
    """
    alike = model.world.alike
    reasons, because = np.zeros(lists.shape, np.uint8), np.full(lists.shape, -1, np.int32)
    # Everything as it is stored: of a million listeners a copy of each would take some three gigabytes.
    _give_reasons(
        (plays.indptr, plays.indices), (alike.indptr, alike.indices, alike.data), artist,
        int(artist.max(initial=-1)) + 1, lists, (int(Reason.ARTIST), int(Reason.PLAYED), int(Reason.LISTENERS)),
        reasons, because,
    )  # fmt: skip
    return reasons, because


@njit(nogil=True, cache=True)
def _give_reasons(plays, alike, artist, n_artists, lists, kinds, reasons, because):  # type: ignore[no-untyped-def]
    """Write `_reasons` of CSR arrays; of equal songs the first one known counts."""
    indptr, songs = plays
    starts, others, values = alike
    of_artist = np.full(n_artists, -1, np.int64)
    nearest, near = np.full(len(artist), -1, np.int64), np.zeros(len(artist), np.float32)
    for row in range(len(lists)):
        first, last = indptr[row], indptr[row + 1]
        for at in range(last - 1, first - 1, -1):
            if artist[songs[at]] >= 0:
                of_artist[artist[songs[at]]] = songs[at]
        for at in range(first, last):
            for place in range(starts[songs[at]], starts[songs[at] + 1]):
                if nearest[others[place]] < 0 or values[place] > near[others[place]]:
                    nearest[others[place]], near[others[place]] = songs[at], values[place]
        for place in range(lists.shape[1]):
            song = lists[row, place]
            if song < 0 or first == last:
                continue
            if artist[song] >= 0 and of_artist[artist[song]] >= 0:
                reasons[row, place], because[row, place] = kinds[0], of_artist[artist[song]]
            elif nearest[song] >= 0:
                reasons[row, place], because[row, place] = kinds[1], nearest[song]
            else:
                reasons[row, place] = kinds[2]
        for at in range(first, last):
            if artist[songs[at]] >= 0:
                of_artist[artist[songs[at]]] = -1
            for place in range(starts[songs[at]], starts[songs[at] + 1]):
                nearest[others[place]], near[others[place]] = -1, 0.0
