"""The results as text, at most 120 columns wide."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from masktopo.bench.fit import LARGE, fit_large
from masktopo.bench.results import Results, Row
from masktopo.bench.units import count_text, ratio_text, time_text

__all__ = ["WIDTH", "format_exponents", "format_machine", "format_rows"]

WIDTH = 120

HEADINGS = ("", "median", "quartiles", "CPU", "busiest", "runs", "ratio", "bound is")
WIDTHS = (32, 10, 21, 10, 10, 6, 9, 9)


def format_machine(results: Results) -> str:
    """Write what the timings must be read with."""
    machine, settings = results.machine, results.settings
    versions = ", ".join(f"{n} {v}" for n, v in machine["versions"].items() if v is not None)
    rates = [f"{kind} {_rates(machine['bandwidth'][kind])}" for kind in machine["bandwidth"]]
    return "\n".join(
        [
            f"{machine['processor']}, {machine['cores']} usable cores, load {machine['load']:.2f}",
            f"python {machine['python']}, {versions}",
            f"libraries pinned to {settings['threads']} threads; memory, one thread, in GB/s:",
            *(f"  {rate}" for rate in rates),
        ]
    )


def _rates(rates: Mapping[str, float]) -> str:
    return ", ".join(f"{int(size) / 2**20:g} MB {rate / 1e9:.0f}" for size, rate in rates.items())


def format_rows(rows: Sequence[Row]) -> str:
    """Write every task as a table, every case with its implementations below it."""
    lines: list[str] = []
    tasks = dict.fromkeys((row.suite, row.task) for row in rows)
    for suite, task in tasks:
        chosen = [row for row in rows if (row.suite, row.task) == (suite, task)]
        lines += ["", f"{suite}: {task}", _line(HEADINGS)]
        for _, group in groupby(chosen, key=lambda row: row.case):
            lines += _case_lines(list(group))
    return "\n".join(lines)


def _case_lines(rows: Sequence[Row]) -> Iterator[str]:
    own = rows[0]
    bound = "" if own.bound is None else f", bound {time_text(own.bound)}"
    yield f"{own.case}, {count_text(own.edges)} edges{bound}"
    for row in rows:
        yield _row_line(row, own)


def _row_line(row: Row, own: Row) -> str:
    timing = row.timing
    if timing is None:
        return f"  {row.implementation:<30}{row.status}: {row.note}"[:WIDTH]
    ratio = own.timing and timing.median / own.timing.median
    share = row.bound / timing.median if row.bound else None
    cells = (
        f"  {row.implementation}",
        time_text(timing.median),
        f"{time_text(timing.low)} - {time_text(timing.high)}",
        time_text(timing.cpu),
        time_text(timing.busiest),
        str(timing.runs),
        ratio_text(ratio) if ratio else "-",
        "" if share is None else f"{100 * share:.2g} %",
    )
    return _line(cells)


def _line(cells: Sequence[str]) -> str:
    first, *others = cells
    text = f"{first:<{WIDTHS[0]}}"
    text += "".join(f"{cell:>{width}}" for cell, width in zip(others, WIDTHS[1:], strict=True))
    return text.rstrip()


def format_exponents(rows: Sequence[Row]) -> str:
    """Write the fitted exponent of every implementation, where the cases span enough."""
    lines = []
    for (suite, task, name), points in points_by_implementation(rows).items():
        law = fit_large(points)
        if law is not None:
            text = f"edges^{law.exponent:.2f} +- {law.error:.2f}"
            lines.append(f"  {suite}: {task}: {name}"[:88].ljust(90) + text)
    heading = f"cost against edges, cases of at least {count_text(LARGE)} edges"
    return "\n".join(["", heading, *lines]) if lines else ""


def points_by_implementation(
    rows: Sequence[Row],
) -> dict[tuple[str, str, str], list[tuple[float, float]]]:
    """Return edges and median seconds of every timed row, by suite, task and implementation."""
    points: dict[Any, list[tuple[float, float]]] = {}
    for row in rows:
        if row.timing is not None and row.edges > 0:
            key = (row.suite, row.task, row.implementation)
            points.setdefault(key, []).append((float(row.edges), row.timing.median))
    return points
