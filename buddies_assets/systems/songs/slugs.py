"""Names of the sources' assets."""

from buddies_core.songs.source_list import SOURCES

SLUGS = {
    source.name: "songs_by_" + "".join(c if c.isalnum() else "_" for c in source.name.lower()) for source in SOURCES
}
"""Asset of each source by its name."""
