"""A home of version 0.1.0, with feedback, lists, an experiment and logs, forgets a listener: no byte names them."""

import json
import re
import shutil
import tarfile
import uuid
from pathlib import Path

import numpy as np
import polars as pl
import psycopg2
import pytest

from buddies_assets.forgetting.database import forget_in_database
from buddies_assets.forgetting.forget import Forgotten, forget
from buddies_assets.forgetting.person import NobodyToForgetError, Person, find_person
from buddies_assets.forgetting.spool import SpoolInUseError, forget_in_spool
from buddies_assets.forgetting.versions import without_user
from buddies_assets.release.channels import channels
from buddies_assets.resources.loop_database import connected
from buddies_assets.sources.entp import read_triplets
from buddies_assets.sources.quarantine import ReadCounts
from buddies_assets.systems.artists.commands import fit
from buddies_core.artifact.format import forgotten_id, is_forgotten
from buddies_core.artifact.store import verify
from buddies_core.interactions.labelled import LabelledLibrary
from buddies_core.interactions.numbers import extended, stored_register
from buddies_core.postgres.schema import rows
from buddies_core.settings import Settings
from buddies_core.storage.datasets import DatasetStore
from buddies_core.storage.forgotten import ForgottenIds
from buddies_serving.feedback.spool import Spool
from buddies_serving.model.batch import write_daily
from buddies_serving.model.served_model import ServedModel
from buddies_serving.types.feedback import Event, Session
from quality.history.database import SCHEMA

ARCHIVE = Path(__file__).parents[1] / "fixtures" / "home-0.1.0.tar.xz"


def session(number: int, user: int, user_key: str | None) -> Session:
    return Session(
        session_id=f"00000000-0000-0000-0000-{number:012d}",
        created_at=1.0,
        received_at=2.0,
        user_id=user,
        user_key=user_key,
        liked=1,
        shown=(1, 2),
        model_version="v",
        arm="champion",
        recommendation_id=None,
    )


def event(number: int, user: int, user_key: str) -> Event:
    identity = f"00000000-0000-0000-0001-{number:012d}"
    return Event(identity, 1.0, 2.0, user, user_key, "play", song_key="dune\tdi")


def naming(home: Path, user_id: str) -> set[str]:
    """Files that hold the id as text of any letter case or as bytes, Parquet by its values too."""
    found = set()
    for path in (path for path in home.rglob("*") if path.is_file()):
        content = path.read_bytes()
        texts = content.lower()
        if path.suffix == ".parquet":
            texts += pl.read_parquet(path).write_ndjson().lower().encode()
        if user_id.encode() in texts or bytes.fromhex(user_id) in content:
            found.add(str(path.relative_to(home)))
    return found


def dump(url: str) -> str:
    """Every row of every table, as text."""
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        text = ""
        for (table,) in cursor.fetchall():
            cursor.execute(f"SELECT t::text FROM {table} AS t")
            text += f"{table} {cursor.fetchall()}\n"
    connection.close()
    return text.lower()


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("before")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="module")
def settings(unpacked: Path, tmp_path_factory: pytest.TempPathFactory, postgres_server: str) -> Settings:
    """The home with its database; one for all tests that look at what was forgotten."""
    home = tmp_path_factory.mktemp("forgetting") / "home"
    shutil.copytree(unpacked / "home", home)
    name = f"forgetting_{uuid.uuid4().hex[:12]}"
    connection = psycopg2.connect(postgres_server)
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    connection.close()
    url = postgres_server.rsplit("/", 1)[0] + f"/{name}"
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute((unpacked / "database.sql").read_text(encoding="utf-8"))
    connection.close()
    with connected(url):
        pass
    connection = psycopg2.connect(url)
    SCHEMA.migrate(connection)
    connection.close()
    return Settings(home=str(home), postgres_url=url, track=False)


