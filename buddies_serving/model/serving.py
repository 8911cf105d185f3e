"""What is served at a moment: the champion, a challenger for some users, and how lists are made from them.

A `Serving` is immutable. A request takes the reference once and answers from that alone, so a change of model never
mixes two of them in one answer; the watcher swaps by assigning a new one.
"""

import asyncio
import gc
import logging
import time
from pathlib import Path

import numpy as np

from buddies_core.artifact.store import CURRENT, Channels, is_version_name, read_channels, verify
from buddies_core.artifact.traffic_split import draw
from buddies_serving.listeners.remembered import NOTHING_KNOWN, Known
from buddies_serving.model.live import LiveRanker
from buddies_serving.model.new_listeners import NewListeners
from buddies_serving.model.served_model import ServedModel
from buddies_serving.settings import ServingSettings

logger = logging.getLogger(__name__)
_AGAIN_SECONDS = 30.0


class Serving:
    """One published state. `version_header` names the version, or both when there is a challenger."""

    def __init__(
        self, champion: ServedModel, challenger: ServedModel | None, share: float, *, live: bool, since: str = ""
    ) -> None:
        self.champion = champion
        self.challenger = challenger
        self.share = share
        self.since = since
        self.live = live
        names = [champion.version] + ([challenger.version] if challenger else [])
        self.version_header = ", ".join(names)
        self.cold_users = {arm: cold_users(self.model(arm)) for arm in ("champion", "challenger")}
        self._new = {model.version: NewListeners(model) for model in (champion, challenger) if model}
        self._rankers = {model.version: LiveRanker(model) for model in (champion, challenger) if model and live}

    def arm(self, user: int | None) -> str:
        """`champion` or `challenger`; always the same for a user while the share stands."""
        if self.challenger is None or user is None or draw(user) >= self.share:
            return "champion"
        return "challenger"

    def model(self, arm: str) -> ServedModel:
        """The model of an arm."""
        return self.challenger if arm == "challenger" and self.challenger is not None else self.champion

    def top(self, arm: str, user: int | None, length: int, known: Known = NOTHING_KNOWN) -> list[int]:
        """The pids for a user, best first, by the arm's model; without a list of their own, by what is known of late.

        A `user` below 0 is a listener without a number.
        """
        model = self.model(arm)
        if self.lists_by_deeds(arm, user, known):
            return self._new[model.version].top(user, known, length)
        ranker = self._rankers.get(model.version)
        return ranker.top(user, length, known.likes) if ranker else model.top(user, length, known.likes)

    def lists_by_deeds(self, arm: str, user: int | None, known: Known) -> bool:
        """Whether a list is made of what a listener did of late: nothing was published for them, but songs tell."""
        model = self.model(arm)
        said = bool(known.likes or known.songs)
        return said and model.is_cold(user) and bool(self._new[model.version].top(user, known, 1))

    def songs_known(self, arm: str, user: int | None, known: Known) -> np.ndarray:
        """The songs (rows) that such a list was made of."""
        return self._new[self.model(arm).version].songs_of(user, known)


class ModelWatcher:
    """Loads what is published, and again whenever `current.json` changes.

    A version is read whole and compared with its digests before it is served; any damage leaves the old one in place.
    At a start there is none yet: then the last one that this service served is taken, if it is still there and whole.
    """

    def __init__(self, settings: ServingSettings) -> None:
        self._settings = settings
        self._seen: tuple[int, int] | None = None
        self._refused: tuple[int, int] | None = None
        self._again_at = 0.0
        self._looking = asyncio.Lock()
        self.serving: Serving | None = None
        self.error: str | None = None
        self.swaps = 0

    async def begin(self, seconds: float) -> None:
        """Takes in what is published, or leaves it to `watch` when reading it takes longer."""
        self.error = "the model is being checked"
        first = asyncio.create_task(self.look())
        await asyncio.wait([first], timeout=seconds)

    async def watch(self) -> None:
        """Looks for a new model for ever."""
        while True:
            await asyncio.sleep(self._settings.model_poll_seconds)
            await self.look()

    async def look(self) -> None:
        """Takes in what is published if it is new; reading happens in a thread, so that no request waits for a disk."""
        async with self._looking:
            self._take(await asyncio.to_thread(self._published))

    def find_user(self, user_key: str) -> int | None:
        """The number that the champion has a user under; None where it does not know them, or nothing is served."""
        return None if self.serving is None else self.serving.champion.find_user(user_key)

    def _published(self) -> Serving | None:
        """What is published, if it is new and whole."""
        stamp = _stamp(self._settings.model_root / CURRENT)
        if stamp is not None and stamp == self._seen:
            return None
        if stamp is not None and stamp == self._refused and time.monotonic() < self._again_at:
            return None
        try:
            serving = self._open(read_channels(self._settings.model_root))
        except Exception as error:
            # damage takes any form, and none of them may end the service or its watching
            if str(error) != self.error:
                logger.error("served model not loaded", extra={"reason": str(error)})
            self.error = str(error) or repr(error)
            # a damaged gigabyte is not read again every second, but a disk may come back
            self._refused, self._again_at = stamp, time.monotonic() + _AGAIN_SECONDS
            return self._last_served() if self.serving is None else None
        self._seen, self.error = stamp, None
        return serving

    def _last_served(self) -> Serving | None:
        note = self._settings.last_served
        if not note.exists():
            return None  # nothing was ever served from here, which is no fault: other systems may be
        try:
            version = note.read_text(encoding="ascii").strip()
            return self._open(Channels(champion=version)) if is_version_name(version) else None
        except Exception as error:
            logger.warning("no earlier model is served either", extra={"reason": str(error)})
            return None

    def _take(self, serving: Serving | None) -> None:
        if serving is None:
            return
        self.serving = serving
        self.swaps += 1
        self._note(serving.champion.version)
        # a model's lists hold a pointer for each user; without this every full collection walks them all
        gc.freeze()
        logger.info("served model loaded", extra={"version": serving.version_header})

    def _open(self, channels: Channels) -> Serving:
        champion = self._version(channels.champion)
        trial = channels.challenger if channels.challenger and channels.challenger.share > 0 else None
        challenger = self._version(trial.version) if trial else None
        live = self._settings.serving_mode == "live"
        return Serving(champion, challenger, trial.share if trial else 0.0, live=live, since=channels.since)

    def _version(self, version: str) -> ServedModel:
        """The version's model: the one that is open already, if it is."""
        for model in (self.serving.champion, self.serving.challenger) if self.serving else ():
            if model is not None and model.version == version:
                return model
        folder = self._settings.model_root / "versions" / version
        verify(folder)
        return ServedModel.open(folder)

    def _note(self, version: str) -> None:
        path = self._settings.last_served
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(version, encoding="ascii")
        except OSError as error:
            logger.warning("which model is served could not be noted", extra={"reason": str(error)})


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino


def cold_users(model: ServedModel) -> frozenset[int]:
    """The users of a model whose list is not personal."""
    empty = np.diff(model.arrays["ranked_indptr"]) == 0
    return frozenset(np.flatnonzero(empty).tolist())
