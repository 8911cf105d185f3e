"""Words of a playlist's title, hashed: how a title that says something is found in others that say it too."""

import hashlib
import re
import unicodedata
from functools import lru_cache

import numpy as np

_WORD = re.compile(r"\w+|[^\w\s]")
_MOST = 16


def title_words(title: str) -> list[str]:
    """Words, signs and emoji of a title, lower case and without diacritics, and the whole of it as one word.

    The whole (`=road trip`) tells "road trip" from any title with a road in it; three-letter pieces (`~roa`) find
    spellings and plurals. At most 16 words of a title count.
    """
    plain = "".join(c for c in unicodedata.normalize("NFKD", title.lower()) if not unicodedata.combining(c))
    plain = plain.replace("’", "'").replace("'", "")
    words = _WORD.findall(plain)[:_MOST]
    if not words:
        return []
    whole = " ".join(words)
    letters = "".join(c for c in whole if c.isalnum())
    pieces = {f"~{letters[i : i + 4]}" for i in range(len(letters) - 3)}
    return [*dict.fromkeys(words), f"={whole}", *sorted(pieces)]


@lru_cache(maxsize=65_536)
def word_hash(word: str) -> int:
    """64 bits of a word, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def title_hashes(title: str) -> np.ndarray:
    """Hashes of a title's words, uint64, distinct."""
    return np.array(list(dict.fromkeys(map(word_hash, title_words(title)))), np.uint64)