@pytest.fixture(scope="module")
def liker(settings: Settings) -> Person:
    """Somebody who gave feedback and owns a playlist, as far as the home has such a one."""
    root = settings.local_home / "served_model"
    owners = set(np.load(root / "versions" / channels(root).champion / "playlist_owner.npy").tolist())
    with connected(settings.postgres_url or "") as connection:
        users = rows(connection, "SELECT user_id, user_key FROM feedback.sessions ORDER BY user_id")
    chosen = next(row for row in users if row["user_id"] and row["user_id"] in owners)
    return Person(chosen["user_key"], chosen["user_id"])


@pytest.fixture(scope="module")
def littered(settings: Settings, liker: Person) -> Settings:
    """The home with the listener in every other place too."""
    home, user_id = settings.local_home, liker.user_id
    write_daily(home / "served_model", home / "daily_recommendations" / "2026-03-01.ndjson")
    (home / "logs").mkdir()
    (home / "logs" / "service.log").write_text(f"before {user_id.upper()} after {user_id}\n", encoding="utf-8")
    (home / "raw").mkdir()
    (home / "raw" / "train_triplets.txt").write_text(f"{user_id}\tSOAAAAA12A8C13A000\t2\n", encoding="utf-8")
    spool = Spool(home / "spool")
    spool.append([session(1, liker.number or 0, user_id), session(2, 299, None)])
    spool.append([event(1, liker.number or 0, user_id), event(2, 299, "b2" * 20)])
    spool.reject(session(3, liker.number or 0, user_id), "too old")
    spool.reject(event(3, liker.number or 0, user_id), "too old")
    spool.close()
    plays = home.parent / "plays.csv"
    plays.write_text("user,item\n" + "".join(f"{u},{i}\n" for u in (user_id, "other") for i in range(6)))
    fit(home, plays, "mine")
    plays.unlink()
    with connected(settings.postgres_url or "") as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO feedback.listener_events"
            " (event_id, created_at, received_at, user_id, user_key, kind, playlist)"
            " SELECT gen_random_uuid(), now(), now(), 1, key, 'like', 1 FROM unnest(%s) AS key",
            ([user_id, "b2" * 20],),
        )
        cursor.execute("SELECT quality.refresh_feedback()")
        cursor.execute("SELECT quality.refresh_received()")
        cursor.execute(
            "INSERT INTO quality.statistics (asset, fingerprint, figures) VALUES ('a', 'b', %s)",
            (json.dumps({"sample": [user_id.upper()]}),),
        )
    return settings


@pytest.fixture(scope="module")
def done(littered: Settings, liker: Person) -> Forgotten:
    assert len(naming(littered.local_home, liker.user_id)) >= 7
    assert liker.user_id in dump(littered.postgres_url or "")
    return forget(littered, liker, url=littered.postgres_url, spool=littered.local_home / "spool")


def test_no_byte_names_the_listener_but_where_the_command_says(
    done: Forgotten, littered: Settings, liker: Person
) -> None:
    said = {place for place, _ in done.remains}
    assert naming(littered.local_home, liker.user_id) == {"raw/train_triplets.txt"}
    assert "raw/train_triplets.txt" in said
    assert liker.user_id not in dump(littered.postgres_url or "")


def test_what_is_served_is_whole_and_shows_nobody_where_they_were(
    done: Forgotten, littered: Settings, liker: Person
) -> None:
    root, number = littered.local_home / "served_model", liker.number or 0
    served = channels(root)
    folder = root / "versions" / served.champion
    verify(folder)
    model = ServedModel.open(folder)
    assert is_forgotten(model.user_id(number))
    assert model.find_user(liker.user_id) is None
    assert model.is_cold(number)
    assert number not in model.arrays["playlist_owner"]
    assert number not in model.arrays["neighbour_users"]
    assert not len(model.row("user_library", number))
    assert [path.name for path in (root / "versions").iterdir() if path.name[0] != "."] == [served.champion]


