"""The key by which one song is known in two sources that share no ids, and by which a song typed as text is found.

A key is title, tab, artist. The *exact* key is both stripped and in lower case. The *canonical* key also ignores what
differs between catalogues for one recording: brackets, " - Remastered 2014" suffixes, guests, punctuation, diacritics,
a leading "the" of the artist, and every artist after the first of "A / B". What a key ignores can leave nothing
("(…)", "!!!"): then less is ignored, so that two unrelated songs never meet in an empty key.

Plain Python of the standard library, for one song: the service has no polars. `text_keys` is the same, by the same
patterns, for millions of rows; a property test holds the two together.
"""

import re
import unicodedata

SEPARATOR = "\t"
"""Between title and artist; neither part can hold it, since white space inside a part becomes a space."""

LETTERS = {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "&": " and "}
"""Letters that no decomposition takes apart, and the one sign that is a word."""

MARKS = "[\u0300-\u036f]"
BRACKETS = r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}"
GUESTS = r"[\s(\[{](?:feat|ft|featuring)(?:\.|\s).*$"
SUFFIX = r"\s+[-–—]\s.*$"
QUOTES = "['’‘`´ʼ]"
OTHER_ARTISTS = r"(?:\s+/|/\s+|;).*$"

_LETTERS = str.maketrans(LETTERS)
_SPACE = re.compile(r"\s")
_MARKS, _BRACKETS, _GUESTS, _SUFFIX, _QUOTES, _OTHER_ARTISTS = (
    re.compile(pattern) for pattern in (MARKS, BRACKETS, GUESTS, SUFFIX, QUOTES, OTHER_ARTISTS)
)


def song_key(title: str, artist: str, scheme: str) -> str | None:
    """The key of a song under a `song_key_scheme` of a model; None under a scheme that is not known here."""
    if scheme == "exact":
        return exact_key(title, artist)
    return canonical_key(title, artist) if scheme == "canonical" else None


def exact_key(title: str, artist: str) -> str:
    """Title and artist, stripped and in lower case."""
    return SEPARATOR.join(_SPACE.sub(" ", text).strip().lower() for text in (title, artist))


def canonical_key(title: str, artist: str) -> str:
    """Title and artist without what differs between catalogues."""
    return SEPARATOR.join((canonical_title(title), canonical_artist(artist)))


def canonical_title(title: str) -> str:
    """The title's part of the canonical key; where the rules leave nothing, less is dropped."""
    folded = _folded(title)
    bare = _SUFFIX.sub("", _GUESTS.sub("", _without_brackets(folded)))
    return _words(bare) or _words(folded) or folded or title


def canonical_artist(artist: str) -> str:
    """The artist's part of the canonical key; where the rules leave nothing, less is dropped."""
    folded = _folded(artist)
    bare = _GUESTS.sub("", _without_brackets(_OTHER_ARTISTS.sub("", folded)))
    return _words(bare).removeprefix("the ") or _words(folded) or folded or artist


def _folded(text: str) -> str:
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", text.lower()))
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", plain).lower().translate(_LETTERS)).strip()


def _without_brackets(text: str) -> str:
    """Twice, for brackets within brackets."""
    return _BRACKETS.sub(" ", _BRACKETS.sub(" ", text))


def _words(text: str) -> str:
    kept = (char if unicodedata.category(char)[0] in "LNM" else " " for char in _QUOTES.sub("", text))
    return re.sub(" +", " ", "".join(kept)).strip()
