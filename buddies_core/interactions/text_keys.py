"""Song keys of millions of rows: the rules of `song_key`, by the same patterns, as polars expressions."""

from collections.abc import Callable
from typing import Literal

import polars as pl

from buddies_core.interactions.song_key import (
    BRACKETS,
    GUESTS,
    LETTERS,
    MARKS,
    OTHER_ARTISTS,
    QUOTES,
    SEPARATOR,
    SUFFIX,
    canonical_artist,
    canonical_title,
)

Match = Literal["canonical", "exact"]

_OTHER_SPACE = r"[^\S ]"
_NOT_WORD = r"[^\p{L}\p{N}\p{M}]+"


def exact_key_expr(title: str, artist: str) -> pl.Expr:
    """The exact key of two text columns."""
    parts = [_one_space_kind(pl.col(name)).str.to_lowercase() for name in (title, artist)]
    return pl.concat_str(parts, separator=SEPARATOR)


def _one_space_kind(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(_OTHER_SPACE, " ").str.strip_chars()


def _folded_texts(texts: pl.Series) -> pl.Series:
    """Texts without case, marks and other writings of a letter; ASCII skips the decomposing, which takes longest."""
    lower = pl.col("text").str.to_lowercase()
    without_marks = lower.str.normalize("NFKD").str.replace_all(MARKS, "").str.normalize("NFKC").str.to_lowercase()
    other = (texts.str.len_bytes() != texts.str.len_chars()).arg_true()
    ascii_folded, folded = (
        frame.lazy().select(_one_space_kind(expr.str.replace_many(LETTERS))).collect().to_series()
        for frame, expr in ((texts.to_frame("text"), lower), (texts.gather(other).to_frame("text"), without_marks))
    )
    return ascii_folded.scatter(other, folded)


def _squeezed_expr(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(QUOTES, "").str.replace_all(_NOT_WORD, " ").str.strip_chars()


def _no_brackets(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(BRACKETS, " ").str.replace_all(BRACKETS, " ")


def canonical_titles(titles: pl.Series) -> pl.Series:
    """The titles' part of the canonical key."""
    frame = pl.LazyFrame({"text": titles, "folded": _folded_texts(titles)})
    bare = _no_brackets(pl.col("folded")).str.replace(GUESTS, "").str.replace(SUFFIX, "")
    return _with_fallback(frame.select("text", _squeezed_expr(bare).alias("key")), canonical_title)


def canonical_artists(artists: pl.Series) -> pl.Series:
    """The artists' part of the canonical key."""
    frame = pl.LazyFrame({"text": artists, "folded": _folded_texts(artists)})
    bare = _no_brackets(pl.col("folded").str.replace(OTHER_ARTISTS, "")).str.replace(GUESTS, "")
    key = _squeezed_expr(bare).str.replace("^the ", "")
    return _with_fallback(frame.select("text", key.alias("key")), canonical_artist)


def _with_fallback(frame: pl.LazyFrame, plain: Callable[[str], str]) -> pl.Series:
    """The column `key`, in which the few rows that the rules emptied are worked out by the plain function."""
    keyed = frame.collect()
    empty = (keyed["key"] == "").arg_true()
    if not len(empty):
        return keyed["key"]
    return keyed["key"].scatter(empty, [plain(text) for text in keyed["text"].gather(empty)])


def with_key(frame: pl.DataFrame, title: str, artist: str, match: Match) -> pl.DataFrame:
    """The frame with a column `key`; each distinct artist is worked out once, since artists repeat a lot."""
    if match == "exact":
        return frame.with_columns(exact_key_expr(title, artist).alias("key"))
    names = frame[artist].unique()
    artists = pl.DataFrame({artist: names, "artist_key": canonical_artists(names)})
    keyed = frame.with_columns(canonical_titles(frame[title]).alias("key"))
    keyed = keyed.join(artists, on=artist, how="left", maintain_order="left")
    return keyed.with_columns(pl.concat_str("key", "artist_key", separator=SEPARATOR)).drop("artist_key")
