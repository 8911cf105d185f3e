"""Which home an embedded server belongs to: two homes must not be mixed in one database by a variable left behind."""

import json
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

from buddies_core.errors import BuddiesError
from buddies_core.postgres.connecting import data_folder_at
from buddies_core.postgres.urls import described, libpq_url

STATE_FILE = "server.json"
"""Beside the data of an embedded server; `home` in it is the home that started it."""


class OtherHomeError(BuddiesError, RuntimeError):
    """BUDDIES_POSTGRES_URL names the embedded server of another home than BUDDIES_HOME."""

    def __init__(self, url: str, theirs: Path, ours: Path) -> None:
        super().__init__(
            f"BUDDIES_POSTGRES_URL ({described(url)}, perhaps from .env) is the database of the home {theirs}, and "
            f"BUDDIES_HOME is {ours}: two homes would be mixed. Unset BUDDIES_POSTGRES_URL to use the database of "
            f"{ours}, or set BUDDIES_HOME={theirs}."
        )


def check_home(url: str, home: Path) -> None:
    """Nothing, where the database at a URL is this home's or is no embedded one.

    Raises:
        OtherHomeError: it is the embedded server of another home.
    """
    theirs = _home_of(url)
    if theirs is not None and theirs != home:
        raise OtherHomeError(url, theirs, home)


@lru_cache(maxsize=8)
def _home_of(url: str) -> Path | None:
    """The home of the embedded server at a URL; None where there is no such server on this machine."""
    parts = urlsplit(libpq_url(url))
    if parts.username != "buddies" or not (parts.netloc.rsplit("@", 1)[-1]).startswith(("127.0.0.1:", "localhost:")):
        return None
    data = data_folder_at(url)
    state = Path(data).parent / STATE_FILE if data else None
    if state is None or not state.is_file():
        return None
    home = json.loads(state.read_text(encoding="utf-8")).get("home")
    return Path(home) if home else None
