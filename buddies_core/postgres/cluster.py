"""The files of an embedded PostgreSQL: how a cluster is made, and what a later process needs to find its server."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from buddies_core.postgres.connecting import ensure_database
from buddies_core.postgres.errors import DatabaseError
from buddies_core.storage.durable import PRIVATE, write_durably

DATABASES = ("buddies", "mlflow")
"""`buddies` holds Dagster's storage, the feedback and the quality history; MLflow keeps tables of its own apart."""


@dataclass(frozen=True)
class ServerState:
    """What a later process needs to find the server; kept beside the data, readable by its owner alone."""

    port: int
    password: str
    home: str | None = None

    def url(self, database: str = "buddies") -> str:
        """Connection URL of one of the server's databases."""
        return f"postgresql://buddies:{self.password}@127.0.0.1:{self.port}/{database}"


def initialise(data: Path, binaries: Path, account: dict[str, Any], password: str) -> None:
    """Makes a cluster in a folder: checksums on, `buddies` as its superuser, and a password asked of everybody.

    Raises:
        DatabaseError: `initdb` failed; the message has what it said.
    """
    folder = data.parent
    if account:
        shutil.chown(folder, account["user"], account["group"])
    password_file = folder / "password"
    write_durably(password_file, password.encode("ascii"), PRIVATE)
    if account:
        shutil.chown(password_file, account["user"], account["group"])
    done = subprocess.run(
        [binaries / "initdb", "-D", data, "-U", "buddies", f"--pwfile={password_file}", "--auth=scram-sha-256",
         "--data-checksums", "--encoding=UTF8", "--locale=C", "--no-sync"],
        capture_output=True, text=True, cwd=folder, **account,
    )  # fmt: skip
    password_file.unlink()
    if done.returncode:
        raise DatabaseError(f"initdb failed in {folder}:\n{done.stderr.strip()}")


def create_databases(state: ServerState) -> None:
    """Makes those of `DATABASES` that a running cluster has not yet.

    Raises:
        DatabaseError: one cannot be made.
    """
    for name in DATABASES:
        if problem := ensure_database(state.url("postgres"), name):
            raise DatabaseError(f"The embedded PostgreSQL cannot make the database {name}: {problem}")
