"""Samples, drawn in this process or by workers, in any order and as often as they are needed."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from tqdm import tqdm

from masktopo.errors import RunError
from masktopo.masks.layer import BoolArray
from masktopo.pruning.problem import Problem
from masktopo.sampling.candidate import Candidate
from masktopo.sampling.journal import Journal
from masktopo.sampling.work import Parcel, Sampled, Work, sample, sample_parcel, score

__all__ = ["check_digest", "draw_candidates", "redraw"]

Task = Sequence[int]
"""The samples that a worker draws before it reports."""

_AHEAD = 2
"""Tasks that are drawn while an earlier one is scored."""

_QUICK = 8
"""Samples of a task where a sample takes a fraction of a second."""


def draw_candidates(
    work: Work, journal: Journal, indices: Iterable[int], *, n_jobs: int, progress: bool
) -> None:
    """Draw and score those of some samples that `journal` lacks.

    Parameters
    ----------
    work : Work
    journal : Journal
        Takes up samples as they come, in any order.
    indices : iterable of int
    n_jobs : int
        Processes; with 1, it is this one.
    progress : bool
        Whether to show a bar.

    Raises
    ------
    RunError
        If a worker is killed.
    """
    wanted = list(indices)
    missing = [index for index in wanted if index not in journal]
    size = _QUICK if _is_quick(work) else 1
    tasks = [missing[start : start + size] for start in range(0, len(missing), size)]
    done = len(wanted) - len(missing)
    with tqdm(total=len(wanted), initial=done, unit="mask", disable=not progress) as bar:
        for sampled in _results(work, tasks, n_jobs):
            journal.add(sampled)
            bar.update(len(sampled.candidates))


def redraw(work: Work, journal: Journal, candidate: Candidate) -> BoolArray:
    """Return the mask of a scored candidate, flat: as stored, or drawn again.

    Raises
    ------
    RunError
        If it is not the mask that was scored, or was drawn on a GPU and is not in the folder.
    """
    kept = journal.mask(candidate.index)
    if kept is None:
        if work.stores_masks:
            raise RunError(
                f"the mask of candidate {candidate.index} was drawn on a GPU and is missing in "
                f"{journal.folder}; it lies in the folder where it was drawn"
            )
        kept = work.choose(candidate.index).kept
    check_digest(work.problem, candidate, kept)
    return kept


def check_digest(problem: Problem, candidate: Candidate, kept: BoolArray) -> None:
    """Raise unless `kept` is the mask that was scored as `candidate`."""
    digest = problem.masks(kept).digest
    if digest != candidate.digest:
        raise RunError(
            f"candidate {candidate.index} was scored as mask {candidate.digest[:16]}, but drawn "
            f"again it is {digest[:16]}; draws repeat on one device, CPU type and torch version"
        )


def _is_quick(work: Work) -> bool:
    """Whether a sample takes no passes over data, and a single round."""
    recipe = work.settings.recipe
    needs_passes = work.problem.method.needs_data and work.pool is None
    return not needs_passes and recipe.n_rounds == 1


def _scores_beside(work: Work) -> bool:
    """Whether the CPU is free while masks are drawn."""
    return work.problem.device.type != "cpu"


def _results(work: Work, tasks: Sequence[Task], n_jobs: int) -> Iterator[Sampled]:
    if n_jobs > 1:
        return _by_workers(work, tasks, n_jobs)
    if _scores_beside(work):
        return _scored_beside(work, tasks)
    return (sample(work, task) for task in tasks)


def _scored_beside(work: Work, tasks: Iterable[Task]) -> Iterator[Sampled]:
    """Draw here, on a device of its own, while a thread scores what was drawn before."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[Sampled]] = deque()
        for task in tasks:
            drawn = [work.choose(index).kept for index in task]
            waiting.append(pool.submit(score, work, task, drawn))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _by_workers(work: Work, tasks: Sequence[Task], n_jobs: int) -> Iterator[Sampled]:
    """Send tasks to processes: of this machine, or whatever joblib's backend in charge offers."""
    from joblib import Parallel, delayed
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    if not tasks:
        return
    parcel = Parcel(work)
    parallel = Parallel(n_jobs=n_jobs, return_as="generator_unordered")
    try:
        yield from parallel(delayed(sample_parcel)(parcel, task) for task in tasks)
    except TerminatedWorkerError as error:
        raise RunError(
            "a worker process was killed, perhaps for want of memory; started again with the "
            f"same folder, the run goes on: {error}"
        ) from error
