"""Charts drawn before anybody asks: of every page, over the default days, for windows of usual width."""

from collections.abc import Iterable
from datetime import UTC, datetime

from quality.dashboard.context import Context
from quality.dashboard.drawings import COLUMN, FULL, Drawings
from quality.dashboard.period import Period
from quality.dashboard.sources import Sources
from quality.dashboard.view import Page


def draw_ahead(sources: Sources, drawings: Drawings, pages: Iterable[Page]) -> None:
    """Draw the charts of these pages whose data changed since they were last drawn."""
    now = datetime.now(UTC)
    with sources.connection() as connection:
        for page in pages:
            context = Context(connection, sources, Period.parse(None, None, now.date()), now)
            view = page.view(context)
            for figure in view.figures if view else ():
                draw = page.chart(figure.chart)
                plot = draw(context) if draw else None
                if plot is not None:
                    drawings.svg(plot, FULL if figure.wide else COLUMN)
