"""Null models: random masks that share a given property with a network's masks (section 7).

- ``"shuffle"``: every layer keeps its number of weights, in each group if it is grouped.
- ``"degree"``: every node of every layer's rolled graph keeps its degree.

Either way a layer's surviving weights are permuted over the drawn edges. A layer of which there
is only one such graph is fixed: it stays as it is, weights included.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from masktopo._check import check_choice, check_count
from masktopo._random import stream
from masktopo.graphs.bipartite import output_by_input, weight_shaped
from masktopo.kernels import rewire
from masktopo.masks.layer import BoolArray, FloatArray, LayerMask
from masktopo.masks.maskset import MaskSet

__all__ = ["NULL_MODELS", "SWAPS", "TRIES", "Draw", "NullModel", "null_model"]

NULL_MODELS = ("shuffle", "degree")

SWAPS = 10
"""Accepted swaps per edge of a ``"degree"`` draw; ``benchmarks/null_mixing.py`` shows that they
are enough."""

TRIES = 100
"""Attempts per accepted swap that is wanted, after which a ``"degree"`` draw gives up."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Draw:
    """One draw of a null model.

    Attributes
    ----------
    masks : MaskSet
        With the weights permuted, where there are any; 0 at pruned places.
    short : tuple of str
        Layers on which swaps are so rare that `TRIES` attempts for each were not enough.
    """

    masks: MaskSet
    short: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Start:
    """What every draw of one layer starts from.

    Attributes
    ----------
    layer : LayerMask
    fixed : str
        Why the null model cannot change the layer; empty where it can.
    shape : tuple of int
        Of the matrix of output rows by input columns (of a group).
    values : ndarray of float or None
        Weights of the edges, in the order of `output_by_input`.
    counts : ndarray of int64, shape (groups,)
        Edges of every group.
    inverted : bool
        Whether `bits` and `places` are the edges that are absent: swaps of these are swaps of the
        others, and in a layer that is more than half full there are fewer of them.
    bits : ndarray of uint8
        Bitmap as in `kernels.rewire`.
    rows, columns : ndarray of uint16 or uint32, bounds : ndarray of int64
        Ends of the edges in `bits`, group after group.
    wanted : ndarray of int64, shape (groups,)
        Accepted swaps to make; 0 where the group cannot change.
    """

    layer: LayerMask
    fixed: str
    shape: tuple[int, int]
    values: FloatArray | None
    counts: Ints
    inverted: bool
    bits: NDArray[np.uint8]
    rows: NDArray[np.unsignedinteger]
    columns: NDArray[np.unsignedinteger]
    bounds: Ints
    wanted: Ints


@dataclass(frozen=True, eq=False)
class NullModel:
    """Random networks like a given one; made by `null_model`.

    Attributes
    ----------
    masks : MaskSet
    against : {"shuffle", "degree"}
    fixed : mapping of str to str
        Layers of which there is only one graph, with the reason.
    """

    masks: MaskSet
    against: str
    fixed: Mapping[str, str]
    _starts: tuple[_Start, ...]

    def draw(self, seed: int, index: int) -> Draw:
        """Draw number `index`: a pure function of the seed, the index, and each layer.

        Parameters
        ----------
        seed : int
        index : int
            From 0. The random stream of a layer depends on its name and not on other layers.

        Returns
        -------
        Draw

        Notes
        -----
        O(size + edges), for ``"degree"`` with some 10 random accesses to the layer's bitmap
        (size / 8 bytes) an edge and swap.
        """
        drawn, short = [], []
        for start in self._starts:
            if start.fixed:
                drawn.append(start.layer)
                continue
            generator = stream(seed, crc32(start.layer.name.encode()), index)
            bits, complete = _DRAW[self.against](start, generator)
            drawn.append(_layer_of(start, bits, generator, f"{self.against} null {index}"))
            if not complete:
                short.append(start.layer.name)
        return Draw(MaskSet(drawn, source=self.masks.source), tuple(short))


def null_model(masks: MaskSet, against: str, *, swaps: int = SWAPS) -> NullModel:
    """Prepare random networks like `masks`.

    Parameters
    ----------
    masks : MaskSet
    against : {"shuffle", "degree"}
        What random networks share with `masks`: every layer's (group's) number of weights, or
        the degree of every node of its rolled graph.
    swaps : int
        Accepted swaps per edge of a ``"degree"`` draw.

    Returns
    -------
    NullModel

    Raises
    ------
    ArgumentError
        If `against` is neither, or `swaps` is not at least 1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> masks = MaskSet([LayerMask("fc", rng.random((30, 40)) < 0.1)])
    >>> drawn = null_model(masks, "degree").draw(seed=0, index=0).masks["fc"]
    >>> np.array_equal(drawn.mask.sum(axis=1), masks["fc"].mask.sum(axis=1))
    True
    >>> np.array_equal(drawn.mask, masks["fc"].mask)
    False
    """
    check_choice("against", against, NULL_MODELS)
    check_count("swaps", swaps)
    starts = tuple(_start(layer, against, swaps) for layer in masks.values())
    fixed = {start.layer.name: start.fixed for start in starts if start.fixed}
    return NullModel(masks, against, fixed, starts)


