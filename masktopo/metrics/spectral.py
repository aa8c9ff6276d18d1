"""Spectral metrics of layers: Ramanujan gaps, weighted gaps and the full-spectrum coordinate.

Section 2 of the definitions. Everything here is arithmetic on the singular values of `spectra`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import ArgumentError
from masktopo.graphs.bipartite import BipartiteGraph
from masktopo.masks.maskset import MaskSet
from masktopo.metrics.conventions import Convention, convention_named
from masktopo.metrics.family import Columns, Family, Findings, Subject, mean_with_zeros
from masktopo.metrics.roles import as_in
from masktopo.metrics.spectra import LayerSpectrum, from_layers, layer_spectra

__all__ = [
    "COORDINATES",
    "WHOLE_LAYER",
    "Coordinates",
    "coordinates",
    "spectral_columns",
]

Array = NDArray[np.float64]

COORDINATES = ("ramanujan_gap", "weighted_spectral_gap", "imdb", "imsg")
"""The four entries of a layer's full-spectrum coordinate."""

WEIGHTED = ("weighted_spectral_gap", "imsg", "full_spectrum")
"""Metrics that need weights."""

WHOLE_LAYER = (
    "mu_0",
    "mu_hat",
    "ramanujan_gap_normalized",
    "spectral_bound_gap",
    "narc",
    "mixing_gap",
    "spectral_residual",
)
"""Metrics of the whole layer beside its coordinate."""


@dataclass(frozen=True, eq=False)
class Coordinates:
    """The full-spectrum coordinates of every layer of a network (PAGS23).

    Attributes
    ----------
    layers : tuple of str
    values : ndarray of float64, shape (n_layers, 4)
        Columns as in `COORDINATES`; nan where a layer is not valid or its weights are unknown.
    subgraphs : ndarray of int64, shape (n_layers,)
        Number of valid left-regular subgraphs.
    valid : ndarray of bool, shape (n_layers,)
        Whether the whole layer is valid and has at least one valid subgraph, so that all its
        coordinates that the known weights allow are finite.
    weighted : ndarray of bool, shape (n_layers,)
        Whether the layer's weights are known.
    """

    layers: tuple[str, ...]
    values: Array
    subgraphs: NDArray[np.int64]
    valid: NDArray[np.bool_]
    weighted: NDArray[np.bool_]

    def full_spectrum(self, reference: Array | None = None) -> Array:
        """Distance of every layer's coordinate from `reference` (default: the origin).

        Parameters
        ----------
        reference : ndarray of float64, shape (n_layers, 4), optional
            Another network's `values`. Entries that are not finite count as 0 on both sides.

        Returns
        -------
        ndarray of float64, shape (n_layers,)
            nan for layers whose weights are unknown.

        Raises
        ------
        ArgumentError
            If `reference` has another shape.
        """
        if reference is None:
            reference = np.zeros_like(self.values)
        if reference.shape != self.values.shape:
            raise ArgumentError(
                f"the reference has shape {reference.shape}, expected {self.values.shape}"
            )
        finite = np.where(np.isfinite(self.values), self.values, 0.0)
        origin = np.where(np.isfinite(reference), reference, 0.0)
        return np.where(self.weighted, _lengths(finite - origin), np.nan)


def _lengths(rows: Array) -> Array:
    """Return the norm of every row; scaled exactly, so that no square leaves the range."""
    exponents = np.frexp(np.abs(rows).max(axis=1, initial=0.0))[1]
    norms = np.linalg.norm(np.ldexp(rows, -exponents[:, None]), axis=1)
    return np.asarray(np.ldexp(norms, exponents), np.float64)


def coordinates(
    masks: MaskSet,
    *,
    convention: str = "pags23",
    encoding: str = "rolled",
    certify: bool = False,
    threads: int = 1,
) -> Coordinates:
    """Compute the full-spectrum coordinates of every layer (PAGS23, RAMA23).

    Parameters
    ----------
    masks : MaskSet
        With weights; without them the weighted entries are nan.
    convention : {"pags23", "rama23", "mge24"}
        How gaps are averaged and which graphs are valid.
    encoding : {"rolled", "channel"}
    certify : bool
        Prove that singular values are the two largest: see `layer_spectra`.
    threads : int
        Threads that share the layers; the result does not depend on it.

    Returns
    -------
    Coordinates

    Examples
    --------
    >>> import numpy as np
    >>> from masktopo import LayerMask, MaskSet
    >>> mask = np.ones((8, 6), dtype=bool)
    >>> layer = LayerMask("fc", mask, np.ones((8, 6), dtype=np.float32))
    >>> coordinates(MaskSet([layer])).values.round(3).tolist()
    [[4.882, 6.928, 3.004, 4.264]]
    """
    rule = convention_named(convention)
    rows = from_layers(
        partial(_row, convention=rule),
        list(masks.values()),
        encoding,
        rule,
        certify=certify,
        threads=threads,
    )
    return _gathered(rows)


