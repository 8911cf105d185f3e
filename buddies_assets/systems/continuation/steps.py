"""What the assets of continuation make, without Dagster."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from buddies_assets.sources.steps.sequences import Corpus
from buddies_core.graph.evaluation import AlsBaseline, Continuer, continuation_table, link_table, sage_scorers
from buddies_core.graph.links import TEST, VALIDATION, Links
from buddies_core.graph.projection import bipartite, co_occurrence
from buddies_core.graph.sage import PlaylistGraph, SageModel
from buddies_core.graph.sage_config import SageConfig
from buddies_core.graph.sage_training import Epoch, train_sage
from buddies_core.sequences.models import SequenceModels
from buddies_core.sequences.query import Query
from buddies_core.storage.dataset import Dataset

LINK_PARTS = ("train", "validation", "test")
_OF_EACH = 300


def graph_frame(corpus: Corpus, splits: pl.DataFrame) -> pl.DataFrame:
    """Edges of the training playlists: `playlist, song`, by playlist; numbers of playlists are those of the splits."""
    mask = corpus.mask(splits, "train")
    sequences = corpus.sequences
    row = np.repeat(np.arange(len(sequences)), sequences.lengths)
    kept = mask[row]
    return pl.DataFrame({"playlist": row[kept].astype(np.uint32), "song": sequences.songs[kept].astype(np.uint32)})


def by_song(edges: pl.DataFrame, n_songs: int) -> tuple[np.ndarray, np.ndarray]:
    """The same edges by song: `indptr` int64 [n_songs + 1] and `playlists` uint32, ascending within a song."""
    ordered = edges.sort("song", "playlist")
    counts = np.bincount(ordered["song"].to_numpy(), minlength=n_songs)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]), ordered["playlist"].to_numpy()


def links_frame(corpus: Corpus, splits: pl.DataFrame, *, seed: int) -> pl.DataFrame:
    """One row an edge: `playlist, song, part, uniform, matched, degree`; negatives are null in train."""
    from buddies_core.graph.links import TRAIN, chosen_rows, judged_links, parts_of_links

    mask = corpus.mask(splits, "train")
    row = np.repeat(np.arange(len(corpus.sequences)), corpus.sequences.lengths)
    kept = chosen_rows(corpus.sequences, mask[row])
    parts = parts_of_links(kept, seed=seed)
    owner = np.repeat(np.arange(len(kept)), kept.lengths)
    frames = []
    for part in (VALIDATION, TEST):
        links = judged_links(kept, parts, part, seed=seed)
        negative = {
            name: pl.Series(getattr(links, name), dtype=pl.Int64).replace(-1, None).cast(pl.UInt32)
            for name in ("uniform", "matched")
        }
        frames.append(
            pl.DataFrame(
                {"playlist": links.playlists.astype(np.uint32), "song": links.songs.astype(np.uint32)}
                | {"part": pl.Series([LINK_PARTS[part]] * len(links), dtype=pl.Enum(LINK_PARTS))}
                | negative
                | {"degree": links.degree.astype(np.uint32)}
            )
        )
    train = pl.DataFrame(
        {"playlist": owner[parts == TRAIN].astype(np.uint32), "song": kept.songs[parts == TRAIN].astype(np.uint32)}
    ).with_columns(
        part=pl.lit("train", pl.Enum(LINK_PARTS)), uniform=pl.lit(None, pl.UInt32), matched=pl.lit(None, pl.UInt32),
        degree=pl.lit(None, pl.UInt32),
    )  # fmt: skip
    return pl.concat([train, *frames])


def graph_of(corpus: Corpus, links: pl.DataFrame) -> PlaylistGraph:
    """The graph of the train links alone: what messages run along."""
    train = links.filter(pl.col("part") == "train").sort("playlist", maintain_order=True)
    counts = np.bincount(train["playlist"].to_numpy(), minlength=len(corpus.sequences))
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    followers = corpus.playlists["followers"].fill_null(0).to_numpy().astype(np.float32)
    songs = train["song"].to_numpy().astype(np.int32)
    return PlaylistGraph(indptr, songs, corpus.songs.artist_of, followers, len(corpus.songs.artists))


def links_of(links: pl.DataFrame, part: str) -> Links:
    """The judged links of one part, with their negatives."""
    chosen = links.filter(pl.col("part") == part)
    negatives = [
        chosen[name].cast(pl.Int64).fill_null(-1).to_numpy().astype(np.int32) for name in ("uniform", "matched")
    ]
    playlists, songs, degree = (chosen[name].to_numpy().astype(np.int32) for name in ("playlist", "song", "degree"))
    return Links(playlists, songs, negatives[0], negatives[1], degree)


def trained(
    corpus: Corpus,
    links: pl.DataFrame,
    config: SageConfig,
    checkpoint: Path,
    progress: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[SageModel, pl.DataFrame]:
    """GraphSAGE of the train links, and its curve: `epoch, loss, auc, precision, recall, f1` on validation.

    A training that stopped goes on from `checkpoint`; the curve then has the epochs of this run.
    """
    epochs: list[Epoch] = []

    def note(epoch: Epoch) -> None:
        epochs.append(epoch)
        progress(epoch)

    model = train_sage(
        graph_of(corpus, links), config, validation=links_of(links, "validation"), progress=note, checkpoint=checkpoint
    )
    rows = [
        {
            "epoch": epoch.number,
            "loss": epoch.loss,
            **{name: getattr(epoch.validation, name) for name in ("auc", "precision", "recall", "f1")},
        }
        for epoch in epochs
    ]
    return model, pl.DataFrame(rows)


def orders(corpus: Corpus, model: SageModel) -> pl.DataFrame:
    """Scores of every song for the two longest playlists, `first, second`: what tells a network from a list."""
    sequences = corpus.sequences
    two = np.argsort(-sequences.lengths, kind="stable")[:2].tolist()
    first, second = (model.all_scores(*sequences.playlist(i)) for i in two)
    return pl.DataFrame({"first": first, "second": second})


def read_sage(dataset: Dataset) -> SageModel:
    """The stored network."""
    names = [name.removesuffix(".npy") for name in dataset.manifest.parts if name.endswith(".npy")]
    return SageModel.from_arrays({name: dataset.array(name) for name in names})


def evaluated(
    corpus: Corpus, splits: pl.DataFrame, links: pl.DataFrame, model: SageModel, *, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Tables of links, of continued test playlists, and of what the two forms of the graph cost."""
    graph = graph_of(corpus, links)
    degree = np.bincount(graph.songs, minlength=graph.n_songs).astype(np.float32)
    als = AlsBaseline.fit(graph, seed=seed)
    pairs, continued = sage_scorers(model, graph)
    told = link_table(
        {"popularity": lambda _, songs: degree[songs], "ALS-64": als.pairs, "GraphSAGE": pairs},
        links_of(links, "validation"), links_of(links, "test"), seed=seed,
    )  # fmt: skip
    train, unseen = (corpus.of_parts(splits, part) for part in ("train", "test"))
    # Songs that held-out playlists alone hold are in the corpus, but nobody could have named them.
    known = np.bincount(train.songs, minlength=graph.n_songs) > 0
    popular: dict[str, Continuer] = {"popularity": lambda _: degree, "ALS-64": als.scores, "GraphSAGE": continued}
    among = {name: partial(of_known, scores, known) for name, scores in popular.items()}
    found = continuation_table(among, unseen, seed=seed, of_each=_OF_EACH)
    sizes = [("bipartite", bipartite(train)), ("co-occurrence", co_occurrence(train))]
    costs = pl.DataFrame([{"graph": name, **vars(size)} for name, size in sizes])
    return told, found, costs


