"""Great Expectations over user-blocks: the training blocks as a frame, the feedback tables by SQL in PostgreSQL.

A second opinion by another tool on the rules of blocks and of feedback. The context, the
suites, the checkpoint and its results lie under `<home>/great_expectations`; what the dashboard shows of them is under
`results` there, a file a suite. Great Expectations knows no polars, so frames cross to pandas here; it takes six
seconds to import, so nothing imports it before it is used.
"""

import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import polars as pl
from upath import UPath

from buddies_core import json_text
from buddies_core.postgres.connecting import speak_utc
from buddies_core.postgres.urls import sqlalchemy_url
from buddies_core.storage.dataset import Dataset
from buddies_core.storage.files import write_atomically
from buddies_core.storage.shards import EntityShards
from quality.pieces import ranges_to_judge
from quality.suite_files import SuiteFileError, read_suite

if TYPE_CHECKING:
    from great_expectations.data_context import AbstractDataContext

MOST_ROWS = 2_000_000
"""Rows of blocks that cross to pandas: two million take 1.2 s to validate; of a larger set, a sample of all shards."""
LONGEST_EXAMPLES = 300
BLOCKS, SESSIONS, EVENTS = "user_blocks", "feedback_sessions", "feedback_events"

_SESSIONS_SQL = """
    SELECT created_at, received_at, user_id, liked, shown[1] AS first_shown, cardinality(shown) AS shown_count,
           (liked = ANY (shown))::int AS liked_was_shown,
           (SELECT count(DISTINCT p) FROM unnest(shown) p) AS shown_distinct,
           extract(epoch FROM created_at - received_at) AS ahead_seconds, model_version, arm
    FROM feedback.sessions WHERE created_at >= now() - interval '28 days'
"""
_EVENTS_SQL = """
    SELECT s.session_id::text AS session_id, count(*) FILTER (WHERE e.playlist = s.liked) AS likes,
           count(*) AS playlists
    FROM feedback.sessions s CROSS JOIN LATERAL unnest(s.shown) AS e(playlist)
    WHERE s.created_at >= now() - interval '28 days' GROUP BY s.session_id
"""


@dataclass(frozen=True)
class Expected:
    """One expectation: its type, what it looks at, whether it holds, and how many values were against it."""

    expectation: str
    column: str
    holds: bool
    unexpected: int
    examples: str
    severity: str = "warning"


@dataclass(frozen=True)
class SuiteResult:
    """What one suite found on `rows` rows of the `of` that there are."""

    suite: str
    at: str
    passed: bool
    rows: int
    of: int
    expectations: list[Expected]

    @property
    def failures(self) -> list[str]:
        """The expectations that do not hold, with their column."""
        return [f"{e.expectation} {e.column}".strip() for e in self.expectations if not e.holds]

    @property
    def looked_at(self) -> str:
        """How much of the data was looked at, in words."""
        return "all rows" if self.rows >= self.of else f"a sample of {self.rows:,} of {self.of:,} rows, from all shards"


def stored_results(home: Path) -> list[SuiteResult]:
    """The newest result of each suite of a home, by name; none where Great Expectations never ran."""
    folder = home / "great_expectations" / "results"
    found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]
    return [SuiteResult(**raw | {"expectations": [Expected(**e) for e in raw["expectations"]]}) for raw in found]


def built(path: Path) -> list[Any]:
    """The expectations of a suite's file, as Great Expectations makes them.

    Raises:
        SuiteFileError: the file is no suite, or Great Expectations has no such expectation or argument.
    """
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl
    from pydantic.v1 import ValidationError

    found = []
    for number, given in enumerate(read_suite(path)):
        where = f"{path}: expectations[{number}]"
        try:
            made = get_expectation_impl(given["type"])
            found.append(made(**given["kwargs"], meta=given["meta"], severity=given["severity"]))
        except ExpectationNotFoundError:
            raise SuiteFileError(f"{where}.type: Great Expectations knows no {given['type']}.") from None
        except (ValidationError, TypeError) as error:
            told = error.errors()[0] if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
            key = ".".join(["kwargs", *(str(part) for part in told["loc"] if part != "__root__")])
            raise SuiteFileError(f"{where}.{key}: {told['msg']}.") from None
    return found


