"""Labels of marks: a mark in compiled Vega is described by what its tooltip says.

Vega-Lite describes a mark by every channel it is encoded with, positions included, and says a value twice when axis and
tooltip name it differently.
"""

from typing import Any


def describe_marks(marks: list[dict[str, Any]]) -> None:
    """Set the description of every mark with a tooltip, in place, and of the marks inside it."""
    for mark in marks:
        update = mark.get("encode", {}).get("update", {})
        signal = (update.get("tooltip") or {}).get("signal", "")
        if signal.startswith("{"):
            update["description"] = {"signal": description(signal)}
        describe_marks(mark.get("marks", []))


def description(tooltip: str) -> str:
    """A Vega expression of a text, `name: value; name: value`, from a tooltip's of an object.

    >>> description('{"day": format(datum["day"], "a, b"), "users": datum["n"]}')
    '"day: " + (format(datum["day"], "a, b")) + "; users: " + (datum["n"])'
    """
    said = []
    for entry in _entries(tooltip[1:-1]):
        name, _, value = entry.strip().partition('": ')
        said.append(f'{name}: " + ({value})')
    return said[0] + "".join(f' + "; {part[1:]}' for part in said[1:])


def _entries(text: str) -> list[str]:
    """The text cut at commas outside quotes and brackets."""
    found, depth, quote, begin = [], 0, "", 0
    for i, character in enumerate(text):
        if quote:
            quote = "" if character == quote and text[i - 1] != "\\" else quote
        elif character in "\"'":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and not depth:
            found.append(text[begin:i])
            begin = i + 1
    return [*found, text[begin:]]
