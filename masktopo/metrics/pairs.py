"""Pairs of consecutive layers: whether what one layer feeds is what the next one reads (RAMA23).

Section 6 of the definitions. A *channel* is an output of the first layer and an input of the
second, which reads it at one or several *places*: kernel places, and positions where a linear
layer stands behind a flatten.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import MaskError
from masktopo.graphs.bipartite import BipartiteGraph, bipartite
from masktopo.graphs.bipartite import kernel_size as kernel_places
from masktopo.graphs.channel_edges import landed_channels, operand_channels
from masktopo.graphs.edges import Edges
from masktopo.graphs.fitting import fitted
from masktopo.graphs.order import wiring_from_order
from masktopo.graphs.wiring import Wiring
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LayerPair", "layer_pair", "pair_table"]

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class LayerPair:
    """Metrics of two consecutive layers (RAMA23); degrees are those of the rolled graphs.

    Attributes
    ----------
    compatibility : float
        Channels with in-edges and out-edges over channels with in-edges; nan without any.
    copeland_throughput : float
        Mean, over channels with in-edges and places, of the out-degree over the active outputs of
        the second layer, divided by the in-degree over the active inputs of the first. nan
        without such channels, or if the second layer is empty.
    channel_overlap : float
        Mean, over channels, of the targets common to all places over the smallest number of
        targets of a place. Channels with a place without targets are skipped; nan if all are.
    """

    compatibility: float
    copeland_throughput: float
    channel_overlap: float


def layer_pair(first: LayerMask, second: LayerMask) -> LayerPair:
    """Measure two layers of which the second reads the first's outputs.

    Parameters
    ----------
    first, second : LayerMask
        The inputs of `second` are as many as the outputs of `first`, or a multiple (flatten).

    Returns
    -------
    LayerPair

    Raises
    ------
    MaskError
        If the sizes do not join.

    Notes
    -----
    O(size / 8 + edges), and a sort of the second layer's edges if it has several places.

    References
    ----------
    Hoang, Liu, Marculescu, Wang: *Revisiting Pruning at Initialization through the Lens of
    Ramanujan Graph*, ICLR 2023.

    Examples
    --------
    >>> first = LayerMask("a", np.array([[True, True], [True, False], [False, False]]))
    >>> second = LayerMask("b", np.array([[True, False, True], [True, False, False]]))
    >>> layer_pair(first, second)
    LayerPair(compatibility=0.5, copeland_throughput=0.5, channel_overlap=1.0)
    """
    before, after = bipartite(first), bipartite(second)
    inputs = after.n_left // max(kernel_places(second), 1)
    if before.n_right == 0 or inputs % before.n_right:
        raise MaskError(
            f"layer {second.name!r} has {inputs} inputs, no multiple of the {before.n_right} "
            f"outputs of layer {first.name!r}"
        )
    return _measure(before, after, 0, after.n_left // before.n_right)


def pair_table(masks: MaskSet, *, wiring: Wiring | None = None) -> "pd.DataFrame":
    """Measure every pair of consecutive layers of a network.

    Parameters
    ----------
    masks : MaskSet
    wiring : Wiring, optional
        By default the chain that the order of the layers suggests.

    Returns
    -------
    DataFrame
        One row a pair, with columns `first`, `second` and those of `LayerPair`, in the order of
        the data flow. Where several layers land on one node set (an addition), each forms a pair
        with every layer that reads it, channel by channel in order: layers between which channels
        are shuffled or mixed form none.

    Raises
    ------
    WiringError
        If there is no wiring and none can be taken from the order.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> conv = LayerMask("conv", rng.random((4, 3, 3, 3)) < 0.5, kind="conv2d")
    >>> head = LayerMask("head", rng.random((10, 16)) < 0.8)
    >>> pair_table(MaskSet([conv, head])).round(3)
      first second  compatibility  copeland_throughput  channel_overlap
    0  conv   head            1.0                1.709            0.475
    """
    import pandas as pd

    wiring = wiring or wiring_from_order(masks)
    masks = fitted(masks, wiring)
    graphs = {name: bipartite(layer) for name, layer in masks.items()}
    rows = []
    for first, second, start, places in _joints(wiring, masks):
        found = _measure(graphs[first], graphs[second], start, places)
        rows.append({"first": first, "second": second, **asdict(found)})
    names = list(LayerPair.__dataclass_fields__)
    return pd.DataFrame(rows, columns=["first", "second", *names])


def _joints(wiring: Wiring, masks: MaskSet) -> list[tuple[str, str, int, int]]:
    """List pairs of layers, the second's first left node of the pair, and its places a channel."""
    found = []
    for link in wiring.links:
        for source in link.sources if link.layer is not None else ():
            run = _run(operand_channels(link, source, wiring.node_sets))
            if link.layer is not None and run is not None:
                kernel = kernel_places(masks[link.layer])
                found += [
                    (before.layer, link.layer, run[0] * kernel, run[1] * kernel)
                    for before in wiring.links
                    if before.target == source
                    and before.layer
                    and landed_channels(before, wiring.node_sets) is None
                ]
    return found


def _run(inputs: Edges) -> tuple[int, int] | None:
    """Return the first input and the inputs a channel, where they follow one another in order."""
    repeats = inputs.out_degrees
    if inputs.n_edges == 0 or repeats.min() != repeats.max():
        return None
    first = int(inputs.indices[0])
    ordered = np.array_equal(inputs.indices, np.arange(first, first + inputs.n_edges))
    return (first, int(repeats[0])) if ordered else None


def _measure(before: BipartiteGraph, after: BipartiteGraph, start: int, places: int) -> LayerPair:
    """Measure a pair whose second layer reads channel c at `places` left nodes from `start` on."""
    in_degrees = before.right_degrees
    stop = start + in_degrees.size * places
    out_degrees = after.left_degrees[start:stop].reshape(in_degrees.size, places)
    fed = in_degrees > 0
    return LayerPair(
        compatibility=_mean(out_degrees[fed].sum(axis=1) > 0),
        copeland_throughput=_throughput(before, after, in_degrees[fed], out_degrees[fed]),
        channel_overlap=_overlap(after, start, out_degrees),
    )


def _throughput(
    before: BipartiteGraph, after: BipartiteGraph, in_degrees: Ints, out_degrees: Ints
) -> float:
    active_inputs = int(np.count_nonzero(before.left_degrees))
    active_outputs = int(np.count_nonzero(after.right_degrees))
    if active_outputs == 0:
        return float("nan")
    return _mean((out_degrees / active_outputs) / (in_degrees[:, None] / max(active_inputs, 1)))


def _overlap(after: BipartiteGraph, start: int, out_degrees: Ints) -> float:
    """Mean share of common targets; a target is common if it ends one edge of every place."""
    n_channels, places = out_degrees.shape
    if out_degrees.size == 0:
        return float("nan")
    smallest = out_degrees.min(axis=1)
    if places == 1:
        return _mean(np.ones(np.count_nonzero(smallest)))
    first, last = after.indptr[start], after.indptr[start + n_channels * places]
    channel = np.repeat(np.arange(n_channels), out_degrees.sum(axis=1))
    targets, counts = np.unique(
        channel * after.n_right + after.indices[first:last], return_counts=True
    )
    common = np.bincount(targets[counts == places] // after.n_right, minlength=n_channels)
    used = smallest > 0
    return _mean(common[used] / smallest[used])


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if values.size else float("nan")
