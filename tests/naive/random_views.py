"""Small random wirings in which every operation of views occurs, with landings and masks."""

import math

import numpy as np

from masktopo.graphs.views import (
    OUTPUT,
    Along,
    AxisMap,
    Blank,
    Join,
    Permute,
    Read,
    Reshape,
    Sum,
)
from masktopo.graphs.wiring import LayerSpec, Link, NodeSet, Use, Wiring
from masktopo.masks.maskset import MaskSet
from tests.naive.random_networks import random_mask


def random_map(size, rng):
    """Map an axis of `size`: take elements, also none, or add up windows, with coefficients."""
    rows = [rng.integers(0, size, rng.integers(0, 3)) for _ in range(rng.integers(1, 4))]
    rows = [sorted(set(row.tolist())) for row in rows]
    if rng.random() < 0.3:
        return AxisMap.taking(size, rng.integers(-1, size, rng.integers(1, 5)).tolist())
    if rng.random() < 0.5:
        return AxisMap.rows(size, rows)
    return AxisMap.rows(size, rows, [rng.choice([0.5, 1 / 3, -2.0], len(row)) for row in rows])


def random_shape(size, rng):
    """Factor a number of elements into some axes."""
    shape = []
    while rng.random() < 0.7:
        factors = [at for at in range(1, size + 1) if size % at == 0]
        shape.append(int(rng.choice(factors)))
        size //= shape[-1]
    return (*shape, size)


def grown(view, rng):
    """Put one more operation on a view."""
    axes = len(view.shape)
    axis = int(rng.integers(0, axes))
    choice = rng.integers(0, 6)
    if choice == 0:
        return Reshape(view, random_shape(math.prod(view.shape), rng))
    if choice == 1:
        return Permute(view, tuple(rng.permutation(axes).tolist()))
    if choice == 2:
        return Along(view, axis, random_map(view.shape[axis], rng))
    if choice == 3:
        return Join((view, Blank(view.shape)), axis)
    if choice == 4:
        return Sum((view, view, Along(view, axis, _reversed(view.shape[axis]))))
    return Join((view, view), axis) if math.prod(view.shape) < 50 else view


def _reversed(size):
    return AxisMap.taking(size, range(size - 1, -1, -1))


def random_view(sources, rng):
    """Read one or two of the node sets, under a few operations."""
    view = Read(sources[0].name, sources[0].shape)
    for _ in range(rng.integers(0, 5)):
        # An element that nothing is left of would leave nothing to see.
        deeper = grown(view, rng)
        view = deeper if 0 < math.prod(deeper.shape) < 200 else view
    if len(sources) > 1 and rng.random() < 0.7:
        other = Read(sources[1].name, sources[1].shape)
        view = Join((_flat(view), _flat(other)), 0)
    return view


def _flat(view):
    return Reshape(view, (math.prod(view.shape),))


def _link(name, view, rng, layers):
    """Make a link on a view, and the shape of what it gives."""
    kind = rng.choice(["skip", "linear", "conv2d", "conv_transpose1d"])
    if kind == "skip":
        return Link(None, view, name, mark=str(rng.choice(["skip", "mixing"]))), view.shape
    size = math.prod(view.shape)
    channels = int(rng.choice([at for at in range(1, size + 1) if size % at == 0]))
    out = int(rng.integers(1, 4))
    if kind == "linear":
        view, shape = Reshape(view, (1, size // channels, channels)), (out, channels)
        use, given = Use("linear"), (1, size // channels, out)
    elif kind == "conv2d":
        view, shape = Reshape(view, (1, channels, size // channels, 1)), (out, channels, 2, 1)
        use = Use("conv2d", 1, (2, 1), (1, 0), (1, 1))
        given = (1, out, size // channels // 2 + 1, 1)
    else:
        view, shape = Reshape(view, (1, channels, size // channels)), (channels, out, 2)
        use = Use("conv_transpose1d", 1, (2,), (0,), (1,))
        given = (1, out, 2 * (size // channels))
    layers[name] = random_mask(name, shape, rng, kind=str(kind))
    return Link(name, view, name, use), given


def _target(name, shape, link, rng):
    """Make the node set on which a link lands, and its landing, which may turn it around."""
    if link.use is None:
        axes = tuple(sorted(rng.permutation(len(shape))[: rng.integers(1, 3)].tolist()))
        return NodeSet(name, shape, axes), None
    channel = len(shape) - 1 - link.use.kernel_axes
    if rng.random() < 0.6:
        return NodeSet(name, shape, (channel,)), None
    order = tuple(rng.permutation(len(shape)).tolist())
    turned = Permute(Read(OUTPUT, shape), order)
    return NodeSet(name, turned.shape, (order.index(channel),)), turned


def random_wiring(seed):
    """Draw masks and a wiring of one to three links, each of which lands on a set of its own."""
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 4, rng.integers(1, 4)).tolist())
    nodes, layers, links = [NodeSet("x", (1, *shape), (1,), "input")], {}, []
    for index in range(rng.integers(1, 4)):
        sources = [nodes[at] for at in rng.permutation(len(nodes))[:2]]
        link, given = _link(f"s{index}", random_view(sources, rng), rng, layers)
        target, landing = _target(link.target, given, link, rng)
        on_paths = bool(rng.random() < 0.8) or link.layer is not None
        links.append(
            Link(link.layer, link.operand, link.target, link.use, link.mark, on_paths, landing)
        )
        nodes.append(target)
    last = nodes.pop()
    nodes.append(NodeSet(last.name, last.shape, last.channel_axes, "output"))
    specs = [
        LayerSpec(layer.name, layer.shape, layer.kind, 1, ("tied",) if rng.random() < 0.2 else ())
        for layer in layers.values()
    ]
    return MaskSet(layers.values()), Wiring(tuple(nodes), tuple(links), tuple(specs), ("far",))
