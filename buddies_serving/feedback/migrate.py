"""Migrations of the feedback schema by the service's own driver; what they are, `buddies_core.postgres.schema` says."""

import asyncpg

from buddies_core.postgres.schema import Record, Schema

SCHEMA = Schema(
    "feedback",
    "buddies_serving.feedback",
    lock=0x6275646469,
    record=Record(
        table="schema_migrations",
        columns=(
            "number integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,"
            " applied_at timestamptz NOT NULL DEFAULT now()"
        ),
        read="lpad(number::text, 4, '0') || '_' || name || '.sql', checksum",
        write=(
            "(number, name, checksum) VALUES"
            " (left('{file}', 4)::integer, substr('{file}', 6, length('{file}') - 9), '{digest}')"
        ),
    ),
)
"""Its record has another form than that of the other schemas: services of several versions share it in an upgrade."""


async def migrate(connection: asyncpg.Connection, schema: Schema = SCHEMA) -> list[str]:
    """Brings the schema up to date, in one transaction, and returns the names of the files applied now.

    Raises MigrationError when a step that was applied has changed since, or the database is ahead of this service.
    """
    async with connection.transaction():
        await connection.execute(schema.prepare)
        steps = schema.pending(dict(await connection.fetch(schema.applied)))
        for step in steps:
            await connection.execute(schema.apply(step))
    return [step.file for step in steps]
