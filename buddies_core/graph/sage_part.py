"""What a part of a step of GraphSAGE loses, and by which gradients: its playlists, and negatives that all share.

A step always has the same parts. Threads take one each, and what they find is added up in the order of the parts: so
any number of threads gives the same bits, and none waits for another within a part.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from buddies_core.graph.row_tables import Reader, Touched
from buddies_core.graph.sage import PlaylistGraph, degree_step, playlist_features
from buddies_core.graph.sage_loss import Shared, shared_loss
from buddies_core.graph.sage_sampling import Sampling, Shown, beside, of_the_same_artist


@dataclass(frozen=True)
class Asked:
    """A part of a step.

    Attributes:
        playlists: of the part; shown: of them.
        negatives: of the whole step; picked: the one of each target that links are told from.
        seen: float32 [targets], 0 where a target hides its own vector.
        of: targets of the whole step.
    """

    playlists: np.ndarray
    shown: Shown
    negatives: np.ndarray
    picked: np.ndarray
    seen: np.ndarray
    of: int


@dataclass(frozen=True)
class Lost:
    """The loss of a part, its gradients by the dense weights, in their order, and by the rows that were read."""

    loss: float
    dense: list[Any]
    touched: list[Touched]


@dataclass(frozen=True)
class Network:
    """What a part reads: weights, tables, and the messages as they were made before the epoch."""

    graph: PlaylistGraph
    sampling: Sampling
    tables: dict[str, np.ndarray]
    dense: dict[str, Any]
    means: np.ndarray
    sums: np.ndarray
    pointwise: float


def lost(network: Network, asked: Asked) -> Lost:
    """Loss and gradients of one part, as shares of the whole step's."""
    import torch
    from torch.nn import functional

    dense, shown, reader = network.dense, asked.shown, Reader(network.tables)
    p, right, others = _playlists_and_targets(network, asked, reader)
    h_drawn, level = _negatives(network, asked, reader)
    degrees = dense["same"]
    right = right + _at(degrees, np.minimum(others, 7))
    held, same = beside(
        len(asked.playlists), shown.owner, shown.songs, shown.artists, asked.negatives,
        network.graph.artist_of[asked.negatives].astype(np.int64),
    )  # fmt: skip
    log_share, mine = network.sampling.log_share, shown.mine
    targets = np.bincount(mine, minlength=len(asked.playlists))
    shared = Shared(_starts(targets), mine, held, np.minimum(same, 7), log_share[asked.negatives], asked.picked)
    softmax, one = shared_loss(p, h_drawn, level, degrees, right - torch.from_numpy(log_share[shown.target]), shared)
    offset = p @ dense["g"]
    there = torch.from_numpy(~held[mine, asked.picked])
    links = 2 * functional.softplus(-(right + offset)).sum() + functional.softplus((one + offset)[there]).sum()
    loss = softmax * (len(mine) / asked.of) + network.pointwise / asked.of * links
    found = torch.autograd.grad(loss, [*dense.values(), *reader.leaves])
    return Lost(float(loss.detach()), list(found[: len(dense)]), reader.touched(found[len(dense) :]))


def _playlists_and_targets(network: Network, asked: Asked, reader: Reader) -> tuple[Any, Any, np.ndarray]:
    """Vector of the playlist of each target, made without it; the target's score; other songs of its artist there."""
    import torch

    graph, sampling, dense, shown = network.graph, network.sampling, network.dense, asked.shown
    mine, song, artist, inside = shown.mine, shown.target, shown.target_artist, shown.inside
    total = reader.bags(_starts(shown.lengths), shown.owner, ("songs", shown.songs), ("artists", shown.artists))
    song_rows, artist_rows = reader.gather(("songs", song)), reader.gather(("artists", artist))
    own_part = torch.from_numpy(inside[:, None].astype(np.float32))
    count = shown.lengths[mine] - inside
    u = total.index_select(0, torch.from_numpy(mine)) - own_part * (song_rows + artist_rows)
    u = u / torch.from_numpy(np.sqrt(count + 1)[:, None].astype(np.float32))
    others = of_the_same_artist(mine, shown.owner, shown.artists, artist) - inside
    artists = shown.artists_of[mine] - inside * (others == 0)
    told = torch.from_numpy(playlist_features(count, artists, graph.followers[asked.playlists][mine]))
    u = u * torch.exp(told @ dense["gate"])[:, None]
    hidden = torch.tanh(u @ dense["b"] + told @ dense["c"] + dense["bias"])
    p = u @ dense["a"] + hidden @ dense["d"]

    # The target as it would be without this edge.
    left = sampling.degree[song] - 1
    around = (network.sums[song] - network.means[asked.playlists][mine]) / np.maximum(left, 1).astype(np.float32)[
        :, None
    ]
    seen = torch.from_numpy(asked.seen[:, None])
    own = reader.gather(("own", song))
    h = seen * own + (seen * song_rows + artist_rows) @ dense["e"] + torch.from_numpy(around) @ dense["f"]
    known = sampling.artist_degree[artist] - sampling.alone(asked.playlists[mine], artist)
    right = (p * h).sum(1) + _at(dense["by_degree"], degree_step(left))
    return p, right + _at(dense["by_artist_degree"], degree_step(known)), others


def _negatives(network: Network, asked: Asked, reader: Reader) -> tuple[Any, Any]:
    """Vectors of the negatives, and what popularity says of each."""
    import torch

    negatives, sampling, dense = asked.negatives, network.sampling, network.dense
    singers = network.graph.artist_of[negatives].astype(np.int64)
    degree = sampling.degree[negatives]
    mean = torch.from_numpy(network.sums[negatives] / np.maximum(degree, 1).astype(np.float32)[:, None])
    z = reader.gather(("songs", negatives), ("artists", singers))
    h = reader.gather(("own", negatives)) + z @ dense["e"] + mean @ dense["f"]
    level = _at(dense["by_degree"], degree_step(degree))
    return h, level + _at(dense["by_artist_degree"], degree_step(sampling.artist_degree[singers]))


def _starts(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])


def _at(table: Any, places: np.ndarray) -> Any:
    """Rows of a small table; its gradient is added up in the order of the places.

    That of `table[places]` is not, and differs in its last bits from one process to the next.
    """
    import torch

    return table.index_select(0, torch.from_numpy(places.ravel().astype(np.int64))).reshape(places.shape)
