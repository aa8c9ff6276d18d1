"""The end-to-end graph of what is measured, for the families that need one."""

from masktopo.graphs.multipartite import MultipartiteGraph, multipartite
from masktopo.metrics.family import Subject

__all__ = ["network_graph", "notes_on_wiring"]


def network_graph(subject: Subject) -> MultipartiteGraph:
    """Join a subject's layers along the data flow.

    Raises
    ------
    WiringError
        If the network cannot be wired.
    """
    return multipartite(subject.masks)


def notes_on_wiring(graph: MultipartiteGraph) -> tuple[str, ...]:
    """Say in which encoding end-to-end metrics are, and where the wiring came from."""
    notes = [f"End-to-end metrics use the encoding {graph.encoding}."]
    if graph.wiring.assumed:
        notes.append("The wiring was assumed from the order of the layers.")
    return tuple(notes)
