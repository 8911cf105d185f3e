"""PostgreSQL under `buddies up`: asked for a sign of life, and started again where it is the embedded one."""

from buddies_core.postgres.connecting import problem_with
from buddies_core.postgres.database import embedded
from buddies_core.postgres.errors import DatabaseError
from buddies_core.postgres.keeper import begin
from buddies_core.settings import Settings

LOOK_SECONDS = 2.0


class DatabaseWatch:
    """Looks every two seconds. A server of others is only watched; ours is started again on the same port."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._url = url
        server = embedded(settings)
        self._server = server if server.state is not None and server.state.url() == url else None
        self._next = 0.0
        self._is_up = True

    def look(self, now: float) -> str | None:
        """A line for the terminal when something changed, else None."""
        if now < self._next:
            return None
        self._next = now + LOOK_SECONDS
        if problem_with(self._url) is None:
            was_up, self._is_up = self._is_up, True
            return None if was_up else "PostgreSQL answers again"
        was_up, self._is_up = self._is_up, False
        if self._server is None or self._server.has_process:
            # a server of others, or one that is starting, recovering or held up: it must come back by itself
            return "PostgreSQL does not answer; feedback waits in the spool" if was_up else None
        return self._start_again()

    def _start_again(self) -> str:
        assert self._server is not None
        try:
            url = self._server.start(detached=True)
        except DatabaseError as error:
            return f"PostgreSQL has ended and does not start: {error}"
        begin(self._server)
        if url != self._url:
            self._server.stop()
            return "PostgreSQL has ended, and another process took its port; it is tried again"
        self._is_up = True
        return "PostgreSQL had ended and was started again"
