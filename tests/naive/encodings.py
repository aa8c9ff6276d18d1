"""Edges of one layer, entry by entry, from the table in section 1 of the definitions."""

import numpy as np


def naive_edges(layer, encoding):
    """Map (left, right) to (number of nonzeros, sum of absolute weights)."""
    edges = {}
    for place in np.argwhere(layer.mask):
        channel, right = _ends(layer, tuple(int(index) for index in place))
        left = channel
        if encoding == "rolled":
            for size, index in zip(layer.shape[2:], place[2:], strict=True):
                left = left * size + int(index)
        weight = 0.0 if layer.weight is None else abs(float(layer.weight[tuple(place)]))
        count, total = edges.get((left, right), (0, 0.0))
        edges[left, right] = (count + 1, total + weight)
    return edges


def _ends(layer, place):
    """Input channel and output channel of one entry."""
    first, second = place[:2]
    if layer.kind == "embedding":
        return first, second
    if layer.kind.startswith("conv_transpose"):
        inputs_per_group = layer.shape[0] // layer.groups
        return first, (first // inputs_per_group) * layer.shape[1] + second
    outputs_per_group = layer.shape[0] // layer.groups
    return (first // outputs_per_group) * layer.shape[1] + second, first
