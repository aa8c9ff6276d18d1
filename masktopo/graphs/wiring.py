"""The wiring of a network: which node sets its layers join, in the order of the data flow.

A wiring holds names, shapes and geometry only, no masks and no weights, so that one wiring serves
every mask of a network and rebuilds its graph without the model. Node sets are the network's
inputs and the outputs of its layers (and of attention); a link is one use of a layer, or edges of
weight 1 that no layer owns. A link's operand is a view of node sets, its edges land on one set:

- an addition is several links with one target;
- a concatenation, a pool or a sum without nodes of its own is part of the operand's view;
- a skip's edges are its operand's: element ``i`` of the view lands on node ``i``;
- a layer that is used twice has two links.
"""

import math
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from masktopo._check import check_choice, check_count, join_faults
from masktopo.errors import WiringError
from masktopo.graphs.bipartite import left_size, right_size
from masktopo.graphs.views import OUTPUT, Read, Shape, View, children, leaves, output_shape
from masktopo.masks.layer import KINDS

__all__ = ["ROLES", "LayerSpec", "Link", "NodeSet", "Use", "Wiring"]

ROLES = ("input", "hidden", "output")

MARKS = ("layer", "skip", "mixing")
"""Whose edges a link has: a layer's, a skip's, or those of attention."""


@dataclass(frozen=True)
class NodeSet:
    """The elements of one tensor of the data flow.

    Parameters
    ----------
    name : str
        Unique in the wiring; the layer's name where the nodes are one layer's outputs.
    shape : tuple of int
        Of the tensor, its batch axis of size 1 included.
    channel_axes : tuple of int
        The axes that tell channels (or neurons) apart: all other axes are positions.
    role : {"input", "hidden", "output"}
        Output sets may be read by further links.
    """

    name: str
    shape: Shape
    channel_axes: tuple[int, ...]
    role: str = "hidden"

    def __post_init__(self) -> None:
        check_choice("role", self.role, ROLES)
        if not set(self.channel_axes) <= set(range(len(self.shape))):
            raise WiringError(
                f"node set {self.name!r} of shape {self.shape} has no axes {self.channel_axes}"
            )

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def channels(self) -> int:
        """Number of channels or neurons."""
        return math.prod(self.shape[axis] for axis in self.channel_axes)


@dataclass(frozen=True)
class LayerSpec:
    """A layer as the model has it: what its mask must fit.

    Parameters
    ----------
    name : str
    shape : tuple of int
    kind : str
        A key of `masktopo.masks.layer.KINDS`.
    groups : int
    aliases : tuple of str
        Other names of the same tied parameter.
    """

    name: str
    shape: Shape
    kind: str
    groups: int = 1
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Use:
    """How one link applies a layer's weight.

    Parameters
    ----------
    kind : str
        Kind of layer that the weight acts as: a tied embedding is ``"linear"`` where it is the
        head, and a matrix stored as ``(in, out)`` acts as an ``"embedding"``.
    groups : int
    stride, padding, dilation : tuple of int
        One number a kernel axis of a convolution, else empty. Padding is what stands before the
        first element; what stands behind the last one follows from the output's shape.
    rows : tuple of int or None
        First and last (exclusive) output of the layer that this use computes; None for all.
    """

    kind: str
    groups: int = 1
    stride: tuple[int, ...] = ()
    padding: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    rows: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        check_count("groups", self.groups)
        lengths = {len(self.stride), len(self.padding), len(self.dilation)}
        if lengths != {self.kernel_axes}:
            raise WiringError(f"a {self.kind} has {self.kernel_axes} kernel axes: {self}")

    @property
    def kernel_axes(self) -> int:
        """Number of kernel axes: 2 for a conv2d, 0 for a linear layer."""
        return KINDS[self.kind] - 2

    @property
    def transposed(self) -> bool:
        """Whether it is a transposed convolution."""
        return self.kind.startswith("conv_transpose")


