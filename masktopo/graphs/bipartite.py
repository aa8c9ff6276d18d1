"""One layer's bipartite graph: left nodes are its inputs, right nodes its outputs."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from masktopo._check import check_choice
from masktopo._threads import map_threads
from masktopo.kernels import csr
from masktopo.masks.layer import LayerMask

if TYPE_CHECKING:
    from scipy.sparse import csr_array

__all__ = [
    "LAYER_ENCODINGS",
    "BipartiteGraph",
    "bipartite",
    "bipartite_graphs",
    "left_size",
    "output_by_input",
    "right_size",
    "weight_shaped",
]

LAYER_ENCODINGS = ("rolled", "channel")

BATCH = 1024
"""Weights that are fetched at a time."""

HARDLY_SPARSE = 1 / 8
"""Density from which writing at every place beats finding the ones."""

UInt = NDArray[np.unsignedinteger]
Floats = NDArray[np.floating]


class Shaped(Protocol):
    """What tells a layer's sizes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the weight."""

    @property
    def kind(self) -> str:
        """A key of `masktopo.masks.layer.KINDS`."""

    @property
    def groups(self) -> int:
        """Groups of a convolution."""


class DenseLayer(NamedTuple):
    """A layer's own arrays as a right-by-left matrix, where they lie in that order.

    `mask` holds bytes 0 and 1, `weight` the signed weights (empty where they are unknown).
    """

    mask: NDArray[np.uint8]
    weight: Floats


@dataclass(frozen=True, eq=False)
class BipartiteGraph:
    """A bipartite graph in CSR form by left node.

    Attributes
    ----------
    name : str
        The layer's name.
    encoding : str
        ``"rolled"`` (left nodes are input channels times kernel places) or ``"channel"`` (left
        nodes are input channels).
    n_left, n_right : int
        Nodes on either side, isolated ones included.
    indptr : ndarray of int64, shape (n_left + 1,)
    indices : ndarray of uint16 or uint32, shape (n_edges,)
        Right nodes of every left node, in ascending order.
    weights : ndarray of float, shape (n_edges,), or None
        Absolute weights (rolled), or their sum over the kernel (channel, float64).
    multiplicity : ndarray of uint32, shape (n_edges,), or None
        Nonzeros of the kernel behind each edge; None where every edge is one nonzero.
    squares : ndarray of float64, shape (n_edges,), or None
        Sum of the squared weights over the kernel (channel); None where an edge is one weight.
    dense : DenseLayer or None
        Views of the layer's arrays, for algorithms that read large, hardly sparse layers as
        they are; None where their order is not that of the biadjacency.
    """

    name: str
    encoding: str
    n_left: int
    n_right: int
    indptr: NDArray[np.int64]
    indices: UInt
    weights: Floats | None
    multiplicity: NDArray[np.uint32] | None
    squares: NDArray[np.float64] | None = None
    dense: DenseLayer | None = None

    @property
    def n_edges(self) -> int:
        """Number of edges, multiplicities not counted."""
        return self.indices.size

    @property
    def left_degrees(self) -> NDArray[np.int64]:
        """Degree of every left node."""
        return np.diff(self.indptr)

    @property
    def right_degrees(self) -> NDArray[np.int64]:
        """Degree of every right node."""
        counts = np.zeros(self.n_right, np.int64)
        csr.count_right(self.indices, counts)
        return counts

    def to_scipy(self, *, weighted: bool = False) -> "csr_array":
        """Return the biadjacency, shape ``(n_left, n_right)``: 0/1, or the absolute weights."""
        from scipy.sparse import csr_array

        data = self.weights if weighted and self.weights is not None else np.ones(self.n_edges)
        shape = (self.n_left, self.n_right)
        return csr_array((data, self.indices.astype(np.int64), self.indptr), shape=shape)


