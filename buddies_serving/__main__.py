"""Command line of the service: `python -m buddies_serving` starts it; its commands help it."""

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import asyncpg
import typer
import uvicorn

from buddies_core.artifact.errors import ServedModelError
from buddies_core.environment import InvalidSettingError
from buddies_serving.errors import KeyFileError, SigningKeyError, SpoolError, UnsafeBindError
from buddies_serving.feedback.migrate import migrate
from buddies_serving.http.fast_path import FastPathProtocol
from buddies_serving.http.keys import Scope, new_key, revoke_key
from buddies_serving.http.proxy import ProxyError
from buddies_serving.http.stopping import GracefulServer
from buddies_serving.logs import configure_logging
from buddies_serving.main import create_app
from buddies_serving.settings import ServingSettings

app = typer.Typer(add_completion=False, help=__doc__)
SCOPES: tuple[Scope, ...] = ("recommend", "feedback", "admin")


@app.callback(invoke_without_command=True)
def serve(context: typer.Context) -> None:
    """Starts the service on BUDDIES_HOST and BUDDIES_PORT."""
    if context.invoked_subcommand is not None:
        return
    configure_logging()
    try:
        settings = ServingSettings()
        application = create_app(settings)
        application.service.check()
    except (UnsafeBindError, SigningKeyError, SpoolError, InvalidSettingError, ProxyError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    config = uvicorn.Config(
        application,
        host=settings.host,
        port=settings.port,
        http=FastPathProtocol,
        proxy_headers=False,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        ws="none",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=10,
    )
    server = GracefulServer(config, application.service.stop_being_ready, settings.stop_seconds)
    server.run()
    if not server.started:
        raise typer.Exit(3)


@app.command("pull")
def pull_models(
    wait: Annotated[float, typer.Option(help="Seconds to wait for a first publication.")] = 0.0,
    watch: Annotated[bool, typer.Option("--watch", help="Go on pulling whatever is published.")] = False,
) -> None:
    """Brings the folder that is served to what the store serves (BUDDIES_MODEL_STORE, or the home's own URL)."""
    from buddies_serving.model.pulling import Puller

    configure_logging()
    try:
        puller = Puller(ServingSettings())
    except (ServedModelError, InvalidSettingError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    # the first process of a container gets no default handling of signals
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    there = puller.until_there(wait)
    if not there and not watch:
        typer.echo(f"error: {puller.error}", err=True)
        raise typer.Exit(1)
    if watch:
        puller.watch()


@app.command("migrate")
def run_migrations() -> None:
    """Brings the feedback schema up to date."""
    url = ServingSettings().database
    if url is None:
        typer.echo("error: set BUDDIES_POSTGRES_URL to the database to migrate", err=True)
        raise typer.Exit(2)

    async def work() -> list[str]:
        connection = await asyncpg.connect(url, timeout=10, statement_cache_size=0)
        try:
            return await migrate(connection)
        finally:
            await connection.close()

    typer.echo(f"applied: {asyncio.run(work()) or 'nothing, the schema is up to date'}")


@app.command("new-key")
def make_key(
    file: Annotated[Path, typer.Option(help="The key file; made if it is not there.")],
    name: Annotated[str, typer.Option(help="What the key is for; shown in no answer.")],
    scope: Annotated[list[str], typer.Option(help="recommend, feedback or admin; may be repeated.")],
    days: Annotated[int | None, typer.Option(help="Days until it expires; never if not given.")] = None,
    rate: Annotated[float | None, typer.Option(help="Requests a second, above 0, not the general limit.")] = None,
) -> None:
    """Makes an API key and prints it, this once."""
    if rate is not None and not 0 < rate < float("inf"):
        typer.echo(f"error: --rate {rate:g}: a key needs a rate above 0; to take a key away use revoke-key", err=True)
        raise typer.Exit(2)
    unknown = set(scope) - set(SCOPES)
    if unknown:
        typer.echo(f"error: unknown scope {sorted(unknown)}; choose from {list(SCOPES)}", err=True)
        raise typer.Exit(2)
    chosen: list[Scope] = [known for known in SCOPES if known in scope]
    try:
        typer.echo(new_key(file, name, chosen, days=days, rate=rate))
    except (KeyFileError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error


@app.command("revoke-key")
def take_key_away(
    file: Annotated[Path, typer.Option(help="The key file.")],
    name: Annotated[str, typer.Option(help="The name that the key was made for.")],
) -> None:
    """Takes every key of a name out of the file; a running service refuses them within a second."""
    try:
        revoked = revoke_key(file, name)
    except (KeyFileError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    if not revoked:
        typer.echo(f"error: {file} holds no key named {name!r}", err=True)
        raise typer.Exit(1)
    typer.echo(f"{revoked} of {name} revoked")


if __name__ == "__main__":
    sys.exit(app())