@dataclass(frozen=True)
class Link:
    """One use of a layer, a skip, or one operand of attention.

    Parameters
    ----------
    layer : str or None
        The layer's name; None for a skip and for attention, whose edges have weight 1.
    operand : View
        What the link reads.
    target : str
        Name of the node set on which the edges land.
    use : Use or None
        How the layer's weight acts; None without a layer.
    mark : {"layer", "skip", "mixing"}
    on_paths : bool
        Whether paths run along the edges. The edges from queries and keys only make reachable.
    landing : View or None
        In the target's shape, which of the layer's outputs land on each node; reads
        `masktopo.graphs.views.OUTPUT` only, which has the shape of the layer's own output. None
        where output ``i`` lands on node ``i``.
    """

    layer: str | None
    operand: View
    target: str
    use: Use | None = None
    mark: str = "layer"
    on_paths: bool = True
    landing: View | None = None

    def __post_init__(self) -> None:
        check_choice("mark", self.mark, MARKS)
        layered = (self.layer is not None, self.use is not None, self.mark == "layer")
        if len(set(layered)) != 1:
            raise WiringError(f"{self} must have a layer, its use and the mark, or none of them")
        if self.landing is not None and (self.layer is None or leaves(self.landing) != (OUTPUT,)):
            raise WiringError(f"the landing of {self.words} must read a layer's output only")

    @cached_property
    def sources(self) -> tuple[str, ...]:
        """Names of the node sets that the operand reads, each once."""
        return leaves(self.operand)

    @property
    def words(self) -> str:
        """The link in an error message."""
        return (
            f"the {self.mark} to {self.target!r}"
            if self.layer is None
            else (f"layer {self.layer!r}")
        )


@dataclass(frozen=True)
class Wiring:
    """The data flow of a network as node sets and links.

    Parameters
    ----------
    nodes : tuple of NodeSet
    links : tuple of Link
        In topological order: no link reads a set that a later link lands on.
    layers : tuple of LayerSpec
        Every layer that a link uses, in the order of the model.
    unused : tuple of str
        Layers of the model that its data flow does not reach.
    assumed : bool
        Whether it was guessed from the order of the layers instead of taken from a model. Then
        it knows no positions, and gives graphs of channels only.

    Raises
    ------
    WiringError
        If names are unknown or not unique, links are out of order, an input is landed on, a
        set that is no input is landed on by none, there is no input or no output, a view reads
        a node set in another shape than it has, or sizes of layers, operands and targets do not
        fit.

    Examples
    --------
    >>> from masktopo.graphs.views import Read
    >>> x, a = NodeSet("x", (1, 4), (1,), "input"), NodeSet("a", (1, 4), (1,), "output")
    >>> linear = Link("a", Read("x", (1, 4)), "a", Use("linear"))
    >>> skip = Link(None, Read("x", (1, 4)), "a", mark="skip")
    >>> wiring = Wiring((x, a), (linear, skip), (LayerSpec("a", (4, 4), "linear"),))
    >>> wiring.layer_names, wiring.links[1].sources
    (('a',), ('x',))
    """

    nodes: tuple[NodeSet, ...]
    links: tuple[Link, ...]
    layers: tuple[LayerSpec, ...]
    unused: tuple[str, ...] = ()
    assumed: bool = False

    def __post_init__(self) -> None:
        _check_names(self)
        _check_layers(self)
        _check_order(self)
        _check_ends(self)
        _check_sizes(self)
        _check_reads(self)

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers."""
        return tuple(spec.name for spec in self.layers)

    @cached_property
    def node_sets(self) -> dict[str, NodeSet]:
        """Node sets by name."""
        return {nodes.name: nodes for nodes in self.nodes}

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the wiring as JSON: see `masktopo.graphs.wiring_file.save_wiring`."""
        from masktopo.graphs.wiring_file import save_wiring

        save_wiring(self, path)


def _check_names(wiring: Wiring) -> None:
    known = wiring.node_sets
    if len(known) < len(wiring.nodes):
        names = [nodes.name for nodes in wiring.nodes]
        twice = next(name for name in names if names.count(name) > 1)
        raise WiringError(f"two node sets are named {twice!r}")
    for link in wiring.links:
        for name in [link.target, *link.sources]:
            if name not in known:
                raise WiringError(f"{link.words} names node set {name!r}, which does not exist")


