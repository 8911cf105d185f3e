"""Words of a playlist's title, hashed: how a title that says something is found in others that say it too."""

import hashlib
import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

import numpy as np

_WORD = re.compile(r"\w+|[^\w\s]")
_MOST = 16


def plain_words(title: str) -> list[str]:
    """Words, signs and emoji of a title in order, lower case and without diacritics; at most 16."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", title.lower()) if not unicodedata.combining(c))
    return _WORD.findall(plain.replace("’", "'").replace("'", ""))[:_MOST]


def title_words(title: str) -> list[str]:
    """What a title is known by: its words, pairs of them, the whole of it, and pieces of four letters.

    The whole (`=road trip`) tells "road trip" from any title with a road in it; a pair (`road+trip`) finds "2016 road
    trip"; pieces (`~road`) find spellings, plurals and stems.
    """
    words = plain_words(title)
    if not words:
        return []
    whole = " ".join(words)
    letters = "".join(c for c in whole if c.isalnum())
    pieces = {f"~{letters[i : i + 4]}" for i in range(len(letters) - 3)}
    pairs = [f"{first}+{second}" for first, second in pairwise(words)] if len(words) > 2 else []
    return [*dict.fromkeys(words), *dict.fromkeys(pairs), f"={whole}", *sorted(pieces)]


@lru_cache(maxsize=65_536)
def word_hash(word: str) -> int:
    """64 bits of a word, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def title_hashes(title: str) -> np.ndarray:
    """Hashes of a title's words, uint64, distinct."""
    return np.array(list(dict.fromkeys(map(word_hash, title_words(title)))), np.uint64)
