"""What a candidate is worth: its coordinates, and the score that the selection goes by."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo._check import check_choice
from masktopo.errors import ArgumentError
from masktopo.graphs.wiring import Wiring
from masktopo.masks.maskset import MaskSet, check_same_layers
from masktopo.metrics.family import Family, Subject
from masktopo.metrics.registry import FAMILIES
from masktopo.metrics.spectral import COORDINATES, Coordinates, coordinates
from masktopo.sampling.candidate import Candidate

__all__ = [
    "Score",
    "Scoring",
    "check_reference",
    "is_of_layers",
    "needs_wiring",
    "reference_values",
    "score_name",
]

Score = str | Callable[[Coordinates], NDArray[np.float64]]

WORDS = frozenset({"kind", "shape", "origin", "nm_pattern", "nm_pattern_flat"})
"""Columns that are no numbers."""


@dataclass(frozen=True, eq=False)
class Scoring:
    """How masks become candidates.

    Parameters
    ----------
    score : str or callable
        A metric of any family, or ``Coordinates -> float64 array of shape (n_layers,)``. A
        metric of the whole network counts for every layer.
    reference : ndarray of float64, shape (n_layers, 4), or None
        Where `full_spectrum` is measured from; None is the origin.
    wiring : Wiring or None
        The data flow, for metrics that follow it.
    """

    score: Score = "full_spectrum"
    reference: NDArray[np.float64] | None = None
    wiring: Wiring | None = None

    def __call__(self, index: int, masks: MaskSet) -> Candidate:
        """Score the masks of sample `index`."""
        found = coordinates(masks)
        full_spectrum = found.full_spectrum(self.reference)
        return Candidate(
            index=index,
            digest=masks.digest,
            nnz=np.array([layer.nnz for layer in masks.values()], dtype=np.int64),
            values=found.values,
            subgraphs=found.subgraphs,
            valid=found.valid,
            full_spectrum=full_spectrum,
            score=self._score(masks, found, full_spectrum),
        )

    def _score(
        self, masks: MaskSet, found: Coordinates, full_spectrum: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        if self.score == "full_spectrum":
            return full_spectrum
        if self.score in COORDINATES:
            return np.array(found.values[:, COORDINATES.index(self.score)])
        if not callable(self.score):
            return _metric(self.score, Subject(masks, wiring=self.wiring))
        score = _numbers(self.score(found), score_name(self.score))
        if score.shape != (len(found.layers),):
            raise ArgumentError(
                f"score {score_name(self.score)} gave an array of shape {score.shape}, expected "
                f"one value for each of {len(found.layers)} layers"
            )
        return score


def _numbers(found: object, name: str) -> NDArray[np.float64]:
    """Return what a callable gave as an array."""
    try:
        return np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"score {name} gave no numbers: {error}") from error


def score_name(score: Score) -> str:
    """Return the name of a score.

    Raises
    ------
    ArgumentError
        If it is not callable, nor a metric that is a number.
    """
    if callable(score):
        return str(getattr(score, "__qualname__", type(score).__qualname__))
    names = {name for family in FAMILIES.values() for name in _metrics(family)}
    check_choice("score", score, sorted(names - WORDS))
    return score


def is_of_layers(score: Score) -> bool:
    """Whether a score differs from layer to layer."""
    return callable(score) or any(score in family.layer_metrics for family in FAMILIES.values())


def needs_wiring(score: Score) -> bool:
    """Whether a score follows the data flow of the network."""
    return isinstance(score, str) and not _family(score).layerwise


def _metrics(family: Family) -> tuple[str, ...]:
    return family.layer_metrics + family.network_metrics


def _family(name: str) -> Family:
    return next(family for family in FAMILIES.values() if name in _metrics(family))


def _metric(name: str, subject: Subject) -> NDArray[np.float64]:
    """Return a metric of every layer; one of the network as often as there are layers."""
    found = _family(name).compute(subject)
    if name in found.layers:
        return found.layers[name].astype(np.float64)
    return np.full(len(subject.masks), float(found.network[name]))


def check_reference(reference: str | MaskSet, dense: MaskSet) -> None:
    """Raise unless `reference` is of the network `dense`, or a name that is known."""
    if isinstance(reference, MaskSet):
        check_same_layers(reference, dense)
    else:
        check_choice("reference", reference, ("origin", "dense"))


def reference_values(reference: str | MaskSet, dense: MaskSet) -> NDArray[np.float64] | None:
    """Return the coordinates that `full_spectrum` is measured from; None is the origin.

    Parameters
    ----------
    reference : {"origin", "dense"} or MaskSet
        A `MaskSet` is taken with the weights of `dense`, the network's own.
    dense : MaskSet
        The network with its weights, nothing pruned.
    """
    if isinstance(reference, MaskSet):
        masks = {name: layer.mask for name, layer in reference.items()}
        return coordinates(dense.with_masks(masks, origin="reference")).values
    return None if reference == "origin" else coordinates(dense).values
