"""What is served, shared with services on other machines by a store (`BUDDIES_MODEL_STORE`, or the home's own URL)."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from buddies_core.artifact.shared import SERVED_MODEL, SharedStore
from buddies_core.artifact.store import CURRENT
from buddies_core.settings import Settings


def share(settings: Settings) -> list[str]:
    """Let the store serve what the home serves; versions uploaded, none where nothing is shared or nothing changed.

    Raises:
        SharedStoreError: the store cannot be read or written.
    """
    if settings.shared_store is None:
        return []
    with _alone(settings):
        return SharedStore(settings.shared_store).push(settings.local_home)


def take_back(settings: Settings) -> list[str]:
    """Fetch what the store serves into a home that serves nothing, a new disk for one; the versions fetched.

    Without it the next training would count as the first, and be everybody's champion untried.

    Raises:
        SharedStoreError: the store cannot be read.
        DamagedModelError: what it holds is not what was written.
    """
    if settings.shared_store is None or (settings.local_home / SERVED_MODEL / CURRENT).exists():
        return []
    with _alone(settings):
        store = SharedStore(settings.shared_store)
        published = store.published()
        return [] if published is None else store.pull(published, settings.local_home, with_state=True)


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    settings.local_home.mkdir(parents=True, exist_ok=True)
    with (settings.local_home / ".sharing.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
