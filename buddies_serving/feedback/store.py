"""PostgreSQL as feedback sees it: one connection, every call bounded in time, dropped on any failure."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date
from typing import Any, TypeVar

import asyncpg

from buddies_serving.feedback.migrate import migrate
from buddies_serving.feedback.replicas import Told
from buddies_serving.model.usage import Key
from buddies_serving.types.feedback import Deed, Event, Losses, Record, Session, SongName

_INSERT = """
INSERT INTO feedback.sessions
    (session_id, created_at, received_at, user_id, user_key, liked, shown, model_version, arm, recommendation_id)
SELECT session_id, to_timestamp(created_at), to_timestamp(received_at), user_id, user_key, liked, shown::integer[],
       model_version, arm, recommendation_id
FROM unnest($1::uuid[], $2::float8[], $3::float8[], $4::integer[], $5::text[], $6::integer[], $7::text[], $8::text[],
            $9::text[], $10::text[])
    AS batch (session_id, created_at, received_at, user_id, user_key, liked, shown, model_version, arm,
              recommendation_id)
ON CONFLICT (session_id) DO NOTHING
"""
_COUNT = """
INSERT INTO feedback.recommendations_served AS served (day, model_version, arm, recommendations)
SELECT * FROM unnest($1::date[], $2::text[], $3::text[], $4::bigint[])
ON CONFLICT (day, model_version, arm) DO UPDATE SET recommendations = served.recommendations + excluded.recommendations
"""
_INSERT_EVENTS = """
INSERT INTO feedback.listener_events
    (event_id, created_at, received_at, user_id, user_key, kind, song_id, song_key, playlist, seconds, share)
SELECT event_id, to_timestamp(created_at), to_timestamp(received_at), user_id, user_key, kind, song_id, song_key,
       playlist, seconds, share
FROM unnest($1::uuid[], $2::float8[], $3::float8[], $4::integer[], $5::text[], $6::text[], $7::text[], $8::text[],
            $9::integer[], $10::float8[], $11::float8[])
    AS batch (event_id, created_at, received_at, user_id, user_key, kind, song_id, song_key, playlist, seconds, share)
