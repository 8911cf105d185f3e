"""The database that this program uses: the one that is named, or else the embedded server's."""

import contextlib
import fcntl
from collections.abc import Iterator

from buddies_core.postgres.connecting import problem_with
from buddies_core.postgres.embedded import EmbeddedPostgres
from buddies_core.postgres.errors import DatabaseError
from buddies_core.postgres.own_home import check_home
from buddies_core.postgres.room import no_room
from buddies_core.postgres.urls import described, libpq_url
from buddies_core.settings import Settings
from buddies_core.storage.locks import locked


def embedded(settings: Settings) -> EmbeddedPostgres:
    """The embedded server of a `BUDDIES_HOME`."""
    return EmbeddedPostgres(settings.local_home / "postgres", settings.local_home)


def database_url(settings: Settings) -> str:
    """URL of the database in use.

    Raises:
        DatabaseError: none is named and the embedded one does not run; the message names the command that starts it.
    """
    if settings.postgres_url:
        check_home(settings.postgres_url, settings.local_home)
        return libpq_url(settings.postgres_url)
    server = embedded(settings)
    if not server.is_running():
        raise DatabaseError(
            no_room(server.folder)
            or "No PostgreSQL is running for this project: run `buddies db start` (it starts the embedded server and "
            "writes its address to .env), or set BUDDIES_POSTGRES_URL to a server of yours."
        )
    return server.state.url()  # type: ignore[union-attr]


def feedback_database(settings: Settings) -> str | None:
    """URL of the database that holds feedback; None where none was ever named or started, so there is no feedback.

    Raises:
        DatabaseError: there is one, but it does not run.
    """
    if not settings.postgres_url and embedded(settings).state is None:
        return None
    return database_url(settings)


@contextlib.contextmanager
def running_database(settings: Settings) -> Iterator[str]:
    """The database's URL while the block runs; starts the embedded server when needed and then stops it after."""
    server = embedded(settings)
    named = settings.postgres_url
    if named and not (server.state and server.state.url() == named):
        if problem := problem_with(named):
            raise DatabaseError(f"BUDDIES_POSTGRES_URL ({described(named)}): {problem}")
        check_home(named, settings.local_home)
        yield libpq_url(named)
        return
    from buddies_core.postgres.keeper import begin

    server.folder.mkdir(parents=True, exist_ok=True)
    with locked(server.users_file, fcntl.LOCK_SH) as users:
        try:
            was_running = server.is_running()
            url = server.start(detached=True)
            if not was_running:
                begin(server)
            yield url
        finally:
            if users is not None and _is_last(users) and not server.is_kept:
                server.stop()


def _is_last(users: int) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
