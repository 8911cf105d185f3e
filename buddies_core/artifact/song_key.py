"""The key by which a song typed as text is found in a model; agrees with the pipeline's own keys, which a test checks.

The pipeline builds keys with polars, which the service does not carry, so the rules stand here once more in plain
Python. A key is title, tab, artist. `exact`: stripped and lower case. `canonical`: also without brackets, suffixes
after a dash, guests, punctuation, diacritics, a leading "the" and further artists; where that leaves nothing, less is
dropped.
"""

import re
import unicodedata

_SPECIAL = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "&": " and "}
)
_SPACE = re.compile(r"\s")
_MARK = re.compile("[\u0300-\u036f]")
_BRACKET = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")
_GUEST = re.compile(r"[\s(\[{](?:feat|ft|featuring)(?:\.|\s).*$")
_DASH_SUFFIX = re.compile(r"\s+[-–—]\s.*$")
_QUOTE = re.compile("['’‘`´ʼ]")
_FURTHER_ARTISTS = re.compile(r"(?:\s+/|/\s+|;).*$")


def song_key(title: str, artist: str, scheme: str) -> str | None:
    """The key of a song under a model's `song_key_scheme`; None under a scheme this service does not know."""
    if scheme == "exact":
        return f"{_SPACE.sub(' ', title).strip().lower()}\t{_SPACE.sub(' ', artist).strip().lower()}"
    if scheme == "canonical":
        return f"{_title(title)}\t{_artist(artist)}"
    return None


def _title(title: str) -> str:
    plain = _fold(title)
    core = _DASH_SUFFIX.sub("", _GUEST.sub("", _unbracketed(plain)))
    return _words(core) or _words(plain) or plain or title


def _artist(artist: str) -> str:
    plain = _fold(artist)
    core = _GUEST.sub("", _unbracketed(_FURTHER_ARTISTS.sub("", plain)))
    return _words(core).removeprefix("the ") or _words(plain) or plain or artist


def _fold(text: str) -> str:
    stripped = _MARK.sub("", unicodedata.normalize("NFKD", text.lower()))
    return _SPACE.sub(" ", unicodedata.normalize("NFKC", stripped).lower().translate(_SPECIAL)).strip()


def _unbracketed(text: str) -> str:
    return _BRACKET.sub(" ", _BRACKET.sub(" ", text))


def _words(text: str) -> str:
    kept = (char if unicodedata.category(char)[0] in "LNM" else " " for char in _QUOTE.sub("", text))
    return re.sub(" +", " ", "".join(kept)).strip()
