"""Folders for PostgreSQL servers of tests."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder for one server, which the server's own user may enter; removed with the block.

    Not under pytest's folder: a second run of pytest closes that to other users.
    """
    folder = Path(tempfile.mkdtemp(prefix="buddies-postgres-", dir="/var/tmp"))
    folder.chmod(0o711)
    try:
        yield folder / "server"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


FEEDBACK_TABLES = """
    CREATE SCHEMA feedback;
    CREATE TABLE feedback.sessions (
        session_id uuid PRIMARY KEY DEFAULT gen_random_uuid(), created_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL, user_id integer NOT NULL, user_key text, liked integer NOT NULL,
        shown integer[] NOT NULL, model_version text NOT NULL, arm text NOT NULL, recommendation_id text);
    CREATE INDEX sessions_created_at ON feedback.sessions (created_at);
"""
"""The service's table of sessions, for tests that need no service."""