ON CONFLICT (event_id) DO NOTHING
"""
_LIKES = """SELECT user_id, user_key, extract(epoch FROM created_at)::float8 AS at, 'like' AS kind, liked AS playlist,
    NULL AS song_id, NULL AS song_key, created_at, stored_at FROM feedback.sessions"""
_DEEDS = """SELECT user_id, user_key, extract(epoch FROM created_at)::float8 AS at, kind, playlist, song_id, song_key,
    created_at, stored_at FROM feedback.listener_events"""
_RECENT = f"""
DECLARE recent NO SCROLL CURSOR FOR SELECT * FROM (
    ({_LIKES} ORDER BY created_at DESC LIMIT {{limit}}) UNION ALL ({_DEEDS} ORDER BY created_at DESC LIMIT {{limit}})
) AS recent ORDER BY created_at
"""
_SINCE = f"""
SELECT *, extract(epoch FROM stored_at)::float8 AS stored FROM (
    ({_LIKES} WHERE stored_at >= to_timestamp($1) ORDER BY stored_at LIMIT $2)
    UNION ALL
    ({_DEEDS} WHERE stored_at >= to_timestamp($1) ORDER BY stored_at LIMIT $2)
) AS since ORDER BY stored_at LIMIT $2
"""
_TELL = """
INSERT INTO feedback.replicas AS replicas (replica, signer) VALUES ($1, $2)
ON CONFLICT (replica) DO UPDATE SET signer = excluded.signer, seen_at = now()
"""
_SPENT = """
INSERT INTO feedback.requests_spent (replica, key, tokens) SELECT $1, * FROM unnest($2::text[], $3::float8[])
ON CONFLICT (replica, key) DO UPDATE SET tokens = excluded.tokens
"""
_HEAR = """
SELECT replica, signer, key, tokens FROM feedback.replicas LEFT JOIN feedback.requests_spent USING (replica)
WHERE replica <> $1 AND seen_at > now() - interval '10 seconds'
"""
_GONE = "DELETE FROM feedback.replicas WHERE seen_at < now() - interval '10 minutes'"
_SAME_KEYS = """
SELECT session_id::text, user_id, liked, shown, recommendation_id FROM feedback.sessions
WHERE session_id = ANY ($1::uuid[])
"""
_SAME_EVENTS = """
SELECT event_id::text, user_id, user_key, kind, song_id, song_key, playlist, seconds, share
FROM feedback.listener_events WHERE event_id = ANY ($1::uuid[])
"""
_LOSSES = """
INSERT INTO feedback.spool_losses AS losses (spool, damaged, missing, refused) VALUES ($1, $2, $3, $4)
ON CONFLICT (spool) DO UPDATE
SET damaged = excluded.damaged, missing = excluded.missing, refused = excluded.refused, seen_at = now()
"""
REFUSED_BY_SCHEMA = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)
"""What the server or the driver says of a row that it will never take; the connection is as good as before."""
_PAGE = 2_000
T = TypeVar("T")
_EPOCH = date(1970, 1, 1).toordinal()


class FeedbackStore:
    """A connection that is made when needed. Not for use by two tasks at once."""

    def __init__(self, url: str, *, timeout: float) -> None:
        self._url = url
        self._timeout = timeout
        self._connection: asyncpg.Connection | None = None

    async def insert(self, records: Sequence[Record]) -> int:
        """Stores sessions and events in one transaction and returns how many were new; committed when this returns.

        Raises whatever went wrong, TimeoutError included. What happened to the batch is then unknown, and storing it
        again is harmless.
        """
        sessions = [record for record in records if isinstance(record, Session)]
        events = [record for record in records if isinstance(record, Event)]

        async def work(connection: asyncpg.Connection) -> int:
            new = 0
            for statement, columns in ((_INSERT, _columns(sessions)), (_INSERT_EVENTS, _event_columns(events))):
                if columns[0]:
                    new += int((await connection.execute(statement, *columns)).rpartition(" ")[2])
            return new

        return await self._run(work)

    async def contradicted(self, records: Sequence[Record]) -> list[Record]:
        """Those of the records under whose id other feedback is stored."""
        sessions = [uuid.UUID(record.identity) for record in records if isinstance(record, Session)]
        events = [uuid.UUID(record.identity) for record in records if isinstance(record, Event)]

        async def work(connection: asyncpg.Connection) -> dict[str, Record]:
            stored: dict[str, Record] = {}
            for row in await connection.fetch(_SAME_KEYS, sessions) if sessions else ():
                stored[row[0]] = Session(row[0], 0, 0, row[1], None, row[2], tuple(row[3]), "", "", row[4])
            for row in await connection.fetch(_SAME_EVENTS, events) if events else ():
                stored[row[0]] = Event(row[0], 0, 0, *row[1:])
            return stored

        stored = await self._run(work)
        return [one for one in records if one.identity in stored and not one.says_the_same(stored[one.identity])]

    async def report(self, spool: str, losses: Losses) -> None:
        """Stores how much feedback of a spool was lost or set aside, for the dashboard."""
        values = (spool, losses.damaged, losses.missing, losses.refused)
        await self._run(lambda connection: connection.execute(_LOSSES, *values))

    async def count(self, served: dict[Key, int]) -> None:
        """Adds to the counts of recommendations served."""
        if served:
            keys = list(served)
            days = [date.fromordinal(_EPOCH + int(day)) for day, _, _ in keys]
            columns = (days, [key[1] for key in keys], [key[2] for key in keys], list(served.values()))
            await self._run(lambda connection: connection.execute(_COUNT, *columns))

    async def tell(self, told: Told) -> list[Told]:
        """Says what a replica has to tell, and returns what the others that are alive said last.

        What replicas said that have been silent for long is removed.
        """

        async def work(connection: asyncpg.Connection) -> list[asyncpg.Record]:
            await connection.execute(_GONE)
            await connection.execute(_TELL, told.replica, told.signer)
            if told.spent:
                await connection.execute(_SPENT, told.replica, list(told.spent), list(told.spent.values()))
            return await connection.fetch(_HEAR, told.replica)

        found: dict[str, Told] = {}
        for replica, signer, key, tokens in await self._run(work):
            other = found.setdefault(replica, Told(replica, signer, {}))
            if key is not None:
                other.spent[key] = tokens
        return list(found.values())

    async def recent(self, limit: int) -> AsyncIterator[list[Deed]]:
        """The last likes and the last events, so many of each, the oldest first, a page at a time."""
        connection = await self._connected()
        try:
            async with connection.transaction():
                async with asyncio.timeout(10 * self._timeout):
                    await connection.execute(_RECENT.format(limit=int(limit)))
                while True:
                    async with asyncio.timeout(self._timeout):
                        page = await connection.fetch(f"FETCH {_PAGE} FROM recent")
                    if not page:
                        return
                    yield [_deed(row) for row in page]
        except BaseException:
            self.drop()
            raise

    async def since(self, stored: float) -> tuple[list[Deed], float | None]:
        """A page of what was stored from a time on (Unix seconds), by whichever service, and the time of its last;
        None where there is no more."""
        found = await self._run(lambda connection: connection.fetch(_SINCE, stored, _PAGE))
        return [_deed(row) for row in found], float(found[-1]["stored"]) if len(found) == _PAGE else None

    async def prepare(self) -> None:
        """Connects, and brings the schema up to date."""
        async with asyncio.timeout(10 * self._timeout):
            await migrate(await self._connected())

    def drop(self) -> None:
        """Forgets the connection without a farewell, which a stopped server would never answer."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def _run(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self._timeout):
                connection = await self._connected()
                async with connection.transaction():
                    # a commit that is acknowledged before it is on disk would not be one; said here, since a pooler
                    # refuses it as a parameter of the start
                    await connection.execute("SET LOCAL synchronous_commit = on")
                    return await work(connection)
        except REFUSED_BY_SCHEMA:
            raise
        except BaseException:
            self.drop()
            raise

    async def _connected(self) -> asyncpg.Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = connection = await asyncpg.connect(
                self._url,
                timeout=self._timeout,  # type: ignore[arg-type]
                statement_cache_size=0,  # PgBouncer gives a transaction any session: none has statements of ours
                server_settings={"timezone": "UTC", "application_name": "buddies-serving"},
            )
            return connection
        return self._connection


def _deed(row: asyncpg.Record) -> Deed:
    song = None if row["playlist"] is not None else SongName(row["song_id"], row["song_key"])
    return Deed(row["user_id"], row["user_key"], row["at"], row["kind"], row["playlist"], song)


def _columns(sessions: list[Session]) -> list[list[Any]]:
    return [
        [uuid.UUID(session.session_id) for session in sessions],
        [session.created_at for session in sessions],
        [session.received_at for session in sessions],
        [session.user_id for session in sessions],
        [session.user_key for session in sessions],
        [session.liked for session in sessions],
        ["{" + ",".join(map(str, session.shown)) + "}" for session in sessions],
        [session.model_version for session in sessions],
        [session.arm for session in sessions],
        [session.recommendation_id for session in sessions],
    ]


def _event_columns(events: list[Event]) -> list[list[Any]]:
    names = Event.__struct_fields__
    columns: list[list[Any]] = [[getattr(event, name) for event in events] for name in names]
    return [[uuid.UUID(one) for one in columns[0]], *columns[1:]]
