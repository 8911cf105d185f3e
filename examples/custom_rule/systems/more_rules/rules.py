"""A rule of one's own about a dataset that is there already."""

import polars as pl

from quality.rules.verdict import Finding, Severity, offending_rows, rule

LONGEST = 100


@rule(severity=Severity.WARN)
def titles_are_no_longer_than_a_line(mpd_playlists: pl.DataFrame) -> Finding:
    """A playlist's title has at most a hundred characters: a longer one was pasted by mistake."""
    longer = mpd_playlists.filter(pl.col("name").str.len_chars() > LONGEST)
    return offending_rows(longer.select("pid", "name"), mpd_playlists.height)
