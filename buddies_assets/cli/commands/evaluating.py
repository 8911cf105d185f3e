"""`buddies evaluate`: how good each system is, by its likes and by its listeners."""

from pathlib import Path
from typing import Annotated

import typer

from buddies_assets.cli.console import console


def evaluate_artists(
    train: Annotated[Path, typer.Option(help="Interactions that the model is fitted on.")],
    heldout: Annotated[Path, typer.Option(help="Interactions that it is judged by.")],
    out: Annotated[Path, typer.Option(help="Where the recommendations are written: user, item, rank.")],
    tags: Annotated[Path | None, typer.Option(help="File of tags of the items.")] = None,
    items: Annotated[int | None, typer.Option(min=1, help="Size of the catalogue; default: items of both.")] = None,
) -> None:
    """Fit the artists' system on one file alone, write ten for each user, and print what they are worth."""
    from buddies_assets.cli.fitting import evaluate_system

    evaluate_system(console, "artists", train, heldout, out, tags, items)


def evaluate_songs(
    train: Annotated[Path, typer.Option(help="Plays that the model is fitted on: user, song, plays.")],
    heldout: Annotated[Path, typer.Option(help="Plays that it is judged by.")],
    out: Annotated[Path, typer.Option(help="Where 500 songs a listener are written: user, item, rank.")],
    songs: Annotated[list[Path] | None, typer.Option(help="Song text; default: BUDDIES_MSD_FILE.")] = None,
    mismatches: Annotated[
        Path | None, typer.Option(help="Ids of wrong text; default: BUDDIES_MSD_MISMATCHES_FILE.")
    ] = None,
    playlists: Annotated[Path | None, typer.Option(help="MPD slices; default: BUDDIES_MPD_DIR.")] = None,
) -> None:
    """Fit the songs' system on one file of plays alone, write 500 for each listener, and print what they are worth."""
    from buddies_assets.cli.songs import evaluate_songs as start

    start(console, train, heldout, out, songs, mismatches, playlists)


def evaluate_playlists(
    visible: Annotated[Path | None, typer.Option(help="Plays that the home was made from: user, song, count.")] = None,
    hidden: Annotated[Path | None, typer.Option(help="Plays of the same users that the home never saw.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """Likes and listeners: held-out likes, and which hidden plays the playlists shown bring."""
    from buddies_assets.cli.evaluating import evaluate_playlists as start

    start(console, visible, hidden, as_json=as_json)


def evaluate_next_track(
    test: Annotated[Path, typer.Option(help="Folder of MPD slices to judge by; BUDDIES_MPD_DIR is learned from.")],
) -> None:
    """Which song comes next: hits and reciprocal rank on the playlists of another folder, beside every baseline."""
    from buddies_assets.cli.evaluating_sequences import evaluate_sequences
    from buddies_core.sequences.models import NEXT
    from buddies_core.settings import Settings

    evaluate_sequences(console, Settings(), NEXT, test)


def evaluate_continuation(
    test: Annotated[Path, typer.Option(help="Folder of MPD slices to judge by; BUDDIES_MPD_DIR is learned from.")],
) -> None:
    """What else belongs to a playlist: eight categories on the playlists of another folder, beside every baseline."""
    from buddies_assets.cli.evaluating_sequences import evaluate_sequences
    from buddies_core.sequences.models import CONTINUE
    from buddies_core.settings import Settings

    evaluate_sequences(console, Settings(), CONTINUE, test)
