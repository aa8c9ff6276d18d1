"""NPB: effective nodes in balance with effective paths, layer by layer along the data flow."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.bipartite import left_size, output_by_input, right_size, weight_shaped
from masktopo.graphs.fitting import as_used, fitted
from masktopo.graphs.wiring import Wiring
from masktopo.kernels.balance import greedy_order
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet
from masktopo.pruning.path_counts import push, relative_paths, start
from masktopo.pruning.prunable import dense_masks, flat_values, named_layers
from masktopo.pruning.scene import Scene

__all__ = ["ALPHA", "BETA", "layer_order", "npb"]

ALPHA = 0.01
"""Share of nodes in the objective; the rest is that of paths. As in the authors' runs."""

BETA = 1.0
"""Weight of the share of kernels, beside both. As in the authors' runs on CIFAR-10."""

Ints = NDArray[np.int64]


def npb(scene: Scene) -> NDArray[np.float64]:
    """Return an order, flat: from 2 down to 1 in every layer.

    Layers are solved one after the other along the data flow, each for the paths that the masks
    before it leave: see `layer_order`. A layer that is used several times is solved where it is
    used first; one that the data flow does not reach is ordered by magnitude.

    Cost: no pass through the network; a heap over the kernels of each layer.

    References
    ----------
    H. Pham et al., *Towards Data-Agnostic Pruning At Initialization: What Makes a Good Sparse
    Mask?*, NeurIPS 2023. The authors solve a relaxed program for each layer, in chunks of its
    outputs.
    """
    assert scene.wiring is not None
    masks = fitted(dense_masks(scene.network), scene.wiring)
    places = named_layers(scene.layers, scene.wiring.layers)
    counts = {span.start: count for span, count in scene.counts}
    budget = {name: counts[layer.start] for name, layer in places.items()}
    magnitudes = np.abs(flat_values(scene.weights))
    scores: NDArray[np.float64] = magnitudes / max(magnitudes.max(), np.finfo(np.float64).tiny)
    for name, order in _orders(masks, scene.wiring, budget):
        scores[places[name].span] = 2 - (order.ravel() - 1) / order.size
    return scores


def _orders(masks: MaskSet, wiring: Wiring, budget: dict[str, int]) -> Iterator[tuple[str, Ints]]:
    """Solve the layers that have a budget, in data flow, and yield their names and orders."""
    paths, solved = start(wiring), dict(masks)
    waiting = set(budget)
    for link in wiring.links:
        if link.layer is None or link.use is None:
            push(paths, None, link, wiring)
            continue
        if link.layer in waiting:
            waiting.remove(link.layer)
            layer = as_used(masks[link.layer], replace(link.use, rows=None))
            values, reached = relative_paths(paths, link, left_size(layer), wiring)
            order = layer_order(layer, values, reached, budget[link.layer])
            solved[link.layer] = replace(masks[link.layer], mask=order <= budget[link.layer])
            yield link.layer, order
        push(paths, as_used(solved[link.layer], link.use), link, wiring)


def layer_order(
    layer: LayerMask, paths: NDArray[np.float64], reached: NDArray[np.bool_], count: int
) -> Ints:
    """Order the weights of a layer greedily for nodes, paths and kernels together.

    Parameters
    ----------
    layer : LayerMask
        With weights.
    paths : ndarray of float64, shape (inputs,)
        Paths to each input over the most of them.
    reached : ndarray of bool, shape (inputs,)
        Inputs with a path.
    count : int
        Weights that will be kept, of which the objective's shares are taken.

    Returns
    -------
    ndarray of int64, of the shape of the weight
        1 for the weight that is taken first, and so on for all.

    Notes
    -----
    The objective is ``ALPHA * nodes / (inputs + outputs) + (1 - ALPHA) * sum of paths / most
    possible + BETA * kernels / count``: `nodes` are reached inputs with a weight and outputs with
    a weight of a reached input, the sum is over the inputs of the chosen weights, and `kernels`
    are pairs of an input and an output with a weight. It is monotone and submodular, so the
    first `count` weights have at least ``1 - 1/e`` of the optimum; on the small layers that the
    tests solve by integer programming they have all of it. Equal gains go to the larger weight,
    then to the lower index.

    Examples
    --------
    >>> layer = LayerMask("fc", np.ones((2, 2), bool), np.array([[1.0, 3.0], [2.0, 4.0]]))
    >>> layer_order(layer, np.array([1.0, 0.5]), np.array([True, True]), 3)
    array([[2, 4],
           [1, 3]])
    """
    assert layer.weight is not None
    magnitudes = np.abs(output_by_input(layer, layer.weight))
    shape = right_size(layer), left_size(layer) // layer.groups, -1
    order = np.zeros(magnitudes.shape, np.int64)
    most = _most_paths(paths, order.size // paths.size, count)
    greedy_order(
        magnitudes.reshape(shape),
        layer.groups,
        (1 - ALPHA) * paths / most if most else paths,
        reached,
        ALPHA / (paths.size + right_size(layer)),
        BETA / max(count, 1),
        order.reshape(shape),
    )
    return weight_shaped(layer, order)


def _most_paths(paths: NDArray[np.float64], weights_per_input: int, count: int) -> float:
    """Return the greatest sum of paths over the inputs of `count` weights."""
    best = np.sort(paths)[::-1]
    room = np.clip(count - weights_per_input * np.arange(paths.size), 0, weights_per_input)
    return float(best @ room)