def blocks_frame(blocks: Dataset, splits: Dataset) -> pl.DataFrame:
    """Blocks with what Great Expectations is to look at, one column a question, of about two million rows at most.

    Of a larger set, blocks of all shards are drawn by their user and positive, so that copies are drawn together.
    Columns: user, positive, pair, negatives_count, negatives_distinct, positive_among_negatives, negatives_liked.
    """
    parts = []
    share = MOST_ROWS / max(blocks.manifest.rows, 1)
    for users in ranges_to_judge(blocks):
        block = EntityShards(blocks).frame(users)
        block = block if share >= 1 else block.filter(_drawn(share))
        likes = EntityShards(splits).frame(users, ["user", "playlist"])
        liked = likes.group_by("user").agg(pl.col("playlist").alias("liked"))
        members = pl.col("negatives").arr.to_list()
        parts.append(
            block.join(liked, on="user", how="left").select(
                "user",
                "positive",
                pl.format("{}:{}", "user", "positive").alias("pair"),
                members.list.drop_nulls().list.len().cast(pl.Int64).alias("negatives_count"),
                members.list.n_unique().cast(pl.Int64).alias("negatives_distinct"),
                members.list.contains(pl.col("positive")).cast(pl.Int64).alias("positive_among_negatives"),
                members.list.set_intersection(pl.col("liked").fill_null([]))
                .list.len()
                .cast(pl.Int64)
                .alias("negatives_liked"),
            )
        )
    return pl.concat(parts)


