"""Prepared views of MLflow's run comparison: grouped by variant with every run visible, and samples side by side.

The page keeps a view as an experiment tag, in a format of its own that is not documented (seen in MLflow 3.17): ``deflate;`` and base64 of the
compressed JSON state. Where the page does not know the tag it opens its default view, so nothing is lost.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

PREFIX = "mlflow.sharedViewState."
BY_VARIANT, SAMPLES = "zoo-by-variant", "zoo-samples"
QUALITY = ("high_quality", "fid")
"""How good samples are: where modes have a place, and of images; the first of these that a run has is drawn."""


def encode(state: dict[str, Any]) -> str:
    """A view's state as the page stores it."""
    return "deflate;" + base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()


def tags(last: int | None, quality: str, clock: str) -> dict[str, str]:
    """The experiment tags of both views; images are opened at step ``last`` (None: single seeds, which have none).

    ``quality``: the key of what is drawn beside modes, as ``coverage/high_quality``; ``clock``: the cost that time is told by.
    """
    named = {BY_VARIANT: ("zoo: by variant", by_variant(quality, clock))}
    if last is not None:
        named[SAMPLES] = ("zoo: samples", samples(last, quality))
    stamp = {"createdAt": 0, "updatedAt": 0}
    return {
        PREFIX + key: json.dumps({"name": name, **stamp, "state": encode(state)})
        for key, (name, state) in named.items()
    }


def link(server: str, experiment: str, key: str = BY_VARIANT) -> str:
    """The page of an experiment, opened at a view."""
    return f"{server}/#/experiments/{experiment}/runs?compareRunsMode=CHART&viewStateShareKey={key}"


def by_variant(quality: str, clock: str) -> dict[str, Any]:
    """Coverage over time, final bars, quality against coverage; runs grouped by method (``settings.label``), recipe and protocol.

    Runs of one group are averaged by the page, so nothing that changes a result may be left out of the keys.
    """
    final = _final(quality)
    charts = [
        _line("coverage/modes"),
        _line(quality),
        _chart("BAR", metricKey="final/modes"),
        _chart("BAR", metricKey=final),
        _chart(
            "SCATTER",
            xaxis={"type": "METRIC", "key": final},
            yaxis={"type": "METRIC", "key": "final/modes"},
        ),
        _chart("BAR", metricKey=f"cost/{clock}"),
    ]
    keys = [{"mode": "param", "groupByData": name} for name in ("method", "recipe", "protocol")]
    groups = {"aggregateFunction": "average", "groupByKeys": keys}
    return _state("Mode coverage", charts, groups, columns=2, height=340)


def samples(step: int, quality: str) -> dict[str, Any]:
    """The image grid at a step, and parallel coordinates; both draw nothing while runs are grouped.

    The grid shows only runs that have an image at that very step; its slider goes to the others.
    """
    charts = [
        _chart("IMAGE", imageKeys=["samples"], step=step, showRunParams=False),
        _chart(
            "PARALLEL",
            selectedParams=["variant", "lr_d", "lr_g"],
            selectedMetrics=["final/modes", _final(quality)],
            showAllRuns=True,
        ),
    ]
    return _state("Samples", charts, None, columns=1, height=520)


def _final(metric: str) -> str:
    return f"final/{metric.rpartition('/')[2]}"


def _chart(kind: str, **settings: Any) -> dict[str, Any]:
    base = {"type": kind, "runsCountToCompare": 100, "metricSectionId": "zoo", "deleted": False, "isGenerated": False}
    return base | settings


def _line(metric: str) -> dict[str, Any]:
    axis = {
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "xAxisScaleType": "linear",
        "scaleType": "linear",
        "range": {},
    }
    rest = {"yAxisKey": "metric", "yAxisExpressions": [], "ignoreOutliers": False, "lineSmoothness": 0}
    shared = {"useGlobalXaxisKey": True, "useGlobalLineSmoothing": True}
    return _chart("LINE", metricKey=metric, displayName="", **axis, **rest, **shared)


def _state(
    section: str, charts: list[dict[str, Any]], group_by: dict[str, Any] | None, *, columns: int, height: int
) -> dict[str, Any]:
    return {
        "searchFilter": "",
        "orderByKey": "attributes.start_time",
        "orderByAsc": False,
        "startTime": "ALL",
        "lifecycleFilter": "Active",
        "datasetsFilter": [],
        "modelVersionFilter": "All Runs",
        "selectedColumns": ["attributes.`Source`", "attributes.`Models`", "attributes.`Dataset`"],
        "columnOrder": [],
        "columnWidths": {},
        "runsHiddenMode": "SHOWALL",
        "compareRunCharts": [{"uuid": f"zoo{i}", **chart} for i, chart in enumerate(charts)],
        "compareRunSections": [
            {
                "uuid": "zoo",
                "name": section,
                "display": True,
                "isReordered": False,
                "deleted": False,
                "isGenerated": False,
                "columns": columns,
                "cardHeight": height,
            }
        ],
        "viewMaximized": False,
        "runListHidden": False,
        "isAccordionReordered": True,
        "useGroupedValuesInCharts": True,
        "hideEmptyCharts": False,
        "groupBy": group_by,
        "groupsExpanded": {},
        "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
    }
