"""The reference's "GraphSAGE" as its code has it: a number of the playlist plus a number of the song.

`sigmoid(Linear(concat(playlist embedding, song embedding)))`: a linear map of two vectors beside each other is the sum
of a map of each, so every playlist puts songs in one and the same order, and that order is popularity. Its loss takes
the sigmoid for a logit and applies another. Kept as a baseline, and as what checks must catch.
"""

from dataclasses import dataclass

import numpy as np

from buddies_core.graph.sage import PlaylistGraph

DIMENSION, RATE, POSITIVE_WEIGHT, DROPOUT = 64, 0.01, 2.0, 0.5


@dataclass(frozen=True)
class Additive:
    """`playlists` and `songs`: the number of each, float32; a new playlist has none."""

    playlists: np.ndarray
    songs: np.ndarray

    def scores(self, playlists: np.ndarray, songs: np.ndarray) -> np.ndarray:
        """Logit of each pair."""
        return self.playlists[playlists] + self.songs[songs]


def train_additive(graph: PlaylistGraph, *, epochs: int = 30, seed: int = 0) -> Additive:
    """Full-batch Adam with one evenly drawn negative an edge, new ones each epoch, as written."""
    import torch
    from torch import nn

    owner, songs = torch.from_numpy(graph.owner), torch.from_numpy(graph.songs.astype(np.int64))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        rows, columns = nn.Embedding(graph.n_playlists, DIMENSION), nn.Embedding(graph.n_songs, DIMENSION)
        linear, drop = nn.Linear(2 * DIMENSION, 1), nn.Dropout(DROPOUT)
        optimiser = torch.optim.Adam([*rows.parameters(), *columns.parameters(), *linear.parameters()], RATE)
        loss_of = nn.BCEWithLogitsLoss(torch.cat([torch.full((len(songs),), POSITIVE_WEIGHT), torch.ones(len(songs))]))
        labels = torch.cat([torch.ones(len(songs)), torch.zeros(len(songs))])
        for _ in range(epochs):
            every = torch.cat([songs, torch.randint(graph.n_songs, (len(songs),))])
            pairs = torch.cat([drop(rows(torch.cat([owner, owner]))), drop(columns(every))], 1)
            loss = loss_of(torch.sigmoid(linear(pairs))[:, 0], labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            weight = linear.weight[0]
            own = (rows.weight @ weight[:DIMENSION] + linear.bias).numpy()
            return Additive(own, (columns.weight @ weight[DIMENSION:]).numpy())
