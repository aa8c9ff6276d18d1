"""The family `paths`: path metrics as columns, where the wiring is known."""

from dataclasses import asdict, fields

import numpy as np

from masktopo.errors import WiringError
from masktopo.graphs.multipartite import MultipartiteGraph
from masktopo.metrics.family import Family, Findings, Subject
from masktopo.metrics.paths import LayerPaths, PathMetrics, path_metrics

__all__ = ["PATHS"]


def _paths(subject: Subject) -> Findings:
    """Compute path metrics; a network that cannot be wired gets nan, and a note that says why."""
    try:
        graph = subject.network_graph
    except WiringError as error:
        return Findings(
            layers={name: np.full(len(subject.masks), np.nan) for name in PATHS.layer_metrics},
            network=dict.fromkeys(PATHS.network_metrics, float("nan")),
            notes=(f"No end-to-end metrics: {error}.",),
        )
    found = path_metrics(graph)
    absent = dict.fromkeys(PATHS.layer_metrics, np.nan)
    rows = [
        asdict(found.layers[name]) if name in found.layers else absent for name in subject.masks
    ]
    return Findings(
        layers={name: np.array([row[name] for row in rows]) for name in PATHS.layer_metrics},
        network={name: getattr(found, name) for name in PATHS.network_metrics},
        notes=_notes(graph, found),
    )


def _notes(graph: MultipartiteGraph, found: PathMetrics) -> tuple[str, ...]:
    notes = [f"End-to-end metrics use the encoding {graph.encoding}."]
    if graph.wiring.assumed:
        notes.append("The wiring was assumed from the order of the layers.")
    if found.broken_at is not None:
        notes.append(f"No path leads through the network: the flow breaks at {found.broken_at}.")
    return tuple(notes)


PATHS = Family(
    name="paths",
    layer_metrics=tuple(field.name for field in fields(LayerPaths)),
    network_metrics=tuple(
        field.name for field in fields(PathMetrics) if field.name not in ("broken_at", "layers")
    ),
    compute=_paths,
)
