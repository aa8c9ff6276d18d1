"""What a candidate is worth: its coordinates, and the score that the selection goes by."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from masktopo._check import check_choice
from masktopo.errors import ArgumentError
from masktopo.masks.maskset import MaskSet, check_same_layers
from masktopo.metrics.spectral import COORDINATES, Coordinates, coordinates
from masktopo.sampling.candidate import Candidate

__all__ = ["SCORES", "Score", "Scoring", "check_reference", "reference_values"]

SCORES = ("full_spectrum", *COORDINATES)
"""Every score that has a name."""

Score = str | Callable[[Coordinates], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class Scoring:
    """How masks become candidates.

    Parameters
    ----------
    score : str or callable
        A name of `SCORES`, or ``Coordinates -> float64 array of shape (n_layers,)``.
    reference : ndarray of float64, shape (n_layers, 4), or None
        Where `full_spectrum` is measured from; None is the origin.
    threads : int
        Threads that share the layers of one candidate; values do not depend on it.
    """

    score: Score = "full_spectrum"
    reference: NDArray[np.float64] | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        if not callable(self.score):
            check_choice("score", self.score, SCORES)

    @property
    def name(self) -> str:
        """The score's name."""
        if callable(self.score):
            return str(getattr(self.score, "__qualname__", type(self.score).__qualname__))
        return self.score

    def __call__(self, index: int, masks: MaskSet) -> Candidate:
        """Score the masks of sample `index`."""
        found = coordinates(masks, threads=self.threads)
        full_spectrum = found.full_spectrum(self.reference)
        return Candidate(
            index=index,
            digest=masks.digest,
            nnz=np.array([layer.nnz for layer in masks.values()], dtype=np.int64),
            values=found.values,
            subgraphs=found.subgraphs,
            valid=found.valid,
            full_spectrum=full_spectrum,
            score=self._score(found, full_spectrum),
        )

    def _score(self, found: Coordinates, full_spectrum: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.score == "full_spectrum":
            return full_spectrum
        if not callable(self.score):
            return np.array(found.values[:, COORDINATES.index(self.score)])
        score = np.asarray(self.score(found), dtype=np.float64)
        if score.shape != (len(found.layers),):
            raise ArgumentError(
                f"score {self.name} gave an array of shape {score.shape}, expected one value for "
                f"each of {len(found.layers)} layers"
            )
        return score


def check_reference(reference: str | MaskSet, dense: MaskSet) -> None:
    """Raise unless `reference` is of the network `dense`, or a name that is known."""
    if isinstance(reference, MaskSet):
        check_same_layers(reference, dense)
    else:
        check_choice("reference", reference, ("origin", "dense"))


def reference_values(
    reference: str | MaskSet, dense: MaskSet, *, threads: int
) -> NDArray[np.float64] | None:
    """Return the coordinates that `full_spectrum` is measured from; None is the origin.

    Parameters
    ----------
    reference : {"origin", "dense"} or MaskSet
        A `MaskSet` is taken with the weights of `dense`, the network's own.
    dense : MaskSet
        The network with its weights, nothing pruned.
    threads : int
        As in `Scoring`.

    """
    of_masks = partial(coordinates, threads=threads)
    if isinstance(reference, MaskSet):
        masks = {name: layer.mask for name, layer in reference.items()}
        return of_masks(dense.with_masks(masks, origin="reference")).values
    return None if reference == "origin" else of_masks(dense).values
