"""Numbers of users: what an API client calls a user by, given once and kept for ever.

A row of the library is the rank of an id, so one new user moves all those behind it; a number is not. The register
holds every user that a home has ever known: those who are no longer in the data keep theirs too, so that it is never
somebody else's. In a new home the numbers are the rows.
"""

import polars as pl

from buddies_core.errors import BuddiesError
from buddies_core.storage.dataset import Dataset

REGISTER = pl.Schema({"number": pl.UInt32, "user_id": pl.String})
PART = "numbers"
"""Name of the register among the parts of `user_library`."""


class RegisterError(BuddiesError, ValueError):
    """A register that gives a number, or a user, twice."""


def stored_register(user_library: Dataset | None) -> pl.DataFrame:
    """The register kept with the library of an earlier run, columns of `REGISTER`; without one it is empty.

    A library from before there were numbers was served by its rows, which are the numbers then.
    """
    if user_library is None:
        return REGISTER.to_frame()
    if f"{PART}.parquet" in user_library.manifest.parts:
        return user_library.part(PART).cast(REGISTER)
    return user_library.frame(["user", "user_id"]).select(number="user", user_id="user_id").cast(REGISTER)


def numbered_rows(user_library: Dataset) -> pl.DataFrame:
    """The library's rows with the `number` of each user, also of a library from before there were numbers."""
    rows = user_library.frame()
    return rows if "number" in rows.columns else rows.with_columns(number="user")


def extended(register: pl.DataFrame, user_ids: pl.Series) -> pl.DataFrame:
    """The register with those of the users that it lacks, in the order of their ids, numbered on from the highest.

    Raises:
        RegisterError: the register gives a number or a user twice.
    """
    for column in ("number", "user_id"):
        if register[column].is_duplicated().any():
            twice = register.filter(pl.col(column).is_duplicated())[column][0]
            raise RegisterError(
                f"The register of user numbers has {column} {twice} twice: restore the part `{PART}` of user_library "
                "from a backup; if there is none, delete the dataset, and every user gets a new number."
            )
    highest = register["number"].max()
    first = 0 if highest is None else int(highest) + 1  # type: ignore[arg-type]
    new = pl.DataFrame({"user_id": user_ids.unique().sort()}).join(register, on="user_id", how="anti")
    numbered = new.sort("user_id").with_row_index("number", offset=first).cast(REGISTER)
    return pl.concat([register, numbered]).sort("number")