def test_sessions_go_and_what_was_counted_of_them_is_counted_again(
    done: Forgotten, littered: Settings, liker: Person
) -> None:
    with connected(littered.postgres_url or "") as connection:
        (left,) = rows(connection, "SELECT count(*) AS n, count(*) FILTER (WHERE user_id = %(u)s) AS mine"
                       " FROM feedback.sessions", {"u": liker.number})  # fmt: skip
        counted = rows(connection, "SELECT sum(sessions)::int AS n FROM quality.feedback_days")[0]["n"]
        received = rows(connection, "SELECT sum(likes)::int AS n FROM quality.feedback_received")[0]["n"]
        users = rows(connection, "SELECT count(*) AS n FROM quality.feedback_user_days WHERE user_id = %(u)s",
                     {"u": liker.number})[0]["n"]  # fmt: skip
        by_day = rows(connection, "SELECT sum(users)::int AS n FROM quality.feedback_day_users")[0]["n"]
        listed = rows(connection, "SELECT count(*) AS n FROM quality.feedback_user_days")[0]["n"]
        events = rows(connection, "SELECT user_key FROM feedback.listener_events")
    assert [one["user_key"] for one in events] == ["b2" * 20]
    assert left["mine"] == users == 0
    assert left["n"] == counted == received > 0
    assert by_day == listed


def test_the_number_is_never_given_to_somebody_else(done: Forgotten, littered: Settings, liker: Person) -> None:
    library = DatasetStore.at(littered.home).open("user_library")
    register = stored_register(library)
    assert register.filter(pl.col("number") == liker.number)["user_id"].to_list() == [forgotten_id(liker.number or 0)]
    assert register.height == 300
    again = extended(register, pl.Series(["f" * 40]))
    assert again.filter(pl.col("user_id") == "f" * 40)["number"].to_list() == [300]
    labelled = LabelledLibrary.load(library)
    row = labelled.rows.filter(pl.col("user_id").str.starts_with("forgotten-"))
    assert row["songs"].to_list() == [0]
    assert not len(labelled.library.row(int(row["user"][0])))


def test_the_spool_keeps_the_others_and_the_daily_list_too(done: Forgotten, littered: Settings, liker: Person) -> None:
    home = littered.local_home
    spool = Spool(home / "spool")
    kept = [one.identity[-1] for path in spool.closed() for one in spool.read(path)]
    spool.close()
    assert kept == ["2", "2"]
    assert (home / "spool" / "rejected.ndjson").read_bytes() == b""
    file = home / "daily_recommendations" / "2026-03-01.ndjson"
    lists = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [one["user_id"] for one in lists] == list(range(300))
    popular = ServedModel.open(
        home / "served_model" / "versions" / channels(home / "served_model").champion
    ).popular_pids
    assert lists[liker.number or 0]["playlists"] == popular[:5]


def test_experiments_go_on_without_them_and_a_later_reading_counts_what_it_left_out(
    done: Forgotten, littered: Settings, liker: Person
) -> None:
    home = littered.local_home
    plays = home.parent / "plays.csv"
    plays.write_text("user,item\n" + "".join(f"{u},{i}\n" for u in (liker.user_id, "other") for i in range(6)))
    again = fit(home, plays, "mine")
    assert (again.users, again.set_aside["forgotten"]) == (1, 6)


def test_a_log_keeps_its_length_so_that_who_appends_to_it_goes_on(
    done: Forgotten, littered: Settings, liker: Person
) -> None:
    text = (littered.local_home / "logs" / "service.log").read_text(encoding="utf-8")
    assert re.fullmatch(rf"before {forgotten_id(liker.number or 0)} after forgotten-\d{{30}}\n", text)


def test_forgetting_again_finds_nothing_and_breaks_nothing(done: Forgotten, littered: Settings, liker: Person) -> None:
    champion = channels(littered.local_home / "served_model").champion
    again = forget(littered, liker, url=littered.postgres_url, spool=littered.local_home / "spool")
    assert [place for place, _ in again.removed] == ["forgotten.txt"]
    assert channels(littered.local_home / "served_model").champion == champion
    with pytest.raises(NobodyToForgetError, match="was forgotten"):
        find_person(littered, str(liker.number))