def _start(layer: LayerMask, against: str, swaps: int) -> _Start:
    matrix = output_by_input(layer, layer.mask)
    inverted = against == "degree" and 2 * layer.nnz > layer.size
    bits = np.packbits(matrix ^ inverted, bitorder="little")
    places = np.empty(layer.size - layer.nnz if inverted else layer.nnz, np.int64)
    rewire.list_edges(bits, places)
    width = max(matrix.shape[1], 1)
    narrow = max(matrix.shape) <= 2**16
    rows, columns = (
        ends.astype(np.uint16 if narrow else np.uint32) for ends in divmod(places, width)
    )
    room = layer.size // layer.groups
    bounds = np.searchsorted(places, room * np.arange(layer.groups + 1))
    found = np.diff(bounds)
    counts = room - found if inverted else found
    legal = (counts > 0) & (counts < room)
    if against == "degree":
        n_rows, n_columns = matrix.shape
        rewire.has_legal_swap(rows, columns, bounds, n_rows, n_columns, legal)
    values = None
    if layer.weight is not None:
        values = output_by_input(layer, layer.weight)[matrix]
    return _Start(
        layer=layer,
        fixed="" if legal.any() else _why_fixed(layer),
        shape=matrix.shape,
        values=values,
        counts=counts,
        inverted=inverted,
        bits=bits,
        rows=rows,
        columns=columns,
        bounds=bounds,
        wanted=np.where(legal, swaps * counts, 0),
    )


def _why_fixed(layer: LayerMask) -> str:
    if layer.is_empty:
        return "the layer is empty"
    if layer.is_dense:
        return "the layer is complete"
    if layer.groups > 1:
        return "every group is complete, empty, a star or nested: no legal swap"
    return "the layer is a star or nested: no legal swap"


def _shuffled(start: _Start, generator: np.random.Generator) -> tuple[NDArray[np.uint8], bool]:
    """Draw as many edges in every group, all subsets equally likely."""
    bits = np.zeros_like(start.bits)
    room = start.layer.size // start.layer.groups
    rewire.choose_edges(start.counts, room, bits, _state(generator))
    return bits, True


def _swapped(start: _Start, generator: np.random.Generator) -> tuple[NDArray[np.uint8], bool]:
    """Walk from the layer's own graph; also tell whether every group made its swaps."""
    bits, columns = start.bits.copy(), start.columns.copy()
    accepted = np.empty_like(start.wanted)
    rewire.swap_edges(
        start.rows,
        columns,
        start.bounds,
        start.shape[1],
        bits,
        start.wanted,
        TRIES * start.wanted,
        _state(generator),
        accepted,
    )
    return bits, bool(np.all(accepted >= start.wanted))


_DRAW = {"shuffle": _shuffled, "degree": _swapped}


def _state(generator: np.random.Generator) -> np.uint64:
    return np.uint64(generator.integers(2**64, dtype=np.uint64))


def _layer_of(
    start: _Start, bits: NDArray[np.uint8], generator: np.random.Generator, origin: str
) -> LayerMask:
    """Turn a drawn bitmap into a mask, with the layer's weights in random order on its edges."""
    layer, size = start.layer, start.layer.size
    flat: BoolArray = np.unpackbits(bits, count=size, bitorder="little").view(np.bool_)
    if start.inverted:
        np.logical_not(flat, out=flat)
    weight = None
    if start.values is not None:
        weight = np.zeros(size, start.values.dtype)
        weight[_places(start, bits, flat)] = generator.permutation(start.values)
        weight = weight_shaped(layer, weight.reshape(start.shape))
    mask = weight_shaped(layer, flat.reshape(start.shape))
    return replace(layer, mask=mask, weight=weight, origin=origin)


def _places(start: _Start, bits: NDArray[np.uint8], flat: BoolArray) -> Ints:
    """List the drawn edges; from the bitmap where it is sparse."""
    if start.inverted:
        return np.flatnonzero(flat)
    places = np.empty(start.layer.nnz, np.int64)
    rewire.list_edges(bits, places)
    return places
