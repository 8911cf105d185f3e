"""Rules of the parsed files: MPD playlists and tracks, ENTP plays, MSD song texts, and what was set aside."""

import polars as pl

from quality.rules.shapes import duplicates, without_partner
from quality.rules.verdict import SIGMAS, Finding, Severity, offending_rows, rule, within

USER_ID = r"^[0-9a-f]{40}$"
SONG_ID = r"^SO[0-9A-Z]{16}$"
MOST_QUARANTINED = 0.05
CUT_SHORT = ("truncated_file", "undecodable_file", "malformed_json")
NOT_READ = ("unread_file", "foreign_format", "unreadable_archive")
MOST_MISMATCHED = 0.20
MOST_GARBLED = 0.01
GARBLED = r"\x{FFFD}|Ã[\x{80}-\x{BF}]|â€"
"""A replacement character, or UTF-8 that was read as Latin-1."""
TRACES = ["\ufffd", "Ã", "â€"]
"""One of these is in every garbled text: looking for a few words is faster than a pattern."""


def _blank(*columns: str) -> pl.Expr:
    """Whether a column is null or nothing but space; only what could begin with a space is looked at closely."""
    return pl.any_horizontal(
        pl.col(c).is_null() | (((pl.col(c) < "!") | (pl.col(c) > "~")) & (pl.col(c).str.strip_chars() == ""))
        for c in columns
    )


def _garbled(frame: pl.DataFrame, *columns: str) -> Finding:
    some = frame.filter(pl.any_horizontal(pl.col(c).str.contains_any(TRACES) for c in columns))
    bad = some.filter(pl.any_horizontal(pl.col(c).str.contains(GARBLED) for c in columns))
    return within(bad.height / max(frame.height, 1), 0.0, MOST_GARBLED, frame.height, bad)


@rule(blocking=True)
def playlists_have_one_row_each(mpd_playlists: pl.DataFrame) -> Finding:
    """Every pid occurs once: a slice read twice would double its playlists."""
    return duplicates(mpd_playlists, "pid")


@rule(asset="mpd_tracks", severity=Severity.WARN)
def playlists_agree_with_their_tracks(track_counts: pl.DataFrame, mpd_playlists: pl.DataFrame) -> Finding:
    """A playlist's `tracks` is the number of its rows in `mpd_tracks`: fewer means that a slice was cut short."""
    joined = mpd_playlists.join(track_counts, on="pid", how="left").with_columns(pl.col("found").fill_null(0))
    return offending_rows(
        joined.filter(pl.col("tracks") != pl.col("found")).select("pid", "tracks", "found"), mpd_playlists.height
    )


@rule(severity=Severity.WARN)
def playlists_were_edited_in_the_past(mpd_playlists: pl.DataFrame, now: float) -> Finding:
    """`modified_at` is an epoch in seconds after 2006 and before now: milliseconds would land in the far future."""
    at = mpd_playlists.filter(pl.col("modified_at").is_not_null())
    return offending_rows(at.filter(~pl.col("modified_at").is_between(1_136_073_600, int(now))), at.height)


@rule(blocking=True)
def tracks_have_one_row_per_position(mpd_tracks: pl.DataFrame) -> Finding:
    """(pid, pos) occurs once."""
    return duplicates(mpd_tracks, "pid", "pos")


@rule(blocking=True)
def tracks_belong_to_a_playlist(mpd_tracks: pl.DataFrame, mpd_playlists: pl.DataFrame) -> Finding:
    """Every track's pid is a playlist that was kept."""
    return without_partner(mpd_tracks, mpd_playlists, "pid")


@rule()
def tracks_are_named(mpd_tracks: pl.DataFrame) -> Finding:
    """URI, title and artist hold text: a song is its text, and a blank would match every other blank."""
    return offending_rows(mpd_tracks.filter(_blank("track_uri", "track_name", "artist_name")), mpd_tracks.height)


@rule(severity=Severity.WARN)
def track_texts_are_readable(mpd_tracks: pl.DataFrame) -> Finding:
    """At most 1 % of titles and artists carry traces of a wrong text encoding."""
    return _garbled(mpd_tracks, "track_name", "artist_name")


@rule(blocking=True)
def plays_are_unique(entp_plays: pl.DataFrame) -> Finding:
    """(user, song) occurs once: a repeated file would double every play."""
    return duplicates(entp_plays, "user_id", "song_id")


@rule(blocking=True)
def plays_name_a_user(entp_plays: pl.DataFrame) -> Finding:
    """User ids are 40 lower-case hexadecimal digits."""
    return offending_rows(
        entp_plays.filter(~pl.col("user_id").str.contains(USER_ID).fill_null(False)), entp_plays.height
    )


@rule()
def plays_name_a_song(entp_plays: pl.DataFrame) -> Finding:
    """Song ids are SO and 16 capitals or digits."""
    return offending_rows(
        entp_plays.filter(~pl.col("song_id").str.contains(SONG_ID).fill_null(False)), entp_plays.height
    )


@rule()
def plays_were_heard(entp_plays: pl.DataFrame) -> Finding:
    """A play count is at least 1."""
    return offending_rows(entp_plays.filter(pl.col("plays").fill_null(0) < 1), entp_plays.height)


