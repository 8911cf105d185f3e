"""Who is asked about, and the songs for them: from the published version and from what they did of late.

Who is asked about goes by what the service calls them, or by the id that the version's plays had.
"""

import re
from typing import NamedTuple

from buddies_core.artifact.listeners import CLIENT, LISTENER, listener_id, stand_in
from buddies_serving.model.song_lists import SongList, song_list
from buddies_serving.model.song_shelf import SongShelf, shelves
from buddies_serving.service import Service
from buddies_serving.types.songs import SongsForRequest

_IS_LISTENER = re.compile(LISTENER).fullmatch


class Who(NamedTuple):
    """Somebody: the row in the artifact, the number that the service remembers them by, and their name for events."""

    row: int | None
    number: int
    name: int | str


def who_is(service: Service, shelf: SongShelf, named: int | str) -> Who:
    """Who is meant by a number of the playlists' model, by an id, or by what the plays or a client call them."""
    serving = service.watcher.serving
    model = None if serving is None else serving.champion
    find = shelf.served.find_user
    if isinstance(named, int) and model is not None and named < model.users and (key := model.user_id(named)):
        return Who(find(key), named, named)
    text = str(named)
    name = text if _IS_LISTENER(text) else f"{CLIENT}{text}"
    key = listener_id(name)
    number = None if model is None else model.find_user(key)
    row = find(key)
    return Who(
        find(name.removeprefix(CLIENT)) if row is None else row, stand_in(key) if number is None else number, name
    )


def songs_for(service: Service, wanted: SongsForRequest) -> tuple[SongShelf, SongList]:
    shelf = shelves(service.settings).get(wanted.experiment)
    who = who_is(service, shelf, wanted.user_id)
    heard = shelf.heard(service.remembered.songs.of(who.number))
    made = song_list(shelf.served, who.row, heard, count=wanted.k, per_artist=wanted.per_artist, merge=wanted.merge)
    return shelf, made
