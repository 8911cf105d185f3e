"""Pulling what is served from a store into a folder, before a service starts and for as long as it runs."""

import logging
import time

from buddies_core.artifact.errors import ServedModelError
from buddies_core.artifact.shared import Published, SharedStore
from buddies_serving.settings import ServingSettings

logger = logging.getLogger(__name__)
_LONGEST_PAUSE = 30.0


class Puller:
    """Keeps a service's folder at what the store serves. A failure leaves what was there before."""

    def __init__(self, settings: ServingSettings) -> None:
        if settings.shared_store is None:
            raise ServedModelError("nothing names a store: set BUDDIES_MODEL_STORE, or BUDDIES_HOME to a URL")
        self._settings = settings
        self._store = SharedStore(settings.shared_store)
        self._seen: Published | None = None
        self.error: str | None = None

    def pull(self) -> bool:
        """Whether the folder serves what the store does now; where not, `error` says why."""
        try:
            published = self._store.published()
            if published is None:
                self.error = f"{self._store.url} serves nothing yet"
                return False
            if published != self._seen:
                settings = self._settings
                downloaded = self._store.pull(published, settings.local_home, settings.model_root)
                logger.info("pulled", extra={"versions": ", ".join(downloaded) or "none that was not here"})
                self._seen = published
        except (ServedModelError, OSError) as error:
            if str(error) != self.error:
                logger.error("not pulled", extra={"reason": str(error)})
            self.error = str(error)
            return False
        self.error = None
        return True

    def until_there(self, seconds: float) -> bool:
        """Pulls until it succeeds; False when that took longer than so many seconds."""
        until, pause = time.monotonic() + seconds, self._settings.model_poll_seconds
        while not self.pull():
            if time.monotonic() + pause > until:
                return False
            time.sleep(pause)
        return True

    def watch(self) -> None:
        """Pulls for ever, less often while that fails."""
        pause = self._settings.model_poll_seconds
        while True:
            pause = self._settings.model_poll_seconds if self.pull() else min(2 * pause, _LONGEST_PAUSE)
            time.sleep(pause)
