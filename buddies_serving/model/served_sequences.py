"""What answers for playlists: the artifact of a task, opened when first asked for, and its answers in a thread."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import msgspec
from fastapi import Response

from buddies_core.artifact.named_arrays import Artifact
from buddies_core.sequences.answers import SYSTEM, ServedSequences
from buddies_core.sequences.models import CONTINUE, NEXT
from buddies_serving.http.problems import Problem, from_decoding
from buddies_serving.model.experiments import Experiments
from buddies_serving.model.song_search import SongSearch
from buddies_serving.settings import ServingSettings

DEFAULT = "mpd"
T = TypeVar("T")
_ENCODER = msgspec.json.Encoder()


class Shared:
    """An artifact's answers, one request at a time: they share tables that are cleared after each."""

    def __init__(self, artifact: Artifact) -> None:
        self.version = artifact.version
        self._served = ServedSequences(artifact.arrays)
        self.tasks = self._served.tasks
        self._turn = threading.Lock()
        self._search: tuple[list[int], SongSearch] | None = None

    async def ask(self, question: Callable[[ServedSequences], T]) -> T:
        """The answer, worked out in a thread."""
        return await asyncio.to_thread(self._in_turn, question)

    def found(self, typed: str, most: int) -> list[int]:
        """Songs by a part of their text, the most popular first; to be called in an `ask`.

        What finds them is made when somebody first types.
        """
        if self._search is None:
            songs = self._served.by_popularity()
            texts = [self._served.text(song) for song in songs]
            self._search = songs, SongSearch([title for title, _ in texts], [artist for _, artist in texts])
        songs, search = self._search
        return [songs[row] for row in search.find(typed, most)]

    def key_of(self, track: str | tuple[str, str]) -> str | None:
        """The lasting name of a song; None for one that no playlist holds. It waits for no request."""
        song = self._served.song(track)
        return None if song is None else self._served.key_of(song)

    def _in_turn(self, question: Callable[[ServedSequences], T]) -> T:
        with self._turn:
            return question(self._served)


_OPEN: dict[Path, Experiments[Shared]] = {}


def is_fitted(settings: ServingSettings) -> bool:
    """Whether there is anything to answer from."""
    return any((settings.local_home / SYSTEM).glob("*/current.json"))


def served_by(settings: ServingSettings, task: str = CONTINUE) -> Shared:
    """What answers a task: the system's own version of the graph, or else what `buddies fit-playlists` stored."""
    root = settings.local_home / SYSTEM
    known = _OPEN.get(root)
    if known is None:
        known = Experiments(root, Shared, poll_seconds=settings.model_poll_seconds, default=DEFAULT)
        _OPEN[root] = known
    names = known.names()
    if task not in names and DEFAULT not in names:
        raise Problem(
            404, f"No model of playlists is fitted yet: run `buddies fit-playlists` or `buddies run --system {task}`."
        )
    return known.get(task if task in names else DEFAULT)


def any_served(settings: ServingSettings) -> Shared:
    """What knows the songs of playlists, whichever of both systems has been made; its `tasks` say what it answers."""
    made = [
        name for name in (CONTINUE, DEFAULT, NEXT) if (settings.local_home / SYSTEM / name / "current.json").is_file()
    ]
    return served_by(settings, made[0] if made else CONTINUE)


def decoded(content: bytes, kind: type[T]) -> T:
    """A body as what it should be; Problem 400 or 422 where it is not."""
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise from_decoding(error) from error


def json_of(content: msgspec.Struct, version: str) -> Response:
    """An answer with the version of the model that made it."""
    return Response(_ENCODER.encode(content), 200, {"x-model-version": version}, "application/json")
