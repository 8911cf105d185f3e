"""The model card of a system of sequences: data, figures, sample queries with answers, limits."""

from pathlib import Path

import polars as pl
from upath import UPath

from buddies_assets.sources.answer_findings import SERVED
from buddies_assets.sources.steps.sequences import read_corpus
from buddies_core.artifact.named_arrays import read_artifact
from buddies_core.sequences.answers import SYSTEM, ServedSequences
from buddies_core.sequences.wish import Wish
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.files import write_atomically

_QUERIES, _ANSWERS = 5, 5
LIMITS = """- It knows songs by the playlists that hold them. A song in none counts by its artist alone.
- Songs that a playlist goes on with are judged right only when they were there: good answers count as wrong ones.
- Popular songs are known best. `popularity` below 0 moves answers away from them.
- Genres are words of titles, not facts about songs."""


def written_card(home: Path, task: str, sequences: Dataset, evaluation: Dataset, published: Dataset) -> pl.DataFrame:
    """Write the card under the home; one row `card, path`."""
    corpus = read_corpus(sequences)
    served = ServedSequences(read_artifact(home / SYSTEM / task).arrays)
    lines = [f"# {task.replace('_', ' ')}, {published.frame()['version'][0]}", "", "## Data", ""]
    lines += [
        f"{len(corpus.sequences):,} playlists in order, {len(corpus.sequences.songs):,} rows, "
        f"{len(corpus.songs):,} songs (title and first artist), {len(corpus.songs.artists):,} artists. "
        "A tenth of the playlists is validation and a tenth test, by content.",
        "", "## Figures on the test playlists", "",
    ]  # fmt: skip
    lines += _figures(evaluation.frame(), task)
    lines += ["", "## Sample queries", ""]
    for shown, answers in _samples(corpus.sequences.songs.tolist(), served, task):
        lines += [f"- after *{shown}*: " + "; ".join(answers)]
    lines += ["", "## Limits", "", LIMITS, ""]
    card = "\n".join(lines)
    path = home / "cards" / f"{task}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(UPath(path), card.encode())
    return pl.DataFrame({"card": [card], "path": [str(path.relative_to(home))]})


def _figures(frame: pl.DataFrame, task: str) -> list[str]:
    metrics = [name for name in frame.columns if f"{name}_low" in frame.columns]
    lines = ["| model | kind | queries | " + " | ".join(metrics) + " |", "|---|---|--:|" + "--:|" * len(metrics)]
    kinds = [SERVED[task], "most popular"]
    for row in frame.filter(pl.col("model").is_in(kinds)).sort("kind", "model").iter_rows(named=True):
        cells = [f"{row[m]:.3f} ({row[f'{m}_low']:.3f} to {row[f'{m}_high']:.3f})" for m in metrics]
        lines.append(f"| {row['model']} | {row['kind']} | {row['queries']:,} | " + " | ".join(cells) + " |")
    return lines


def _samples(songs: list[int], served: ServedSequences, task: str) -> list[tuple[str, list[str]]]:
    """The most popular songs, each alone, and what is named after it."""
    most = pl.Series("song", songs).value_counts(sort=True).sort("count", "song", descending=[True, False])
    found = []
    for song in most["song"].head(_QUERIES).to_list():
        title, artist = served.text(song)
        _, named = served.answer(task, Wish([served.uri(song)], n=_ANSWERS))
        found.append((f"{artist} - {title}", [f"{one.artist} - {one.title}" for one in named]))
    return found
