"""RAMA23's metrics of two layers, from the text of section 6, channel by channel."""

import numpy as np

from tests.naive.encodings import naive_edges


def _mean(values):
    return float(np.mean(values)) if values else float("nan")


def naive_pair(first, second, channels):
    """(compatibility, copeland_throughput, channel_overlap); `second` reads all of `first`."""
    before, after = set(naive_edges(first, "rolled")), set(naive_edges(second, "rolled"))
    places = _left_nodes(second) // channels
    sources = [{left for left, right in before if right == c} for c in range(channels)]
    targets = [
        [{right for left, right in after if left == c * places + p} for p in range(places)]
        for c in range(channels)
    ]
    fed = [c for c in range(channels) if sources[c]]
    compatible = [any(targets[c]) for c in fed]
    active_inputs, active_outputs = len({a for a, _ in before}), len({b for _, b in after})
    throughput = [
        (len(targets[c][p]) / active_outputs) / (len(sources[c]) / active_inputs)
        for c in fed
        for p in range(places)
        if active_outputs
    ]
    overlap = []
    for sets in targets:
        if all(sets):
            overlap.append(len(set.intersection(*sets)) / min(map(len, sets)))
    return _mean(compatible), _mean(throughput), _mean(overlap)


def _left_nodes(layer):
    inputs = layer.shape[0] if layer.kind.startswith("conv_t") else layer.shape[1] * layer.groups
    return inputs * int(np.prod(layer.shape[2:]))
