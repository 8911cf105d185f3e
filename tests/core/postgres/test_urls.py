"""Addresses of PostgreSQL are understood as people write them, and no password comes out of one."""

import pytest

from buddies_core.postgres import urls

URLS = [
    "postgresql://me:pw@db.example:5432/buddies",
    "postgres://me:pw@db.example/buddies?sslmode=require&sslrootcert=/etc/ssl/root.pem",
    "postgresql+psycopg2://me:pw@db.example/buddies?sslmode=verify-full",
    "postgresql://me:pw@/buddies?host=/var/run/postgresql",
    "postgresql:///buddies?host=/var/run/postgresql&user=me&password=pw",
    "postgresql://me:pw@one:5432,two:5433/buddies?target_session_attrs=read-write",
    "postgresql://me:p%40w@[::1]:5432/buddies",
]


@pytest.mark.parametrize("url", URLS)
def test_another_database_of_the_same_server_keeps_everything_else(url: str):
    changed = urls.with_database(url, "mlflow")
    assert urls.database_name(changed) == "mlflow"
    assert urls.with_database(changed, "buddies").split("?")[0] == url.split("?")[0]
    for parameter in ("host", "sslmode", "sslrootcert", "target_session_attrs", "password"):
        assert (parameter + "=" in changed) == (parameter + "=" in url)


@pytest.mark.parametrize("url", URLS)
def test_every_driver_gets_the_scheme_it_reads(url: str):
    assert urls.libpq_url(url).startswith("postgresql://")
    assert urls.sqlalchemy_url(url).startswith("postgresql+psycopg2://")
    assert urls.asyncpg_url(url).startswith("postgresql://")


def test_what_only_libpq_knows_is_kept_from_asyncpg():
    url = "postgresql://me@db/x?connect_timeout=5&sslmode=require&keepalives=1"
    assert urls.asyncpg_url(url) == "postgresql://me@db/x?sslmode=require"


@pytest.mark.parametrize(
    "text",
    [
        *URLS,
        'invalid dsn: missing "=" after "mysql+odd://me:pw@db/x" in connection info string',
        "host=db user=me password='pw' dbname=x",
        "password=pw host=db",
        "postgresql://me:pw/with/slash@db/x is away",
    ],
)
def test_passwords_are_blanked_out_of_any_text(text: str):
    for said in (urls.redacted(text), urls.described(text)):
        assert "pw" not in said.replace("p%40w", "pw").replace("postgresql", "") or "me" not in said
    assert "pw@" not in urls.redacted(text)
