"""What has to be reached, judged by the numbers of one run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Run = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """One limit and what a run says of it.

    Attributes:
        text: What has to be.
        value: What was measured; None where the run has not got it.
        limit: What it is compared with.
        at_least: Whether more is better.
    """

    text: str
    value: float | None
    limit: float
    at_least: bool = False

    @property
    def met(self) -> bool | None:
        """Whether it is reached; None where nothing was measured."""
        if self.value is None:
            return None
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    @property
    def word(self) -> str:
        return {None: "not measured", True: "met", False: "MISSED"}[self.met]


def verdicts(run: Run) -> list[Verdict]:
    """All limits. A quick run has smaller sizes, so it only shows that the machinery works."""
    parts = (_writes, _reads, _growth, _questions, _runs, _stream, _upkeep, _s3, _starting)
    return [verdict for part in parts for verdict in part(run)]


def each(run: Run, workload: str, side: str) -> float | None:
    """Microseconds for one item, by the median; None where it was not measured."""
    found: float | None = (
        run["workloads"].get(workload, {}).get("sides", {}).get(side, {}).get("each_us")
    )
    return found


def ratio(run: Run, workload: str, side: str, other: str, by: str | None = None) -> float | None:
    """How much longer one side takes than another, by item; ``by`` names the other's workload."""
    one, two = each(run, workload, side), each(run, by or workload, other)
    return None if one is None or not two else one / two


def _number(run: Run, workload: str, side: str, name: str) -> float | None:
    sides = run["workloads"].get(workload, {}).get("sides", {})
    found: float | None = sides.get(side, {}).get("median", {}).get(name)
    return found


def _milliseconds(microseconds: float | None) -> float | None:
    return None if microseconds is None else microseconds / 1000


def _writes(run: Run) -> Iterator[Verdict]:
    for workload, what in (
        ("write_2000", "2,000 artifacts"),
        ("write_100000", "100,000 artifacts"),
        ("write_spans_2000", "2,000 spans"),
        ("write_spans_100000", "100,000 spans"),
    ):
        sides = ("library",) if "spans" in workload else ("library", "library, batch")
        for side in sides:
            named = f"{what}, {'in a batch' if side != 'library' or 'span' in what else 'one call'}"
            yield Verdict(f"{named}: × the floor", ratio(run, workload, side, "floor"), 1.25)
            yield Verdict(f"{named}: ms each", _milliseconds(each(run, workload, side)), 0.15)
            peer = "write_spans_2000" if "spans" in workload else "write_2000"
            faster = ratio(run, peer, "artigraph", side, workload)
            yield Verdict(f"{named}: × faster than Artigraph 0.0.5", faster, 70, at_least=True)
    in_batch = _milliseconds(each(run, "in_batch", "library"))
    yield Verdict("span + artifact in a batch: ms together", in_batch, 0.18)
    commits = ratio(run, "promises", "library", "three commits")
    yield Verdict("span + artifact awaited: × three bare commits", commits, 1.5)
    mlflow = ratio(run, "one_by_one", "library", "mlflow")
    yield Verdict("span + artifact awaited: × MLflow", mlflow, 0.6)
    for name, title in (
        ("layouts_batch", "2,000 spans with an artifact"),
        ("layouts", "2,000 artifacts of one span"),
    ):
        dearer = ratio(run, name, "layout 4", "layout 3")
        yield Verdict(f"{title} in layout 4: × layout 3", dearer, 1.05)
    first = _milliseconds(each(run, "cold", "library"))
    yield Verdict("first span + artifact, server just started: ms", first, 1000)


def _reads(run: Run) -> Iterator[Verdict]:
    of_artifacts = ratio(run, "read_2000", "library", "floor")
    yield Verdict("2,000 artifacts as model objects: × the floor", of_artifacts, 1.7)
    columns = ratio(run, "columns_20000", "library", "floor")
    yield Verdict("20,000 artifacts as an Arrow table: × the floor", columns, 1.1)
    for workload, what in (("tree_100000", "in a tree"), ("wide_100000", "below one span")):
        text = f"100,000 descendants as Span objects, {what}"
        yield Verdict(f"{text}: × the floor", ratio(run, workload, "library", "floor"), 1.8)
        faster = ratio(run, workload, "neomodel", "library")
        yield Verdict(f"{text}: × faster than neomodel", faster, 6, at_least=True)


def _growth(run: Run) -> Iterator[Verdict]:
    for side in ("descendants", "artifacts", "ancestors", "found below"):
        few = _number(run, "growth_10000", side, "hits")
        many = _number(run, "growth_1000000", side, "hits")
        same = None if few is None or many is None else many / few
        text = f"{side}: database hits among 1,000,000 others, × among 10,000"
        yield Verdict(text, same, 1.0)


