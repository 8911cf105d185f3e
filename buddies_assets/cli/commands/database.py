"""`buddies db`: the embedded PostgreSQL."""

from pathlib import Path

from buddies_assets.cli.console import console


def db_start() -> None:
    """Start the embedded server in the background and write its address to .env, which `dagster dev` reads."""
    from buddies_assets.cli.database import start

    console.print(f"PostgreSQL runs; its address is in .env: {start(Path('.env'))}", soft_wrap=True)


def db_stop() -> None:
    """Stop the embedded server and take its address out of .env."""
    from buddies_assets.cli.database import stop

    console.print("PostgreSQL has stopped." if stop(Path(".env")) else "PostgreSQL was not running.")


def db_url() -> None:
    """Print the database's address, for psql and other tools."""
    from buddies_core.postgres.database import database_url
    from buddies_core.settings import Settings

    console.print(database_url(Settings()), soft_wrap=True, highlight=False)
