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

import numpy as np

from buddies_core.graph.link_metrics import LinkQuality, best_threshold, quality
from buddies_core.graph.links import Links
from buddies_core.graph.sage import (
    PlaylistGraph,
    SageModel,
    link_scores,
)
from buddies_core.graph.sage_config import SageConfig
from buddies_core.graph.sage_steps import Training


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
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            training = Training(graph, config)
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
