"""The family `density`: sizes, densities and degrees of layers."""

import numpy as np

from masktopo.graphs.bipartite import BipartiteGraph
from masktopo.metrics.family import Family, Findings, Subject

__all__ = ["DEGREES", "DENSITY"]


def _density(subject: Subject) -> Findings:
    masks = subject.masks
    layers = list(masks.values())
    return Findings(
        layers={
            "kind": np.array([layer.kind for layer in layers], dtype=object),
            "shape": np.array(["x".join(map(str, layer.shape)) for layer in layers], dtype=object),
            "size": np.array([layer.size for layer in layers], dtype=np.int64),
            "nnz": np.array([layer.nnz for layer in layers], dtype=np.int64),
            "density": np.array([layer.density for layer in layers], dtype=np.float64),
            "origin": np.array([layer.origin for layer in layers], dtype=object),
        },
        network={
            "layers": len(layers),
            "size": masks.size,
            "nnz": masks.nnz,
            "density": masks.density,
            "dense_layers": sum(layer.is_dense for layer in layers),
            "empty_layers": sum(layer.is_empty for layer in layers),
        },
        notes=_empty_note([layer.name for layer in layers if layer.is_empty]),
    )


def _empty_note(names: list[str]) -> tuple[str, ...]:
    if not names:
        return ()
    return (f"Layers without a single weight left (layer collapse): {', '.join(names)}.",)


DENSITY = Family(
    name="density",
    layer_metrics=("kind", "shape", "size", "nnz", "density", "origin"),
    network_metrics=("layers", "size", "nnz", "density", "dense_layers", "empty_layers"),
    compute=_density,
)


def _degree_row(graph: BipartiteGraph) -> list[float]:
    left, right = graph.left_degrees, graph.right_degrees
    n_left, n_right = int(np.count_nonzero(left)), int(np.count_nonzero(right))
    edges = graph.n_edges
    return [
        graph.n_left,
        graph.n_right,
        n_left,
        n_right,
        edges / n_left if n_left else np.nan,
        edges / n_right if n_right else np.nan,
        left.max(initial=0),
        right.max(initial=0),
    ]


def _degrees(subject: Subject) -> Findings:
    names = DEGREES.layer_metrics
    table = np.array([_degree_row(graph) for graph in subject.graphs]).reshape(-1, len(names))
    means = ("left_degree_mean", "right_degree_mean")
    columns = {
        name: column if name in means else column.astype(np.int64)
        for name, column in zip(names, table.T, strict=True)
    }
    return Findings(layers=columns)


DEGREES = Family(
    name="degrees",
    layer_metrics=(
        "left_nodes",
        "right_nodes",
        "left_nodes_connected",
        "right_nodes_connected",
        "left_degree_mean",
        "right_degree_mean",
        "left_degree_max",
        "right_degree_max",
    ),
    network_metrics=(),
    compute=_degrees,
)
