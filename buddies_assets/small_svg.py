"""Small drawings as Markdown that Dagster shows in the table of metadata, and not behind its link [Show Markdown].

It shows Markdown in place where it is shorter than 1,000 characters, which a bitmap never is. So the drawing is an SVG
of whole numbers in a data URI, drawn with fewer points until it fits.
"""

from collections.abc import Callable, Iterable, Sequence
from urllib.parse import quote

LONGEST = 999
WIDTH, HEIGHT, FOOT = 240, 80, 14
COLOURS = ("#4c78c8", "#e08a2e", "#3f9c6b")
_RESOLUTIONS = (40, 32, 24, 20, 16, 12, 8)

Points = Sequence[tuple[float, float]]


def bars(title: str, counts: Sequence[float], low: str, high: str) -> str:
    """Bars beside each other, the first from `low` on, the last up to `high`; fewer, wider ones where it is long."""

    def draw(most: int) -> str:
        shown = merged(counts, most)
        top, step = max(shown, default=0) or 1, WIDTH / max(len(shown), 1)
        path = "".join(
            f"M{step * n:.0f},{HEIGHT}v-{_high(value / top)}h{max(step - 1, 1):.0f}V{HEIGHT}"
            for n, value in enumerate(shown)
            if value
        )
        return _element("path", d=path, fill=COLOURS[0]) + _ends(low, high)

    return _fitting(title, draw)


def curves(title: str, named: Sequence[tuple[str, Points]]) -> str:
    """Up to three curves on common axes, each named in its colour, with the ends of both axes."""
    points = [point for _, curve in named for point in curve]
    lowest, highest = min((y for _, y in points), default=0.0), max((y for _, y in points), default=1.0)
    first, last = min((x for x, _ in points), default=0.0), max((x for x, _ in points), default=1.0)

    def draw(most: int) -> str:
        found = _ends(f"{first:.3g}", f"{last:.3g}")
        for place, ((name, curve), colour) in enumerate(zip(named, COLOURS, strict=False)):
            path = ",".join(
                f"{WIDTH * _share(x, first, last):.0f},{HEIGHT - HEIGHT * _share(y, lowest, highest):.0f}"
                for x, y in thinned(curve, most)
            )
            found += _element("polyline", points=path, fill="none", stroke=colour)
            found += _text(name, colour, x=f"{80 * place + 60}", y=f"{HEIGHT + FOOT - 2}")
        return found

    return _fitting(title, draw)


def merged(counts: Sequence[float], most: int) -> list[float]:
    """At most `most` sums of as many neighbours each, the last one of fewer."""
    each = -(-len(counts) // most)
    return [sum(counts[start : start + each]) for start in range(0, len(counts), max(each, 1))]


def thinned(points: Points, most: int) -> list[tuple[float, float]]:
    """At most `most` of the points, evenly, the first and the last among them."""
    if len(points) <= most:
        return list(points)
    return [points[round(n * (len(points) - 1) / (most - 1))] for n in range(most)]


def _fitting(title: str, draw: Callable[[int], str]) -> str:
    for most in _RESOLUTIONS:
        markdown = _markdown(title, draw(most))
        if len(markdown) <= LONGEST:
            return markdown
    return _markdown(title[:60], draw(_RESOLUTIONS[-1]))


def _markdown(title: str, drawn: str) -> str:
    size = {"viewBox": f"0,0,{WIDTH},{HEIGHT + FOOT}", "width": f"{2 * WIDTH}", "height": f"{2 * (HEIGHT + FOOT)}"}
    about = {"xmlns": "http://www.w3.org/2000/svg", **size, "font-size": "9", "font-family": "Arial"}
    svg = f"<svg{_attributes(about.items())}>{drawn}</svg>"
    return f"{title}\n\n![](data:image/svg+xml,{quote(svg, safe='/:=;,*')})".replace("%27", "'")


def _ends(low: str, high: str) -> str:
    foot = f"{HEIGHT + FOOT - 2}"
    return _text(low, "#888", y=foot) + _text(high, "#888", x=f"{WIDTH}", y=foot, **{"text-anchor": "end"})


def _text(text: str, colour: str, **attributes: str) -> str:
    plain = text.replace("&", "and").replace("<", "").replace(">", "")
    return _element("text", plain, fill=colour, **attributes)


def _element(name: str, content: str = "", **attributes: str) -> str:
    opened = f"<{name}{_attributes(attributes.items())}"
    return f"{opened}>{content}</{name}>" if content else f"{opened}/>"


def _attributes(pairs: Iterable[tuple[str, str]]) -> str:
    return "".join(f" {name}='{value}'" for name, value in pairs)


def _high(share: float) -> int:
    """Height of a bar, of one that is not empty never nothing."""
    return max(round(HEIGHT * share), 1)


def _share(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5
