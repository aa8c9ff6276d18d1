"""Wirings written down by hand: channels only, every tensor of one position."""

from masktopo.graphs.views import OUTPUT, Along, AxisMap, Join, Read, Reshape
from masktopo.graphs.wiring import LayerSpec, Link, NodeSet, Use, Wiring


def operand(sources, sizes, kernel_axes=0):
    """Read node sets one after another, every channel as often as its `repeat` says."""
    parts = []
    for name, repeat in sources:
        column = Reshape(Read(name, (1, sizes[name])), (1, sizes[name], 1))
        copies = Along(column, 2, AxisMap.taking(1, [0] * repeat))
        parts.append(Reshape(copies, (1, sizes[name] * repeat)))
    whole = Join(tuple(parts), 1)
    return Reshape(whole, (*whole.shape, *([1] * kernel_axes)))


def use(layer):
    """Use a layer as what it is; strides do not matter for channels."""
    axes = len(layer.shape) - 2
    return Use(layer.kind, layer.groups, (1,) * axes, (0,) * axes, (1,) * axes)


def landing(layer, size):
    """Let the outputs of a convolution land on a set without positions."""
    axes = len(layer.shape) - 2
    return Reshape(Read(OUTPUT, (1, size, *[1] * axes)), (1, size)) if axes else None


def spec(layer):
    return LayerSpec(layer.name, layer.shape, layer.kind, layer.groups)


def node_set(name, size, role):
    return NodeSet(name, (1, size), (1,), role)


def wire(masks, sizes, steps, outputs=None):
    """Wire node sets of the given sizes by steps (layer or None, sources, target).

    A source is a name, or a pair of a name and how often each of its channels is read. Sets that
    nothing lands on are inputs; without `outputs` those that nothing reads are outputs.
    """
    pairs = [
        (layer, [(each, 1) if isinstance(each, str) else each for each in sources], target)
        for layer, sources, target in steps
    ]
    landed = {target for _, _, target in pairs}
    read = {name for _, sources, _ in pairs for name, _ in sources}
    outputs = set(sizes) - read if outputs is None else set(outputs)
    roles = {
        name: "output" if name in outputs else "hidden" if name in landed else "input"
        for name in sizes
    }
    links = []
    for layer, sources, target in pairs:
        if layer is None:
            links.append(Link(None, operand(sources, sizes), target, mark="skip"))
        else:
            mask = masks[layer]
            links.append(
                Link(
                    layer,
                    operand(sources, sizes, len(mask.shape) - 2),
                    target,
                    use(mask),
                    landing=landing(mask, sizes[target]),
                )
            )
    nodes = [node_set(name, size, roles[name]) for name, size in sizes.items()]
    used = {layer for layer, _, _ in pairs}
    specs = [spec(layer) for layer in masks.values() if layer.name in used]
    return Wiring(tuple(nodes), tuple(links), tuple(specs))
