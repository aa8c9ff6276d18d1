"""Rows with made-up timings."""

from masktopo.bench.results import Row
from masktopo.bench.timing import Timing


def timing(median=1.0, low=None, high=None, runs=10):
    return Timing(
        median=median,
        low=median * 0.9 if low is None else low,
        high=median * 1.1 if high is None else high,
        cpu=median,
        busiest=median / 2,
        runs=runs,
        load=0.5,
    )


def row(implementation="own", *, edges=100, case="case", task="task", **fields):
    fields.setdefault("timing", timing())
    fields.setdefault("status", "timed")
    return Row(
        suite="suite",
        task=task,
        case=case,
        network="mlp",
        rule="erk",
        density=0.1,
        edges=edges,
        implementation=implementation,
        own=implementation == "own",
        **fields,
    )
