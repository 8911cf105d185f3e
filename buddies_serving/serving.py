"""What is served at a moment: the champion, a challenger for some users, and how lists are made from them.

A `Serving` is immutable. A request takes the reference once and answers from that alone, so a change of model never
mixes two of them in one answer; the watcher swaps by assigning a new one.
"""

import asyncio
import gc
import logging
from pathlib import Path

import numpy as np

from buddies_core.artifact.errors import ServedModelError
from buddies_core.artifact.store import CURRENT, read_channels
from buddies_core.artifact.traffic_split import draw
from buddies_serving.live import LiveRanker
from buddies_serving.served_model import ServedModel
from buddies_serving.settings import ServingSettings

logger = logging.getLogger(__name__)


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
        self._rankers = {model.version: LiveRanker(model) for model in (champion, challenger) if model and live}

    def arm(self, user: int | None) -> str:
        """`champion` or `challenger`; always the same for a user while the share stands."""
        if self.challenger is None or user is None or draw(user) >= self.share:
            return "champion"
        return "challenger"

    def model(self, arm: str) -> ServedModel:
        """The model of an arm."""
        return self.challenger if arm == "challenger" and self.challenger is not None else self.champion

    def top(self, arm: str, user: int | None, length: int, hidden: frozenset[int] | set[int]) -> list[int]:
        """The pids for a user, best first, by the arm's model."""
        model = self.model(arm)
        ranker = self._rankers.get(model.version)
        return ranker.top(user, length, hidden) if ranker else model.top(user, length, hidden)


class ModelWatcher:
    """Loads what is published, and again whenever `current.json` changes."""

    def __init__(self, settings: ServingSettings) -> None:
        self._settings = settings
        self._seen: tuple[int, int] | None = None
        self.serving: Serving | None = None
        self.error: str | None = None
        self.swaps = 0

    def load(self) -> None:
        """Takes in what is published if it is new. A model that cannot be read is logged; the old one stays."""
        self._take(self._look())

    async def watch(self) -> None:
        """Looks for a new model for ever; reading happens in a thread, so that requests do not wait for a disk."""
        while True:
            await asyncio.sleep(self._settings.model_poll_seconds)
            self._take(await asyncio.to_thread(self._look))

    def _look(self) -> Serving | None:
        """What is published, if it is new and can be read."""
        try:
            seen = _stamp(self._settings.model_root / CURRENT)
            if seen is not None and seen == self._seen:
                return None
            serving = self._open()
        except (ServedModelError, OSError) as error:
            if str(error) != self.error:
                logger.error("served model not loaded", extra={"reason": str(error)})
            self.error = str(error)
            return None
        self._seen, self.error = seen, None
        return serving

    def _take(self, serving: Serving | None) -> None:
        if serving is None:
            return
        self.serving = serving
        self.swaps += 1
        # a model's lists hold a pointer for each user; without this every full collection walks them all
        gc.freeze()
        logger.info("served model loaded", extra={"version": serving.version_header})

    def _open(self) -> Serving:
        root = self._settings.model_root
        channels = read_channels(root)
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
        return ServedModel.open(self._settings.model_root / "versions" / version)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_mtime_ns, status.st_ino


def cold_users(model: ServedModel) -> frozenset[int]:
    """The users of a model whose list is not personal."""
    empty = np.diff(model.arrays["ranked_indptr"]) == 0
    return frozenset(np.flatnonzero(model.cold | empty).tolist())
