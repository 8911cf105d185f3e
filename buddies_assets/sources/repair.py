"""Repair of damaged text: what can be restored exactly is, and what cannot is told apart.

Four kinds of damage occur in real files:
* UTF-8 that was read as Windows-1252 and written again ("BeyoncÃ©"): undone only when the whole text takes the
  way back without loss, so that honest text ("SÃO", "Ü") is never touched;
* typographic marks cut to their low byte ("Blake\\x19s") or left as Windows-1252 bytes ("Blake\\x92s"): restored;
  other control characters become a space;
* text of another code page that was read as Latin-1 ("Beyonc\\x8e", of Mac Roman): restored where the file's words
  tell the page, else set aside;
* U+FFFD or NUL: the letter is gone. `is_lost` tells such text, and its row goes to quarantine as `mojibake`.
"""

import contextlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from buddies_assets.sources.inputs import codepages

LOST = "[\ufffd\x00]"
SUSPECT = "[\x00-\x1f\x7f-\x9f\ufffd]|[ÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖØÙàáâãäåæçèéêëìíîïðñòóô][^\x00-\x7f]"
"""Text that may need a repair: control characters, or a UTF-8 lead byte followed by anything outside ASCII."""

_CUT_MARKS = {0x13: "–", 0x14: "—", 0x18: "‘", 0x19: "’", 0x1C: "“", 0x1D: "”", 0x26: "&"}
_CONTROL = re.compile("[\x01-\x1f\x7f-\x9f]")
_LEAD = re.compile("[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]")


def _windows_1252(text: str) -> bytes:
    """Bytes of text read as Windows-1252, in which the five unassigned bytes stand for themselves."""
    return b"".join(
        character.encode("latin-1") if "\x80" <= character <= "\x9f" else character.encode("cp1252")
        for character in text
    )


def _restored(match: re.Match[str]) -> str:
    character = match.group()
    if "\x80" <= character <= "\x9f":
        restored = character.encode("latin-1").decode("cp1252", "replace")
        return " " if restored == "\ufffd" else restored
    return _CUT_MARKS.get(ord(character), " ")


def repair_text(text: str) -> str:
    """Text with double encoding undone and control characters restored or blanked; idempotent on clean text."""
    if _LEAD.search(text):
        with contextlib.suppress(UnicodeError):  # not double-encoded: honest text that only looks alike
            text = _windows_1252(text).decode("utf-8")
    return _CONTROL.sub(_restored, text)


def repair_columns(frame: pl.DataFrame, columns: list[str]) -> tuple[pl.DataFrame, pl.Series]:
    """The frame with its text columns repaired, and a mask of the rows that were changed."""
    changed = pl.repeat(value=False, n=frame.height, dtype=pl.Boolean, eager=True)
    suspects = {name: frame[name].str.contains(SUSPECT).fill_null(value=False) for name in columns}
    if not any(suspect.any() for suspect in suspects.values()):
        return frame, changed
    misread = Misread.of(text for name, suspect in suspects.items() for text in frame[name].filter(suspect))
    for name in columns:
        suspect = suspects[name]
        if misread.page is not None:
            suspect = suspect | frame[name].str.contains("[\x80-\xff]").fill_null(value=False)
        at = suspect.arg_true()
        before = frame[name].gather(at)
        after = pl.Series(name, [repair_text(misread.restored(text)) for text in before], pl.String)
        changed = changed.scatter(at.filter(before != after), True)
        frame = frame.with_columns(frame[name].scatter(at, after))
    return frame, changed


@dataclass(frozen=True)
class Misread:
    """Text of an old code page that was read as Latin-1 and written as UTF-8: its letters are control characters.

    Attributes:
        page: that they were written in, when it is sure and not Windows-1252, whose marks `repair_text` restores.
        in_doubt: no page is sure, and as Windows-1252 more than a few of the words are none.
    """

    page: str | None
    in_doubt: bool

    @classmethod
    def of(cls, texts: Iterable[str]) -> "Misread":
        """What the texts with such characters say together."""
        escaped = (_escaped(text) for text in texts if _CONTROL_LETTER.search(text))
        words = [word for text in escaped if text for word in codepages.words_in(text)]
        page = codepages.guess(words)
        if page is not None and page != "cp1252":
            return cls(page, in_doubt=False)
        return cls(None, in_doubt=sum(not _is_word(word) for word in words) > max(_FEW, _FEW_SHARE * len(words)))

    def restored(self, text: str) -> str:
        """The text with its words as their page has them; a letter that no page is sure of becomes U+FFFD."""
        escaped = _escaped(text)
        if escaped is None:
            return text
        if self.page is not None:
            return codepages.WORD.sub(lambda match: self._better(match.group()), escaped).translate(_LATIN)
        if not self.in_doubt or all(_is_word(word) for word in codepages.words_in(escaped)):
            return text
        return _CONTROL_LETTER.sub("\ufffd", text)

    def _better(self, word: str) -> str:
        as_is = word.translate(_LATIN)
        restored = codepages.in_page(word, self.page or "cp1252")
        return restored if codepages.plausible(restored) > codepages.plausible(as_is) else as_is


def _is_word(escaped: str) -> bool:
    return codepages.plausible(codepages.in_page(escaped, "cp1252")) > 0


_FEW, _FEW_SHARE = 2, 0.1
"""A stray control character or two in a file say nothing of its page: they become a space."""
_CONTROL_LETTER = re.compile("[\x80-\x9f]")
_LATIN = {0xDC00 + byte: byte for byte in range(0x80, 0x100)}


def _escaped(text: str) -> str | None:
    """The text as bytes of Latin-1 that stand as U+DC80 to U+DCFF; None where it holds other characters."""
    try:
        return text.encode("latin-1").decode("ascii", "surrogateescape")
    except UnicodeEncodeError:
        return None


def is_lost(column: str) -> pl.Expr:
    """Whether a text column holds letters that nothing can restore."""
    return pl.col(column).str.contains(LOST).fill_null(value=False)
