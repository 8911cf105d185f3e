"""The `buddies` command: every way a person starts, looks at and feeds the project from a terminal."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from buddies_assets.cli.console import plain_console, styled

app = typer.Typer(
    help="Organic playlists, recommended to listeners of like taste.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
db = typer.Typer(help="The embedded PostgreSQL.", no_args_is_help=True)
app.add_typer(db, name="db")
evaluate = typer.Typer(help="How good a system is, by its likes and by its listeners.", no_args_is_help=True)
app.add_typer(evaluate, name="evaluate")
console = plain_console() if sys.stdout.isatty() else plain_console(width=160)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        console.print(f"buddies {version('spotify-buddies')}", highlight=False)
        raise typer.Exit


@app.callback()
def common(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Organic playlists, recommended to listeners of like taste."""


@app.command()
def run(
    users: Annotated[int, typer.Option(help="For how many users to show recommendations at the end.")] = 3,
    system: Annotated[str, typer.Option(help="Which system to make; `all` makes every one installed.")] = "playlists",
    select: Annotated[
        str | None,
        typer.Option(
            help="Only these assets, with commas between; `+name`, `name+` a step more, `*name`, `name*` all."
        ),
    ] = None,
    *,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Make nothing; say what would be, with its last time and disk."),
    ] = False,
) -> None:
    """Materialise the whole graph, run its checks, and print datasets, evaluation and recommendations."""
    from buddies_assets.cli.running import run_everything, show_plan

    if dry_run:
        show_plan(console, system, select)
    else:
        run_everything(console, users, system, select)


@app.command()
def up(
    only: Annotated[
        list[str] | None, typer.Option(help="Start these only: code, dagster, daemon, service, dashboard, mlflow.")
    ] = None,
) -> None:
    """Start the database, Dagster's UI and daemon, the service, the dashboard and MLflow; Ctrl-C stops them all."""
    from buddies_assets.cli.supervising import up as start

    raise typer.Exit(start(console, only or ()))


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command()
def status(*, as_json: AsJson = False) -> None:
    """Say what is healthy, what is served and what runs; exit code 1 while an incident is open."""
    from buddies_assets.cli.health import print_status, read_status
    from buddies_core.settings import Settings

    raise typer.Exit(print_status(console, read_status(Settings()), as_json=as_json))


