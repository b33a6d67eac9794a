"""Params and metrics of many new runs into MLflow at once: in one transaction where the store is a database of this machine, else in batches.

``log_batch`` makes a mapped object of every point and commits several times a call: 74 s of CPU for 500 seeds of 1000 points
(`python -m benchmarks.comparison`). Here the rows go into MLflow's own tables as they are. A server, or an MLflow whose tables are not those
that we know, gets its batches.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from mlflow import MlflowClient

POINTS_PER_CALL = 1000
"""What ``log_batch`` takes at most."""
RUNS_AT_ONCE = 64
Point = tuple[str, float | None, int]
"""Metric, value (None: there is none), step."""


class Entry(NamedTuple):
    """What a new run gets."""

    run: str
    params: dict[str, str]
    points: list[Point]


def finish(store: MlflowClient, entries: Sequence[Entry]) -> None:
    """Log everything and end the runs, which have neither params nor metrics yet."""
    waiting = iter(entries)
    while some := list(islice(waiting, RUNS_AT_ONCE)):
        if not _insert(store, some):
            for entry in some:
                _send(store, entry)


def _send(store: MlflowClient, entry: Entry) -> None:
    from mlflow.entities import Metric, Param

    metrics = [Metric(key, value, 0, step) for key, value, step in entry.points if value is not None]
    store.log_batch(entry.run, params=[Param(k, v) for k, v in entry.params.items()])
    for start in range(0, len(metrics), POINTS_PER_CALL):
        store.log_batch(entry.run, metrics=metrics[start : start + POINTS_PER_CALL])
    store.set_terminated(entry.run)


def _insert(store: MlflowClient, entries: Sequence[Entry]) -> bool:
    """Whether it all went into a local database. Rows are in the order of its index, which takes them several times faster so."""
    try:
        from mlflow.exceptions import MlflowException
        from mlflow.store.tracking.dbmodels.models import SqlLatestMetric, SqlMetric, SqlParam, SqlRun
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
        from sqlalchemy import insert, update

        local = store._tracking_client.store
        if not isinstance(local, SqlAlchemyStore):
            return False
        params = [{"run_uuid": e.run, "key": k, "value": v} for e in entries for k, v in e.params.items()]
        metrics = sorted(_rows(local, entries), key=lambda row: (row["key"], row["step"], row["run_uuid"]))
        latest = {(row["run_uuid"], row["key"]): row for row in metrics}  # the last one stands
        ended = {"status": "FINISHED", "end_time": int(1000 * time.time())}
        with local.ManagedSessionMaker(read_only=False) as session:
            for table, rows in ((SqlParam, params), (SqlMetric, metrics), (SqlLatestMetric, list(latest.values()))):
                if rows:
                    session.execute(insert(table.__table__), rows)
            session.execute(update(SqlRun).where(SqlRun.run_uuid.in_([e.run for e in entries])).values(**ended))
    except (ImportError, AttributeError, TypeError, MlflowException):
        return False
    return True


def _rows(local: Any, entries: Sequence[Entry]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        for key, value, step in entry.points:
            if value is not None:
                is_nan, number = local.sanitize_metric_value(value)
                row = {"run_uuid": entry.run, "key": key, "value": number, "step": step}
                yield row | {"timestamp": 0, "is_nan": is_nan}
