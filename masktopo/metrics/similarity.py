"""How alike the masks of one network are (section 6 of the definitions)."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import MaskError
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet, check_same_layers
from masktopo.metrics.spectral import Coordinates

__all__ = ["LayerSimilarity", "coordinate_distance", "explored_ratio", "layer_similarity"]


@dataclass(frozen=True)
class LayerSimilarity:
    """Two masks of one layer.

    Attributes
    ----------
    common : int
        Weights that both keep.
    jaccard : float
        `common` over the weights that at least one keeps; 1 where neither keeps any.
    hamming : int
        Weights that exactly one keeps.
    hamming_fraction : float
        The same over all weights; nan for a layer without weights.
    sign_agreement : float
        Of the weights that both keep, the share with equal signs (0 has a sign of its own); nan
        where there is none, or weights are unknown on a side.
    """

    common: int
    jaccard: float
    hamming: int
    hamming_fraction: float
    sign_agreement: float


def layer_similarity(first: LayerMask, second: LayerMask) -> LayerSimilarity:
    """Compare two masks of one layer. O(size).

    Raises
    ------
    MaskError
        If their shapes differ.

    Examples
    --------
    >>> first = LayerMask("fc", np.array([[True, True, False, False]]))
    >>> second = LayerMask("fc", np.array([[True, False, True, False]]))
    >>> found = layer_similarity(first, second)
    >>> found.common, found.jaccard, found.hamming, found.hamming_fraction
    (1, 0.3333333333333333, 2, 0.5)
    """
    if first.shape != second.shape:
        raise MaskError(
            f"layer {first.name!r} has shape {first.shape} in one mask and {second.shape} in the "
            "other"
        )
    both = first.mask & second.mask
    common = int(np.count_nonzero(both))
    union = first.nnz + second.nnz - common
    return LayerSimilarity(
        common=common,
        jaccard=common / union if union else 1.0,
        hamming=union - common,
        hamming_fraction=(union - common) / first.size if first.size else float("nan"),
        sign_agreement=_sign_agreement(first, second, both),
    )


def _sign_agreement(first: LayerMask, second: LayerMask, both: NDArray[np.bool_]) -> float:
    if first.weight is None or second.weight is None or not both.any():
        return float("nan")
    return float(np.mean(np.sign(first.weight[both]) == np.sign(second.weight[both])))


def coordinate_distance(first: Coordinates, second: Coordinates) -> NDArray[np.float64]:
    """Return the distance of two networks' full-spectrum coordinates, layer by layer.

    Returns
    -------
    ndarray of float64, shape (n_layers,)
        Entries of a coordinate that are not finite count as 0, as in `full_spectrum`; nan where
        weights are unknown on a side.

    Raises
    ------
    ArgumentError
        If they do not have as many layers.
    """
    distance = first.full_spectrum(second.values)
    return np.where(second.weighted, distance, np.nan)


def explored_ratio(masks: Iterable[MaskSet]) -> NDArray[np.float64]:
    """Return the share of weights that a sequence of masks has kept so far (ITOP21).

    Parameters
    ----------
    masks : iterable of MaskSet
        Masks of one network in the order of time, such as the snapshots of dynamic sparse
        training. They are read one at a time.

    Returns
    -------
    ndarray of float64, shape (n_masks,)
        After every mask, the size of the union so far over the number of weights. The last entry
        is ITOP21's explored-parameter ratio; 1 minus it was never tried.

    Raises
    ------
    MaskError
        If the masks are not of one network.

    References
    ----------
    Liu, Yin, Mocanu, Pechenizkiy: *Do We Actually Need Dense Over-Parameterization?*, ICML 2021.

    Examples
    --------
    >>> masks = [MaskSet([LayerMask("fc", np.eye(2, k=k, dtype=bool))]) for k in (0, 0, 1)]
    >>> explored_ratio(masks).tolist()
    [0.5, 0.5, 0.75]
    """
    ratios: list[float] = []
    first: MaskSet | None = None
    explored: dict[str, NDArray[np.bool_]] = {}
    for snapshot in masks:
        if first is None:
            first = snapshot
            explored = {name: np.zeros(layer.shape, np.bool_) for name, layer in first.items()}
        check_same_layers(first, snapshot)
        for name, kept in explored.items():
            kept |= snapshot[name].mask
        total = sum(int(np.count_nonzero(kept)) for kept in explored.values())
        ratios.append(total / first.size if first.size else float("nan"))
    return np.array(ratios, dtype=np.float64)
