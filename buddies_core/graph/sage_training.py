"""Training of GraphSAGE: what is asked of an edge never includes that edge.

A step takes some playlists and of each some songs as targets. The playlist's vector is made without the target; so are
the target's popularity, its artist's, and the mean over its playlists. A target that stands in n playlists hides its
own vector in one case of n: a song of a single playlist is then what it would be for any other, one without an edge.
The loss is a softmax over the target and many negatives that all targets of a step share, half drawn by popularity and
half evenly, corrected for how often each is drawn (Bengio & Senecal 2008), and beside it the cross-entropy of links and
evenly drawn others, weighted 2 to 1, which makes scores comparable between playlists. Vectors start from ALS.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field
from scipy.sparse import csr_array

from buddies_core.errors import SequencesError
from buddies_core.graph.link_metrics import LinkQuality, best_threshold, quality
from buddies_core.graph.links import Links
from buddies_core.graph.sage import (
    DEGREES,
    FEATURES,
    PlaylistGraph,
    SageModel,
    degree_step,
    link_scores,
    playlist_features,
)
from buddies_core.recommenders.als import als_factors
from buddies_core.recommenders.bpr.config import TrainingConfig


class SageConfig(BaseModel):
    """Everything that decides a network, given the graph."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dimension: int = Field(default=64, ge=2, le=512, description="Length of a vector.")
    epochs: int = Field(default=30, ge=1, le=500, description="Times that each playlist is taken.")
    playlists: int = Field(default=128, ge=1, description="Playlists in a step.")
    targets: int = Field(default=24, ge=1, description="Songs of a playlist that are asked for in a step.")
    negatives: int = Field(default=1_024, ge=2, description="Shared by all targets of a step.")
    learning_rate: float = Field(default=0.003, gt=0, description="Of Adagrad for vectors; it falls to a tenth.")
    dense_rate: float = Field(default=0.005, gt=0, description="Of Adam for matrices.")
    pointwise: float = Field(default=0.3, ge=0, description="Weight of the cross-entropy of links beside the softmax.")
    partly: float = Field(
        default=0.7, ge=0, le=1, description="Share of playlists that show some of their songs alone."
    )
    exponent: float = Field(default=0.75, description="Of popularity, when negatives are drawn by it.")
    als_alpha: float = Field(default=20.0, gt=0, description="Of the ALS that vectors start from.")
    als_l2: float = Field(default=10.0, gt=0, description="Of the ALS that vectors start from.")
    threads: int = Field(default=1, ge=1, description="Of ALS and of torch.")
    seed: int = Field(default=20_250_514, ge=0)


@dataclass(frozen=True)
class Epoch:
    """What an epoch came to: mean loss of its steps, and figures on the validation links where there are any."""

    number: int
    loss: float
    validation: LinkQuality | None


