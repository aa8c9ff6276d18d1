"""The family `paths`: path metrics as columns, where the wiring is known."""

from dataclasses import asdict, fields

import numpy as np

from masktopo.errors import WiringError
from masktopo.metrics.family import Family, Findings, Subject
from masktopo.metrics.min_cut import min_cut
from masktopo.metrics.network import network_graph, notes_on_wiring
from masktopo.metrics.path_lengths import path_lengths
from masktopo.metrics.paths import LayerPaths, PathMetrics, path_metrics

__all__ = ["PATHS"]


def _paths(subject: Subject) -> Findings:
    """Compute path metrics; a network that cannot be wired gets nan, and a note that says why."""
    try:
        graph = network_graph(subject)
    except WiringError as error:
        return Findings(
            layers={name: np.full(len(subject.masks), np.nan) for name in PATHS.layer_metrics},
            network=dict.fromkeys(PATHS.network_metrics, float("nan")) | {"min_cut_layer": ""},
            notes=(f"No end-to-end metrics: {error}.",),
        )
    found, lengths = path_metrics(graph), path_lengths(graph)
    cut, cut_noskip = min_cut(graph), min_cut(graph, skips=False)
    absent = dict.fromkeys(PATHS.layer_metrics, np.nan)
    rows = [
        asdict(found.layers[name]) if name in found.layers else absent for name in subject.masks
    ]
    broken = found.broken_at
    notes = notes_on_wiring(graph)
    if broken is not None:
        notes += (f"No path leads through the network: the flow breaks at {broken}.",)
    return Findings(
        layers={name: np.array([row[name] for row in rows]) for name in PATHS.layer_metrics},
        network={
            **{name: getattr(found, name) for name in SUMS},
            "path_length_mean": lengths.mean,
            "path_length_min": lengths.shortest,
            "path_length_max": lengths.longest,
            "min_cut": cut.value,
            "min_cut_noskip": cut_noskip.value,
            "min_cut_layer": cut.layer or broken or "",
        },
        notes=notes,
    )


SUMS = tuple(
    field.name for field in fields(PathMetrics) if field.name not in ("broken_at", "layers")
)

PATHS = Family(
    name="paths",
    layer_metrics=tuple(field.name for field in fields(LayerPaths)),
    network_metrics=(
        *SUMS,
        *("path_length_mean", "path_length_min", "path_length_max"),
        *("min_cut", "min_cut_noskip", "min_cut_layer"),
    ),
    compute=_paths,
)
