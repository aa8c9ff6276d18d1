"""Samples: each a pure function of (seed, index), drawn as often as it is needed."""

from collections.abc import Callable

from tqdm import tqdm

from masktopo.errors import RunError
from masktopo.masks.layer import BoolArray
from masktopo.masks.maskset import MaskSet
from masktopo.pruning.choose import Choice, choose
from masktopo.pruning.problem import Problem
from masktopo.sampling.candidate import Candidate
from masktopo.sampling.journal import Journal
from masktopo.sampling.settings import PagsSettings

__all__ = ["Scorer", "draw_candidates", "redraw"]

Scorer = Callable[[int, MaskSet], Candidate]
"""``(index, masks) -> Candidate``."""


def draw_candidates(
    problem: Problem,
    settings: PagsSettings,
    scorer: Scorer,
    journal: Journal,
    ticket: Choice,
    *,
    progress: bool,
) -> None:
    """Draw and score all samples that `journal` lacks, ticket 0 among them.

    Raises
    ------
    RunError
        If `journal` begins with another ticket.
    """
    done = len(journal.candidates)
    if done:
        check_digest(problem, journal.candidates[0], ticket.kept)
    total = settings.samples + 1
    with tqdm(total=total, initial=done, unit="mask", disable=not progress) as bar:
        for index in range(done, total):
            kept = ticket.kept if index == 0 else choose(problem, settings.draw(index)).kept
            journal.add(scorer(index, problem.masks(kept)), kept)
            bar.update()


def redraw(problem: Problem, settings: PagsSettings, candidate: Candidate) -> BoolArray:
    """Draw the mask of a scored candidate again, flat.

    Raises
    ------
    RunError
        If it is not the mask that was scored.
    """
    kept = choose(problem, settings.draw(candidate.index)).kept
    check_digest(problem, candidate, kept)
    return kept


def check_digest(problem: Problem, candidate: Candidate, kept: BoolArray) -> None:
    """Raise unless `kept` is the mask that was scored as `candidate`."""
    digest = problem.masks(kept).digest
    if digest != candidate.digest:
        raise RunError(
            f"candidate {candidate.index} was scored as mask {candidate.digest[:16]}, but drawn "
            f"again it is {digest[:16]}; draws repeat on one device, CPU type and torch version"
        )
