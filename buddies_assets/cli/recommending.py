"""Recommendations on the terminal: which playlists, whose they are, and which songs say why."""

from functools import cached_property

import numpy as np
import polars as pl
from rich.table import Table

from buddies_assets.cli.console import printable
from buddies_assets.systems.playlists.steps.splits import stored_fits
from buddies_assets.systems.playlists.steps.taste import as_matrix, load_song_taste
from buddies_core.artifact.format import is_forgotten
from buddies_core.errors import BuddiesError
from buddies_core.interactions.labelled import load_library
from buddies_core.interactions.numbers import numbered_rows
from buddies_core.recommenders.song_taste import SongTaste
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.sample import sample_note, sample_of
from buddies_serving.model.opt_out import OwnerOptOut
from buddies_serving.settings import ServingSettings

SHOWN = 5
SONGS_SHOWN = 3


class UnknownUserError(BuddiesError):
    """A user who is in no dataset."""


class Recommender:
    """Looks up stored rankings; reads only what one user needs."""

    def __init__(self, store: DatasetStore) -> None:
        self._store = store
        self._opt_out = OwnerOptOut(ServingSettings().owner_opt_out_file)

    @cached_property
    def _users(self) -> pl.DataFrame:
        return numbered_rows(self._store.open("user_library"))

    @cached_property
    def _playlists(self) -> pl.DataFrame:
        names = self._store.open("mpd_playlists").frame(["pid", "name", "tracks"])
        return self._store.open("playlist_library").frame().join(names, on="pid", how="left", maintain_order="left")

    @cached_property
    def _songs(self) -> pl.DataFrame:
        return self._store.open("songs").frame(["song", "title", "artist"])

    @cached_property
    def _owners(self) -> dict[int, int]:
        return dict(self._store.open("playlist_ownership").frame(["playlist", "owner"]).iter_rows())

    @cached_property
    def _fits(self) -> pl.DataFrame:
        return stored_fits(self._store.open("playlist_ownership"))

    @cached_property
    def _most_liked(self) -> list[int]:
        ownership = self._store.open("playlist_ownership").frame()
        return ownership.sort(["likers", "playlist"], descending=[True, False])["playlist"].head(SHOWN).to_list()

    @cached_property
    def _cold(self) -> set[int]:
        return set(self._store.open("cold_users").frame(["user"])["user"].to_list())

    @cached_property
    def _taste(self) -> SongTaste:
        return load_song_taste(self._store.open("song_taste"))

    def find_user(self, name: str) -> int:
        """The row of a user given by number or by 40-hex id.

        Raises:
            UnknownUserError: there is no such user.
        """
        if name.isascii() and name.isdigit() and len(name) < 40:
            found = self._users.filter(pl.col("number") == int(name))["user"]
        else:
            found = self._users.filter(pl.col("user_id") == name)["user"]
        if not len(found):
            highest = int(self._users["number"].to_numpy().max(initial=0))
            raise UnknownUserError(f"No user {name!r}: give a number (0 to {highest}) or a 40-hex id.")
        return int(found[0])

    def some_users(self, count: int) -> list[int]:
        """The first users who have recommendations of their own, spread over the index."""
        ranked = self._store.open("ranked_candidates").scan().filter(pl.col("playlists").list.len() >= SHOWN)
        users = ranked.select("user").collect()["user"]
        return [int(users[int(i)]) for i in np.linspace(0, len(users) - 1, min(count, len(users)))]

    def table(self, user: int) -> Table:
        """Five playlists: name, pid, size, owner, and songs in common with the user."""
        ranked = self._store.open("ranked_candidates").scan().filter(pl.col("user") == user).collect()
        own = ranked["playlists"][0].head(SHOWN).to_list() if ranked.height and user not in self._cold else []
        by_taste = "by their taste of songs" if self._is_by_taste(user) else "from listeners of like taste"
        why = by_taste if own else "the most liked, as nothing closer is known"
        who = self._users.row(user, named=True)
        title = f"For user {who['number']} ({who['user_id'][:8]}…, {who['songs']} songs): {why}"
        if note := sample_note(sample_of(self._store)):
            title = f"{title}; {note}"
        if self._opt_out.trouble:
            title = f"{title}; no owner is shown, as BUDDIES_OWNER_OPT_OUT_FILE cannot be read: {self._opt_out.trouble}"
        table = Table("playlist", "pid", "songs", "owner", "why", title=title, title_justify="left")
        neighbours = dict(
            self._store.open("user_pairings")
            .scan()
            .filter(pl.col("user") == user)
            .select("neighbour", "similarity")
            .collect()
            .iter_rows()
        )
        for playlist in own or self._most_liked:
            row = self._playlists.row(playlist, named=True)
            owner = self._owners.get(playlist)
            if owner is not None and self._is_hidden(owner):
                owner, whose = None, "not shown"
            elif owner is not None:
                near = f", similarity {neighbours[owner]:.2f}" if owner in neighbours else ""
                whose = f"user {self._users['number'][owner]}{near}"
            else:
                whose = self._closest(user, playlist)
            why = self._why(user, playlist, owner)
            table.add_row(printable(row["name"] or "(no name)"), str(row["pid"]), str(row["tracks"]), whose, why)
        return table

    def _is_hidden(self, user: int) -> bool:
        """Whether a listener (a row) opted out of being shown, or was forgotten."""
        row = self._users.row(user, named=True)
        return is_forgotten(row["user_id"]) or self._opt_out.hides_user(row["number"], row["user_id"])

    def _is_by_taste(self, user: int) -> bool:
        """Whether the user's list is what taste chose, not the neighbours' candidates."""
        if self._store.open("ranked_candidates").manifest.params.get("ranking") != "taste":
            return False
        chosen = self._store.open("taste_candidates").scan().filter(pl.col("user") == user).select(pl.len())
        return bool(chosen.collect().item())

    def _closest(self, user: int, playlist: int) -> str:
        """The listener, other than the user, whom a playlist that nobody owns fits best and who may be shown."""
        fits = self._fits.filter((pl.col("playlist") == playlist) & (pl.col("user") != user)).sort("place")["user"]
        best = next((other for other in fits if not self._is_hidden(other)), None)
        return "nobody" if best is None else f"nobody; fits user {self._users['number'][best]} best"

    def _why(self, user: int, playlist: int, owner: int | None) -> str:
        """Songs that the user shares with the playlist, that taste expects them to play, or shares with its owner."""
        users = load_library(self._store.open("user_library"))
        held = load_library(self._store.open("playlist_library")).row(playlist)
        common = np.intersect1d(users.row(user), held)
        if len(common):
            return self._titles(common)
        if self._is_by_taste(user):
            chances = self._taste.scores(as_matrix(users.rows(user, user + 1)))[0][held]
            return f"new to them: {self._titles(held[np.argsort(-chances, kind='stable')])}"
        with_owner = np.intersect1d(users.row(user), users.row(owner)) if owner is not None else common
        return f"with its owner: {self._titles(with_owner)}" if len(with_owner) else "nothing yet"

    def _titles(self, songs: np.ndarray) -> str:
        shown = self._songs[songs[:SONGS_SHOWN].tolist()]
        names = [printable(f"{title} – {artist}") for title, artist in shown.select("title", "artist").iter_rows()]
        more = f" … {len(songs)} songs" if len(songs) > SONGS_SHOWN else ""
        return "; ".join(names) + more
