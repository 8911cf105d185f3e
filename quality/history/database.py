"""The schema `quality` in PostgreSQL."""

from buddies_assets.database import Schema

SCHEMA = Schema("quality", "quality.history", lock=7310578)
