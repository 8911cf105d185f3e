"""Who is to be forgotten: a listener's 40-hex id, and the number by which the API, playlists and feedback name them."""

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from buddies_core.artifact.format import forgotten_id, is_forgotten
from buddies_core.artifact.listeners import CLIENT, LISTENER, listener_id
from buddies_core.artifact.store import versions
from buddies_core.errors import BuddiesError
from buddies_core.interactions.numbers import stored_register
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore


class NobodyToForgetError(BuddiesError):
    """A text that names no listener, or one who was forgotten before."""


@dataclass(frozen=True)
class Person:
    """A listener.

    Attributes:
        user_id: 40 hex digits in lower case.
        number: their number; None where no register and no served version knows the id.
    """

    user_id: str
    number: int | None

    @property
    def stand_in(self) -> str:
        """What is written where the id stood and a text of the same length must stay."""
        return "forgotten-".ljust(40, "x") if self.number is None else forgotten_id(self.number)

    def is_called(self, name: str) -> bool:
        """Whether a name in a file of plays is theirs: the id, or one that the id is made from."""
        return self.user_id in (name.lower(), listener_id(CLIENT + name))


def find_person(settings: Settings, named: str) -> Person:
    """The listener of a number, a 40-hex id or a client's own name.

    An id that nothing here knows is a person too, whom files may name.

    Raises:
        NobodyToForgetError: the text is neither, or a number that nobody has, or whose listener was forgotten.
    """
    text = named.strip()
    text = listener_id(text) if re.fullmatch(LISTENER, text) else text.lower()
    known = _numbers(settings)
    if re.fullmatch(r"[0-9a-f]{40}", text):
        found = known.filter(pl.col("user_id") == text)["number"]
        return Person(text, int(found[0]) if len(found) else None)
    if not re.fullmatch(r"[0-9]{1,10}", text):
        raise NobodyToForgetError(f"{named!r} names no listener: give a number or a 40-hex id.")
    ids = known.filter(pl.col("number") == int(text))["user_id"]
    if not len(ids):
        raise NobodyToForgetError(f"No listener has the number {text}: give another, or the 40-hex id.")
    if is_forgotten(ids[0]):
        raise NobodyToForgetError(f"The listener of number {text} was forgotten; their id was not kept.")
    return Person(ids[0], int(text))


def _numbers(settings: Settings) -> pl.DataFrame:
    """`number, user_id` of all who are known: by the register, and without one by the served versions."""
    store = DatasetStore.at(settings.home)
    if store.has("user_library"):
        return stored_register(store.open("user_library"))
    root = settings.local_home / "served_model"
    ids = [np.load(root / "versions" / name / "user_ids.npy").astype("U40") for name in versions(root)]
    longest = max(ids, key=len, default=np.zeros(0, "U40"))
    return pl.DataFrame({"user_id": longest.tolist()}, schema={"user_id": pl.String}).with_row_index("number")