@app.command()
def checks(
    asset: Annotated[str | None, typer.Argument(help="The asset; all where none is named.")] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """List the checks of ASSET, or all, the worst first; exit code 1 where one fails or could not say."""
    from buddies_assets.cli.health import print_checks, read_status
    from buddies_core.settings import Settings

    raise typer.Exit(print_checks(console, read_status(Settings()).report, asset, as_json=as_json))


@app.command()
def logs(
    server: Annotated[str | None, typer.Argument(help="Whose log; without it those that there are.")] = None,
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 40,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written, until Ctrl-C.")] = False,
) -> None:
    """Show the end of a server's log (`buddies logs service`), or name the logs that there are."""
    from buddies_assets.cli.logs import followed, last_lines, log_of, names
    from buddies_core.settings import Settings

    home = Settings().local_home
    if server is None:
        typer.echo("\n".join(names(home)) or "No server has written a log here: start them with `buddies up`.")
        return
    file = log_of(home, server)
    for line in last_lines(file, lines):
        typer.echo(line)
    if follow:
        for line in followed(file):
            typer.echo(line)


@app.command()
def incident(
    number: Annotated[int, typer.Argument(help="The incident's number, as `buddies status` prints it.")],
    *,
    acknowledge: Annotated[bool, typer.Option("--acknowledge", help="Say that you have taken it.")] = False,
    assign: Annotated[str | None, typer.Option(help="Give it to somebody.")] = None,
    mute: Annotated[float | None, typer.Option(min=0, help="Hours in which nobody is told; 0 ends it.")] = None,
    note: Annotated[str | None, typer.Option(help="Write something beside it.")] = None,
    by: Annotated[str, typer.Option(help="Your name.", envvar="USER")] = "",
) -> None:
    """Acknowledge, assign, mute or note an incident."""
    from buddies_assets.cli.health import Step, change_incident
    from buddies_core.settings import Settings

    if not acknowledge and assign is None and mute is None and note is None:
        raise typer.BadParameter("say what to do: --acknowledge, --assign, --mute or --note")
    change_incident(Settings(), number, by, Step(acknowledge, assign, mute, note))
    console.print(f"Incident {number} is changed.", highlight=False)


@app.command()
def fit(
    file: Annotated[Path, typer.Argument(help="Interactions: CSV, TSV or Parquet, compressed or not.")],
    *,
    user: Annotated[str | None, typer.Option(help="Column of the user; default: recognised by its name.")] = None,
    item: Annotated[str | None, typer.Option(help="Column of the item.")] = None,
    weight: Annotated[str | None, typer.Option(help="Column of the weight; without one every row counts 1.")] = None,
    time: Annotated[str | None, typer.Option(help="Column of the time.")] = None,
    name: Annotated[str | None, typer.Option(help="Name to serve it under; default: the file's.")] = None,
    tags: Annotated[Path | None, typer.Option(help="File of tags of the items: item, tag and perhaps user.")] = None,
    trials: Annotated[int, typer.Option(min=0, help="Configurations a search tries first; 0: the defaults.")] = 0,
) -> None:
    """Fit a recommender to your own FILE and serve it; the same command again retrains it."""
    from buddies_assets.cli.fitting import fit_file
    from buddies_assets.sources.interactions_file import Columns

    fit_file(console, file, name, Columns(user, item, weight, time), tags, trials)


@evaluate.command("artists")
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


@evaluate.command("songs")
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


@app.command()
def datasets() -> None:
    """List every stored dataset: rows, bytes, when, and by which run."""
    from buddies_assets.cli.tables import datasets_table

    console.print(datasets_table(_store()))


@app.command()
def show(name: str) -> None:
    """Show one dataset: its schema, its first rows and statistics of its columns."""
    from buddies_assets.cli.tables import show_dataset

    show_dataset(console, _store().open(name))


@app.command()
def export(name: str, file: Path) -> None:
    """Write one dataset to FILE (.parquet, .csv, .ndjson or .arrow, by its ending), shard by shard."""
    from buddies_assets.cli.exporting import export_dataset

    rows = export_dataset(_store(), name, file)
    console.print(f"{rows:,} rows of {name} written to {file}")


@app.command()
def synth(
    users: Annotated[int, typer.Option(min=2, help="Users of the world.")],
    playlists: Annotated[int, typer.Option(min=2, help="Playlists of the world.")],
    out: Annotated[Path, typer.Option(help="Folder to write into.")],
    seed: Annotated[int | None, typer.Option(help="Seed of the world; default BUDDIES_SEED.")] = None,
) -> None:
    """Write a synthetic world in the formats of the real files: MPD slices, ENTP triplets, MSD text."""
    from buddies_assets.cli.progressing import progress_bars
    from buddies_assets.sources.synthetic.write import write_world
    from buddies_core.settings import Settings

    with progress_bars(console) as bars:
        paths = write_world(out, users, playlists, Settings().seed if seed is None else seed, bars.advance_to)
    console.print(f"Written to {out}. To run on it:")
    console.print(
        f"BUDDIES_MPD_DIR={paths.mpd} BUDDIES_ENTP_FILE={paths.triplets} BUDDIES_MSD_FILE={paths.song_data} "
        f"BUDDIES_MSD_MISMATCHES_FILE={paths.mismatches} make run",
        soft_wrap=True,
    )


@app.command()
def recommend(users: Annotated[list[str], typer.Argument(help="Users, by index or by 40-hex id.")]) -> None:
    """Recommend five playlists to each USER, with songs they share, so that one sees why."""
    from buddies_assets.cli.recommending import Recommender

    recommender = Recommender(_store())
    for user in users:
        console.print(recommender.table(recommender.find_user(user)))


@app.command()
def simulate(
    users: Annotated[int, typer.Option(min=1, help="Listeners taking part.")] = 500,
    days: Annotated[float, typer.Option(min=0.01, help="Days of listening, ending now.")] = 14.0,
    rate: Annotated[float, typer.Option(min=0.01, help="Lists that a listener asks for in a day, in the mean.")] = 1.0,
    preference: Annotated[
        str, typer.Option(help="`taste`: niches or hidden plays, noise and position; `score`: song overlap; `chance`.")
    ] = "taste",
) -> None:
    """Let simulated listeners ask the running service and like playlists: weeks of feedback in a minute."""
    from buddies_assets.cli.simulating import simulate as start

    start(console, users=users, days=days, rate=rate, preference=preference)


@app.command()
def promote(reason: Annotated[str, typer.Option(help="Why; kept with the decision.")] = "by hand") -> None:
    """Make the challenger the champion, whatever its trial says."""
    from buddies_assets.release import commands
    from buddies_core.settings import Settings

    console.print(commands.promote(Settings(), reason=reason))


@app.command()
def rollback(reason: Annotated[str, typer.Option(help="Why; kept with the decision.")] = "by hand") -> None:
    """End the challenger's trial; without one, serve the champion before this one."""
    from buddies_assets.release import commands
    from buddies_core.settings import Settings

    console.print(commands.rollback(Settings(), reason=reason))


@app.command()
def gc(delete: Annotated[bool, typer.Option("--delete", help="Remove what is listed.")] = False) -> None:
    """List what the home keeps and nothing names any more: shards, versions, checkpoints; --delete removes it."""
    from buddies_assets.cli.collecting import collect

    collect(console, delete=delete)


@app.command()
def forget(user: Annotated[str, typer.Argument(help="The listener, by number or by 40-hex id.")]) -> None:
    """Take USER out of feedback, datasets, served models, lists and logs, and leave them out of later readings."""
    from buddies_assets.cli.forgetting import forget as start

    start(console, user)


@app.command()
def settings() -> None:
    """Print the table of settings, as docs/settings.md has it."""
    from buddies_assets.cli.tables import settings_markdown

    console.print(settings_markdown(), soft_wrap=True, markup=False, highlight=False)


@evaluate.command("playlists")
def evaluate_playlists(
    visible: Annotated[Path | None, typer.Option(help="Plays that the home was made from: user, song, count.")] = None,
    hidden: Annotated[Path | None, typer.Option(help="Plays of the same users that the home never saw.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of tables.")] = False,
) -> None:
    """Likes and listeners: held-out likes, and which hidden plays the playlists shown bring."""
    from buddies_assets.cli.evaluating import evaluate_playlists as start

    start(console, visible, hidden, as_json=as_json)


@app.command("fit-playlists")
def fit_playlists() -> None:
    """Fit next track and continuation on the slices of BUDDIES_MPD_DIR and store what answers."""
    from buddies_assets.cli.sequences import fit_playlists as start
    from buddies_core.settings import Settings

    start(console, Settings())


@app.command("recommend-songs")
def recommend_songs(
    users: Annotated[list[str], typer.Argument(help="Listeners by id.")],
    n: Annotated[int, typer.Option(min=1, max=50, help="Songs each.")] = 10,
    name: Annotated[str, typer.Option(help="Which served songs.")] = "plays",
) -> None:
    """Show the songs that are served to USERS, with a reason for each; strangers get the popular ones."""
    from buddies_assets.cli.songs import recommend_songs as start

    start(console, users, n, name)


@app.command("recommend-tracks")
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
    from buddies_core.sequences.answers import Wish
    from buddies_core.settings import Settings

    named = start(console, Settings(), Wish([typed_track(song) for song in songs or ()], title, n), playlist)
    if export is not None:
        export_tracks(export, named)


@evaluate.command("next_track")
def evaluate_next_track(
    test: Annotated[Path, typer.Option(help="Folder of MPD slices to judge by; BUDDIES_MPD_DIR is learned from.")],
) -> None:
    """Which song comes next: hits and reciprocal rank on the playlists of another folder, beside every baseline."""
    from buddies_assets.cli.evaluating_sequences import evaluate_sequences
    from buddies_core.sequences.models import NEXT
    from buddies_core.settings import Settings

    evaluate_sequences(console, Settings(), NEXT, test)


@evaluate.command("continuation")
def evaluate_continuation(
    test: Annotated[Path, typer.Option(help="Folder of MPD slices to judge by; BUDDIES_MPD_DIR is learned from.")],
) -> None:
    """What else belongs to a playlist: eight categories on the playlists of another folder, beside every baseline."""
    from buddies_assets.cli.evaluating_sequences import evaluate_sequences
    from buddies_core.sequences.models import CONTINUE
    from buddies_core.settings import Settings

    evaluate_sequences(console, Settings(), CONTINUE, test)


@db.command("start")
def db_start() -> None:
    """Start the embedded server in the background and write its address to .env, which `dagster dev` reads."""
    from buddies_assets.cli.database import start

    console.print(f"PostgreSQL runs; its address is in .env: {start(Path('.env'))}", soft_wrap=True)


@db.command("stop")
def db_stop() -> None:
    """Stop the embedded server and take its address out of .env."""
    from buddies_assets.cli.database import stop

    console.print("PostgreSQL has stopped." if stop(Path(".env")) else "PostgreSQL was not running.")


@db.command("url")
def db_url() -> None:
    """Print the database's address, for psql and other tools."""
    from buddies_core.postgres.embedded import database_url
    from buddies_core.settings import Settings

    console.print(database_url(Settings()), soft_wrap=True, highlight=False)


def _store():
    from buddies_core.settings import Settings
    from buddies_core.storage.datasets import DatasetStore

    return DatasetStore.at(Settings().home)


def main() -> None:
    """Run the command; an error that the project foresees is printed as one message, not as a traceback."""
    from buddies_assets.cli.failing import as_line, foreseen

    try:
        app()
    except foreseen() as error:
        told = as_line(error)
        plain_console(stderr=True).print(styled(("Error:", "bold red"), f" {told}"), soft_wrap=True)
        sys.exit(1)