@rule()
def song_texts_have_an_id(msd_songs: pl.DataFrame) -> Finding:
    """Song ids of the text file are SO and 16 capitals or digits."""
    return offending_rows(msd_songs.filter(~pl.col("song_id").str.contains(SONG_ID).fill_null(False)), msd_songs.height)


@rule()
def song_texts_are_filled(msd_songs: pl.DataFrame) -> Finding:
    """Title and artist hold text."""
    return offending_rows(msd_songs.filter(_blank("title", "artist")), msd_songs.height)


@rule(severity=Severity.WARN)
def song_texts_are_readable(msd_songs: pl.DataFrame) -> Finding:
    """At most 1 % of titles and artists carry traces of a wrong text encoding."""
    return _garbled(msd_songs, "title", "artist")


@rule(severity=Severity.WARN)
def song_years_are_plausible(msd_songs: pl.DataFrame) -> Finding:
    """A year is null (unknown) or between 1900 and 2030; 0 stands for unknown in the file and must not get through."""
    return offending_rows(msd_songs.filter(~pl.col("year").is_between(1900, 2030)), msd_songs.height)


@rule(severity=Severity.WARN)
def mismatched_texts_are_few(msd_songs: pl.DataFrame) -> Finding:
    """At most 20 % of songs carry a text known to be wrong."""
    return within(msd_songs["mismatched"].mean() if msd_songs.height else 0.0, 0.0, MOST_MISMATCHED, msd_songs.height)  # type: ignore[arg-type]


@rule()
def quarantined_rows_say_why(quarantined_raw: pl.DataFrame) -> Finding:
    """Every row set aside names its source, its file and a reason."""
    return offending_rows(quarantined_raw.filter(_blank("source", "file", "reason")), quarantined_raw.height)


@rule()
def input_files_are_whole(quarantined_raw: pl.DataFrame) -> Finding:
    """No file was cut short or damaged: what of it could be decoded was kept, and how much is missing is not known."""
    return offending_rows(quarantined_raw.filter(pl.col("reason").is_in(CUT_SHORT)), quarantined_raw.height)


@rule()
def input_files_are_read(quarantined_raw: pl.DataFrame) -> Finding:
    """No file that looks like data was passed over: by its name, its format, or the way it is packed."""
    return offending_rows(quarantined_raw.filter(pl.col("reason").is_in(NOT_READ)), quarantined_raw.height)


@rule(blocking=True)
def raw_counts_reconcile(quarantined_raw: pl.DataFrame, raw_counts: pl.DataFrame) -> Finding:
    """Rows read = kept + quarantined + known repeats + left out, and those kept are stored: nothing is lost unseen.

    Lines are counted before they are parsed, and each belongs to a row: a parser that swallows lines is seen.
    `raw_counts`: dataset, source, read, kept, quarantined, repeats, left_out, stored, lines, parsed_lines. The
    quarantine may hold more rows than the counts say, since a file that is set aside has one row there and its content
    was never counted.
    """
    accounted = pl.col("kept") + pl.col("quarantined") + pl.col("repeats") + pl.col("left_out")
    lost = (pl.col("read") != accounted) | (pl.col("lines") != pl.col("parsed_lines"))
    held = quarantined_raw.group_by("source").len("held")
    sources = raw_counts.group_by("source").agg(pl.col("quarantined").sum().alias("expected"))
    untold = (
        sources.join(held, on="source", how="left")
        .filter(pl.col("held").fill_null(0) < pl.col("expected"))
        .get_column("source")
    )
    bad = raw_counts.filter(lost | (pl.col("kept") != pl.col("stored")) | pl.col("source").is_in(untold.implode()))
    return offending_rows(bad, raw_counts.height)


@rule(severity=Severity.WARN)
def few_rows_are_quarantined(quarantined_raw: pl.DataFrame, raw_counts: pl.DataFrame) -> Finding:
    """At most 5 % of any source is set aside: of its bytes where rows are unknown, and of the rows of the rest."""
    unknown = pl.col("unread_bytes") / pl.col("bytes").clip(lower_bound=1)
    of_rows = pl.col("quarantined") / pl.col("read").clip(lower_bound=1)
    shares = raw_counts.with_columns((unknown + (1 - unknown) * of_rows).alias("share"))
    worst = shares["share"].max() if shares.height else 0.0
    return within(float(worst or 0.0), 0.0, MOST_QUARANTINED, quarantined_raw.height, shares)  # type: ignore[arg-type]


@rule()
def the_stated_share_of_plays_is_hidden(hidden_plays: pl.DataFrame, n_plays: int, hidden_share: float) -> Finding:
    """The share that `BUDDIES_HIDDEN_SHARE` asks for is hidden: fewer judge nobody, more are lost to what learns."""
    room = SIGMAS * (hidden_share * (1 - hidden_share) / max(n_plays, 1)) ** 0.5
    found = hidden_plays.height / max(n_plays, 1)
    return within(found, hidden_share - room, hidden_share + room, hidden_plays.height)
