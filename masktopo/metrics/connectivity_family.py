"""The family `connectivity`: connectivity of the end-to-end graph as columns."""

from dataclasses import fields

from masktopo.errors import WiringError
from masktopo.metrics.connectivity import ConnectivityMetrics, connectivity_metrics
from masktopo.metrics.dead_ends import DeadEnds
from masktopo.metrics.family import Family, Findings, Subject
from masktopo.metrics.network import layer_columns, notes_on_wiring, unwired

__all__ = ["CONNECTIVITY"]

MOST_NODES = 2_000_000
"""Eigenvalues of graphs with more are left out: they take 150 bytes a node, and minutes."""


def _connectivity(subject: Subject) -> Findings:
    """Compute connectivity; a network that cannot be wired gets nan, and a note that says why."""
    try:
        graph = subject.network_graph
    except WiringError as error:
        return unwired(CONNECTIVITY, subject, error)
    small = graph.n_nodes <= MOST_NODES
    found = connectivity_metrics(graph, eigenvalues=small)
    skipped = () if small else (LEFT_OUT,)
    return Findings(
        layers=layer_columns(subject.masks, found.layers, CONNECTIVITY.layer_metrics),
        network={name: getattr(found, name) for name in CONNECTIVITY.network_metrics},
        notes=notes_on_wiring(graph) + found.notes + skipped,
    )


LEFT_OUT = (
    f"The graph has more than {MOST_NODES:,} nodes: its eigenvalues were left out. "
    "masktopo.metrics.connectivity.connectivity_metrics gives them."
)

CONNECTIVITY = Family(
    name="connectivity",
    layer_metrics=tuple(field.name for field in fields(DeadEnds)),
    network_metrics=tuple(
        field.name for field in fields(ConnectivityMetrics) if field.name not in ("layers", "notes")
    ),
    measure=_connectivity,
    layerwise=False,
)