class _Row(NamedTuple):
    """What one layer brings to the `Coordinates` of a network."""

    layer: str
    values: list[float]
    subgraphs: int
    weighted: bool


def _row(spectrum: LayerSpectrum, convention: Convention) -> _Row:
    """Turn the singular values of one layer into its coordinate."""
    return _Row(
        layer=spectrum.graph.name,
        values=_coordinate(spectrum, convention),
        subgraphs=spectrum.n_left.size - 1,
        weighted=spectrum.weighted is not None,
    )


def _gathered(rows: Sequence[_Row]) -> Coordinates:
    values = np.array([row.values for row in rows], dtype=np.float64).reshape(-1, len(COORDINATES))
    return Coordinates(
        layers=tuple(row.layer for row in rows),
        values=values,
        subgraphs=np.array([row.subgraphs for row in rows], dtype=np.int64),
        valid=np.isfinite(values[:, 0]) & np.isfinite(values[:, 2]),
        weighted=np.array([row.weighted for row in rows], dtype=np.bool_),
    )


def ramanujan_bound(left_mean: Array, right_mean: Array) -> Array:
    """Return ``sqrt(dL - 1) + sqrt(dR - 1)``, which Ramanujan graphs stay under (RAMA23)."""
    return np.sqrt(left_mean - 1) + np.sqrt(right_mean - 1)


def _coordinate(spectrum: LayerSpectrum, convention: Convention) -> list[float]:
    """One layer's coordinate: the whole layer's gaps, and their means over the subgraphs.

    A layer may take less time than a dozen calls of NumPy, so there are few.
    """
    left_mean, right_mean = spectrum.left_mean, spectrum.right_mean
    bound = ramanujan_bound(left_mean, right_mean)
    gaps = np.empty((2, bound.size))
    gaps[0] = bound - spectrum.unweighted[:, 1]
    if convention.relative_gap:
        gaps[0] /= np.where(bound > 0, bound, np.nan)
    gaps[1] = np.nan
    if spectrum.weighted is not None:
        gaps[1] = spectrum.weighted[:, 0] - spectrum.weighted[:, 1]
    valid = convention.whole_valid(left_mean[:1], right_mean[:1])[0]
    whole = gaps[:, 0].tolist() if valid else [np.nan, np.nan]
    n_parts = bound.size - 1
    if n_parts == 0:
        return [*whole, np.nan, np.nan]
    parts = gaps[:, 1:]
    if convention.size_factor:
        n_left, n_right = spectrum.n_left[1:], spectrum.n_right[1:]
        parts = parts * (np.maximum(n_left, n_right) / (n_left + n_right - 1))
    return [*whole, *(parts.sum(axis=1) / n_parts).tolist()]


def spectral_columns(
    graphs: Sequence[BipartiteGraph],
    *,
    convention: str = "pags23",
    reference: Array | None = None,
    certify: bool = False,
    threads: int = 1,
) -> dict[str, NDArray[Any]]:
    """Compute every spectral metric of section 2 for every layer.

    Parameters
    ----------
    graphs : sequence of BipartiteGraph
    convention : {"pags23", "rama23", "mge24"}
    reference : ndarray of float64, shape (n_layers, 4), optional
        Where `full_spectrum` is measured from; the origin by default.
    certify : bool
        Prove that singular values are the two largest: see `layer_spectra`.
    threads : int

    Returns
    -------
    dict of ndarray, each of shape (n_layers,)
        Column name to values; nan where a metric is not defined.
    """
    rule = convention_named(convention)
    spectra = layer_spectra(graphs, rule, certify=certify, threads=threads)
    found = _gathered([_row(spectrum, rule) for spectrum in spectra])
    whole = [_whole_layer(spectrum, rule) for spectrum in spectra]
    columns: dict[str, NDArray[Any]] = {
        name: np.array([row[name] for row in whole], dtype=np.float64) for name in WHOLE_LAYER
    }
    columns.update(zip(COORDINATES, found.values.T, strict=True))
    columns["full_spectrum"] = found.full_spectrum(reference)
    columns["subgraphs"] = found.subgraphs
    columns["valid"] = found.valid
    return columns


