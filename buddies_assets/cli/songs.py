"""`buddies evaluate songs` and `buddies recommend-songs` on the terminal."""

import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from buddies_assets.cli.console import printable, styled
from buddies_assets.systems.songs.commands import Beside, Evaluated, evaluate_files
from buddies_core.artifact.named_arrays import check_name, read_artifact
from buddies_core.artifact.served_songs import SYSTEM, Listed, Reason, ServedSongs
from buddies_core.evaluation.song_lists import METRICS
from buddies_core.settings import Settings


def evaluate_songs(
    console: Console, train: Path, heldout: Path, out: Path,
    songs: list[Path] | None, mismatches: Path | None, playlists: Path | None,
) -> None:  # fmt: skip
    """Evaluate on files and print the judge's table."""
    beside = beside_of(Settings(), songs, mismatches, playlists)
    started = time.perf_counter()
    if not beside.songs:
        console.print(
            styled(("No song text", "yellow"), ": without artists lists are a fifth worse. Name it with --songs "),
            "or BUDDIES_MSD_FILE, and playlists with --playlists or BUDDIES_MPD_DIR.",
        )  # fmt: skip
    done = evaluate_files(
        train, heldout, out, beside, said=lambda step: console.print(f"{time.perf_counter() - started:6.0f} s  {step}")
    )
    console.print(", ".join(f"{value:,} {name}" for name, value in done.facts.items()), highlight=False)
    for reason, rows in done.set_aside.items():
        console.print(styled(("Set aside", "yellow"), f" {rows:,} rows: {reason}"))
    console.print(judge_table(done))
    console.print(f"{time.perf_counter() - started:.0f} s. Recommendations are in {out}", soft_wrap=True)


def recommend_songs(console: Console, users: list[str], n: int, name: str) -> None:
    """Print what is served, a table a listener.

    Raises:
        NoServedModelError: nothing is published under the name.
    """
    served = ServedSongs(read_artifact(Settings().local_home / SYSTEM / check_name(name)))
    for user in users:
        console.print(listener_table(served, user, n))


def listener_table(served: ServedSongs, user: str, n: int) -> Table:
    """The songs of a listener, or the popular ones for somebody of whom nothing is known."""
    row = served.find_user(user)
    rows = [] if row is None else served.listed(row, n)
    popular = not rows
    rows = rows or [Listed(song, share, Reason.POPULAR, -1) for song, share in served.popular(n)]
    who = "a stranger, who gets what most listeners have" if row is None else "popular songs"
    table = Table(
        title=f"{printable(user)}: {who}" if popular else f"Songs for {printable(user)}", title_justify="left"
    )
    for heading in ("song", "artist", "chance", "why"):
        table.add_column(heading, justify="right" if heading == "chance" else "left")
    for one in rows:
        song = served.song(one.song)
        told = (
            printable(song.title or song.id),
            printable(song.artist),
            f"{one.score:.3f}",
            printable(why(served, one)),
        )
        table.add_row(*told)
    return table


def why(served: ServedSongs, one: Listed) -> str:
    """The reason in words."""
    if one.because < 0:
        return "popular" if one.reason is Reason.POPULAR else "listeners of your songs also play it"
    of = served.song(one.because)
    name = of.title or of.id
    return f"you play {of.artist}" if one.reason is Reason.ARTIST else f"because you played {name}"


def beside_of(settings: Settings, songs: list[Path] | None, mismatches: Path | None, playlists: Path | None) -> Beside:
    """What was named, or what the settings name."""
    texts = songs or ([Path(settings.msd_file)] if settings.msd_file else [])
    wrong = mismatches or (Path(settings.msd_mismatches_file) if settings.msd_mismatches_file else None)
    return Beside(texts, wrong, playlists or (Path(settings.mpd_dir) if settings.mpd_dir else None))


def judge_table(done: Evaluated) -> Table:
    """The figures with their intervals, those beyond accuracy, and how rankers did out of fold."""
    table = Table(title=f"{len(done.report.users):,} listeners judged", title_justify="left")
    for heading in ("metric", "value", "95 %"):
        table.add_column(heading, justify="left" if heading == "metric" else "right")
    for name in METRICS:
        figure = done.report.figures[name]
        table.add_row(name, f"{figure.value:.4f}", f"{figure.low:.4f}-{figure.high:.4f}")
    for name, value in asdict(done.beyond).items():
        table.add_row(name, f"{value:.4f}" if isinstance(value, float) else str(value), "")
    table.add_section()
    table.add_row("recall of the candidates, out of fold", f"{done.learning.recall:.4f}", "")
    for name, value in done.learning.figures.items():
        table.add_row(f"map500 out of fold: {name}", f"{value:.4f}", "")
    return table
