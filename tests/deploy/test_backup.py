"""Backups: dumped, restored into a new server and compared; damage is refused; the drill notices what is missing."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.conftest import start_postgres
from tests.deploy.machine import Machine

ROW = "backups: dump, restore into a new server and compare; a truncated dump is refused; the drill"
ROWS = 3_000


@pytest.fixture(scope="module")
def dumps(machine: Machine, postgres_image: str, postgres: str) -> Iterator[str]:
    """A volume for dumps, and a table that counts."""
    machine.sql(
        postgres, f"CREATE TABLE IF NOT EXISTS kept AS SELECT i, md5(i::text) AS t FROM generate_series(1, {ROWS}) i"
    )
    name = f"{machine.run_name}-dumps"
    machine.podman("volume", "create", name)
    yield name
    machine.sql(postgres, "DROP TABLE IF EXISTS kept; DROP TABLE IF EXISTS later")


def backup(
    machine: Machine, image: str, url: str, volume: str, *command: str, server: str = "postgres", check: bool = True
):
    """A command of the image beside a server, as the CronJob runs it."""
    password = url.partition("buddies:")[2].partition("@")[0]
    hard = ("--read-only", "--tmpfs", "/tmp:mode=1777", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    named = ("--env", f"PGHOST={server}", "--env", "PGUSER=buddies", "--env", f"PGPASSWORD={password}")
    options = ("--rm", "--network", machine.network, "--volume", f"{volume}:/backups:U", *hard, *named)
    return machine.run("podman", "run", *options, "--entrypoint", command[0], image, *command[1:], check=check)


def sums(machine: Machine, url: str, server: str = "postgres") -> str:
    return machine.sql(url, "SELECT count(*), sum(i), md5(string_agg(t, ',' ORDER BY i)) FROM kept", server)


def test_what_is_dumped_is_restored_the_same(
    machine: Machine, postgres_image, postgres, dumps, secrets_folder: Path
) -> None:
    folder = backup(machine, postgres_image, postgres, dumps, "buddies-dump", "/backups").stdout.strip()
    before = sums(machine, postgres)
    start_postgres(machine, postgres_image, secrets_folder / "secrets/postgres-password", "fresh")
    fresh = postgres.replace("@postgres:", "@fresh:")
    refused = backup(machine, postgres_image, fresh, dumps, "buddies-restore", folder, server="fresh", check=False)
    assert refused.returncode == 1 and "is there already" in refused.stderr
    backup(machine, postgres_image, fresh, dumps, "buddies-restore", folder, "again_", server="fresh")
    assert sums(machine, fresh.rsplit("/", 1)[0] + "/again_buddies", "fresh") == before
    assert before.startswith(f"{ROWS}|")


@pytest.mark.parametrize("damage", ["truncate -s -100", "rm", "printf x >>"])
def test_a_dump_that_is_not_what_was_dumped_is_refused(
    machine: Machine, postgres_image, postgres, dumps, damage: str
) -> None:
    folder = backup(machine, postgres_image, postgres, dumps, "buddies-dump", "/backups").stdout.strip()
    backup(machine, postgres_image, postgres, dumps, "sh", "-c", f"{damage} {folder}/buddies.dump")
    done = backup(machine, postgres_image, postgres, dumps, "buddies-restore", folder, "damaged_", check=False)
    assert done.returncode == 1 and "is not what was dumped" in done.stderr
    assert machine.sql(postgres, "SELECT count(*) FROM pg_database WHERE datname LIKE 'damaged_%'") == "0"
    drill = backup(machine, postgres_image, postgres, dumps, "buddies-drill", "/backups", check=False)
    assert drill.returncode == 1
    backup(machine, postgres_image, postgres, dumps, "rm", "-rf", folder)


def test_a_dump_that_was_tried_takes_the_place_of_what_is_there_and_no_other_does(
    machine: Machine, postgres_image, postgres, dumps
) -> None:
    def in_place(what: str, folder: str):
        return backup(machine, postgres_image, postgres, dumps, "buddies-in-place", what, folder, check=False)

    folder = backup(machine, postgres_image, postgres, dumps, "buddies-dump", "/backups").stdout.strip()
    before = sums(machine, postgres)
    machine.sql(postgres, "DELETE FROM kept WHERE i % 2 = 0")
    since = sums(machine, postgres)
    untried = in_place("switch", folder)
    assert untried.returncode == 1 and "nothing was changed" in untried.stderr
    assert sums(machine, postgres) == since
    assert in_place("try", folder).returncode == 0
    assert sums(machine, postgres) == since
    done = in_place("switch", folder)
    assert done.returncode == 0, done.stderr
    assert sums(machine, postgres) == before
    kept = done.stdout.split()[-1]
    assert kept.startswith("/backups/2") and kept != folder
    # and back again, by the dump that was made of what was there
    assert (in_place("try", kept).returncode, in_place("switch", kept).returncode) == (0, 0)
    assert sums(machine, postgres) == since
    listed = machine.sql(
        postgres, "SELECT string_agg(datname, ' ') FROM pg_database WHERE datname ~ '(tried|replaced)_'"
    )
    assert listed == ""
    backup(machine, postgres_image, postgres, dumps, "rm", "-rf", folder, kept)


def test_the_drill_passes_on_a_good_dump_and_finds_what_a_dump_lacks(
    machine: Machine, postgres_image, postgres, dumps
) -> None:
    backup(machine, postgres_image, postgres, dumps, "buddies-dump", "/backups")
    said = backup(machine, postgres_image, postgres, dumps, "buddies-drill", "/backups").stdout
    assert "rows restored" in said
    machine.sql(postgres, "CREATE TABLE later AS SELECT 1 AS i")
    done = backup(machine, postgres_image, postgres, dumps, "buddies-drill", "/backups", check=False)
    assert done.returncode == 1 and "no row of public.later in the dump" in done.stderr
    assert machine.sql(postgres, "SELECT count(*) FROM pg_database WHERE datname LIKE 'drill_%'") == "0"


def test_of_the_dumps_the_newest_stay(machine: Machine, postgres_image, postgres, dumps) -> None:
    older = "for day in 01 02 03; do mkdir -p /backups/202001${day}T000000Z; done"
    script = f"{older}; KEEP=1 buddies-dump /backups; ls /backups"
    said = backup(machine, postgres_image, postgres, dumps, "sh", "-c", script).stdout.split()
    assert len(said) == 2 and not any("2020" in name for name in said)
