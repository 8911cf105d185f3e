"""The state of a training of GraphSAGE, and its steps. How it learns stands in `sage_training.py`."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from buddies_core.errors import SequencesError
from buddies_core.graph.row_tables import RowTables
from buddies_core.graph.sage import (
    DEGREES,
    FEATURES,
    PlaylistGraph,
    SageModel,
    degree_step,
    playlist_features,
)
from buddies_core.graph.sage_config import SageConfig
from buddies_core.graph.sage_loss import Shared, shared_loss
from buddies_core.graph.sage_sampling import Sampling, beside, by_song, of_the_same_artist
from buddies_core.kernels.table_rows import sums_of_bags
from buddies_core.recommenders.als import als_factors
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.storage.durable import replacing


class Training:
    """State of a training between epochs."""

    def __init__(self, graph: PlaylistGraph, config: SageConfig) -> None:
        import torch

        self.graph, self.config = graph, config
        self.sampling = Sampling(graph, config)
        d = config.dimension
        start, artists = self._from_als()
        tables = {"songs": start, "own": np.zeros_like(start), "artists": artists}
        self.tables = RowTables(tables)
        eye, small = torch.eye(d), lambda *shape: torch.randn(*shape) * 0.05
        self.dense: dict[str, Any] = {
            name: torch.nn.Parameter(value)
            for name, value in {
                "a": eye.clone(), "b": small(d, d), "c": small(len(FEATURES), d), "d": small(d, d),
                "bias": torch.zeros(d), "e": eye.clone(), "f": small(d, d), "g": torch.zeros(d),
                "gate": torch.tensor([-0.8, 0.0, 0.0]),
                "by_degree": torch.linspace(-2, 2, DEGREES), "by_artist_degree": torch.zeros(DEGREES),
                "same": torch.zeros(8),
            }.items()
        }  # fmt: skip
        self.optimiser = torch.optim.Adam(self.dense.values(), config.dense_rate)
        self.holders = by_song(graph)
        self.means = np.empty((graph.n_playlists, d), np.float32)
        self.sums = np.empty((graph.n_songs, d), np.float32)

    def _from_als(self) -> tuple[np.ndarray, np.ndarray]:
        """Vectors of songs from ALS, of which what they share with their artist goes to the artist."""
        from buddies_core.interactions.csr import Library

        graph, config = self.graph, self.config
        als = TrainingConfig(
            dimension=config.dimension, als_alpha=config.als_alpha, als_l2=config.als_l2, als_iterations=6,
            threads=config.threads, seed=config.seed,
        )  # fmt: skip
        cells = Library.from_parts([(graph.owner, graph.songs)], graph.n_playlists, graph.n_songs)
        found = als_factors(cells, als).playlists[:, : config.dimension]
        found = np.ascontiguousarray(found / max(float(np.sqrt((found**2).sum(1).mean())), 1e-9))
        rows = np.bincount(self.sampling.edge_artists, minlength=graph.n_artists + 1).astype(np.float32)
        by_artist = csr_array(
            (np.ones(len(graph.songs), np.float32), (self.sampling.edge_artists, graph.songs)),
            shape=(graph.n_artists + 1, graph.n_songs),
        )
        artists = (by_artist @ found / (rows + 2)[:, None]).astype(np.float32)
        songs = found - artists[graph.artist_of]
        songs[self.sampling.degree == 0] = 0
        return songs.astype(np.float32), artists

    def epoch(self, number: int) -> float:
        """One pass over the playlists; returns the mean loss of its steps."""
        rng = np.random.default_rng((self.config.seed, number))
        self._messages()
        self._pace = 1 - 0.9 * number / max(self.config.epochs - 1, 1)
        self.optimiser.param_groups[0]["lr"] = self.config.dense_rate * self._pace
        order = rng.permutation(self.sampling.able)
        steps = np.split(order, range(self.config.playlists, len(order), self.config.playlists))
        return float(np.mean([self._step(step, rng) for step in steps]))

    def _messages(self) -> None:
        """Mean z of each playlist, and the mean of those over each song's playlists: made anew before each epoch."""
        graph, (indptr, playlists) = self.graph, self.holders
        z = self.tables.values["songs"] + self.tables.values["artists"][graph.artist_of]
        sums_of_bags(graph.indptr, graph.songs, z, self.means)
        self.means /= np.maximum(self.sampling.lengths, 1)[:, None].astype(np.float32)
        sums_of_bags(indptr, playlists, self.means, self.sums)

    def _step(self, playlists: np.ndarray, rng: np.random.Generator) -> float:
        import torch
        from torch.nn import functional

        config, graph, tables, dense = self.config, self.graph, self.tables, self.dense
        shown = self.sampling.shown(playlists, rng)
        songs, artists, owner, lengths = shown.songs, shown.artists, shown.owner, shown.lengths
        mine, song, artist, inside = shown.mine, shown.target, shown.target_artist, shown.inside
        negatives = self.sampling.negatives(rng)

        rows = tables.gather
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        total = tables.bags((("songs", songs), ("artists", artists)), starts, owner)
        song_rows, artist_rows = rows((("songs", song),)), rows((("artists", artist),))
        own_part = torch.from_numpy(inside[:, None].astype(np.float32))
        count = lengths[mine] - inside
        u = total.index_select(0, torch.from_numpy(mine)) - own_part * (song_rows + artist_rows)
        u = u / torch.from_numpy(np.sqrt(count + 1)[:, None].astype(np.float32))
        others = of_the_same_artist(mine, owner, artists, artist) - inside
        features = playlist_features(
            count, shown.artists_of[mine] - inside * (others == 0), graph.followers[playlists][mine]
        )
        told = torch.tensor(features)
        u = u * torch.exp(told @ dense["gate"])[:, None]
        hidden = torch.tanh(u @ dense["b"] + told @ dense["c"] + dense["bias"])
        p = u @ dense["a"] + hidden @ dense["d"]

        # The target as it would be without this edge.
        left = self.sampling.degree[song] - 1
        seen = torch.from_numpy((rng.random(len(song)) >= 1 / (left + 1)).astype(np.float32)[:, None])
        around = (self.sums[song] - self.means[playlists][mine]) / np.maximum(left, 1).astype(np.float32)[:, None]
        own = rows((("own", song),))
        h = seen * own + (seen * song_rows + artist_rows) @ dense["e"] + torch.tensor(around) @ dense["f"]
        right = (p * h).sum(1) + _at(dense["by_degree"], degree_step(left))
        known = self.sampling.artist_degree[artist] - self.sampling.alone(playlists[mine], artist)
        right = right + _at(dense["by_artist_degree"], degree_step(known))
        right = right + _at(dense["same"], np.minimum(others, 7))

        singers = graph.artist_of[negatives].astype(np.int64)
        z_drawn = rows((("songs", negatives), ("artists", singers)))
        mean = self.sums[negatives] / np.maximum(self.sampling.degree[negatives], 1).astype(np.float32)[:, None]
        h_drawn = rows((("own", negatives),)) + z_drawn @ dense["e"] + torch.tensor(mean) @ dense["f"]
        level = _at(dense["by_degree"], degree_step(self.sampling.degree[negatives]))
        level = level + _at(dense["by_artist_degree"], degree_step(self.sampling.artist_degree[singers]))
        held, same = beside(len(playlists), owner, songs, artists, negatives, singers)
        picked = len(negatives) // 2 + rng.integers(0, len(negatives) - len(negatives) // 2, len(song))
        shared = Shared(
            np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(mine, minlength=len(playlists)))]), mine,
            held, np.minimum(same, 7), self.sampling.log_share[negatives], picked,
        )  # fmt: skip
        asked = right - torch.from_numpy(self.sampling.log_share[song])
        softmax, one = shared_loss(p, h_drawn, level, dense["same"], asked, shared)
        offset = p @ dense["g"]
        there = torch.from_numpy(~held[mine, picked])
        links = 2 * functional.softplus(-(right + offset)).mean()
        links = links + functional.softplus((one + offset)[there]).sum() / max(len(song), 1)
        loss = softmax + config.pointwise * links
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        tables.step(np.float32(config.learning_rate * self._pace))
        return float(loss.detach())

    def model(self) -> SageModel:
        """The network as it stands."""
        self._messages()
        weights = {name: value.copy() for name, value in self.tables.values.items()}
        weights |= {name: value.detach().numpy().copy() for name, value in self.dense.items()}
        places = self.sums / np.maximum(self.sampling.degree, 1)[:, None].astype(np.float32)
        return SageModel(
            **weights, places=places.astype(np.float32), degree=self.sampling.degree.astype(np.int32),
            artist_degree=self.sampling.artist_degree.astype(np.int32), artist_of=self.graph.artist_of.astype(np.int32),
            threshold=np.zeros((), np.float32),
        )  # fmt: skip

    def save(self, path: Path | None, epochs: int) -> None:
        """Write the state after some epochs; a run that dies while writing leaves the state before it."""
        import torch

        if path is None:
            return
        state = {
            "config": self.config.model_dump_json(), "edges": len(self.graph.songs), "epochs": epochs,
            "dense": {name: value.detach() for name, value in self.dense.items()}, "adam": self.optimiser.state_dict(),
            "tables": {name: torch.from_numpy(value) for name, value in self.tables.values.items()},
            "squares": {name: torch.from_numpy(value) for name, value in self.tables.squares.items()},
        }  # fmt: skip
        with replacing(path) as file:
            torch.save(state, file)

    def restore(self, path: Path | None) -> int:
        """Go on from a stored state; returns the epochs that it has seen."""
        import torch

        if path is None or not path.exists():
            return 0
        state = torch.load(path, weights_only=True)
        ours = state["config"] == self.config.model_dump_json() and state["edges"] == len(self.graph.songs)
        if not ours or "squares" not in state:
            raise SequencesError(
                f"{path} holds another training: remove it, or use the configuration it was made with."
            )
        with torch.no_grad():
            for name, value in self.dense.items():
                value.copy_(state["dense"][name])
        for name in self.tables.values:
            self.tables.values[name][:] = state["tables"][name].numpy()
            self.tables.squares[name][:] = state["squares"][name].numpy()
        self.optimiser.load_state_dict(state["adam"])
        return int(state["epochs"])


def _at(table: Any, places: np.ndarray) -> Any:
    """Rows of a small table; its gradient is added up in the order of the places.

    That of `table[places]` is not, and differs in its last bits from one process to the next.
    """
    import torch

    return table.index_select(0, torch.from_numpy(places.ravel().astype(np.int64))).reshape(places.shape)
