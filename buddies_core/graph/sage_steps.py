"""The state of a training of GraphSAGE, and its steps. How it learns stands in `sage_training.py`."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
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
)
from buddies_core.graph.sage_config import SageConfig
from buddies_core.graph.sage_part import Asked, Lost, Network, lost
from buddies_core.graph.sage_sampling import Sampling, by_song
from buddies_core.kernels.table_rows import sums_of_bags
from buddies_core.recommenders.als import als_factors
from buddies_core.recommenders.bpr.config import TrainingConfig
from buddies_core.storage.durable import replacing

_PARTS = 2
"""Of a step, whatever the number of threads: more would cost more, and their sums would differ in the last bits."""
Each = Callable[..., Iterable[Any]]


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
        pace = 1 - 0.9 * number / max(self.config.epochs - 1, 1)
        self.optimiser.param_groups[0]["lr"] = self.config.dense_rate * pace
        order = rng.permutation(self.sampling.able)
        steps = np.split(order, range(self.config.playlists, len(order), self.config.playlists))
        with several(self.config.threads) as each:
            self._messages(each)
            return float(np.mean([self._step(step, rng, self.config.learning_rate * pace, each) for step in steps]))

    def _messages(self, each: Each = map) -> None:
        """Mean z of each playlist, and the mean of those over each song's playlists: made anew before each epoch."""
        graph, (indptr, playlists) = self.graph, self.holders
        z = self.tables.values["songs"] + self.tables.values["artists"][graph.artist_of]
        self._sums(each, graph.indptr, graph.songs, z, self.means)
        self.means /= np.maximum(self.sampling.lengths, 1)[:, None].astype(np.float32)
        self._sums(each, indptr, playlists, self.means, self.sums)

    def _sums(self, each: Each, starts: np.ndarray, rows: np.ndarray, table: np.ndarray, sums: np.ndarray) -> None:
        """Sums of bags, cut into as many runs of about as many rows as there are threads."""
        cuts = np.linspace(0, starts[-1], self.config.threads + 1)
        bounds = [0, *np.searchsorted(starts, cuts[1:-1]).tolist(), len(sums)]
        list(each(lambda run: sums_of_bags(starts, rows, table, sums, *run), pairwise(bounds)))

    def _step(self, playlists: np.ndarray, rng: np.random.Generator, rate: float, each: Each) -> float:
        sampling, shown = self.sampling, self.sampling.shown(playlists, rng)
        negatives = sampling.negatives(rng)
        targets, even = len(shown.target), len(negatives) // 2
        # The more playlists a target stands in, the less often it hides: 1 case of as many.
        seen = (rng.random(targets) >= 1 / sampling.degree[shown.target]).astype(np.float32)
        picked = even + rng.integers(0, len(negatives) - even, targets)
        network = Network(
            self.graph, sampling, self.tables.values, self.dense, self.means, self.sums, self.config.pointwise
        )

        def part(ends: tuple[int, int]) -> Lost:
            own = slice(*np.searchsorted(shown.mine, ends))
            asked = Asked(playlists[slice(*ends)], shown.part(*ends), negatives, picked[own], seen[own], targets)
            return lost(network, asked)

        cuts = [len(playlists) * k // _PARTS for k in range(_PARTS + 1)]
        found = list(each(part, [ends for ends in pairwise(cuts) if ends[0] < ends[1]]))
        for place, weight in enumerate(self.dense.values()):
            weight.grad = sum((one.dense[place] for one in found[1:]), found[0].dense[place])
        self.optimiser.step()
        self.tables.step([rows for one in found for rows in one.touched], rate, each)
        return sum(one.loss for one in found)

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
            "config": self._decides(), "edges": len(self.graph.songs), "epochs": epochs,
            "dense": {name: value.detach() for name, value in self.dense.items()}, "adam": self.optimiser.state_dict(),
            "tables": {name: torch.from_numpy(value) for name, value in self.tables.values.items()},
            "squares": {name: torch.from_numpy(value) for name, value in self.tables.squares.items()},
        }  # fmt: skip
        with replacing(path) as file:
            torch.save(state, file)

    def _decides(self) -> str:
        """What decides the network: everything but the number of threads."""
        return self.config.model_dump_json(exclude={"threads"})

    def restore(self, path: Path | None) -> int:
        """Go on from a stored state; returns the epochs that it has seen."""
        import torch

        if path is None or not path.exists():
            return 0
        state = torch.load(path, weights_only=True)
        ours = state["config"] == self._decides() and state["edges"] == len(self.graph.songs)
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


@contextmanager
def several(threads: int) -> Iterator[Each]:
    """A `map` on so many threads; on one it is Python's own."""
    if threads == 1:
        yield map
        return
    with ThreadPoolExecutor(threads) as pool:
        yield pool.map
