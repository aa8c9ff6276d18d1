"""A network's end-to-end graph, as it is held, read out and exported."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import WiringError
from masktopo.graphs.edges import Edges
from masktopo.graphs.implicit import EdgeMap
from masktopo.graphs.wiring import Wiring
from masktopo.masks.maskset import MaskSet

if TYPE_CHECKING:
    import igraph
    import networkx as nx
    from matplotlib.axes import Axes
    from scipy.sparse import csr_array

__all__ = ["EdgeBlock", "MultipartiteGraph", "listed"]


@dataclass(frozen=True, eq=False)
class EdgeBlock:
    """The edges of one link that leave one node set.

    Attributes
    ----------
    link : int
        Index of the link in the wiring. A link has one block per node set that it reads.
    layer : str or None
        The layer's name; None for a skip and for attention.
    mark : {"layer", "skip", "mixing"}
    on_paths : bool
        Whether paths run along the edges.
    source, target : str
        Names of the node sets on the left and on the right.
    edges : EdgeMap
        `masktopo.graphs.edges.Edges`, which lists them, or a map that never does.
    """

    link: int
    layer: str | None
    mark: str
    on_paths: bool
    source: str
    target: str
    edges: EdgeMap


@dataclass(frozen=True, eq=False)
class MultipartiteGraph:
    """A network as one directed acyclic graph from its inputs to its outputs.

    Attributes
    ----------
    masks : MaskSet
        The masks that the edges were taken from, of the wiring's layers.
    wiring : Wiring
    encoding : {"channel", "unrolled"}
    offsets : ndarray of int64, shape (node sets + 1,)
        Node set ``i`` of the wiring has the nodes ``offsets[i]`` up to ``offsets[i + 1]``: its
        channels, or in ``unrolled`` its elements in row-major order.
    blocks : tuple of EdgeBlock
        In topological order.
    """

    masks: MaskSet
    wiring: Wiring
    encoding: str
    offsets: NDArray[np.int64]
    blocks: tuple[EdgeBlock, ...]

    @property
    def n_nodes(self) -> int:
        """Number of nodes, isolated ones included."""
        return int(self.offsets[-1])

    @property
    def n_edges(self) -> int:
        """Number of edges, skips and attention included and multiplicities not counted.

        Where several blocks join the same two nodes, each has its own edge.
        """
        return sum(block.edges.n_edges for block in self.blocks)

    @property
    def is_explicit(self) -> bool:
        """Whether every edge is listed."""
        return all(isinstance(block.edges, Edges) for block in self.blocks)

    @property
    def inputs(self) -> NDArray[np.bool_]:
        """Marks of the network's input nodes, shape ``(n_nodes,)``."""
        return self._marks("input")

    @property
    def outputs(self) -> NDArray[np.bool_]:
        """Marks of the network's output nodes, shape ``(n_nodes,)``."""
        return self._marks("output")

    def span(self, name: str) -> slice:
        """Return the range of the nodes of the set `name`."""
        return self._spans[name]

    def to_scipy(self, *, weighted: bool = False) -> "csr_array":
        """Return the adjacency, shape ``(n_nodes, n_nodes)``, row to column along the data flow.

        Parameters
        ----------
        weighted : bool
            Whether an entry is the sum of absolute weights instead of the multiplicity. Edges
            between the same two nodes are added up; edges of weight 0 stay as explicit zeros.

        Raises
        ------
        WiringError
            If `weighted` and the weights of a layer are unknown, or if the edges of the graph
            are not listed.
        """
        from scipy.sparse import coo_array

        kind = "l1" if weighted else "multiplicity"
        parts = [self._coordinates(block, kind) for block in self.blocks]
        rows, columns, values = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        shape = (self.n_nodes, self.n_nodes)
        return coo_array((values, (rows, columns)), shape=shape).tocsr()

    def to_igraph(self) -> "igraph.Graph":
        """Return the graph as a directed igraph graph, node for node and edge for edge.

        Nodes have the attributes ``layer`` (name of the node set), ``role``, ``channel`` and, in
        ``unrolled``, ``position`` (indices along the other axes, as ``"3,5"``). Edges have
        ``layer`` (empty for skips and attention), ``mark``, ``multiplicity`` and ``weight``, the
        sum of absolute weights: nan where a layer's weights are unknown, absent where those of
        every layer are. Edges of several blocks between the same nodes stay parallel.

        Raises
        ------
        WiringError
            If the edges of the graph are not listed, as in every export.

        Notes
        -----
        O(edges), about 1 µs and 160 bytes an edge. igraph is under the GPL, and imported only
        where it is asked for.

        Examples
        --------
        >>> from masktopo import LayerMask, MaskSet, multipartite
        >>> graph = multipartite(MaskSet([LayerMask("fc", np.eye(2, dtype=bool))]))
        >>> graph.to_igraph().es["layer"]
        ['fc', 'fc']
        """
        from masktopo.graphs.exports.as_igraph import as_igraph

        return as_igraph(self)

    def to_networkx(self) -> "nx.MultiDiGraph[int]":
        """Return the graph as a networkx multigraph; needs networkx.

        Attributes are those of `to_igraph`, but for ``weight``, which an edge simply lacks where
        it is unknown.

        Notes
        -----
        O(edges), about 10 µs and 700 bytes an edge: 8 million edges take 6 GB.

        Examples
        --------
        >>> from masktopo import LayerMask, MaskSet, multipartite
        >>> graph = multipartite(MaskSet([LayerMask("fc", np.eye(2, dtype=bool))]))
        >>> graph.to_networkx().edges[0, 2, 0]
        {'layer': 'fc', 'mark': 'layer', 'multiplicity': 1}
        """
        from masktopo.graphs.exports.as_networkx import as_networkx

        return as_networkx(self)

    def to_pyg(self) -> dict[str, Any]:
        """Return the graph as tensors that ``torch_geometric.data.Data(**tensors)`` takes.

        Returns
        -------
        dict
            ``num_nodes``, an int, and tensors of int64: ``edge_index`` of shape ``(2, edges)``;
            by node ``layer`` (place in ``wiring.nodes``), ``role`` (place in
            `masktopo.graphs.wiring.ROLES`), ``channel`` and, in ``unrolled``, ``position`` of
            shape ``(nodes, axes)``, -1 for an axis that a node set lacks; by edge ``edge_layer``
            (place in ``wiring.layers``, -1 for skips and attention), ``edge_mark`` (place in
            `masktopo.graphs.wiring.MARKS`) and ``edge_multiplicity``. And ``edge_weight`` in
            float32, nan where it is unknown, absent where all layers' are.

        Notes
        -----
        O(edges), 44 bytes an edge and twice that for a moment. torch_geometric is not needed.

        Examples
        --------
        >>> from masktopo import LayerMask, MaskSet, multipartite
        >>> graph = multipartite(MaskSet([LayerMask("fc", np.eye(2, dtype=bool))]))
        >>> graph.to_pyg()["edge_index"]
        tensor([[0, 1],
                [2, 3]])
        """
        from masktopo.graphs.exports.as_pyg import as_pyg

        return as_pyg(self)

    def write_graphml(self, path: str | os.PathLike[str]) -> None:
        """Write the graph as GraphML, which networkx, igraph, Gephi and Cytoscape read.

        Attributes are those of `to_igraph`; an edge of unknown ``weight`` has none.

        Raises
        ------
        WiringError
            If the edges are not listed, or a name has characters that XML cannot hold.

        Notes
        -----
        O(edges), about 3 µs and 190 bytes of file an edge. It is written part by part; memory is
        some 120 bytes an edge of the largest block.
        """
        from masktopo.graphs.exports.graphml import write_graphml

        write_graphml(self, path)

    def write_parquet(self, folder: str | os.PathLike[str]) -> None:
        """Write ``nodes.parquet`` and ``edges.parquet``; needs the extra ``masktopo[parquet]``.

        Columns are the attributes of `to_igraph`, and ``node``, ``source`` and ``target``. An
        unknown ``weight`` is null.

        Notes
        -----
        O(edges), about 1 µs and 8 bytes of files an edge. They are written part by part.
        """
        from masktopo.graphs.exports.parquet import write_parquet

        write_parquet(self, folder)

    def plot(self, *, ax: "Axes | None" = None) -> "Axes":
        """Draw the graph, in the encoding ``channel``, from the inputs on the left to the outputs.

        Each node set is a column of dots, named below with the number of its nodes. Sets stand
        by their longest path from an input, parallel ones above each other. Where there are more
        than 24 nodes, neighbours share a dot. Lines are the more opaque the larger the sum of
        the absolute weights between two dots is (or where these are unknown of the
        multiplicities), compared with others of their layer. Skips, and what else passes by other
        layers, are one arc each, the wider the more edges there are. Dots none of whose nodes
        is on a path from an input to an output are hollow.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure's by default, of a size that suits the graph: ``ax.figure.savefig(path)``.

        Returns
        -------
        matplotlib Axes

        Raises
        ------
        ArgumentError
            In the encoding ``unrolled``.

        Notes
        -----
        O(edges); made for networks of up to some 40 layers.
        """
        from masktopo.graphs.drawing.plot import plot_graph

        return plot_graph(self, ax)

    def ends(self, block: EdgeBlock) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the numbers of the nodes that each edge of a block leaves and lands on.

        Raises
        ------
        WiringError
            If the edges of the block are not listed.
        """
        edges = listed(block)
        source, target = self.span(block.source), self.span(block.target)
        rows = np.repeat(np.arange(source.start, source.stop), edges.out_degrees)
        return rows, edges.indices.astype(np.int64) + target.start

    @cached_property
    def _spans(self) -> dict[str, slice]:
        bounds = self.offsets.tolist()
        return {
            nodes.name: slice(bounds[index], bounds[index + 1])
            for index, nodes in enumerate(self.wiring.nodes)
        }

    def _marks(self, role: str) -> NDArray[np.bool_]:
        roles = [nodes.role == role for nodes in self.wiring.nodes]
        return np.repeat(np.array(roles), np.diff(self.offsets))

    def _coordinates(
        self, block: EdgeBlock, kind: str
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]:
        edges = listed(block)
        if kind != "multiplicity" and not edges.known:
            raise WiringError(f"the weights of layer {block.layer!r} are unknown")
        values = edges.factors(kind)
        wide = values.astype(np.int64) if values.dtype.kind == "u" else values
        return *self.ends(block), wide


def listed(block: EdgeBlock) -> Edges:
    """Return the edges of a block, or raise where they are not listed."""
    if not isinstance(block.edges, Edges):
        raise WiringError(
            'the edges of this graph are not listed; build it with representation="explicit"'
        )
    return block.edges
