"""The terminal: what comes from outside is printed as text, never as markup, emoji or control characters."""

import sys
from typing import Any

from rich.console import Console
from rich.text import Text


def plain_console(**options: Any) -> Console:
    """A console that takes no text for markup: `[/vibes]` and `:fire:` are names of playlists."""
    return Console(markup=False, emoji=False, highlight=False, **options)


def styled(*parts: str | tuple[str, str]) -> Text:
    """A line of parts, some of them (text, style)."""
    return Text.assemble(
        *(printable(part) if isinstance(part, str) else (printable(part[0]), part[1]) for part in parts)
    )


def printable(text: str) -> str:
    """Text in which control characters are written out: a file's name must not move the cursor."""
    return "".join(
        character if character.isprintable() or character == "\n" else repr(character)[1:-1] for character in text
    )


console = plain_console() if sys.stdout.isatty() else plain_console(width=160)
"""Where commands print: as wide as the terminal, and 160 columns in a file or a pipe."""
