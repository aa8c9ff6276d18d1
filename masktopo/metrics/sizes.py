"""The family `density`: sizes, densities and degrees of layers."""

import numpy as np

from masktopo.graphs.bipartite import BipartiteGraph
from masktopo.metrics.family import Columns, Family, Findings, Subject

__all__ = ["DEGREES", "DENSITY"]


def _density(subject: Subject) -> Findings:
    layers = list(subject.masks.values())
    empty = [layer.name for layer in layers if layer.is_empty]
    assumed = [layer.name for layer in layers if layer.assumed and layer.kind.startswith("conv")]
    return Findings(
        layers={
            "kind": np.array([layer.kind for layer in layers], dtype=object),
            "shape": np.array(["x".join(map(str, layer.shape)) for layer in layers], dtype=object),
            "size": np.array([layer.size for layer in layers], dtype=np.int64),
            "nnz": np.array([layer.nnz for layer in layers], dtype=np.int64),
            "density": np.array([layer.density for layer in layers], dtype=np.float64),
            "origin": np.array([layer.origin for layer in layers], dtype=object),
        },
        remarks={
            "Layers without a single weight left (layer collapse): {}.": empty,
            ASSUMED_CONVOLUTIONS: assumed,
        },
    )


ASSUMED_CONVOLUTIONS = (
    "Convolutions were assumed to be neither grouped nor transposed, which a checkpoint does not "
    "tell: {}. Give model= or wiring= where some are."
)


def _density_of_network(subject: Subject, columns: Columns) -> Findings:
    sizes, counts = columns["size"], columns["nnz"]
    size, nnz = int(sizes.sum()), int(counts.sum())
    return Findings(
        network={
            "layers": sizes.size,
            "size": size,
            "nnz": nnz,
            "density": nnz / size if size else float("nan"),
            "dense_layers": int(np.count_nonzero(counts == sizes)),
            "empty_layers": int(np.count_nonzero(counts == 0)),
        }
    )


DENSITY = Family(
    name="density",
    layer_metrics=("kind", "shape", "size", "nnz", "density", "origin"),
    network_metrics=("layers", "size", "nnz", "density", "dense_layers", "empty_layers"),
    measure=_density,
    summarise=_density_of_network,
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
    measure=_degrees,
)
