"""Playlists of JSON that is not whole: each that can be decoded on its own, and the stretches between them."""

import json
import re
from dataclasses import dataclass
from typing import Any

_DECODER = json.JSONDecoder(strict=False)
_LIST = re.compile(r'"playlists"\s*:\s*\[')
_PID = re.compile(r'"pid"\s*:\s*(-?\d{1,18})(?!\d)')
_MOST_ATTEMPTS = 2_000
"""Braces at which decoding may fail before the rest is given up: each failure may scan the whole rest."""


@dataclass(frozen=True)
class Stretch:
    """A part of the text that is no playlist.

    Attributes:
        start, stop: in characters of the text.
        pids: of the playlists that begin in it, as far as they can be seen.
    """

    start: int
    stop: int
    pids: list[int]


def parse(text: str) -> Any:
    """JSON as it is often written: NaN for a number, line breaks and tabs inside strings.

    Raises:
        ValueError: it is not JSON.
    """
    return json.loads(text, strict=False)


def salvage(text: str) -> tuple[list[Any], list[Stretch]]:
    """The playlists of a slice that is not JSON as a whole, and what lies between, before and behind them.

    A playlist is an object with `tracks`. Whatever precedes the list and closes it is not a stretch.
    """
    begin = _LIST.search(text)
    at = begin.end() if begin else 0
    playlists: list[Any] = []
    stretches: list[Stretch] = []
    lost, attempts = at, 0
    while (brace := text.find("{", at)) >= 0 and attempts < _MOST_ATTEMPTS:
        try:
            found, end = _DECODER.raw_decode(text, brace)
        except (ValueError, RecursionError):
            at, attempts = brace + 1, attempts + 1
            continue
        if "tracks" in found:
            _add(stretches, text, lost, brace)
            playlists.append(found)
            lost = end
        at = end
    _add(stretches, text, lost, len(text))
    return playlists, stretches


def _add(stretches: list[Stretch], text: str, start: int, stop: int) -> None:
    between = text[start:stop].strip().strip(",").strip()
    closes = stop == len(text) and re.fullmatch(r"\]\s*(,\s*\"info\"\s*:\s*\{[^{}]*\}\s*)?\}", between)
    if between and not closes:
        stretches.append(Stretch(start, stop, [int(match) for match in _PID.findall(text[start:stop])]))
