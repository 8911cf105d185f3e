"""Text of one byte a letter: which code page a file was written in, told by what its words look like.

A file that is not UTF-8 names no code page. Each candidate makes other letters of the same bytes, and only the right
one makes words: `Beyonc\\x8e` is "Beyoncé" in Mac Roman, "BeyoncŽ" in Windows-1252 and "BeyoncÄ" in the DOS pages.
Where no page makes words of nearly all, or two make different ones equally well, nothing is guessed.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator

PAGES = ("cp1252", "mac_roman", "cp850", "cp437", "cp1250", "cp1251", "koi8_r", "cp866")
"""Candidates, the most frequent first: Western ones, then Central European, then Cyrillic."""

_SEGMENT = re.compile(rb'[^\n"]*[\x80-\xff][^\n"]*')
_ESCAPED = re.compile("[\udc80-\udcff]")
WORD = re.compile("[A-Za-z'\udc80-\udcff]*[\udc80-\udcff][A-Za-z'\udc80-\udcff]*")
_CONTRACTION = re.compile(r"^[A-Za-z]+[’'](s|t|d|m|n|em|ll|re|ve|S|T|D|M|LL|RE|VE)?$|^[’'][A-Za-z0-9]+$")
_FREQUENT = frozenset("àáâãäåæçèéêëìíîïñòóôõöøùúûüýßœ")
_MOST_SAMPLED = 20_000
_LEAST_PLAUSIBLE, _LEAST_LEAD = 0.8, 0.1


def to_utf8(data: bytes) -> tuple[bytes, str | None]:
    """The data as UTF-8, and the page of what was not; a page of None there means that it stays U+FFFD.

    A line, or a string in quotation marks, is of one encoding: files that were put together of several are read too.
    """
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return data, None
    page = guess(word for text in _old_texts(data) for word in words_in(text))

    def mended(match: re.Match[bytes]) -> bytes:
        text = _old_text(match.group())
        if text is None:
            return match.group()
        return (in_page(text, page) if page else _ESCAPED.sub("\ufffd", text)).encode()

    return _SEGMENT.sub(mended, data), page


def guess(words: Iterable[str]) -> str | None:
    """The page of words, in which bytes beyond ASCII stand as U+DC80 to U+DCFF; None when none is sure."""
    counted = Counter(word for word, _ in zip(words, range(_MOST_SAMPLED), strict=False))
    if not counted:
        return None
    spelled = {page: [in_page(word, page) for word in counted] for page in PAGES}
    scores = {page: [plausible(word) for word in spelled[page]] for page in PAGES}
    best = max(PAGES, key=lambda page: sum(scores[page]))  # of equals the first
    if sum(scores[best]) < _LEAST_PLAUSIBLE * len(counted):
        return None
    for rival in PAGES:
        at = [i for i, (ours, theirs) in enumerate(zip(spelled[best], spelled[rival], strict=True)) if ours != theirs]
        if sum(scores[best][i] - scores[rival][i] for i in at) < _LEAST_LEAD * len(at):
            return None
    return best


def words_in(text: str) -> list[str]:
    """The words of a text in which escaped bytes stand."""
    return [match.group() for match in WORD.finditer(text)]


def _old_texts(data: bytes) -> Iterator[str]:
    return (text for match in _SEGMENT.finditer(data) if (text := _old_text(match.group())) is not None)


def _old_text(segment: bytes) -> str | None:
    """A segment that is not UTF-8 with its bytes escaped; None for one that is."""
    try:
        segment.decode("utf-8")
    except UnicodeDecodeError:
        return segment.decode("ascii", "surrogateescape")
    return None


def in_page(word: str, page: str) -> str:
    """A word with its escaped bytes read in a page."""
    return _ESCAPED.sub(lambda match: letter(ord(match.group()) - 0xDC00, page), word)


def letter(byte: int, page: str) -> str:
    """What a byte is in a page; U+FFFD where it is nothing."""
    return bytes([byte]).decode(page, "replace")


def plausible(word: str) -> float:
    """How much a word looks like one, 0 to 1.5: a contraction, or letters of one script and case, few accented."""
    if _CONTRACTION.match(word):
        return 1.0 if word.isascii() else 1.5
    core = word.strip("'’‘“”«»…–—")
    if not core:
        return 0.3  # marks alone say little
    body = core.replace("'", "").replace("’", "")
    if not body.isalpha() or not (body.islower() or body.isupper() or (body[0].isupper() and body[1:].islower())):
        return 0.0
    strange = [character for character in body if character > "\x7f"]
    if all("CYRILLIC" in unicodedata.name(character, "") for character in body):
        return 1.0 if len(body) > 1 else 0.5
    if not all("LATIN" in unicodedata.name(character, "") for character in strange):
        return 0.0
    if len(strange) * 2 > len(body) + 1:
        return 0.2
    frequent = sum(character.lower() in _FREQUENT for character in strange) / len(strange) if strange else 1.0
    return 0.6 + 0.4 * frequent