def train_sage(
    graph: PlaylistGraph,
    config: SageConfig,
    *,
    validation: Links | None = None,
    progress: Callable[[Epoch], None] = lambda epoch: None,
    checkpoint: Path | None = None,
) -> SageModel:
    """Learn from the edges of a graph; the same graph and configuration give the same network to the bit.

    Args:
        graph: the edges that messages run along, and the only ones learned from.
        validation: links that are no edges: judged after each epoch, and where the threshold is chosen.
        progress: called after each epoch.
        checkpoint: file that holds the state after each epoch; one that is there already is gone on from.

    Raises:
        SequencesError: no playlist has two songs, or the checkpoint is of another training.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            training = _Training(graph, config)
            done = training.restore(checkpoint)
            for number in range(done, config.epochs):
                loss = training.epoch(number)
                found = None
                if validation is not None:
                    found = judged(training.model(), graph, validation)[0]
                progress(Epoch(number, loss, found))
                training.save(checkpoint, number + 1)
            model = training.model()
    finally:
        torch.set_num_threads(threads)
    if validation is None or not len(validation):
        return model
    threshold = np.array(judged(model, graph, validation)[1], np.float32)
    return SageModel(**(model.arrays() | {"threshold": threshold}))


def judged(model: SageModel, graph: PlaylistGraph, links: Links) -> tuple[LinkQuality, float]:
    """Figures against evenly drawn negatives at the threshold that is best for them, and that threshold."""
    there = links.uniform >= 0
    positives = link_scores(model, graph, links.playlists, links.songs)
    negatives = link_scores(model, graph, links.playlists[there], links.uniform[there])
    threshold = best_threshold(positives, negatives)
    return quality(positives, negatives, threshold), threshold


@dataclass(frozen=True)
class _Shown:
    """What a step shows of its playlists: `songs`, `artists`, `owner` of each row, `lengths` and distinct `artists_of`.

    What it asks: `target` songs, their `target_artist`, the playlist `mine` of each, and whether it is `inside` what is
    shown and has to be taken out.
    """

    songs: np.ndarray
    artists: np.ndarray
    owner: np.ndarray
    lengths: np.ndarray
    mine: np.ndarray
    target: np.ndarray
    target_artist: np.ndarray
    inside: np.ndarray
    artists_of: np.ndarray


class _Training:
    """State of a training between epochs."""

    def __init__(self, graph: PlaylistGraph, config: SageConfig) -> None:
        import torch

        self.graph, self.config = graph, config
        self.lengths = np.diff(graph.indptr)
        self.able = np.flatnonzero(self.lengths >= 2)
        if not len(self.able):
            raise SequencesError("no playlist of the graph has two songs: there is no edge to predict from another.")
        self.edge_artists = graph.artist_of[graph.songs].astype(np.int64)
        self.degree = np.bincount(graph.songs, minlength=graph.n_songs)
        self.by_artist = np.sort(graph.owner << 32 | self.edge_artists)
        pairs = np.unique(self.by_artist)
        self.artist_degree = np.bincount(pairs & 0xFFFFFFFF, minlength=graph.n_artists + 1)
        d = config.dimension
        start, artists = self._from_als()
        tables = {
            "songs": start, "own": np.zeros_like(start), "artists": artists,
        }  # fmt: skip
        self.tables: dict[str, Any] = {name: torch.nn.Parameter(torch.from_numpy(t)) for name, t in tables.items()}
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
        self.optimisers = (
            torch.optim.Adagrad(self.tables.values(), config.learning_rate, initial_accumulator_value=1e-4),
            torch.optim.Adam(self.dense.values(), config.dense_rate),
        )
        weights = self.degree**config.exponent
        share = 0.5 * weights / weights.sum() + 0.5 / graph.n_songs
        self.cumulative = np.cumsum(weights) / weights.sum()
        self.log_share = np.log(share * config.negatives).astype(np.float32)

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
        rows = np.bincount(self.edge_artists, minlength=graph.n_artists + 1).astype(np.float32)
        by_artist = csr_array(
            (np.ones(len(graph.songs), np.float32), (self.edge_artists, graph.songs)),
            shape=(graph.n_artists + 1, graph.n_songs),
        )
        artists = (by_artist @ found / (rows + 2)[:, None]).astype(np.float32)
        songs = found - artists[graph.artist_of]
        songs[self.degree == 0] = 0
        return songs.astype(np.float32), artists

    def epoch(self, number: int) -> float:
        """One pass over the playlists; returns the mean loss of its steps."""
        rng = np.random.default_rng((self.config.seed, number))
        self._messages()
        pace = 1 - 0.9 * number / max(self.config.epochs - 1, 1)
        self.optimisers[0].param_groups[0]["lr"] = self.config.learning_rate * pace
        self.optimisers[1].param_groups[0]["lr"] = self.config.dense_rate * pace
        order = rng.permutation(self.able)
        steps = np.split(order, range(self.config.playlists, len(order), self.config.playlists))
        return float(np.mean([self._step(step, rng) for step in steps]))

    def _messages(self) -> None:
        """Mean z of each playlist, and the mean of those over each song's playlists: made anew before each epoch."""
        graph = self.graph
        z = self.tables["songs"].detach().numpy() + self.tables["artists"].detach().numpy()[graph.artist_of]
        ones = np.ones(len(graph.songs), np.float32)
        edges = csr_array((ones, graph.songs, graph.indptr), shape=(graph.n_playlists, graph.n_songs))
        self.means = ((edges @ z) / np.maximum(self.lengths, 1)[:, None]).astype(np.float32)
        self.sums = np.asarray(edges.T @ self.means, np.float32)

    def _step(self, playlists: np.ndarray, rng: np.random.Generator) -> float:
        import torch
        from torch.nn import functional

        config, graph, tables, dense = self.config, self.graph, self.tables, self.dense
        shown = self._shown(playlists, rng)
        songs, artists, owner, lengths = shown.songs, shown.artists, shown.owner, shown.lengths
        mine, song, artist, inside = shown.mine, shown.target, shown.target_artist, shown.inside
        negatives = self._negatives(rng)

        bag = functional.embedding_bag
        offsets = torch.from_numpy(np.cumsum(lengths) - lengths)
        total = bag(torch.from_numpy(songs.astype(np.int64)), tables["songs"], offsets, mode="sum", sparse=True)
        total = total + bag(torch.from_numpy(artists), tables["artists"], offsets, mode="sum", sparse=True)
        song_rows = functional.embedding(torch.from_numpy(song.astype(np.int64)), tables["songs"], sparse=True)
        artist_rows = functional.embedding(torch.from_numpy(artist), tables["artists"], sparse=True)
        own_part = torch.from_numpy(inside[:, None].astype(np.float32))
        count = lengths[mine] - inside
        u = total[torch.from_numpy(mine)] - own_part * (song_rows + artist_rows)
        u = u / torch.from_numpy(np.sqrt(count + 1)[:, None].astype(np.float32))
        others = self._count(mine, owner, artists, artist) - inside
        features = playlist_features(
            count, shown.artists_of[mine] - inside * (others == 0), graph.followers[playlists][mine]
        )
        told = torch.from_numpy(features)
        u = u * torch.exp(told @ dense["gate"])[:, None]
        hidden = torch.tanh(u @ dense["b"] + told @ dense["c"] + dense["bias"])
        p = u @ dense["a"] + hidden @ dense["d"]

        # The target as it would be without this edge.
        left = self.degree[song] - 1
        seen = torch.from_numpy((rng.random(len(song)) >= 1 / (left + 1)).astype(np.float32)[:, None])
        around = (self.sums[song] - self.means[playlists][mine]) / np.maximum(left, 1).astype(np.float32)[:, None]
        own = functional.embedding(torch.from_numpy(song.astype(np.int64)), tables["own"], sparse=True)
        h = seen * own + (seen * song_rows + artist_rows) @ dense["e"] + torch.from_numpy(around) @ dense["f"]
        right = (p * h).sum(1) + dense["by_degree"][degree_step(left)]
        right = (
            right
            + dense["by_artist_degree"][degree_step(self.artist_degree[artist] - self._alone(playlists[mine], artist))]
        )
        right = right + dense["same"][np.minimum(others, 7)]

        drawn = torch.from_numpy(negatives.astype(np.int64))
        singers = graph.artist_of[negatives].astype(np.int64)
        z_drawn = functional.embedding(drawn, tables["songs"], sparse=True)
        z_drawn = z_drawn + functional.embedding(torch.from_numpy(singers), tables["artists"], sparse=True)
        mean = self.sums[negatives] / np.maximum(self.degree[negatives], 1).astype(np.float32)[:, None]
        h_drawn = functional.embedding(drawn, tables["own"], sparse=True)
        h_drawn = h_drawn + z_drawn @ dense["e"] + torch.from_numpy(mean) @ dense["f"]
        level = dense["by_degree"][degree_step(self.degree[negatives])]
        level = level + dense["by_artist_degree"][degree_step(self.artist_degree[singers])]
        held, same = self._beside(len(playlists), owner, songs, artists, negatives, singers)
        wrong = p @ h_drawn.T + level + dense["same"][np.minimum(same, 7)][torch.from_numpy(mine)]
        wrong = wrong.masked_fill(torch.from_numpy(held[mine]), -1e9)

        corrected = wrong - torch.from_numpy(self.log_share[negatives])
        asked = (right - torch.from_numpy(self.log_share[song]))[:, None]
        softmax = (torch.logsumexp(torch.cat([asked, corrected], 1), 1) - asked[:, 0]).mean()
        offset = p @ dense["g"]
        even = wrong[:, len(negatives) // 2 :]
        one = even[torch.arange(len(song)), torch.from_numpy(rng.integers(0, even.shape[1], len(song)))]
        there = one > -1e8
        links = 2 * functional.softplus(-(right + offset)).mean()
        links = links + functional.softplus((one + offset)[there]).sum() / max(len(song), 1)
        loss = softmax + config.pointwise * links
        for optimiser in self.optimisers:
            optimiser.zero_grad()
        loss.backward()
        for optimiser in self.optimisers:
            optimiser.step()
        return float(loss.detach())

    def _shown(self, playlists: np.ndarray, rng: np.random.Generator) -> "_Shown":
        """What a step shows of its playlists and what it asks: of every other one all but the target, as when links
        are told; of the rest a few songs, from one up, as when a playlist is continued."""
        lengths = self.lengths[playlists]
        starts = np.cumsum(lengths) - lengths
        rows = np.repeat(self.graph.indptr[playlists] - starts, lengths) + np.arange(lengths.sum())
        owner = np.repeat(np.arange(len(playlists)), lengths)
        draw = np.lexsort((rng.random(len(rows)), owner))
        turn = np.arange(len(rows)) - starts[owner]
        few = rng.random(len(playlists)) < self.config.partly
        most = np.minimum(np.exp(rng.random(len(playlists)) * np.log(lengths)).astype(np.int64), lengths - 1)
        context = np.where(few, np.maximum(most, 1), lengths)
        first = np.where(few, context, 0)
        kept = draw[turn < context[owner]]
        asked = draw[(turn >= first[owner]) & (turn < first[owner] + self.config.targets)]
        songs, artists = self.graph.songs[rows], self.edge_artists[rows]
        pairs = np.unique(owner[kept] << 32 | artists[kept])
        return _Shown(
            songs[kept], artists[kept], owner[kept], context, owner[asked], songs[asked], artists[asked],
            (~few)[owner[asked]].astype(np.int64), np.bincount(pairs >> 32, minlength=len(playlists)),
        )  # fmt: skip

    def _alone(self, playlists: np.ndarray, artists: np.ndarray) -> np.ndarray:
        """Whether a playlist has one song of an artist, and would not have the artist without it."""
        key = playlists << 32 | artists
        return np.searchsorted(self.by_artist, key, "right") - np.searchsorted(self.by_artist, key, "left") == 1

    def _negatives(self, rng: np.random.Generator) -> np.ndarray:
        """Distinct within each half: the first by popularity, the second evenly."""
        half = self.config.negatives // 2
        popular = np.searchsorted(self.cumulative, rng.random(half), side="right")
        even = rng.integers(0, self.graph.n_songs, self.config.negatives - half)
        return np.concatenate([np.minimum(popular, self.graph.n_songs - 1), even]).astype(np.int64)

    @staticmethod
    def _count(mine: np.ndarray, owner: np.ndarray, artists: np.ndarray, artist: np.ndarray) -> np.ndarray:
        """Songs of the target's artist in its playlist, the target among them."""
        edges = np.sort(owner << 32 | artists)
        key = mine << 32 | artist
        return np.searchsorted(edges, key, "right") - np.searchsorted(edges, key, "left")

    @staticmethod
    def _beside(
        playlists: int, owner: np.ndarray, songs: np.ndarray, artists: np.ndarray, negatives: np.ndarray,
        singers: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """Whether each playlist holds each negative, and how many songs it has of each negative's artist."""
        distinct, place = np.unique(negatives, return_inverse=True)
        at = np.minimum(np.searchsorted(distinct, songs), len(distinct) - 1)
        hit = distinct[at] == songs
        held = np.zeros((playlists, len(distinct)), bool)
        held[owner[hit], at[hit]] = True
        distinct_singers, singer = np.unique(singers, return_inverse=True)
        at = np.minimum(np.searchsorted(distinct_singers, artists), len(distinct_singers) - 1)
        hit = distinct_singers[at] == artists
        same = np.bincount(
            owner[hit] * len(distinct_singers) + at[hit], minlength=playlists * len(distinct_singers)
        ).reshape(playlists, -1)
        return held[:, place], same[:, singer]

    def model(self) -> SageModel:
        """The network as it stands."""
        self._messages()
        weights = {name: value.detach().numpy().copy() for name, value in (self.tables | self.dense).items()}
        places = self.sums / np.maximum(self.degree, 1)[:, None].astype(np.float32)
        return SageModel(
            **weights, places=places.astype(np.float32), degree=self.degree.astype(np.int32),
            artist_degree=self.artist_degree.astype(np.int32), artist_of=self.graph.artist_of.astype(np.int32),
            threshold=np.zeros((), np.float32),
        )  # fmt: skip

    def save(self, path: Path | None, epochs: int) -> None:
        """Write the state after some epochs; a run that dies while writing leaves the state before it."""
        import torch

        if path is None:
            return
        state = {
            "config": self.config.model_dump_json(), "edges": len(self.graph.songs), "epochs": epochs,
            "weights": {name: value.detach() for name, value in (self.tables | self.dense).items()},
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }  # fmt: skip
        beside = path.with_suffix(".part")
        torch.save(state, beside)
        beside.replace(path)

    def restore(self, path: Path | None) -> int:
        """Go on from a stored state; returns the epochs that it has seen."""
        import torch

        if path is None or not path.exists():
            return 0
        state = torch.load(path, weights_only=True)
        if state["config"] != self.config.model_dump_json() or state["edges"] != len(self.graph.songs):
            raise SequencesError(
                f"{path} holds another training: remove it, or use the configuration it was made with."
            )
        with torch.no_grad():
            for name, value in (self.tables | self.dense).items():
                value.copy_(state["weights"][name])
        for optimiser, stored in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(stored)
        return int(state["epochs"])
