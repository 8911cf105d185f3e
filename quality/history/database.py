"""The schema `quality` in PostgreSQL."""

from buddies_core.postgres.schema import Schema

SCHEMA = Schema("quality", "quality.history", lock=7310578)
