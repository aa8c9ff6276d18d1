"""What changed between two runs, beyond their noise."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import quantiles

from masktopo.bench.results import Results, Row
from masktopo.bench.timing import Timing
from masktopo.bench.units import ratio_text, time_text

__all__ = ["Change", "compare_rows", "drift", "format_comparison"]

LEAST_RUNS = 3
LEAST_ALTERNATIVES = 10
LEAST_CHANGE = 0.05
ASSUMED_SPREAD = 0.2
"""Share of the median that stands for the spread of fewer than three runs."""


@dataclass(frozen=True)
class Change:
    """One measurement in both runs.

    Attributes
    ----------
    row : Row
        The new one.
    ratio : float
        New median over old median: above 1 is slower.
    beyond_noise : bool
        Whether each median lies outside the other run's spread, and they are more than 5 %
        apart. The spread is that between the quartiles, or a fifth of the median either way with
        fewer than three runs.
    """

    row: Row
    ratio: float
    beyond_noise: bool


def compare_rows(old: Sequence[Row], new: Sequence[Row]) -> list[Change]:
    """Compare what both runs have timed, in the order of `new`."""
    before = {row.key: row.timing for row in old if row.timing is not None}
    changes = []
    for row in new:
        earlier = before.get(row.key)
        if row.timing is not None and earlier is not None:
            ratio = row.timing.median / earlier.median
            changes.append(Change(row, ratio, _differ(row.timing, earlier)))
    return changes


def _differ(first: Timing, second: Timing) -> bool:
    if abs(first.median - second.median) <= LEAST_CHANGE * min(first.median, second.median):
        return False
    return not (_covers(first, second.median) or _covers(second, first.median))


def _covers(timing: Timing, seconds: float) -> bool:
    if timing.runs >= LEAST_RUNS:
        return timing.low <= seconds <= timing.high
    return abs(seconds - timing.median) <= ASSUMED_SPREAD * timing.median


def drift(changes: Sequence[Change]) -> tuple[float, float]:
    """Return the range of ratios that the machine alone explains.

    The alternatives' code is the same in both runs, so 9 of 10 of their ratios span it. With
    fewer than ten alternatives nothing is known, and the range is a single point, 1.
    """
    others = [change.ratio for change in changes if not _is_own(change.row)]
    if len(others) < LEAST_ALTERNATIVES:
        return 1.0, 1.0
    steps = quantiles(others, n=20, method="inclusive")
    return min(steps[0], 1.0), max(steps[-1], 1.0)


def format_comparison(old: Results, new: Results) -> str:
    """Write what became slower or faster in masktopo, and what only one of the runs has."""
    changes = compare_rows(old.rows, new.rows)
    low, high = drift(changes)
    own = [change for change in changes if _is_own(change.row)]
    changed = [c for c in own if c.beyond_noise and not low <= c.ratio <= high]
    lines = ["", f"compared with the run of {old.machine.get('time', 'unknown time')}"]
    lines += [f"  {line}" for line in _conditions(old, new)]
    if low < high:
        lines.append(
            f"  the alternatives, whose code is the same, took {ratio_text(low)} to "
            f"{ratio_text(high)} as long: no change within that is listed"
        )
    lines += map(_change_line, sorted(changed, key=lambda change: -change.ratio))
    suites = {row.suite for row in new.rows}
    missing = {r.key for r in old.rows if r.suite in suites} - {row.key for row in new.rows}
    added = {row.key for row in new.rows} - {row.key for row in old.rows}
    lines.append(
        f"  {len(changed)} of {len(own)} own timings changed beyond noise; "
        f"{len(added)} rows are new, {len(missing)} are missing"
    )
    return "\n".join(line[:120] for line in lines)


def _is_own(row: Row) -> bool:
    return row.implementation.startswith("masktopo")


def _change_line(change: Change) -> str:
    row = change.row
    word = "slower" if change.ratio > 1 else "faster"
    now = time_text(row.timing.median) if row.timing else "-"
    return (
        f"  {word:8}{ratio_text(change.ratio):>8}{now:>11}  {row.case}, {row.implementation}: "
        f"{row.suite}, {row.task}"
    )


def _conditions(old: Results, new: Results) -> Iterator[str]:
    """Name what else differs between the runs, since it may explain a change."""
    pairs = [
        (name, old.machine.get(name), new.machine.get(name))
        for name in ("processor", "cores", "python")
    ]
    pairs.append(("threads", old.settings.get("threads"), new.settings.get("threads")))
    versions = old.machine.get("versions", {}), new.machine.get("versions", {})
    pairs += [(name, versions[0].get(name), found) for name, found in versions[1].items()]
    for name, before, now in pairs:
        if before != now:
            yield f"{name}: {before} then, {now} now"
    loads = old.machine.get("load"), new.machine.get("load")
    if None not in loads:
        yield f"load when it began: {loads[0]:.2f} then, {loads[1]:.2f} now"
