"""One sample: drawn, scored, and sent home as numbers."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from masktopo._threads import limited_blas
from masktopo.errors import ArgumentError
from masktopo.masks.layer import BoolArray
from masktopo.masks.maskset import MaskSet
from masktopo.pruning.choose import Choice, choose
from masktopo.pruning.pool import GradientPool
from masktopo.pruning.problem import Problem
from masktopo.pruning.reproducible import use_torch_threads
from masktopo.sampling.candidate import Candidate
from masktopo.sampling.settings import PagsSettings

__all__ = [
    "Parcel",
    "Sampled",
    "Scorer",
    "Work",
    "check_sendable",
    "sample",
    "sample_parcel",
    "score",
]

Scorer = Callable[[int, MaskSet], Candidate]
"""``(index, masks) -> Candidate``."""


@dataclass(frozen=True, eq=False)
class Work:
    """All that it takes to draw and score any sample of a run.

    Parameters
    ----------
    problem : Problem
        The network at which masks are drawn, and what draws see.
    settings : PagsSettings
        What decides the outcome.
    scorer : callable
        ``(index, masks) -> Candidate``.
    pool : GradientPool or None
        Gradients of the run's pool.
    """

    problem: Problem
    settings: PagsSettings
    scorer: Scorer
    pool: GradientPool | None = None

    @property
    def stores_masks(self) -> bool:
        """Whether masks are kept where they were drawn: a GPU may draw them otherwise again."""
        return self.problem.device.type != "cpu"

    def choose(self, index: int) -> Choice:
        """Draw one sample; 0 is the ticket."""
        with use_torch_threads(self.settings.torch_threads):
            return choose(self.problem, self.settings.draw(index), self.pool)


@dataclass(frozen=True, eq=False)
class Sampled:
    """Some samples as numbers.

    Parameters
    ----------
    candidates : list of Candidate
    explored : ndarray of uint8
        The union of their masks, as packed bits.
    masks : dict of int to ndarray of uint8
        The packed masks by sample, where they cannot be drawn again; else empty.
    """

    candidates: list[Candidate]
    explored: NDArray[np.uint8]
    masks: dict[int, NDArray[np.uint8]]


def sample(work: Work, indices: Sequence[int]) -> Sampled:
    """Draw and score some samples."""
    return score(work, indices, [work.choose(index).kept for index in indices])


def score(work: Work, indices: Sequence[int], drawn: Sequence[BoolArray]) -> Sampled:
    """Score samples that were drawn, flat masks in the order of `indices`."""
    with limited_blas(1):
        candidates = [
            work.scorer(index, work.problem.masks(kept))
            for index, kept in zip(indices, drawn, strict=True)
        ]
    packed = [np.packbits(kept) for kept in drawn]
    masks = dict(zip(indices, packed, strict=True)) if work.stores_masks else {}
    return Sampled(candidates, np.bitwise_or.reduce(packed), masks)


def check_sendable(name: str, value: object) -> None:
    """Raise unless `value` can travel to another process."""
    try:
        cloudpickle.dumps(value)
    # What objects raise that cannot be pickled has no bounds.
    except Exception as error:
        raise ArgumentError(
            f"{name} cannot be sent to other processes, which n_jobs=1 does without: {error}"
        ) from error


class Parcel:
    """Work for another process: pickled once, and opened once a process.

    Bytes travel as an array, which joblib shares among workers instead of sending it every time.
    """

    def __init__(self, work: Work) -> None:
        self.content = np.frombuffer(cloudpickle.dumps(work), np.uint8)
        self.key = hashlib.sha256(self.content.data).hexdigest()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Parcel) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def opened(self) -> Work:
        """Return the work."""
        return _opened(self)


@lru_cache(maxsize=1)
def _opened(parcel: Parcel) -> Work:
    work = cloudpickle.loads(parcel.content.data)
    assert isinstance(work, Work)
    return work


def sample_parcel(parcel: Parcel, indices: Sequence[int]) -> Sampled:
    """Draw and score some samples in a worker process."""
    return sample(parcel.opened(), indices)