def _questions(run: Run) -> Iterator[Verdict]:
    sides = run["workloads"].get("questions", {}).get("sides", {})
    seconds = {name: side["median"]["seconds"] for name, side in sides.items()}
    hub, by_hand = (seconds.pop(name, None) for name in ("impact_hub", "impact_hub by hand"))
    most = max((s["median"].get("server_mb", 0) for s in sides.values()), default=None)
    yield Verdict("impact of a hub that reaches 92 % of 1,000,000 nodes: seconds", hub, 1.0)
    of_hand = None if hub is None or not by_hand else hub / by_hand
    yield Verdict("the same: × Cypher by hand", of_hand, 1.25)
    large = seconds.pop("diff_large", None)
    yield Verdict("diff of two runs of 10,000 spans: seconds", large, 2.0)
    slowest = max(seconds.values(), default=None)
    yield Verdict("the slowest other question about these nodes: seconds", slowest, 1.0)
    yield Verdict("MB of memory of their transactions, at most", most, 50)


def _runs(run: Run) -> Iterator[Verdict]:
    faster = ratio(run, "table_1000", "mlflow", "library")
    yield Verdict("1,000 runs as a table: × faster than MLflow", faster, 1, at_least=True)
    point = each(run, "series_log", "library")
    speed = None if not point else 1e6 / point
    yield Verdict("1,000,000 points of a series: points a second", speed, 200_000, at_least=True)
    points, nodes = _items(run, "series_log"), _number(run, "series_log", "library", "nodes")
    dense = None if points is None or nodes is None else nodes / points * 10_000
    yield Verdict("the same: nodes for 10,000 points", dense, 1)
    for workload, what in (("series_log", "a point logged"), ("series_read", "a point read")):
        faster = ratio(run, workload, "mlflow", "library")
        yield Verdict(f"{what}: × faster than MLflow", faster, 1, at_least=True)


def _items(run: Run, workload: str) -> int | None:
    found: int | None = (
        run["workloads"].get(workload, {}).get("sides", {}).get("library", {}).get("items")
    )
    return found


def _stream(run: Run) -> Iterator[Verdict]:
    grown = _number(run, "stream", "library", "grown_mib")
    yield Verdict("1,000,000 spans streamed: MiB that the process grew", grown, 150)
    yield Verdict(
        "the stream's first result: ms", _number(run, "stream", "library", "first_ms"), 100
    )


def _upkeep(run: Run) -> Iterator[Verdict]:
    for workload, text, limit in (
        ("migrate", "artifacts migrated: × plain Cypher", 4),
        ("delete", "nodes deleted: × plain Cypher", 2),
        ("import", "nodes imported: × plain Cypher", 3),
        ("upgrade", "nodes upgraded: × plain Cypher", 3),
        ("gc", "objects looked through for garbage: × listing them", 2),
    ):
        size = run["workloads"].get(workload, {}).get("size", 1_000_000)
        yield Verdict(f"{size:,} {text}", ratio(run, workload, "library", "floor"), limit)
    for workload, what, limit in (
        ("delete", "deleted", 150),
        ("export_lines", "exported as lines", 300),
        ("export_tables", "exported as Parquet tables", 300),
    ):
        of_a_million = run["workloads"].get(workload, {}).get("size") == 1_000_000
        numbers = [_number(run, workload, "library", name) for name in ("seconds", "grown_mib")]
        seconds, grown = numbers if of_a_million else (None, None)
        yield Verdict(f"1,000,000 nodes {what}: seconds", seconds, limit)
        if workload != "delete":
            yield Verdict(f"1,000,000 nodes {what}: MiB that the process grew", grown, limit)


def _s3(run: Run) -> Iterator[Verdict]:
    for workload, what in (
        ("s3_put_small", "1,000 × 10 kB to S3"),
        ("s3_get_small", "1,000 × 10 kB from S3"),
        ("s3_put_large", "10 × 100 MB to S3"),
        ("s3_get_large", "10 × 100 MB from S3"),
    ):
        share = ratio(run, workload, "aioboto3", "library")
        yield Verdict(f"{what}: of aioboto3's throughput", share, 1, at_least=True)


def _starting(run: Run) -> Iterator[Verdict]:
    for side, limit in (
        ("import artigraph_neo4j", 0.35),
        ("artigraph --help", 0.3),
        ("artigraph ls", 0.8),
    ):
        found = each(run, "starting", side)
        yield Verdict(f"`{side}`: seconds", None if found is None else found / 1e6, limit)
