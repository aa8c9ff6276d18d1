import dataclasses
import signal
import time

import numpy as np
import pytest

from masktopo.bench import timing
from masktopo.bench.bandwidth import Pass
from masktopo.bench.cases import Case, Grid, Implementation, Task, largest_difference
from masktopo.bench.limit import OutOfTime, time_limit
from masktopo.bench.run import Pace, Settings, run_case

SETTINGS = Settings(budget=0.0005, repeat=1, cap=1.0)
RATES = {"read": {1000: 100.0}}


def _missing(subject):
    raise ModuleNotFoundError("No module named 'rare'", name="rare")


def _diverges(subject):
    raise RuntimeError("no convergence")


def _case(subject=3.0, **others):
    table = {"own": Implementation(lambda x: [x, 2 * x]), **others}
    task = Task("double", table, largest_difference, lambda subject: [Pass("read", 1000)])
    return Case(task, "a case", Grid("mlp", "erk", 0.1), 7, subject)


def _rows(case, pace=None):
    return {r.implementation: r for r in run_case("s", case, SETTINGS, RATES, pace or Pace())}


def test_rows_tell_the_case_and_only_the_own_has_the_bound():
    rows = _rows(_case(same=Implementation(lambda x: [x, x + x])))
    assert [(r.own, r.status, r.bound) for r in rows.values()] == [
        (True, "timed", 10.0),
        (False, "timed", None),
    ]
    row = rows["same"]
    assert (row.suite, row.task, row.case, row.edges, row.network) == (
        *("s", "double", "a case", 7, "mlp"),
    )
    assert row.difference == 0


@pytest.mark.parametrize(
    "wrong",
    [
        lambda x: [x, 2 * x * (1 + 1e-5)],
        lambda x: [x, np.nan],
        lambda x: [x],
        lambda x: [2 * x, x],
    ],
)
def test_a_wrong_implementation_is_found_and_not_timed(wrong):
    rows = _rows(_case(wrong=Implementation(wrong), right=Implementation(lambda x: [x, 2 * x])))
    assert rows["wrong"].status == "differs"
    assert rows["wrong"].timing is None
    assert "allowed are 1e-07" in rows["wrong"].note
    assert rows["right"].status == "timed"


def test_a_difference_that_is_nan_is_no_agreement():
    case = _case(other=Implementation(lambda x: [x, 2 * x]))
    task = dataclasses.replace(case.task, difference=lambda own, other: float("nan"))
    rows = list(run_case("s", dataclasses.replace(case, task=task), SETTINGS, RATES, Pace()))
    assert rows[1].status == "differs"


def test_each_implementation_has_its_own_tolerance():
    rough = Implementation(lambda x: [x, 2 * x + 1e-4], tolerance=1e-3)
    assert _rows(_case(rough=rough))["rough"].status == "timed"


def test_a_missing_library_and_a_failure_become_rows():
    missing, diverges = (Implementation(run, work=lambda x: x) for run in (_missing, _diverges))
    rows = _rows(_case(missing=missing, diverges=diverges))
    assert (rows["missing"].status, rows["missing"].note) == ("skipped", "rare is not installed")
    assert rows["diverges"].status == "failed"
    assert rows["diverges"].note == "RuntimeError: no convergence"


@pytest.mark.parametrize("first", [_diverges, lambda x: [x]])
def test_a_failure_of_an_own_implementation_is_raised(first):
    table = {"own": Implementation(first), "own, 2 threads": Implementation(_diverges)}
    task = Task("t", table, largest_difference, lambda subject: [])
    case = Case(task, "a case", Grid("mlp", "erk", 0.1), 7, 1.0)
    with pytest.raises(RuntimeError, match="no convergence"):
        list(run_case("s", case, SETTINGS, RATES, Pace()))


def test_what_would_run_past_the_cap_is_skipped():
    calls = []

    def run(x):
        calls.append(x)
        return [x, 2 * x]

    pace = Pace()
    cubic = Implementation(run, work=lambda x: x**3)
    assert _rows(_case(1.0, cubic=cubic), pace)["cubic"].status == "timed"
    pace.learn("double", "cubic", 1.0, 0.01)
    calls.clear()
    skipped = _rows(_case(5.0, cubic=cubic), pace)["cubic"]
    assert (skipped.status, calls) == ("skipped", [])
    assert skipped.note == "about 1.2 s, over the cap of 1 s"


@pytest.mark.parametrize(("seconds", "budget", "again"), [(0.01, 0.001, False), (0.0, 1.0, True)])
def test_a_slow_alternative_is_not_run_again(monkeypatch, seconds, budget, again):
    monkeypatch.setattr(timing, "MOST_RUNS", 2)
    begun = []

    def run(x):
        begun.append(x)
        time.sleep(seconds)
        return [x, 2 * x]

    settings = Settings(budget=budget, repeat=2, cap=10.0)
    case = _case(slow=Implementation(run, work=lambda x: 1.0))
    row = list(run_case("s", case, settings, RATES, Pace()))[1]
    assert row.status == "timed"
    assert len(begun) == (3 if again else 1)
    assert row.timing.median >= seconds


def test_what_does_not_end_is_stopped_and_given_up_after_two_stops():
    def endless(x):
        while True:
            pass

    pace, table = Pace(), {"endless": Implementation(endless, work=lambda x: 1.0)}
    settings = Settings(budget=0.0005, repeat=1, cap=0.01)
    notes = [list(run_case("s", _case(**table), settings, RATES, pace))[1].note for _ in range(3)]
    assert notes == ["stopped after 0.03 s"] * 2 + ["was stopped 2 times before"]


def test_the_limit_is_lifted_after_the_block():
    with time_limit(60):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0
    with pytest.raises(OutOfTime), time_limit(0.001):
        time.sleep(1)
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_the_first_case_of_an_implementation_always_runs():
    huge = Implementation(lambda x: [x, 2 * x], work=lambda x: 1e30)
    assert _rows(_case(huge=huge))["huge"].status == "timed"


@pytest.mark.parametrize(
    ("own", "other", "expected"),
    [
        ([1.0, np.nan, -np.inf], [1.0, np.nan, -np.inf], 0.0),
        ([1.0], [1.5], 0.25),
        ([np.nan], [1.0], np.inf),
        ([1.0], [np.nan], np.inf),
        ([np.inf], [-np.inf], np.inf),
        ([1.0, 2.0], [1.0], np.inf),
    ],
)
def test_differences(own, other, expected):
    assert largest_difference(np.array(own), np.array(other)) == expected