def test_raw_files_are_read_without_the_forgotten_who_are_counted(tmp_path: Path) -> None:
    mine, yours = "a1" * 20, "b2" * 20
    song = "SOAAAAA12A8C13A000"
    file = tmp_path / "train_triplets.txt"
    file.write_text(f"{mine}\t{song}\t1\n{mine}\t{song}\t1\n{mine}\tbad\t1\n{yours}\t{song}\t3\n", encoding="utf-8")
    forgotten = ForgottenIds.at(str(tmp_path / "home")).adding(mine)
    batches = list(read_triplets(file, strict=False, forgotten=forgotten))
    counts = sum((batch.counts for batch in batches), ReadCounts())
    assert pl.concat(batch.plays for batch in batches)["user_id"].to_list() == [yours]
    assert (counts.left_out, counts.forgotten, counts.quarantined) == (1, 1, 2)
    assert counts.reconciled
    quarantined = pl.concat(batch.quarantined for batch in batches)
    assert quarantined["excerpt"].to_list() == ["(a user who was forgotten)"] * 2


def test_a_version_without_a_user_is_what_it_was_but_for_them(unpacked: Path) -> None:
    root = unpacked / "home" / "served_model"
    folder = root / "versions" / channels(root).champion
    before = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    before["playlist_fits"] = np.tile(np.array([[7, 8]], np.int32), (len(before["playlist_owner"]), 1))
    after = without_user(before, 7)
    assert np.unique(after["playlist_fits"], axis=0).tolist() == [[-1, 8]]
    others = [user for user in range(300) if user != 7]
    for pointers, flat in (("ranked_indptr", "ranked_playlists"), ("user_library_indptr", "user_library_indices")):
        for user in others:
            old = before[flat][before[pointers][user] : before[pointers][user + 1]]
            assert np.array_equal(after[flat][after[pointers][user] : after[pointers][user + 1]], old)
        assert after[pointers][7] == after[pointers][8]
    assert np.array_equal(after["user_ids"][others], before["user_ids"][others])
    assert np.array_equal(after["user_factors"][others], before["user_factors"][others])
    assert not after["user_factors"][7].any()


def test_a_spool_that_a_service_holds_with_sessions_in_it_stops_the_command(tmp_path: Path) -> None:
    held = Spool(tmp_path / "spool")
    held.append([session(1, 3, "a1" * 20)])
    with pytest.raises(SpoolInUseError, match="stop the service"):
        forget_in_spool(tmp_path / "spool", Person("a1" * 20, 3), wait=0)
    held.close()
    assert forget_in_spool(tmp_path / "spool", Person("a1" * 20, 3), wait=0) == 1


def test_a_database_without_our_tables_is_looked_through_too(postgres_url: str) -> None:
    connection = psycopg2.connect(postgres_url)
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE notes (words text[], n integer)")
        cursor.execute("INSERT INTO notes VALUES (%s, 1), (%s, 2)", (["x", "A1" * 20], ["y"]))
    connection.close()
    assert forget_in_database(postgres_url, Person("a1" * 20, None)) == {'"public"."notes"': 1}
    assert "a1a1" not in dump(postgres_url)


@pytest.mark.parametrize("named", ["", "nobody", "a1", "99999", "-1", "12345678901"])
def test_who_cannot_be_found_is_named_in_one_line(unpacked: Path, named: str) -> None:
    settings = Settings(home=str(unpacked / "home"))
    with pytest.raises(NobodyToForgetError) as raised:
        find_person(settings, named)
    assert "\n" not in str(raised.value)


def test_a_number_and_an_id_of_any_letter_case_are_the_same_person(unpacked: Path, tmp_path: Path) -> None:
    shutil.copytree(unpacked / "home", tmp_path / "home")
    settings = Settings(home=str(tmp_path / "home"))
    by_number = find_person(settings, "7")
    assert find_person(settings, by_number.user_id.upper()) == by_number
    shutil.rmtree(settings.local_home / "datasets" / "user_library")
    assert find_person(settings, "7") == by_number
    assert find_person(settings, "0" * 40).number is None
