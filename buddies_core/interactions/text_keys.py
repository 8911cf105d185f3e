"""Keys by which one song is known in two sources that share no ids: its title and artist as text.

The *exact* key is the stripped, lower-cased title and artist. The *canonical* key also ignores what differs between
catalogues for one recording: brackets, " - Remastered 2014" suffixes, guests, punctuation, diacritics, a leading
"the" of the artist, and every artist after the first of "A / B". What a key ignores can leave nothing ("(…)", "!!!"):
then less is ignored, so that two unrelated songs never meet in an empty key.

Each rule exists twice: as polars expressions for millions of rows, and in plain Python (`exact_key`,
`canonical_key`), which says what is meant and is what tests compare with.
"""

import re
import unicodedata
from collections.abc import Callable
from typing import Literal

import polars as pl

Match = Literal["canonical", "exact"]

SEPARATOR = "\t"
"""Between title and artist in a key; neither part can hold it, since white space inside a part becomes a space."""

LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "&": " and "}
"""Letters that no decomposition takes apart, and the one sign that is a word."""

_MARKS = "[\u0300-\u036f]"
_BRACKETS = r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}"
_GUESTS = r"[\s(\[{](?:feat|ft|featuring)(?:\.|\s).*$"
_SUFFIX = r"\s+[-–—]\s.*$"
_QUOTES = "['’‘`´ʼ]"
_OTHER_ARTISTS = r"(?:\s+/|/\s+|;).*$"
_OTHER_SPACE = r"[^\S ]"
_POLARS_NOT_WORD = r"[^\p{L}\p{N}\p{M}]+"


def exact_key(title: str, artist: str) -> str:
    """Plain twin of `with_key` for one song, exact."""
    return SEPARATOR.join(re.sub(r"\s", " ", text).strip().lower() for text in (title, artist))


def canonical_key(title: str, artist: str) -> str:
    """Plain twin of `with_key` for one song, canonical."""
    return SEPARATOR.join((_canonical_title(title), _canonical_artist(artist)))


def _folded(text: str) -> str:
    text = re.sub(_MARKS, "", unicodedata.normalize("NFKD", text.lower()))
    text = unicodedata.normalize("NFKC", text).lower()
    return re.sub(r"\s", " ", "".join(LETTERS.get(character, character) for character in text)).strip()


def _is_word(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNM"


def _words(text: str) -> str:
    text = re.sub(_QUOTES, "", text)
    return " ".join("".join(c if _is_word(c) else " " for c in text).split(" ")).strip() if text else ""


def _squeezed(text: str) -> str:
    return re.sub(" +", " ", _words(text))


def _first_not_empty(*texts: str) -> str:
    return next((text for text in texts if text), "")


def _canonical_title(title: str) -> str:
    folded = _folded(title)
    bare = re.sub(_BRACKETS, " ", re.sub(_BRACKETS, " ", folded))
    bare = re.sub(_SUFFIX, "", re.sub(_GUESTS, "", bare))
    return _first_not_empty(_squeezed(bare), _squeezed(folded), folded, title)


def _canonical_artist(artist: str) -> str:
    folded = _folded(artist)
    first = re.sub(_OTHER_ARTISTS, "", folded)
    bare = re.sub(_GUESTS, "", re.sub(_BRACKETS, " ", re.sub(_BRACKETS, " ", first)))
    words = _squeezed(bare)
    return _first_not_empty(re.sub("^the ", "", words), _squeezed(folded), folded, artist)


def exact_key_expr(title: str, artist: str) -> pl.Expr:
    """The exact key of two text columns."""
    parts = [_one_space_kind(pl.col(name)).str.to_lowercase() for name in (title, artist)]
    return pl.concat_str(parts, separator=SEPARATOR)


def _one_space_kind(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(_OTHER_SPACE, " ").str.strip_chars()


def _folded_texts(texts: pl.Series) -> pl.Series:
    """Texts without case, marks and other writings of a letter; ASCII skips the decomposing, which takes longest."""
    lower = pl.col("text").str.to_lowercase()
    without_marks = lower.str.normalize("NFKD").str.replace_all(_MARKS, "").str.normalize("NFKC").str.to_lowercase()
    other = (texts.str.len_bytes() != texts.str.len_chars()).arg_true()
    ascii_folded, folded = (
        frame.lazy().select(_one_space_kind(expr.str.replace_many(LETTERS))).collect().to_series()
        for frame, expr in ((texts.to_frame("text"), lower), (texts.gather(other).to_frame("text"), without_marks))
    )
    return ascii_folded.scatter(other, folded)


def _squeezed_expr(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(_QUOTES, "").str.replace_all(_POLARS_NOT_WORD, " ").str.strip_chars()


def _no_brackets(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(_BRACKETS, " ").str.replace_all(_BRACKETS, " ")


def canonical_titles(titles: pl.Series) -> pl.Series:
    """The titles' part of the canonical key."""
    frame = pl.LazyFrame({"text": titles, "folded": _folded_texts(titles)})
    bare = _no_brackets(pl.col("folded")).str.replace(_GUESTS, "").str.replace(_SUFFIX, "")
    return _with_fallback(frame.select("text", _squeezed_expr(bare).alias("key")), _canonical_title)


def canonical_artists(artists: pl.Series) -> pl.Series:
    """The artists' part of the canonical key."""
    frame = pl.LazyFrame({"text": artists, "folded": _folded_texts(artists)})
    bare = _no_brackets(pl.col("folded").str.replace(_OTHER_ARTISTS, "")).str.replace(_GUESTS, "")
    key = _squeezed_expr(bare).str.replace("^the ", "")
    return _with_fallback(frame.select("text", key.alias("key")), _canonical_artist)


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
