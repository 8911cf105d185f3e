"""Commands that print recommendations: `recommend`, `recommend-songs`, `recommend-tracks`."""

from pathlib import Path
from typing import Annotated

import typer

from buddies_assets.cli.console import console


def recommend(users: Annotated[list[str], typer.Argument(help="Users, by index or by 40-hex id.")]) -> None:
    """Recommend five playlists to each USER, with songs they share, so that one sees why."""
    from buddies_assets.cli.recommending import Recommender
    from buddies_core.settings import Settings
    from buddies_core.storage.datasets import DatasetStore

    recommender = Recommender(DatasetStore.at(Settings().home))
    for user in users:
        console.print(recommender.table(recommender.find_user(user)))


def recommend_songs(
    users: Annotated[list[str], typer.Argument(help="Listeners by id.")],
    n: Annotated[int, typer.Option(min=1, max=50, help="Songs each.")] = 10,
    name: Annotated[str, typer.Option(help="Which served songs.")] = "plays",
) -> None:
    """Show the songs that are served to USERS, with a reason for each; strangers get the popular ones."""
    from buddies_assets.cli.songs import recommend_songs as start

    start(console, users, n, name)


def recommend_tracks(
    songs: Annotated[list[str] | None, typer.Argument(help="Songs in order: URIs, or `Artist - Title`.")] = None,
    playlist: Annotated[int | None, typer.Option(help="Continue this pid of BUDDIES_MPD_DIR.")] = None,
    title: Annotated[str, typer.Option(help="Title of the playlist.")] = "",
    n: Annotated[int, typer.Option("--n", min=1, max=500, help="Songs wanted.")] = 10,
    export: Annotated[Path | None, typer.Option(help="Write them to a file too: .txt, .m3u or .csv.")] = None,
) -> None:
    """Songs that could follow SONGS, continue a playlist, or fit a title, each with its reason."""
    from buddies_assets.cli.exporting_tracks import export_tracks
    from buddies_assets.cli.sequences import recommend_tracks as start
    from buddies_assets.cli.sequences import typed_track
    from buddies_core.sequences.wish import Wish
    from buddies_core.settings import Settings

    named = start(console, Settings(), Wish([typed_track(song) for song in songs or ()], title, n), playlist)
    if export is not None:
        export_tracks(export, named)
