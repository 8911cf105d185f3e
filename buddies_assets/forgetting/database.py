"""The database without a listener: their sessions go, their days are counted again, and texts lose the id.

Texts may be anywhere: offending rows of a check, an event of Dagster's log. So every text column of every table is
looked through, for the id with any letter case.
"""

from datetime import date
from typing import TYPE_CHECKING

from buddies_assets.forgetting.person import Person
from buddies_core.artifact.listeners import stand_in
from buddies_core.postgres.connecting import connect

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor

_MINE = "user_key = %(id)s OR (user_key IS NULL AND user_id = %(number)s)"
_DELETE = f"""
    DELETE FROM feedback.sessions WHERE {_MINE}
    RETURNING (created_at AT TIME ZONE 'UTC')::date, (received_at AT TIME ZONE 'UTC')::date
"""
_COUNTED_AGAIN = (
    "DELETE FROM quality.feedback_days WHERE day = ANY (%(days)s)",
    """
    INSERT INTO quality.feedback_days
    SELECT (created_at AT TIME ZONE 'UTC')::date, model_version, arm, count(*), sum(cardinality(shown)),
           coalesce(sum(array_position(shown, liked)), 0), count(*) FILTER (WHERE shown[1] = liked),
           count(*) FILTER (WHERE array_position(shown, liked) IS NULL
                               OR cardinality(array_positions(shown, liked)) > 1)
    FROM feedback.sessions
    WHERE (created_at AT TIME ZONE 'UTC')::date = ANY (%(days)s) AND created_at >= %(first)s::date - 1
    GROUP BY 1, 2, 3
    """,
    # a day without users stays: that it changed is what makes a dashboard read it again
    """
    UPDATE quality.feedback_day_users AS held SET changed_at = clock_timestamp(), users =
        (SELECT count(*) FROM quality.feedback_user_days AS of_day WHERE of_day.day = held.day)
    WHERE day = ANY (%(days)s)
    """,
    """
    UPDATE quality.feedback_weeks AS held SET users =
        (SELECT count(DISTINCT user_id) FROM quality.feedback_user_days WHERE day >= week AND day < week + 7)
    WHERE week IN (SELECT date_trunc('week', day)::date FROM unnest(%(days)s) AS day)
    """,
    "DELETE FROM quality.feedback_received WHERE day = ANY (%(received)s)",
    """
    INSERT INTO quality.feedback_received
    SELECT (received_at AT TIME ZONE 'UTC')::date, model_version, arm, count(*),
           coalesce(sum(array_position(shown, liked)), 0)
    FROM feedback.sessions WHERE (received_at AT TIME ZONE 'UTC')::date = ANY (%(received)s) GROUP BY 1, 2, 3
    """,
)
_TEXTS = """
    SELECT c.table_schema, c.table_name, c.column_name, format_type(a.atttypid, a.atttypmod)
    FROM information_schema.columns AS c
    JOIN information_schema.tables AS t USING (table_schema, table_name)
    JOIN pg_attribute AS a ON a.attrelid = format('%I.%I', c.table_schema, c.table_name)::regclass
                          AND a.attname = c.column_name
    WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')
      AND c.udt_name IN ('text', 'varchar', 'bpchar', 'json', 'jsonb', '_text', '_varchar')
    ORDER BY 1, 2, 3
"""


def forget_in_database(url: str, person: Person) -> dict[str, int]:
    """Rows deleted or changed by table, in one transaction; what was freed is vacuumed after it."""
    changed: dict[str, int] = {}
    connection = connect(url, connect_timeout=5, application_name="buddies-forget")
    try:
        with connection, connection.cursor() as cursor:
            _delete(cursor, person, changed)
            _redact(cursor, person, changed)
        connection.autocommit = True
        with connection.cursor() as cursor:
            for table in changed:
                cursor.execute(f"VACUUM {table}")
    finally:
        connection.close()
    return changed


def _delete(cursor: "Cursor", person: Person, changed: dict[str, int]) -> None:
    numbers = [stand_in(person.user_id), *([] if person.number is None else [person.number])]
    told = {"id": person.user_id, "number": person.number, "numbers": numbers}
    created: set[date] = set()
    received: set[date] = set()
    if _exists(cursor, "feedback.sessions"):
        cursor.execute(_DELETE, told)
        days = cursor.fetchall()
        created, received = {day for day, _ in days}, {day for _, day in days}
        _note(changed, "feedback.sessions", len(days))
    if _exists(cursor, "feedback.listener_events"):
        cursor.execute("DELETE FROM feedback.listener_events WHERE user_key = %(id)s", told)
        _note(changed, "feedback.listener_events", cursor.rowcount)
    if not _exists(cursor, "quality.feedback_user_days"):
        return
    cursor.execute("DELETE FROM quality.feedback_user_days WHERE user_id = ANY (%(numbers)s) RETURNING day", told)
    counted = [day for (day,) in cursor.fetchall()]
    _note(changed, "quality.feedback_user_days", len(counted))
    days = sorted(created.union(counted))
    if days:
        again = {"days": days, "first": days[0], "received": sorted(received)}
        for statement in _COUNTED_AGAIN:
            if "feedback_received" not in statement or _exists(cursor, "quality.feedback_received"):
                cursor.execute(statement.replace("%(days)s", "%(days)s::date[]"), again)


def _redact(cursor: "Cursor", person: Person, changed: dict[str, int]) -> None:
    from psycopg2 import sql

    cursor.execute(_TEXTS)
    for schema, table, column, kind in cursor.fetchall():
        statement = sql.SQL(
            "UPDATE {table} SET {column} = regexp_replace({column}::text, %(id)s, %(stand_in)s, 'gi')::{kind}"
            " WHERE {column}::text ~* %(id)s"
        ).format(table=sql.Identifier(schema, table), column=sql.Identifier(column), kind=sql.SQL(kind))
        cursor.execute(statement, {"id": person.user_id, "stand_in": person.stand_in})
        _note(changed, f'"{schema}"."{table}"', cursor.rowcount)


def _exists(cursor: "Cursor", table: str) -> bool:
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (table,))
    return bool(cursor.fetchall()[0][0])


def _note(changed: dict[str, int], table: str, rows: int) -> None:
    if rows:
        changed[table] = changed.get(table, 0) + rows
