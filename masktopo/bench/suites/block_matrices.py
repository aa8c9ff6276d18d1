"""The blocks of a network's graph as SciPy matrices, and the bytes of its edges."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from masktopo.bench.bandwidth import Pass
from masktopo.graphs.multipartite import EdgeBlock, MultipartiteGraph, listed

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = ["block_matrix", "graph_passes"]


def block_matrix(block: EdgeBlock) -> "csr_array":
    """Return the multiplicities of a block's edges."""
    from scipy.sparse import csr_array

    edges = listed(block)
    counts = edges.factors("multiplicity").astype(np.float64)
    return csr_array((counts, edges.indices, edges.indptr), shape=(edges.n_left, edges.n_right))


def graph_passes(graph: MultipartiteGraph) -> Iterator[Pass]:
    """Every edge is looked at twice: once along the data flow and once against it."""
    for edges in map(listed, graph.blocks):
        yield Pass("read", edges.indptr.nbytes + edges.indices.nbytes, 2)
