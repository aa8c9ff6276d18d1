"""The family `expansion`: conductance, edge expansion and node expansion of layers, enclosed.

Section 3 of the definitions. Finding any of the three is NP-hard, so each is given as a lower
bound from eigenvalues and an upper bound with the set of nodes that shows it.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from masktopo._random import Rng, root_seed
from masktopo._threads import map_threads
from masktopo.graphs.bipartite import BipartiteGraph
from masktopo.metrics.expansion_band import band_inverse
from masktopo.metrics.expansion_cuts import (
    Witness,
    component_cuts,
    smallest_left_set,
    sweep_cuts,
)
from masktopo.metrics.expansion_exact import exact_cuts, exact_left_set
from masktopo.metrics.expansion_limits import (
    DISCONNECTED,
    Limits,
    cut_bounds,
    node_expansion_bound,
)
from masktopo.metrics.expansion_sides import Sides, connected_sides
from masktopo.metrics.expansion_spectra import laplacian_mode, normalised_mode, short_gram
from masktopo.metrics.family import Family, Findings, Subject

__all__ = ["EXACT_NODES", "EXPANSION", "Expansion", "expansion", "expansion_bounds"]

Floats = NDArray[np.float64]

EXACT_NODES = 20
"""Graphs of up to as many nodes are enumerated."""


@dataclass(frozen=True, eq=False)
class Expansion:
    """How well a bipartite graph is connected: bounds that enclose three expansions.

    Attributes
    ----------
    conductance_lower, conductance_upper : float
        Least ``cut(S) / vol(S)`` over sets of at most half the volume.
    edge_expansion_lower, edge_expansion_upper : float
        Least ``cut(S) / |S|`` over sets of at most half the nodes.
    node_expansion_lower, node_expansion_upper : float
        Least ``|N(S)| / |S|`` over sets of at most half the left nodes; nan for one left node.
    expansion_ratio : float
        Right nodes by left nodes, isolated ones left out (RAMA23).
    t2 : float
        Second singular value of ``DL^-1/2 B DR^-1/2``: 1 for a disconnected graph, 0 for a
        single edge.
    a2 : float
        Second eigenvalue of ``D - A``: 0 for a disconnected graph.
    conductance_cut, edge_expansion_cut, node_expansion_set : Witness
        Sets with exactly the upper bounds' ratios.
    connected : bool
        Whether all edges lie in one component.
    exact : bool
        Whether lower and upper bounds are the true values, found by enumeration.
    certain : bool
        Whether the lower bounds are proved. Otherwise some rest on a Lanczos run, whose bound
        fails for one random start in 10^12.
    """

    conductance_lower: float
    conductance_upper: float
    edge_expansion_lower: float
    edge_expansion_upper: float
    node_expansion_lower: float
    node_expansion_upper: float
    expansion_ratio: float
    t2: float
    a2: float
    conductance_cut: Witness
    edge_expansion_cut: Witness
    node_expansion_set: Witness
    connected: bool
    exact: bool
    certain: bool


def expansion(graph: BipartiteGraph, *, rng: Rng = 0) -> Expansion:
    """Enclose the conductance, edge expansion and node expansion of a bipartite graph.

    Parameters
    ----------
    graph : BipartiteGraph
        Weights are not used. Isolated nodes are left out.
    rng : int, Generator or None
        For the starts of the eigensolver and of grown sets. Equal seeds give equal results.

    Returns
    -------
    Expansion
        All nan, with empty sets, for a graph without edges.

    Notes
    -----
    Lower bounds (CHUNG, TANNER84) use eigenvalues on their safe side. Upper bounds come from
    sweeps in the order of the eigenvectors (CHUNG: the best has a conductance of at most
    ``sqrt(2 (1 - t2))``), for node expansion also from sets grown greedily. Graphs of at most
    20 nodes are enumerated. O(n_edges + n log n) for each sweep and each step of the
    eigensolver; a shorter side up to 1024 takes one dense Gram matrix of it, and graphs that are
    like a path take a banded factor of at most 32 MB.

    References
    ----------
    F. Chung, Spectral Graph Theory, chapters 1 and 2. R. M. Tanner, Explicit concentrators from
    generalized N-gons, 1984.

    Examples
    --------
    >>> import numpy as np
    >>> from masktopo import LayerMask
    >>> from masktopo.graphs.bipartite import bipartite
    >>> cycle = np.eye(6, dtype=bool) | np.eye(6, k=1, dtype=bool)
    >>> cycle[5, 0] = True
    >>> found = expansion(bipartite(LayerMask("fc", cycle)))
    >>> round(found.conductance_lower, 4), round(found.conductance_upper, 4)
    (0.1667, 0.1667)
    >>> found.conductance_cut.left.tolist(), found.conductance_cut.right.tolist()
    ([0, 1, 2], [0, 1, 2])
    """
    sides = connected_sides(graph)
    if not sides.n_edges:
        return _nothing()
    found = expansion_bounds(sides, root_seed(rng))
    return _enumerated(sides, found) if sides.degrees.size <= EXACT_NODES else found


def _nothing() -> Expansion:
    nan, empty = float("nan"), np.zeros(0, np.int64)
    none = Witness(nan, empty, empty)
    values = (nan,) * 9
    return Expansion(*values, none, none, none, connected=False, exact=True, certain=True)


def _enumerated(sides: Sides, found: Expansion) -> Expansion:
    """Replace bounds by true values."""
    cut, edge_cut = exact_cuts(sides)
    left_set = exact_left_set(sides) if sides.n_left > 1 else found.node_expansion_set
    return replace(
        found,
        conductance_lower=cut.value,
        conductance_upper=cut.value,
        edge_expansion_lower=edge_cut.value,
        edge_expansion_upper=edge_cut.value,
        node_expansion_lower=left_set.value,
        node_expansion_upper=left_set.value,
        conductance_cut=cut,
        edge_expansion_cut=edge_cut,
        node_expansion_set=left_set,
        exact=True,
        certain=True,
    )


def expansion_bounds(sides: Sides, seed: int) -> Expansion:
    """Enclose the expansions of a graph of any size, without enumeration.

    Parameters
    ----------
    sides : Sides
        With at least one edge.
    seed : int

    Returns
    -------
    Expansion
    """
    if sides.components.any():
        cuts = component_cuts(sides)
        by_component = _component_scores(sides)
        return _assemble(sides, DISCONNECTED, cuts, [by_component], seed)
    gram = short_gram(sides)
    inverse = band_inverse(sides) if gram is None else None
    normalised = normalised_mode(sides, gram, inverse, seed)
    laplacian = laplacian_mode(sides, gram, inverse, seed)
    limits = Limits(
        t2=normalised.value,
        a2=laplacian.value,
        t2_bound=normalised.bound,
        a2_bound=laplacian.bound,
        connected=True,
        certain=normalised.certain and laplacian.certain,
    )
    scores = [normalised.scores, laplacian.scores]
    return _assemble(sides, limits, sweep_cuts(sides, scores), scores, seed)


def _component_scores(sides: Sides) -> Floats:
    """Right nodes by left nodes of every node's component, components kept apart."""
    components = sides.components
    left = np.bincount(components[: sides.n_left])
    right = np.bincount(components[sides.n_left :])
    place = np.empty(left.size)
    place[np.argsort(right / left, kind="stable")] = np.arange(left.size)
    return place[components]


