"""Running cases: the check of answers first, then the timing."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from masktopo.bench.bandwidth import Bandwidth, bound_seconds
from masktopo.bench.cases import Case, Implementation
from masktopo.bench.limit import OutOfTime, time_limit
from masktopo.bench.results import Row
from masktopo.bench.timing import PATIENCE, Timing, measure, measure_once

__all__ = ["Pace", "Settings", "run_case", "run_suite"]

EXPECTED_FAILURES = (RuntimeError, ValueError, MemoryError)
"""What other solvers raise when they do not converge or cannot take a size."""

MOST_STOPS = 2
LIMIT_PER_CAP = 3.0


@dataclass(frozen=True)
class Settings:
    """How long to measure.

    Attributes
    ----------
    threads : int
        Threads that BLAS and the like may use.
    budget : float
        Seconds of repeated runs for every implementation and case.
    repeat : int
        Least number of runs, unless they take over four budgets.
    cap : float
        Seconds; an alternative whose single run is expected to be longer is skipped, and one
        that takes three times as long is stopped.
    quick : bool
        Fewer and smaller cases.
    """

    threads: int = 1
    budget: float = 0.2
    repeat: int = 3
    cap: float = 3.0
    quick: bool = True


class Pace:
    """Seconds per unit of work of every implementation, from the last case that it ran.

    One that had to be stopped twice is expected never to end.
    """

    def __init__(self) -> None:
        self._rates: dict[tuple[str, str], float] = {}
        self._stops: Counter[tuple[str, str]] = Counter()

    def expected(self, task: str, name: str, work: float) -> float:
        """Return the expected seconds; 0 for what was never run."""
        if self._stops[task, name] >= MOST_STOPS:
            return math.inf
        return self._rates.get((task, name), 0.0) * work

    def learn(self, task: str, name: str, work: float, seconds: float) -> None:
        """Remember what one run took."""
        self._rates[task, name] = seconds / max(work, 1.0)

    def stopped(self, task: str, name: str) -> None:
        """Remember that one run had to be stopped."""
        self._stops[task, name] += 1


def run_case(
    suite: str, case: Case, settings: Settings, bandwidth: Bandwidth, pace: Pace
) -> Iterator[Row]:
    """Check and time every implementation of a case.

    The run that gives the answer is the warm-up, and is the timed one only of alternatives that
    take long. An implementation whose answer differs from masktopo's is not timed at all.

    Yields
    ------
    Row
        In the order of the task's table.

    Raises
    ------
    Exception
        Whatever masktopo's own implementations raise; the others' failures become rows.
    """
    bound = bound_seconds(case.task.passes(case.subject), bandwidth)
    reference: Any = None
    for name, implementation in case.task.table.items():
        own = reference is None
        trial = _Trial(case, name, implementation, settings, pace)
        outcome, answer = trial.outcome(reference)
        reference = answer if own else reference
        yield Row(
            suite=suite,
            task=case.task.name,
            case=case.label,
            network=case.grid.network,
            rule=case.grid.rule,
            density=case.grid.density,
            edges=case.edges,
            implementation=name,
            own=own,
            bound=bound if own else None,
            **outcome,
        )


@dataclass(frozen=True)
class _Trial:
    """One implementation on one case: skip, check, time."""

    case: Case
    name: str
    implementation: Implementation
    settings: Settings
    pace: Pace

    def outcome(self, reference: Any) -> tuple[dict[str, Any], Any]:
        """Return the fields of the row that tell what happened, and the answer if there is one.

        Without a `reference` the answer is the reference itself.
        """
        expected = self._expected_seconds()
        if expected > self.settings.cap:
            return {"status": "skipped", "note": self._reason(expected)}, None
        try:
            answer, first = self._answer()
        except OutOfTime:
            self.pace.stopped(self.case.task.name, self.name)
            return {"status": "skipped", "note": f"stopped after {_rounded(self._limit)}"}, None
        except ImportError as error:
            return {"status": "skipped", "note": f"{error.name} is not installed"}, None
        except EXPECTED_FAILURES as error:
            if self.implementation.work is None:
                raise
            return {"status": "failed", "note": f"{type(error).__name__}: {error}"}, None
        difference = self.case.task.difference(answer if reference is None else reference, answer)
        allowed = self.implementation.tolerance
        if not difference <= allowed:
            note = f"differs by {difference:.1e}, allowed are {allowed:.0e}"
            return {"status": "differs", "note": note, "difference": difference}, answer
        return {"status": "timed", "difference": difference, "timing": self._time(first)}, answer

    @property
    def _limit(self) -> float:
        """Seconds after which a run is stopped: work only foretells the time roughly."""
        return LIMIT_PER_CAP * self.settings.cap

    def _answer(self) -> tuple[Any, Timing]:
        """Run once, within the limit where it is an alternative; time it too."""
        limited = nullcontext() if self.implementation.work is None else time_limit(self._limit)
        with limited:
            result, timing = measure_once(lambda: self.implementation.run(self.case.subject))
        return self.implementation.answer(result), timing

    def _reason(self, expected: float) -> str:
        if math.isinf(expected):
            return f"was stopped {MOST_STOPS} times before"
        return f"about {_rounded(expected)}, over the cap of {_rounded(self.settings.cap)}"

    def _time(self, first: Timing) -> Timing:
        """Repeat the run, unless the `first` one of an alternative took long enough."""
        subject, settings, timing = self.case.subject, self.settings, first
        if self.implementation.work is None or first.median <= PATIENCE * settings.budget:
            timing = measure(
                lambda: self.implementation.run(subject),
                budget=settings.budget,
                least=settings.repeat,
            )
        if self.implementation.work is not None:
            work = self.implementation.work(subject)
            self.pace.learn(self.case.task.name, self.name, work, timing.median)
        return timing

    def _expected_seconds(self) -> float:
        if self.implementation.work is None:
            return 0.0
        work = self.implementation.work(self.case.subject)
        return self.pace.expected(self.case.task.name, self.name, work)


def _rounded(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 100 else f"{seconds:.0f} s"


def run_suite(
    name: str, settings: Settings, bandwidth: Bandwidth, *, progress: bool = True
) -> Iterator[Row]:
    """Run every case of a suite, with a progress bar on standard error.

    Yields
    ------
    Row
        As soon as it is measured.
    """
    from tqdm import tqdm

    from masktopo._progress import shows_progress
    from masktopo.bench.suites.registry import SUITES

    suite, pace = SUITES[name], Pace()
    hidden = not (progress and shows_progress(None))
    bar = tqdm(suite.plan(settings.quick), desc=name, unit="grid point", disable=hidden)
    for grid in bar:
        for case in suite.cases(grid, settings.quick):
            bar.set_postfix_str(f"{case.label}: {case.task.name}"[:60])
            yield from run_case(name, case, settings, bandwidth, pace)
