"""What the terminal shows of datasets, evaluations and settings."""

import math

import polars as pl
from rich.console import Console
from rich.table import Table

from buddies_assets.cli.console import printable, styled
from buddies_core.settings import Settings
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.sample import sample_note, sample_of

STATISTICS_ROWS = 2_000_000
SET_ASIDE_SHOWN = 12


def datasets_table(store: DatasetStore) -> Table:
    """Every stored dataset: rows, bytes, shards, when and by which run."""
    table = Table("dataset", title=_of_sample(f"Datasets under {store.root}", store))
    for name in ("rows", "size", "shards"):
        table.add_column(name, justify="right")
    table.add_column("materialised (UTC)")
    table.add_column("run")
    for name in store.names():
        manifest = store.open(name).manifest
        when = manifest.created_at[:19].replace("T", " ")
        shards = str(len(manifest.shards))
        table.add_row(name, f"{manifest.rows:,}", size(manifest.bytes), shards, when, manifest.run_id[:8])
    return table


def evaluation_table(store: DatasetStore) -> Table:
    """The systems' metrics, MRR with its 95 % interval, on the test split."""
    frame = store.open("bpr_evaluation").frame().filter(pl.col("split") == "test")
    users, batches = (int(frame[name].max() or 0) for name in ("users", "batches"))  # type: ignore[arg-type]
    title = f"Test likes: one positive among 50 negatives ({users:,} users, {batches:,} batches)"
    table = Table("system", title=_of_sample(title, store))
    if frame.is_empty():
        table.caption = "Too few likes to hold any out: nobody could be judged by."
    heads = ("MRR (95 %)", "Hit@1", "Hit@5", "Hit@10", "MRR, negatives by popularity", "NDCG@10, whole catalogue")
    for head in heads:
        table.add_column(head, justify="right")
    for row in frame.iter_rows(named=True):
        spread = f"{row['mrr']:.3f} ({row['mrr_low']:.3f}–{row['mrr_high']:.3f})"
        rest = [f"{row[name]:.3f}" for name in ("hit_1", "hit_5", "hit_10", "matched_mrr", "all_ndcg_10")]
        table.add_row(row["system"], spread, *rest)
    table.caption = table.caption or lists_note(frame)
    return table


def lists_note(evaluation: pl.DataFrame) -> str | None:
    """What lists hold of the held-out likes, the same for every system of `bpr_evaluation`; None where it is untold."""
    if evaluation.is_empty() or "shown_precision_5" not in evaluation.columns:
        return None
    shown, held = (evaluation[name][0] for name in ("shown_precision_5", "served_recall"))
    if shown is None or held is None or not math.isfinite(shown + held):
        return None
    return f"Served lists: P@5 of the held-out likes {shown:.4f}; the candidates hold {held:.1%} of them (recall)"


def _of_sample(title: str, store: DatasetStore) -> str:
    note = sample_note(sample_of(store))
    return f"{title}; {note}" if note else title


def set_aside_table(store: DatasetStore) -> Table | None:
    """What of the input was set aside or not read, by file and reason, the most rows first; None when nothing was."""
    frame = store.open("quarantined_raw").frame()
    if frame.is_empty():
        return None
    by_reason = frame.group_by("source", "file", "reason").agg(pl.len().alias("rows"), pl.col("excerpt").first())
    shown = by_reason.sort("rows", "file", descending=[True, False]).head(SET_ASIDE_SHOWN)
    title = f"Set aside: {frame.height:,} rows or files of the input; the dataset quarantined_raw has them all"
    table = Table("source", "file", "reason", "rows", "the first", title=title)
    for source, file, reason, rows, excerpt in shown.iter_rows():
        table.add_row(source, printable(file), reason, f"{rows:,}", printable(excerpt[:80]))
    return table


def show_dataset(console: Console, dataset: Dataset) -> None:
    """Print schema, first rows and statistics; statistics are of the first two million rows."""
    manifest = dataset.manifest
    console.print(
        styled(
            (dataset.name, "bold"),
            f": {manifest.rows:,} rows, {size(manifest.bytes)}, fingerprint {manifest.fingerprint}",
        )
    )
    schema = Table("column", "type", title="Schema")
    for column, dtype in manifest.columns.items():
        schema.add_row(column, dtype)
    console.print(schema)
    head = dataset.scan().head(STATISTICS_ROWS).collect()
    with pl.Config(tbl_cols=-1, tbl_rows=20, tbl_hide_dataframe_shape=True, tbl_width_chars=console.width):
        console.print(str(head.head(8)))
        console.print(str(head.describe()))


def settings_markdown() -> str:
    """The table of variables in Markdown: the pipeline's, then those of the service alone."""
    from buddies_serving.settings import ServingSettings

    lines = ["| Variable | Default | What it does |", "|---|---|---|"]
    fields = dict(ServingSettings.model_fields) | dict(Settings.model_fields)
    for name in [*Settings.model_fields, *(n for n in ServingSettings.model_fields if n not in Settings.model_fields)]:
        default = "unset" if fields[name].default is None else f"`{fields[name].default}`"
        lines.append(f"| `BUDDIES_{name.upper()}` | {default} | {fields[name].description} |")
    return "\n".join(lines)


def size(count: int) -> str:
    """A number of bytes for people."""
    value = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"