def _assemble(
    sides: Sides,
    limits: Limits,
    cuts: tuple[Witness, Witness],
    scores: list[Floats],
    seed: int,
) -> Expansion:
    conductance, edge_expansion = cut_bounds(sides, limits)
    empty = np.zeros(0, np.int64)
    node_expansion, left_set = float("nan"), Witness(float("nan"), empty, empty)
    if sides.n_left > 1:
        node_expansion = node_expansion_bound(sides, limits.t2_bound)
        left_set = smallest_left_set(sides, scores, seed)
    return Expansion(
        conductance_lower=conductance,
        conductance_upper=cuts[0].value,
        edge_expansion_lower=edge_expansion,
        edge_expansion_upper=cuts[1].value,
        node_expansion_lower=node_expansion,
        node_expansion_upper=left_set.value,
        expansion_ratio=sides.n_right / sides.n_left,
        t2=limits.t2,
        a2=limits.a2,
        conductance_cut=cuts[0],
        edge_expansion_cut=cuts[1],
        node_expansion_set=left_set,
        connected=limits.connected,
        exact=False,
        certain=limits.certain,
    )


# --- the family ----------------------------------------------------------------------------


def _expansion(subject: Subject) -> Findings:
    found = map_threads(
        expansion, subject.graphs, subject.threads, cost=lambda graph: graph.n_edges
    )
    columns = {
        name: np.array([getattr(layer, name) for layer in found], dtype=np.float64)
        for name in EXPANSION.layer_metrics
    }
    names = list(subject.masks)
    return Findings(
        layers=columns,
        remarks={
            DISCONNECTED_LAYERS: [
                name
                for name, layer in zip(names, found, strict=True)
                if not layer.connected and not np.isnan(layer.t2)
            ],
            BY_LANCZOS: [
                name for name, layer in zip(names, found, strict=True) if not layer.certain
            ],
        },
    )


DISCONNECTED_LAYERS = (
    "Conductance and edge expansion are 0 where a layer's graph is disconnected: {}."
)

BY_LANCZOS = (
    "Lower bounds of expansion that rest on a Lanczos run fail for one random start in 10^12: {}."
)


EXPANSION = Family(
    name="expansion",
    layer_metrics=(
        "conductance_lower",
        "conductance_upper",
        "edge_expansion_lower",
        "edge_expansion_upper",
        "node_expansion_lower",
        "node_expansion_upper",
        "expansion_ratio",
    ),
    network_metrics=(),
    measure=_expansion,
)
