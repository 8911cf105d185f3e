"""Repair of damaged text: what can be restored exactly is, and what cannot is told apart.

Three kinds of damage occur in real files:
* UTF-8 that was read as Windows-1252 and written again ("BeyoncÃ©"): undone only when the whole text takes the
  way back without loss, so that honest text ("SÃO", "Ü") is never touched;
* typographic marks cut to their low byte ("Blake\\x19s") or left as Windows-1252 bytes ("Blake\\x92s"): restored;
  other control characters become a space;
* U+FFFD or NUL: the letter is gone. `is_lost` tells such text, and its row goes to quarantine as `mojibake`.
"""

import contextlib
import re

import polars as pl

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
    for name in columns:
        suspect = frame[name].str.contains(SUSPECT).fill_null(value=False)
        if not suspect.any():
            continue
        at = suspect.arg_true()
        before = frame[name].gather(at)
        after = pl.Series(name, [repair_text(text) for text in before], pl.String)
        changed = changed.scatter(at.filter(before != after), True)
        frame = frame.with_columns(frame[name].scatter(at, after))
    return frame, changed


def is_lost(column: str) -> pl.Expr:
    """Whether a text column holds letters that nothing can restore."""
    return pl.col(column).str.contains(LOST).fill_null(value=False)
