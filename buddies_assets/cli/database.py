"""Start and stop the embedded PostgreSQL from the command line, and tell `.env` where it is."""

from pathlib import Path

from buddies_core.postgres.database import embedded
from buddies_core.settings import Settings
from buddies_core.storage.durable import PRIVATE, write_durably

VARIABLE = "BUDDIES_POSTGRES_URL"


def start(env_file: Path) -> str:
    """Start the server so that it outlives this process, and write its URL to the env file; returns the URL."""
    server = embedded(Settings())
    url = server.start(detached=True)
    server.keep()
    _write(env_file, url)
    return url


def stop(env_file: Path) -> bool:
    """Stop the server and remove its URL from the env file; False when it was not running."""
    stopped = embedded(Settings()).stop()
    _write(env_file, None)
    return stopped


def _write(env_file: Path, url: str | None) -> None:
    lines = env_file.read_text(encoding="utf-8").splitlines() if env_file.exists() else []
    kept = [line for line in lines if not line.startswith(f"{VARIABLE}=")]
    if url:
        kept.append(f"{VARIABLE}={url}")
    if kept:
        write_durably(env_file, "".join(f"{line}\n" for line in kept).encode(), PRIVATE)
    else:
        env_file.unlink(missing_ok=True)
