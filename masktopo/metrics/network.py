"""What the families of end-to-end metrics say of the graph."""

from masktopo.graphs.multipartite import MultipartiteGraph

__all__ = ["notes_on_wiring"]


def notes_on_wiring(graph: MultipartiteGraph) -> tuple[str, ...]:
    """Say in which encoding end-to-end metrics are, and where the wiring came from."""
    notes = [f"End-to-end metrics use the encoding {graph.encoding}."]
    if graph.wiring.assumed:
        notes.append("The wiring was assumed from the order of the layers.")
    return tuple(notes)