def bipartite(layer: LayerMask, encoding: str = "rolled") -> BipartiteGraph:
    """Encode one layer as a bipartite graph.

    Parameters
    ----------
    layer : LayerMask
    encoding : {"rolled", "channel"}
        See section 1 of the definitions. Output ``o`` of group ``g`` of a grouped convolution
        is joined to the inputs of ``g`` only; transposed convolutions and embeddings are turned
        so that left is the input.

    Returns
    -------
    BipartiteGraph

    Notes
    -----
    Two passes over the mask: O(size / 8 + edges) for ``rolled``, O(size) where an eighth or more
    is kept, and for ``channel``.
    Memory: 2 or 4 bytes an edge, 4 or 8 more with weights, and 8 a left node.

    Examples
    --------
    >>> import numpy as np
    >>> from masktopo import LayerMask
    >>> mask = np.array([[True, False, True], [False, False, True]])
    >>> graph = bipartite(LayerMask("fc", mask))
    >>> graph.n_left, graph.n_right, graph.indptr.tolist(), graph.indices.tolist()
    (3, 2, [0, 1, 1, 3], [0, 0, 1])
    """
    check_choice("encoding", encoding, LAYER_ENCODINGS)
    mask = output_by_input(layer, layer.mask)
    weight = None if layer.weight is None else output_by_input(layer, layer.weight)
    encode = _rolled if encoding == "rolled" else _channel
    return encode(layer, mask.view(np.uint8), weight)


def bipartite_graphs(
    layers: Iterable[LayerMask], encoding: str = "rolled", *, threads: int = 1
) -> list[BipartiteGraph]:
    """Encode several layers, on several threads; see `bipartite`."""
    return map_threads(
        lambda layer: bipartite(layer, encoding),
        list(layers),
        threads,
        cost=lambda layer: layer.size,
    )


def right_size(layer: Shaped) -> int:
    """Return the number of output channels or neurons of `layer`."""
    if layer.kind.startswith("conv_transpose"):
        return layer.shape[1] * layer.groups
    return layer.shape[1] if layer.kind == "embedding" else layer.shape[0]


def left_size(layer: Shaped) -> int:
    """Return the number of input channels or neurons of `layer`."""
    if layer.kind.startswith("conv_transpose") or layer.kind == "embedding":
        return layer.shape[0]
    return layer.shape[1] * layer.groups


def kernel_size(layer: Shaped) -> int:
    """Return the number of kernel places: 1 for a linear layer, 9 for a 3x3 convolution."""
    return math.prod(layer.shape[2:])