def _check_layers(wiring: Wiring) -> None:
    used = dict.fromkeys(link.layer for link in wiring.links if link.layer is not None)
    faults = join_faults(
        ("only the links have", _without(used, wiring.layer_names)),
        ("no link uses", _without(wiring.layer_names, used)),
    )
    if faults:
        raise WiringError(f"the wiring's layers do not fit its links: {faults}")


def _without(names: Iterable[str], others: Iterable[str]) -> list[str]:
    known = set(others)
    return [name for name in names if name not in known]


def _check_order(wiring: Wiring) -> None:
    read: set[str] = set()
    for link in wiring.links:
        read.update(link.sources)
        if link.target in read:
            raise WiringError(
                f"{link.words} lands on node set {link.target!r}, which was read before: "
                "links must follow the data flow"
            )


def _check_ends(wiring: Wiring) -> None:
    targets = {link.target for link in wiring.links}
    for nodes in wiring.nodes:
        if nodes.role == "input" and nodes.name in targets:
            raise WiringError(f"a link lands on input {nodes.name!r}")
        if nodes.role != "input" and nodes.name not in targets:
            raise WiringError(f"no link lands on node set {nodes.name!r}, which is no input")
    for role in ("input", "output"):
        if all(nodes.role != role for nodes in wiring.nodes):
            raise WiringError(f"the wiring has no {role}")


def _check_reads(wiring: Wiring) -> None:
    for link in wiring.links:
        for read in _reads(link.operand):
            shape = wiring.node_sets[read.nodes].shape
            if read.shape != shape:
                raise WiringError(
                    f"{link.words} reads node set {read.nodes!r} of shape {shape} as {read.shape}"
                )
        if link.landing is not None:
            shapes = sorted({read.shape for read in _reads(link.landing)})
            if len(shapes) > 1:
                raise WiringError(f"the landing of {link.words} reads its output as {shapes}")


def _reads(view: View) -> Iterator[Read]:
    """Yield every `Read` within a view; what several parts share comes once."""
    waiting, seen = [view], set()
    while waiting:
        part = waiting.pop()
        if isinstance(part, Read):
            yield part
        elif id(part) not in seen:
            seen.add(id(part))
            waiting.extend(children(part))


def _check_sizes(wiring: Wiring) -> None:
    specs = {spec.name: spec for spec in wiring.layers}
    for link in wiring.links:
        target = wiring.node_sets[link.target]
        if link.layer is None or link.use is None:
            _check_identity(link, target)
        else:
            _check_use(link, link.use, specs[link.layer], target)


def _check_identity(link: Link, target: NodeSet) -> None:
    if link.operand.shape != target.shape:
        raise WiringError(
            f"{link.words} has shape {link.operand.shape}, but its target {target.name!r} has "
            f"shape {target.shape}"
        )


def _check_use(link: Link, use: Use, spec: LayerSpec, target: NodeSet) -> None:
    if len(spec.shape) != KINDS[use.kind]:
        raise WiringError(f"{link.words} of shape {spec.shape} cannot act as a {use.kind}")
    used = replace(spec, kind=use.kind, groups=use.groups)
    axis = len(link.operand.shape) - 1 - use.kernel_axes
    found = link.operand.shape[axis] if axis >= 0 else 0
    if found != left_size(used):
        raise WiringError(
            f"{link.words} has {left_size(used)} inputs, but its operand of shape "
            f"{link.operand.shape} gives {found}"
        )
    outputs = right_size(used) if use.rows is None else use.rows[1] - use.rows[0]
    if link.landing is not None and link.landing.shape != target.shape:
        raise WiringError(
            f"{link.words} lands in shape {link.landing.shape}, but its target {target.name!r} has "
            f"shape {target.shape}"
        )
    shape = target.shape if link.landing is None else output_shape(link.landing)
    place = len(shape) - 1 - use.kernel_axes
    if place < 0 or shape[place] != outputs:
        raise WiringError(
            f"{link.words} has {outputs} outputs, but lands on {target.name!r} as a tensor of "
            f"shape {shape}"
        )