def of_known(scores: Continuer, known: np.ndarray, query: Query) -> np.ndarray:
    """Scores of every song, -inf for those that are not known."""
    return np.where(known, scores(query), np.float32(-np.inf))


def title_neighbours(models: SequenceModels, titles: list[str], most: int = 10) -> pl.DataFrame:
    """Words of titles and the words nearest to them by the songs of their playlists: `word, playlists, near`."""
    from buddies_core.sequences.titles import plain_words, word_hash

    schema: dict[str, Any] = {"word": pl.String, "playlists": pl.UInt32, "near": pl.List(pl.String)}
    index = models.index
    texts = {word_hash(word): word for title in titles for word in plain_words(title)}
    places = [place for place, word in enumerate(index.words.tolist()) if word in texts]
    if not places:
        return pl.DataFrame(schema=schema)
    named = [texts[index.words[place].item()] for place in places]
    factors = index.word_factors[places]
    units = factors / np.maximum(np.linalg.norm(factors, axis=1, keepdims=True), 1e-9)
    rows = []
    for number, word in enumerate(named):
        order = np.argsort(-(units @ units[number]), kind="stable")
        near = [named[other] for other in order.tolist() if other != number][:most]
        rows.append({"word": word, "playlists": int(np.diff(index.word_ptr)[places[number]]), "near": near})
    return pl.DataFrame(rows, schema=schema).sort("playlists", "word", descending=[True, False])
