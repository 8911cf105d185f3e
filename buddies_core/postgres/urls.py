"""Addresses of PostgreSQL as people write them, and as each driver wants them."""

import re
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

_OF_LIBPQ_ALONE = frozenset(
    {"connect_timeout", "gssencmode", "channel_binding", "sslcompression", "keepalives", "keepalives_idle"}
    | {"keepalives_interval", "keepalives_count", "tcp_user_timeout", "fallback_application_name", "client_encoding"}
)
"""Parameters of libpq that asyncpg would send to the server as settings of the session."""
_PASSWORD_IN_URL = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@?]*:)[^\s]*@", re.IGNORECASE)
_PASSWORD_NAMED = re.compile(r"\b((?:ssl)?password\s*=\s*)('[^']*'|[^\s&]+)", re.IGNORECASE)


def libpq_url(url: str) -> str:
    """The URL as libpq and psycopg2 read it, whatever driver it names (`postgresql+psycopg2://`)."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql://{rest}" if separator and scheme.split("+")[0] in ("postgres", "postgresql") else url


def sqlalchemy_url(url: str) -> str:
    """The URL with the driver named, as SQLAlchemy, dagster-postgres and MLflow need it."""
    plain = libpq_url(url)
    return plain.replace("postgresql://", "postgresql+psycopg2://", 1)


def asyncpg_url(url: str) -> str:
    """The URL as asyncpg reads it: without what only libpq knows."""
    base, query = _parts(libpq_url(url))
    return _joined(base, [(name, value) for name, value in query if name not in _OF_LIBPQ_ALONE])


def with_database(url: str, database: str) -> str:
    """The same server, user and parameters with another database."""
    base, query = _parts(url)
    scheme, rest = base.split("://", 1)
    place = rest.split("/", 1)[0]
    return _joined(f"{scheme}://{place}/{quote(database)}", [one for one in query if one[0] != "dbname"])


def database_name(url: str) -> str:
    """The database that a URL names; that of the user's name where it names none."""
    parts = urlsplit(libpq_url(url))
    named = dict(parse_qsl(parts.query)).get("dbname") or unquote(parts.path.lstrip("/"))
    return named or unquote(parts.username or "")


def described(url: str) -> str:
    """The URL for people: without its password."""
    return redacted(re.sub(r"(://[^\s:/@?]*):[^\s]*@", r"\1@", url))


def redacted(text: str) -> str:
    """Text in which every password of an address or a parameter is blanked out."""
    return _PASSWORD_NAMED.sub(r"\1***", _PASSWORD_IN_URL.sub(r"\1***@", text))


def _parts(url: str) -> tuple[str, list[tuple[str, str]]]:
    base, _, query = url.partition("?")
    return base, parse_qsl(query, keep_blank_values=True)


def _joined(base: str, query: list[tuple[str, str]]) -> str:
    return f"{base}?{urlencode(query, quote_via=quote)}" if query else base
