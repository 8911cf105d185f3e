"""What was last found out of the two places that feedback is stored in: PostgreSQL, and the spool."""

import logging

from buddies_serving.errors import SpoolError

logger = logging.getLogger(__name__)


class StorageState:
    """Shared by the writer, which stores new feedback, and the upkeep of the database; health and gauges read it."""

    def __init__(self, *, has_database: bool) -> None:
        self.database_ready = False
        self.database_error = "not connected yet" if has_database else "no database is named (BUDDIES_POSTGRES_URL)"
        self.spool_error: str | None = None

    def database_is_here(self) -> None:
        """The database is connected and its schema current: new feedback goes there from now on."""
        self.database_ready = True

    def database_is_away(self, error: Exception) -> None:
        """A call to the database failed: new feedback goes to the spool until the upkeep has connected again."""
        if self.database_ready or repr(error) != self.database_error:
            logger.warning("database away, feedback goes to the spool", extra={"reason": repr(error)})
        self.database_ready = False
        self.database_error = repr(error)

    def spool_works(self) -> None:
        """The spool took records, or holds none."""
        self.spool_error = None

    def spool_fails(self, error: SpoolError) -> None:
        """The spool could not take records."""
        if self.spool_error is None:
            logger.error("feedback refused", extra={"reason": str(error)})
        self.spool_error = str(error)