def _whole_layer(spectrum: LayerSpectrum, convention: Convention) -> dict[str, float]:
    """Metrics of the whole layer that are no coordinates; nan for a layer without edges."""
    graph = spectrum.graph
    edges, n_left, n_right = spectrum.n_edges[0], spectrum.n_left[0], spectrum.n_right[0]
    if not edges:
        return dict.fromkeys(WHOLE_LAYER, float("nan"))
    mu_0, mu_hat, residual = spectrum.unweighted[0]
    if spectrum.weighted is not None:
        residual = max(residual, spectrum.weighted[0, 2])
    bound = ramanujan_bound(spectrum.left_mean[:1], spectrum.right_mean[:1])[0]
    left_mean = edges / n_left
    # RAMA23's published values count every edge in both directions.
    counted = 2 * edges if convention.name == "rama23" else edges
    root = np.sqrt(float(n_left) * n_right)
    spread = abs(counted - left_mean * n_left * n_right / graph.n_right)
    mixing = abs(edges - left_mean * n_left * n_right / (n_left + n_right))
    return {
        "mu_0": mu_0,
        "mu_hat": mu_hat,
        "ramanujan_gap_normalized": (bound - mu_hat) / bound if bound > 0 else float("nan"),
        "spectral_bound_gap": 2 * np.sqrt(max(mu_0 - 1, 0.0)) - mu_hat,
        "narc": ((mu_hat**2 / 4 + 1) * root - spread) / (graph.n_left * graph.n_right),
        "mixing_gap": (mu_hat * root - mixing) / (n_left + n_right),
        "spectral_residual": residual,
    }


def _spectral(subject: Subject) -> Findings:
    reference = _coordinates_of_reference(subject)
    columns = spectral_columns(
        subject.graphs,
        convention=subject.convention,
        reference=None if reference is None else reference.values,
        certify=subject.certify,
        threads=subject.threads,
    )
    unknown = [graph.name for graph in subject.graphs if graph.weights is None]
    remarks = {UNKNOWN_WEIGHTS: unknown}
    if reference is not None:
        columns["full_spectrum"] = np.where(reference.weighted, columns["full_spectrum"], np.nan)
        unweighted = np.flatnonzero(~reference.weighted)
        remarks[UNKNOWN_REFERENCE] = [reference.layers[index] for index in unweighted]
    return Findings(columns, remarks=remarks)


def _coordinates_of_reference(subject: Subject) -> Coordinates | None:
    if subject.reference is None:
        return None
    return coordinates(
        as_in(subject.masks, subject.reference),
        convention=subject.convention,
        encoding=subject.encoding,
        threads=subject.threads,
    )


def _spectral_of_network(subject: Subject, columns: Columns) -> Findings:
    network = {name: mean_with_zeros(columns[name]) for name in (*COORDINATES, "full_spectrum")}
    # It is nan for layers without known weights here or in the reference, and for no others.
    if np.isnan(columns["full_spectrum"]).any():
        here = subject.reference is None or not subject.masks.has_weights
        network.update(dict.fromkeys(WEIGHTED if here else ("full_spectrum",), float("nan")))
    n_layers, n_valid = columns["valid"].size, int(columns["valid"].sum())
    notes = (
        "Singular values were proved to be the two largest (certify=True)."
        if subject.certify
        else "Singular values come from Lanczos; certify=True would prove them the two largest.",
        f"{n_valid} of {n_layers} layers have all coordinates valid under the convention "
        f"{subject.convention}; a network's value is the mean over all layers, with 0 for "
        "coordinates that are not valid.",
    )
    return Findings(network={**network, "valid_layers": n_valid}, notes=notes)


UNKNOWN_WEIGHTS = (
    f"{', '.join(WEIGHTED)} are nan where weights are unknown: {{}}. Give them with weights=."
)

UNKNOWN_REFERENCE = "full_spectrum is nan where the reference has no weights: {}."

SPECTRAL = Family(
    name="spectral",
    layer_metrics=(*COORDINATES, "full_spectrum", "valid", "subgraphs", *WHOLE_LAYER),
    network_metrics=(*COORDINATES, "full_spectrum", "valid_layers"),
    measure=_spectral,
    summarise=_spectral_of_network,
)