def output_by_input(layer: LayerMask, array: NDArray[Any]) -> NDArray[Any]:
    """Bring a weight-shaped array into the shape ``(out, in / groups * kernel places)``."""
    if layer.kind == "embedding":
        return np.ascontiguousarray(array.T)
    if layer.kind.startswith("conv_transpose"):
        inputs, outputs = layer.shape[:2]
        split = array.reshape(layer.groups, inputs // layer.groups, outputs, kernel_size(layer))
        array = np.ascontiguousarray(split.swapaxes(1, 2))
    columns = left_size(layer) // layer.groups * kernel_size(layer)
    return array.reshape(right_size(layer), columns)


def weight_shaped(layer: LayerMask, matrix: NDArray[Any]) -> NDArray[Any]:
    """Bring a matrix of the shape that `output_by_input` gives into the shape of the weight."""
    if layer.kind == "embedding":
        return np.ascontiguousarray(matrix.T)
    if layer.kind.startswith("conv_transpose"):
        inputs, outputs = layer.shape[:2]
        split = matrix.reshape(layer.groups, outputs, inputs // layer.groups, kernel_size(layer))
        matrix = np.ascontiguousarray(split.swapaxes(1, 2))
    return matrix.reshape(layer.shape)


def _column_dtype(n_right: int) -> type[np.unsignedinteger]:
    """Return the narrowest index type: unsigned, which spares numba the wrap-around test."""
    return np.uint16 if n_right <= 2**16 else np.uint32


def _rolled(layer: LayerMask, mask: NDArray[np.uint8], weight: Floats | None) -> BipartiteGraph:
    n_right, columns = mask.shape
    matrix = np.empty((0, columns), np.float32) if weight is None else weight
    rows_per_group = max(n_right // layer.groups, 1)
    indptr = np.zeros(columns * layer.groups + 1, np.int64)
    csr.count_left(mask, rows_per_group, indptr)
    hardly_sparse = indptr[-1] >= HARDLY_SPARSE * mask.size
    fill = _fill_dense if hardly_sparse else _fill_sparse
    indices, values = fill(mask, matrix, rows_per_group, indptr)
    return BipartiteGraph(
        name=layer.name,
        encoding="rolled",
        n_left=indptr.size - 1,
        n_right=n_right,
        indptr=indptr,
        indices=indices,
        weights=None if weight is None else values,
        multiplicity=None,
        dense=_dense(layer, mask, matrix),
    )


def _fill_dense(
    mask: NDArray[np.uint8], weight: Floats, rows_per_group: int, indptr: NDArray[np.int64]
) -> tuple[UInt, Floats]:
    """List right nodes and absolute weights by looking at every place."""
    n_right, n_edges = mask.shape[0], int(indptr[-1])
    indices = np.empty(n_edges + 1, _column_dtype(n_right))
    values = np.empty(n_edges + 1 if weight.size else 0, weight.dtype)
    csr.fill_left_dense(mask, weight, rows_per_group, indptr[:-1].copy(), indices, values)
    return indices[:n_edges], values[:n_edges]


def _fill_sparse(
    mask: NDArray[np.uint8], weight: Floats, rows_per_group: int, indptr: NDArray[np.int64]
) -> tuple[UInt, Floats]:
    """List right nodes and absolute weights by looking for ones in words of eight places."""
    n_right, columns = mask.shape
    flat = mask.reshape(-1)
    whole = flat.size // 8 * 8
    words, tail = flat[:whole].view(np.uint64), flat[whole:]
    indices = np.empty(int(indptr[-1]), _column_dtype(n_right))
    values = np.empty(indices.size if weight.size else 0, weight.dtype)
    slots, positions = np.empty((2, BATCH), np.int64)
    csr.fill_left(
        words,
        tail,
        weight.reshape(-1),
        columns,
        rows_per_group,
        indptr[:-1].copy(),
        slots,
        positions,
        indices,
        values,
    )
    return indices, values


def _dense(layer: LayerMask, mask: NDArray[np.uint8], weight: Floats) -> DenseLayer | None:
    """View the layer's own arrays, unless they had to be copied into the biadjacency's order."""
    if layer.groups > 1 or not np.may_share_memory(mask, layer.mask):
        return None
    return DenseLayer(mask, weight)


def _channel(layer: LayerMask, mask: NDArray[np.uint8], weight: Floats | None) -> BipartiteGraph:
    n_right, places = mask.shape[0], max(kernel_size(layer), 1)
    indptr = np.zeros(left_size(layer) + 1, np.int64)
    csr.count_channel(mask, places, layer.groups, indptr[1:])
    np.cumsum(indptr, out=indptr)
    indices = np.empty(int(indptr[-1]), _column_dtype(n_right))
    sums, squares = np.empty((2, 0 if weight is None else indices.size))
    multiplicity = np.empty(indices.size, np.uint32)
    flat_weight = np.empty((0, 0), np.float32) if weight is None else weight
    cursor = indptr[:-1].copy()
    csr.fill_channel(
        mask, flat_weight, places, layer.groups, cursor, indices, multiplicity, sums, squares
    )
    return BipartiteGraph(
        name=layer.name,
        encoding="channel",
        n_left=indptr.size - 1,
        n_right=n_right,
        indptr=indptr,
        indices=indices,
        weights=None if weight is None else sums,
        multiplicity=multiplicity,
        squares=None if weight is None else squares,
    )
