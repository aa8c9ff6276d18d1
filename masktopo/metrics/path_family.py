"""The family `paths`: path metrics as columns, where the wiring is known."""

from dataclasses import fields

import numpy as np

from masktopo.errors import WiringError
from masktopo.metrics.family import Family, Findings, Subject
from masktopo.metrics.min_cut import min_cut
from masktopo.metrics.network import layer_columns, notes_on_wiring, unwired
from masktopo.metrics.path_lengths import path_lengths
from masktopo.metrics.paths import LayerPaths, PathMetrics, path_metrics

__all__ = ["PATHS"]


def _paths(subject: Subject) -> Findings:
    """Compute path metrics; a network that cannot be wired gets nan, and a note that says why."""
    try:
        graph = subject.network_graph
    except WiringError as error:
        return unwired(PATHS, subject, error)
    found, lengths = path_metrics(graph), path_lengths(graph)
    cut, cut_noskip = min_cut(graph), min_cut(graph, skips=False)
    bottleneck = cut.layer or found.broken_at
    notes = notes_on_wiring(graph)
    if found.broken_at is not None:
        notes += (f"No path leads through the network: the flow breaks at {found.broken_at}.",)
    if cut.layer is not None:
        notes += (f"Of the minimum cut nearest the input, most is at {cut.layer}.",)
    return Findings(
        layers={
            **layer_columns(subject.masks, found.layers, LAYER_SUMS),
            # A column instead of a name, so that the network's entries are all numbers.
            "min_cut_layer": np.array([name == bottleneck for name in subject.masks]),
        },
        network={
            **{name: getattr(found, name) for name in SUMS},
            "path_length_mean": lengths.mean,
            "path_length_min": lengths.shortest,
            "path_length_max": lengths.longest,
            "min_cut": cut.value,
            "min_cut_noskip": cut_noskip.value,
        },
        notes=notes,
    )


SUMS = tuple(
    field.name for field in fields(PathMetrics) if field.name not in ("broken_at", "layers")
)

LAYER_SUMS = tuple(field.name for field in fields(LayerPaths))

PATHS = Family(
    name="paths",
    layer_metrics=(*LAYER_SUMS, "min_cut_layer"),
    network_metrics=(
        *SUMS,
        *("path_length_mean", "path_length_min", "path_length_max"),
        *("min_cut", "min_cut_noskip"),
    ),
    measure=_paths,
    layerwise=False,
)
