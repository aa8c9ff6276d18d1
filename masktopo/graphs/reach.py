"""Which nodes of a network its inputs reach, and which reach its outputs."""

from dataclasses import dataclass

from masktopo.graphs.edges import Marks
from masktopo.graphs.multipartite import MultipartiteGraph

__all__ = ["Reach", "reach"]


@dataclass(frozen=True, eq=False)
class Reach:
    """Which nodes the inputs reach, and which nodes reach an output.

    Attributes
    ----------
    forward, backward : ndarray of bool, shape (n_nodes,)
        Inputs count as reached, outputs as reaching.
    """

    forward: Marks
    backward: Marks

    @property
    def live(self) -> Marks:
        """Nodes on at least one path from an input to an output."""
        return self.forward & self.backward


def reach(graph: MultipartiteGraph) -> Reach:
    """Mark the nodes that the inputs reach and those that reach an output. O(edges)."""
    forward, backward = graph.inputs, graph.outputs
    for block in graph.blocks:
        left, right = graph.span(block.source), graph.span(block.target)
        block.edges.reach_forward(forward[left], forward[right])
    for block in reversed(graph.blocks):
        left, right = graph.span(block.source), graph.span(block.target)
        block.edges.reach_backward(backward[left], backward[right])
    return Reach(forward, backward)
