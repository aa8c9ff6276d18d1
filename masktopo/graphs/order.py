"""Wiring without a model: a chain of layers in the order of the file, where nothing speaks against.

The rule stands in section 1 of the definitions. Its words "each layer fits exactly one place" are
read as follows. Layers that have as many inputs and as many outputs as each other may stand for
one another in any chain, and the file's order settles which comes first (else no VGG would
pass). But where the same layers also chain in another sequence of *sizes* (an autoencoder
784-128-784 is 128-784-128 as well), the order is no evidence, and the wiring is refused.

"No 1x1 shortcut" is read strictly: beside larger kernels, any 1x1 convolution may be a shortcut.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from masktopo._check import join_names
from masktopo.errors import WiringError
from masktopo.graphs.bipartite import kernel_size, left_size, right_size
from masktopo.graphs.views import Along, AxisMap, Read, Reshape, View
from masktopo.graphs.wiring import LayerSpec, Link, NodeSet, Use, Wiring
from masktopo.masks.layer import LayerMask
from masktopo.masks.maskset import MaskSet

__all__ = ["wiring_from_order"]

_BRANCH_WORD = re.compile(r"downsample|shortcut|skip|residual|branch|lateral|attn|attention")
_BRANCH_PART = re.compile(r"(?<![a-z])(q|k|v|qkv|query|key|value|gate|aux|weight_[ih]h)(?![a-z])")

Sizes = list[tuple[int, int]]


def wiring_from_order(masks: MaskSet) -> Wiring:
    """Wire layers as the chain that their order suggests, or say why not.

    Parameters
    ----------
    masks : MaskSet
        Layers in the order of the file.

    Returns
    -------
    Wiring
        With ``assumed=True``: a chain cannot show identity skips, and the report says so.

    Raises
    ------
    WiringError
        If there is no layer; a layer is neither linear nor a convolution, is tied, or has a name
        that speaks of a branch; a 1x1 convolution stands beside larger kernels; convolutions
        have different dimensions or follow a linear layer; two neighbours do not join (linear
        behind convolution: the inputs must be a multiple of the channels); or another order
        chains as well.

    Notes
    -----
    O(n^2) for n layers of different sizes, O(n^3) at worst.

    Examples
    --------
    >>> import numpy as np
    >>> from masktopo import LayerMask, MaskSet
    >>> conv = LayerMask("conv", np.ones((8, 3, 3, 3), dtype=bool), kind="conv2d")
    >>> fc = LayerMask("fc", np.ones((10, 128), dtype=bool))
    >>> wiring = wiring_from_order(MaskSet([conv, fc]))
    >>> [(nodes.name, nodes.channels) for nodes in wiring.nodes]
    [('input', 3), ('conv', 8), ('fc', 10)]
    >>> wiring.links[1].operand.shape
    (1, 128)
    """
    layers = list(masks.values())
    if not layers:
        raise WiringError(f"{masks.source} has no layer to wire")
    _check_each(layers)
    _check_pointwise(layers)
    _check_chain(layers)
    _check_unique(layers)
    return _chain(layers, _input_name(masks))


def _is_conv(layer: LayerMask) -> bool:
    return layer.kind.startswith("conv")


def _refuse(names: Sequence[str], reason: str) -> WiringError:
    """Build the error; every one of them ends with the way out."""
    noun = "layer" if len(names) == 1 else "layers"
    return WiringError(
        f"{noun} {join_names(names)}: {reason}, so the wiring cannot be taken from the order of "
        "the layers; give the model or a wiring"
    )


def _check_each(layers: Sequence[LayerMask]) -> None:
    strange = [layer for layer in layers if not _is_conv(layer) and layer.kind != "linear"]
    if strange:
        kinds = ", ".join(sorted({layer.kind for layer in strange}))
        raise _refuse(_names(strange), f"neither linear nor a convolution ({kinds})")
    tied = [layer for layer in layers if layer.aliases]
    if tied:
        raise _refuse(_names(tied), "tied parameters are used in several places")
    branches = [layer for layer in layers if _speaks_of_branch(layer.name)]
    if branches:
        raise _refuse(_names(branches), "the name speaks of a branch")


def _speaks_of_branch(name: str) -> bool:
    lower = name.lower()
    return bool(_BRANCH_WORD.search(lower) or _BRANCH_PART.search(lower))


def _check_pointwise(layers: Sequence[LayerMask]) -> None:
    convolutions = [layer for layer in layers if _is_conv(layer)]
    pointwise = [layer for layer in convolutions if kernel_size(layer) == 1]
    if pointwise and len(pointwise) < len(convolutions):
        raise _refuse(_names(pointwise), "a 1x1 convolution beside larger ones may be a shortcut")


def _check_chain(layers: Sequence[LayerMask]) -> None:
    for before, after in pairwise(layers):
        reason = _misfit(before, after)
        if reason:
            raise _refuse([before.name, after.name], reason)


def _misfit(before: LayerMask, after: LayerMask) -> str | None:
    """Say why `after` cannot follow `before`; None if it can."""
    outputs, inputs = right_size(before), left_size(after)
    if _is_conv(after):
        if not _is_conv(before):
            return "a convolution follows a linear layer"
        if len(before.shape) != len(after.shape):
            return f"a {after.kind} follows a {before.kind}"
    elif _is_conv(before):
        if _flattened(outputs, inputs):
            return None
        return f"{inputs} inputs are no multiple of {outputs} channels"
    if outputs != inputs:
        return f"{outputs} outputs are followed by {inputs} inputs"
    return None


def _flattened(channels: int, inputs: int) -> bool:
    """Whether `inputs` neurons can be `channels` flattened channels."""
    return inputs == channels or (channels > 0 and inputs > 0 and inputs % channels == 0)


def _check_unique(layers: Sequence[LayerMask]) -> None:
    convolutions = [(left_size(layer), right_size(layer)) for layer in layers if _is_conv(layer)]
    linear = [(left_size(layer), right_size(layer)) for layer in layers if not _is_conv(layer)]
    chains = [
        (conv, line)
        for conv in _starts(convolutions)
        for line in _starts(linear)
        if not (conv and line) or _flattened(conv[-1][1], line[0][0])
    ]
    first_conv, first_line = chains[0]
    if len(chains) > 1 or _has_other_walk(first_conv) or _has_other_walk(first_line):
        raise _refuse(_names(layers), "their sizes also chain in another order")


def _starts(sizes: Sizes) -> list[Sizes]:
    """Give the chain, and if it is closed, what it is when it starts at each other size."""
    if not sizes or sizes[0][0] != sizes[-1][1]:
        return [sizes]
    rotations = {sizes[at][0]: sizes[at:] + sizes[:at] for at in reversed(range(len(sizes)))}
    return [sizes, *(turned for start, turned in rotations.items() if start != sizes[0][0])]


def _has_other_walk(sizes: Sizes) -> bool:
    """Whether another walk from the same start uses the same steps.

    Sizes are the nodes and layers the steps of an Eulerian walk. A step to another size than the
    chain's leads to a full walk exactly when all remaining steps can be reached from there:
    the degrees fit by themselves, since the chain is such a walk.
    """
    for at, (start, end) in enumerate(sizes):
        rest = sizes[at:]
        for other in {step for step in rest if step[0] == start and step[1] != end}:
            left = rest.copy()
            left.remove(other)
            if {step[0] for step in left} <= set(_reached(left, other[1])):
                return True
    return False


def _reached(steps: Sizes, start: int) -> Iterator[int]:
    """Yield every size that `steps` lead to from `start`, itself included."""
    seen, waiting = {start}, [start]
    while waiting:
        size = waiting.pop()
        yield size
        found = {step[1] for step in steps if step[0] == size} - seen
        seen |= found
        waiting.extend(found)


def _chain(layers: Sequence[LayerMask], inputs: str) -> Wiring:
    first = layers[0]
    nodes = [_node_set(inputs, left_size(first), first, "input")]
    links: list[Link] = []
    for layer in layers:
        links.append(Link(layer.name, _operand(nodes[-1], layer), layer.name, _use(layer)))
        role = "output" if layer is layers[-1] else "hidden"
        nodes.append(_node_set(layer.name, right_size(layer), layer, role))
    specs = [LayerSpec(layer.name, layer.shape, layer.kind, layer.groups) for layer in layers]
    return Wiring(tuple(nodes), tuple(links), tuple(specs), assumed=True)


def _node_set(name: str, channels: int, layer: LayerMask, role: str) -> NodeSet:
    """Make the nodes of a tensor of one position: without a model no other is known."""
    return NodeSet(name, (1, channels, *_ones(layer)), (1,), role)


def _operand(nodes: NodeSet, layer: LayerMask) -> View:
    """Read the nodes, behind a flatten over as many positions as the layer has inputs for."""
    view: View = Read(nodes.name, nodes.shape)
    if _is_conv(layer) or len(nodes.shape) == 2:
        return view
    positions = left_size(layer) // nodes.channels if nodes.channels else 1
    view = Along(view, 2, AxisMap.taking(1, [0] * positions))
    return Reshape(view, (1, nodes.channels * positions))


def _use(layer: LayerMask) -> Use:
    ones = _ones(layer)
    return Use(layer.kind, layer.groups, ones, tuple(0 for _ in ones), ones)


def _ones(layer: LayerMask) -> tuple[int, ...]:
    """One for each kernel axis."""
    return tuple(1 for _ in layer.shape[2:])


def _input_name(masks: MaskSet) -> str:
    name = "input"
    while name in masks:
        name += "_"
    return name


def _names(layers: Sequence[LayerMask]) -> list[str]:
    return [layer.name for layer in layers]
