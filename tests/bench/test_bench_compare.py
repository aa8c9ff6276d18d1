import dataclasses

import numpy as np
import pytest

from masktopo.bench.compare import compare_rows, drift, format_comparison
from masktopo.bench.results import Results
from tests.bench.timings import row, timing


@pytest.mark.parametrize(
    ("old", "new", "beyond"),
    [
        (timing(1.0, 0.9, 1.1), timing(1.05, 1.0, 1.2), False),
        (timing(1.0, 0.9, 1.1), timing(1.3, 1.2, 1.4), True),
        (timing(1.3, 1.2, 1.4), timing(1.0, 0.9, 1.1), True),
        # Less than 5 % apart, however small the spread.
        (timing(1.0, 0.99, 1.01), timing(1.04, 1.03, 1.05), False),
        # One run was so noisy that it covers the other's median.
        (timing(1.0, 0.9, 1.1), timing(1.3, 0.95, 1.6), False),
        (timing(1.0, 0.5, 1.6), timing(1.3, 1.2, 1.4), False),
        # Too few runs to know the spread: a fifth either way.
        (timing(1.0, 1.0, 1.0, runs=1), timing(1.15, 1.14, 1.16), False),
        (timing(1.0, 1.0, 1.0, runs=1), timing(1.5, 1.49, 1.51), True),
        (timing(1.0, 1.0, 1.0, runs=2), timing(1.1, 1.1, 1.1, runs=1), False),
    ],
)
def test_a_change_is_beyond_noise_when_both_medians_leave_the_others_spread(old, new, beyond):
    (change,) = compare_rows([row(timing=old)], [row(timing=new)])
    assert change.beyond_noise is beyond
    assert change.ratio == pytest.approx(new.median / old.median, rel=1e-12)


def test_only_what_both_have_timed_is_compared():
    old = [row("a"), row("b"), row("c", status="skipped", timing=None)]
    new = [row("b"), row("c"), row("d"), row("a", status="differs", timing=None)]
    assert [change.row.implementation for change in compare_rows(old, new)] == ["b"]


def test_the_same_name_in_another_case_is_another_row():
    assert compare_rows([row(case="small")], [row(case="large")]) == []


def _run(rows, **settings):
    machine = {"processor": "old", "cores": 2, "versions": {"numpy": "1"}, "load": 0.1}
    return Results({**machine, **settings.pop("machine", {})}, settings, rows)


def test_the_text_tells_directions_counts_and_other_conditions():
    names = ("masktopo", "masktopo, 2 threads", "gone")
    old = _run([row(name) for name in names], threads=1)
    times = {"masktopo": 4.0, "masktopo, 2 threads": 0.25, "fresh": 1.0, "fresher": 1.0}
    changed = {"processor": "new", "versions": {"numpy": "2"}, "load": 2.0}
    rows = [row(name, timing=timing(seconds)) for name, seconds in times.items()]
    text = format_comparison(old, _run(rows, threads=2, machine=changed))
    assert "slower     x4.00     4.00 s  case, masktopo: suite, task" in text
    assert "faster     x0.25     250 ms  case, masktopo, 2 threads: suite, task" in text
    assert text.index("slower") < text.index("faster")
    assert "2 of 2 own timings changed beyond noise; 2 rows are new, 1 are missing" in text
    for line in ("processor: old then, new now", "threads: 1 then, 2 now", "numpy: 1 then, 2 now"):
        assert line in text
    assert "cores" not in text


def _shifted(ratios):
    """Rows of alternatives before and after, slower by `ratios`."""
    names = [f"other {place}" for place in range(len(ratios))]
    after = [row(name, timing=timing(ratio)) for name, ratio in zip(names, ratios, strict=True)]
    return [row(name) for name in names], after


def test_what_the_machine_explains_is_no_change():
    before, after = _shifted(np.linspace(1.2, 2.2, 21).tolist())
    old = _run([row("masktopo"), row("masktopo", case="large"), *before])
    own = [row("masktopo", timing=timing(2.0)), row("masktopo", case="large", timing=timing(3.0))]
    text = format_comparison(old, _run([*own, *after]))
    assert "took x1.00 to x2.15 as long" in text
    assert "1 of 2 own timings changed beyond noise" in text
    assert "slower     x3.00" in text


@pytest.mark.parametrize(
    ("ratios", "expected"),
    [
        ([2.0] * 9, (1.0, 1.0)),
        ([2.0] * 10, (1.0, 2.0)),
        ([0.5] * 10, (0.5, 1.0)),
        (np.linspace(0.5, 2.5, 21).tolist(), (0.6, 2.4)),
    ],
)
def test_the_drift_is_what_the_alternatives_show(ratios, expected):
    before, after = _shifted(ratios)
    assert drift(compare_rows(before, after)) == pytest.approx(expected, rel=1e-10)


def test_suites_that_were_not_run_are_not_missing():
    old = [row("a"), dataclasses.replace(row("a"), suite="other")]
    assert "0 are missing" in format_comparison(_run(old), _run([row("a")]))


def test_a_run_does_not_differ_from_itself():
    results = _run([row("masktopo"), row("masktopo b", timing=timing(runs=1))])
    assert "0 of 2 own timings changed" in format_comparison(results, results)