def _drawn(share: float) -> pl.Expr:
    """Whether a block is in the sample: a hash of its user and positive, the same in every run and on any machine."""
    mixed = pl.col("user").cast(pl.UInt64) * 0x9E3779B1 + pl.col("positive").cast(pl.UInt64).fill_null(0) * 0x85EBCA77
    return (mixed * 0xC2B2AE3D // 65_536) % 1_000_003 < int(share * 1_000_003)


class Expectations:
    """The file context of a home, its suites, and how they are run."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "great_expectations"
        os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")

    def validate_blocks(
        self, frame: pl.DataFrame, *, n_users: int, n_playlists: int, negatives: int, of: int
    ) -> SuiteResult:
        """Runs the blocks' checkpoint on a frame of `blocks_frame`, which was drawn from `of` rows."""
        import great_expectations.expectations as gxe

        expectations = [
            gxe.ExpectTableRowCountToBeBetween(min_value=1),
            gxe.ExpectColumnValuesToBeUnique(column="pair"),
            gxe.ExpectColumnValuesToNotBeNull(column="positive"),
            gxe.ExpectColumnValuesToNotBeNull(column="user"),
            gxe.ExpectColumnValuesToBeBetween(column="user", min_value=0, max_value=n_users - 1),
            gxe.ExpectColumnValuesToBeBetween(column="positive", min_value=0, max_value=n_playlists - 1),
            gxe.ExpectColumnValuesToBeInSet(column="negatives_count", value_set=[negatives]),
            gxe.ExpectColumnPairValuesToBeEqual(column_A="negatives_count", column_B="negatives_distinct"),
            gxe.ExpectColumnValuesToBeInSet(column="positive_among_negatives", value_set=[0]),
            gxe.ExpectColumnValuesToBeInSet(column="negatives_liked", value_set=[0]),
        ]
        return self.validate_table(BLOCKS, frame, expectations, of=of)

    def validate_table(self, suite: str, frame: pl.DataFrame, expectations: list[Any], *, of: int) -> SuiteResult:
        """Runs a suite on a frame that was drawn from `of` rows, and keeps what it found."""
        context = self._context()
        source = _or_add(context.data_sources, "blocks", context.data_sources.add_pandas)
        asset = _asset(source, suite, lambda: source.add_dataframe_asset(name=suite))
        batch = _batch(asset, "whole", lambda: asset.add_batch_definition_whole_dataframe("whole"))
        ran = _run(context, suite, batch, expectations, {"dataframe": frame.to_pandas()})
        return self._keep(suite, ran, frame.height, of)

    def validate_feedback(self, url: str) -> list[SuiteResult]:
        """Runs the feedback checkpoints by SQL on the sessions of the last four weeks."""
        import great_expectations.expectations as gxe

        context = self._context()
        speak_utc()
        driver = sqlalchemy_url(url)
        # The password stays in the environment: the context writes its configuration to disk.
        os.environ["BUDDIES_GX_DATABASE"] = driver
        source = _or_add(
            context.data_sources,
            "feedback",
            lambda name: context.data_sources.add_postgres(name, connection_string="${BUDDIES_GX_DATABASE}"),
        )
        suites: dict[str, tuple[str, list[Any]]] = {
            SESSIONS: (
                _SESSIONS_SQL,
                [
                    gxe.ExpectColumnValuesToNotBeNull(column="liked"),
                    gxe.ExpectColumnValuesToBeInSet(column="liked_was_shown", value_set=[1]),
                    gxe.ExpectColumnPairValuesToBeEqual(column_A="shown_count", column_B="shown_distinct"),
                    gxe.ExpectColumnValuesToBeBetween(column="shown_count", min_value=1, max_value=100),
                    gxe.ExpectColumnValuesToBeBetween(column="ahead_seconds", max_value=300),
                    gxe.ExpectColumnValuesToBeInSet(column="arm", value_set=["champion", "challenger"]),
                ],
            ),
            EVENTS: (_EVENTS_SQL, [gxe.ExpectColumnValuesToBeInSet(column="likes", value_set=[1])]),
        }
        found = []
        for name, (sql, expectations) in suites.items():
            asset = _asset(source, name, lambda name=name, sql=sql: source.add_query_asset(name=name, query=sql))
            batch = _batch(asset, "whole", lambda asset=asset: asset.add_batch_definition_whole_table("whole"))
            ran = _run(context, name, batch, expectations, None)
            rows = max((expected.rows for expected in ran), default=0)
            found.append(self._keep(name, ran, rows, rows))
        return found

    def _keep(self, suite: str, ran: "list[_Ran]", rows: int, of: int) -> SuiteResult:
        """The result, stored for the dashboard."""
        expectations = [one.expected for one in ran]
        now = datetime.now(UTC).isoformat(timespec="seconds")
        result = SuiteResult(suite, now, all(e.holds for e in expectations), rows, of, expectations)
        write_atomically(UPath(self.folder / "results" / f"{suite}.json"), json_text.dumps(asdict(result)).encode())
        return result

    def _context(self) -> "AbstractDataContext":
        import great_expectations as gx

        self.folder.mkdir(parents=True, exist_ok=True)
        context = gx.get_context(mode="file", project_root_dir=str(self.folder))
        context.variables.progress_bars = cast(Any, {"globally": False})
        return context


@dataclass(frozen=True)
class _Ran:
    expected: Expected
    rows: int


def _run(
    context: "AbstractDataContext", name: str, batch: Any, expectations: list[Any], parameters: dict[str, Any] | None
) -> list[_Ran]:
    import great_expectations as gx

    suite = context.suites.add_or_update(gx.ExpectationSuite(name=name, expectations=expectations))
    validation = context.validation_definitions.add_or_update(
        gx.ValidationDefinition(name=name, data=batch, suite=suite)
    )
    checkpoint = context.checkpoints.add_or_update(
        gx.Checkpoint(name=name, validation_definitions=[validation], actions=[], result_format="SUMMARY")
    )
    result = checkpoint.run(batch_parameters=parameters)
    (outcome,) = result.run_results.values()
    return [_ran(one) for one in outcome.results]


def _ran(one: Any) -> _Ran:
    config, said = one.expectation_config, one.result or {}
    columns = [config.kwargs[name] for name in ("column", "column_A", "column_B") if name in config.kwargs]
    examples = ", ".join(map(str, said.get("partial_unexpected_list") or []))[:LONGEST_EXAMPLES]
    against = int(said.get("unexpected_count") or 0)
    failed = (
        str((one.exception_info or {}).get("exception_message") or "")[:LONGEST_EXAMPLES] if not one.success else ""
    )
    severity = str(getattr(config, "severity", None) or "warning").rpartition(".")[2].lower()
    expected = Expected(config.type, ", ".join(columns), bool(one.success), against, examples or failed, severity)
    return _Ran(expected, int(said.get("element_count") or 0))


def _or_add(sources: Any, name: str, add: Any) -> Any:
    return sources.get(name) if name in sources.all() else add(name)


def _asset(source: Any, name: str, add: Any) -> Any:
    return source.get_asset(name) if name in {asset.name for asset in source.assets} else add()


def _batch(asset: Any, name: str, add: Any) -> Any:
    return asset.get_batch_definition(name) if name in {b.name for b in asset.batch_definitions} else add()
