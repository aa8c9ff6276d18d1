"""A wiring under construction: node sets and links as the operations of a model make them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from masktopo.errors import WiringError
from masktopo.graphs.reads import reads
from masktopo.graphs.rearrange import broadcast, one_to_one, substituted, summed, undone
from masktopo.graphs.tracing.program import Program
from masktopo.graphs.tracing.values import Aside, Fixed, Flow, Value
from masktopo.graphs.views import OUTPUT, Read, Shape, View, children, leaves, restricted
from masktopo.graphs.wiring import LayerSpec, Link, NodeSet, Use, Wiring
from masktopo.masks.naming import layer_name

__all__ = ["Draft"]


class Draft:
    """Node sets and links so far.

    Parameters
    ----------
    program : Program
    layers : dict of str to LayerSpec
        Layers of the model by name; parameters that are used like one are added.

    Attributes
    ----------
    values : dict of torch.fx.Node to Value
        What every operation so far has given.
    """

    def __init__(self, program: Program, layers: Mapping[str, LayerSpec]) -> None:
        self.program = program
        self.values: dict[Any, Value | tuple[Value, ...]] = {}
        self._layers = dict(layers)
        self._names = {name: spec.name for spec in layers.values() for name in _names(spec)}
        self._nodes: dict[str, NodeSet] = {}
        self._links: list[Link] = []
        self._made_at: dict[str, Any] = {}
        self._depth: dict[str, int] = {}
        self._integers: set[str] = set()
        self._one_hot: dict[tuple[str, Shape], Read] = {}

    def add_input(self, name: str, shape: Shape, *, integer: bool) -> View:
        """Make the nodes of an input, and return them; integers only where something reads them."""
        found = self._add(name, shape, (1,) if len(shape) > 1 else (), "input")
        if integer:
            self._integers.add(found.nodes)
        return found

    def one_hot(self, view: View) -> View:
        """Return a view of integer inputs with one more axis, a node a value, over new nodes."""
        known: dict[str, View] = {}
        for name, shape in _reads(view).items():
            if (name, shape) not in self._one_hot:
                self._one_hot[name, shape] = self._add(name, shape, (len(shape) - 1,), "input")
            known[name] = self._one_hot[name, shape]
        return substituted(view, known)

    def channel_axes(self, name: str) -> tuple[int, ...]:
        """Return the axes of a node set that tell its channels apart."""
        return self._nodes[name].channel_axes

    def add_layer(self, parameter: str, shape: Shape, use: Use) -> LayerSpec:
        """Return the layer of a parameter, which the model uses as such whatever its name."""
        name = layer_name(parameter)
        if name in self._names:
            return self._layers[self._names[name]]
        kind = "matrix" if len(shape) == 2 else use.kind
        self._layers[name] = LayerSpec(name, shape, kind, use.groups if len(shape) > 2 else 1)
        self._names[name] = name
        return self._layers[name]

    def use_layer(self, spec: LayerSpec, use: Use, operand: View, shape: Shape, node: Any) -> View:
        """Add one use of a layer whose output, of `shape`, is computed at `node`."""
        axis = len(shape) - 1 - use.kernel_axes
        found = self._add(spec.name, shape, (axis,), "hidden")
        self._made_at[found.nodes] = node
        self._depth[found.nodes] = 1 + self._deepest(operand)
        self._links.append(Link(spec.name, operand, found.nodes, use))
        return found

    def mix(self, name: str, operands: Iterable[tuple[View, bool]], axes: tuple[int, ...]) -> View:
        """Make the nodes of attention from the operands, each with whether paths run along it."""
        parts = [(view, on_paths) for view, on_paths in operands if leaves(view)]
        found = self._add(name, parts[0][0].shape, axes, "hidden")
        for view, on_paths in parts:
            link = Link(None, view, found.nodes, mark="mixing", on_paths=on_paths)
            self._links.append(link)
        self._depth[found.nodes] = max(self._deepest(view) for view, _ in parts)
        return found

    def join(self, flows: Sequence[Flow], shape: Shape, node: Any) -> Flow:
        """Add branches up: see section 1 of the definitions.

        The nodes are those of the fresh operand last in data flow: the one with the most layers
        behind the inputs, and of several the last one computed.
        """
        views = [broadcast(flow.view, shape) for flow in flows]
        fresh = [self._fresh(flow, views, node) for flow in flows]
        order = list(self._nodes)
        homes = [
            (self._depth[name], order.index(name), name, view)
            for name, view in zip(fresh, views, strict=True)
            if name is not None
        ]
        if not homes:
            return Flow(summed(views))
        _, _, home, result = max(homes, key=lambda found: found[:2])
        for name, view in zip(fresh, views, strict=True):
            landing = undone(result, view)
            if name is None and leaves(view):
                self._links.append(Link(None, landing, home, mark="skip"))
            elif name not in (None, home):
                self._move(str(name), home, landing)
        self._made_at[home] = node
        return Flow(result)

    def finish(self, outputs: Iterable[Any]) -> Wiring:
        """Return the wiring whose outputs are the nodes behind the values of some operations."""
        values = [self.values[node] for node in outputs]
        ends = {name for value in values if isinstance(value, Flow) for name in leaves(value.view)}
        found = {name for name in ends if self._nodes[name].role != "input"}
        if not found:
            raise WiringError("no layer leads to an output of the model")
        self._drop_integers()
        axes = {name: self._input_axes(name) for name in self._nodes}
        nodes = tuple(
            replace(nodes, role="output" if name in found else nodes.role, channel_axes=axes[name])
            for name, nodes in self._nodes.items()
        )
        used = {link.layer for link in self._links}
        specs = tuple(spec for name, spec in self._layers.items() if name in used)
        unused = tuple(
            name for own, spec in self._layers.items() if own not in used for name in _names(spec)
        )
        return Wiring(nodes, tuple(self._links), specs, unused)

    def _deepest(self, view: View) -> int:
        """Return the most layers behind the inputs of what a view reads."""
        return max((self._depth.get(name, 0) for name in leaves(view)), default=0)

    def _add(self, name: str, shape: Shape, axes: tuple[int, ...], role: str) -> Read:
        taken = {**self._nodes, **(self._layers if role == "input" else {})}
        unique, count = name, 1
        while unique in taken or unique in self._made_at:
            count += 1
            unique = f"{name}@{count}"
        self._nodes[unique] = NodeSet(unique, shape, axes, role)
        return Read(unique, shape)

    def _drop_integers(self) -> None:
        """Leave out integer inputs that are read one-hot only, which then take their names."""
        read = {name for link in self._links for name in link.sources}
        for name in self._integers - read:
            del self._nodes[name]
            hot = [found for (own, _), found in self._one_hot.items() if own == name]
            if hot:
                self._rename(hot[0], name)

    def _rename(self, found: Read, name: str) -> None:
        nodes = self._nodes[found.nodes]
        self._nodes = {
            (name if own == found.nodes else own): other for own, other in self._nodes.items()
        }
        self._nodes[name] = replace(nodes, name=name)
        known = {found.nodes: Read(name, found.shape)}
        self._links = [
            replace(link, operand=substituted(link.operand, known)) for link in self._links
        ]

    def _input_axes(self, name: str) -> tuple[int, ...]:
        """Return the axes of a set that hold channels: of an input, what its first layer says.

        Where the layer's channels run along one axis of the input it is that one (tokens have
        theirs last); where they run along several (a flatten) it is the first behind the batch.
        """
        nodes = self._nodes[name]
        if nodes.role != "input" or nodes.name in {read.nodes for read in self._one_hot.values()}:
            return nodes.channel_axes
        for link in self._links:
            if link.use is not None and name in link.sources:
                view = restricted(link.operand, name)
                place = len(view.shape) - link.use.kernel_axes
                varied = [
                    axis
                    for axis in range(1, len(nodes.shape))
                    if reads(view, {name: (axis,)}).ids.shape[place] > 1
                ]
                return (varied[0],) if len(varied) == 1 else nodes.channel_axes
        return nodes.channel_axes

    def _move(self, name: str, home: str, landing: View) -> None:
        """Let the edges that land on one set land on another, which takes its place."""
        gone = self._nodes.pop(name)
        for place, link in enumerate(self._links):
            if link.target != name:
                continue
            if link.layer is None:
                moved = substituted(landing, {name: link.operand})
                self._links[place] = replace(link, operand=moved, target=home)
                continue
            own = Read(OUTPUT, gone.shape) if link.landing is None else link.landing
            moved = substituted(landing, {name: own})
            plain = moved == Read(OUTPUT, self._nodes[home].shape)
            self._links[place] = replace(link, target=home, landing=None if plain else moved)

    def _fresh(self, flow: Flow, views: Sequence[View], node: Any) -> str | None:
        """Return the layer's node set whose elements an operand holds and only `node` reads.

        An operand that is broadcast holds fewer than the result has, and is not fresh.
        """
        name = one_to_one(flow.view)
        if name is None or name not in self._made_at:
            return None
        whole = math.prod(flow.view.shape) == math.prod(views[0].shape)
        once = sum(name in leaves(view) for view in views) == 1
        return name if whole and once and self._ends_in(name, node) else None

    def _ends_in(self, name: str, node: Any) -> bool:
        """Whether everything that is computed from a set before `node` is for `node` alone.

        That are operations without nodes of their own, in a row or as a statistic beside.
        """
        waiting, seen = list(self._made_at[name].users), {node}
        while waiting:
            other = waiting.pop()
            if other in seen:
                continue
            seen.add(other)
            if other not in self.values or not _reads_only(self.values[other], name):
                return False
            waiting.extend(other.users)
        return True


def _reads(view: View) -> dict[str, Shape]:
    """Return the node sets behind a view with the shapes in which it reads them."""
    if isinstance(view, Read):
        return {view.nodes: view.shape}
    return {name: shape for part in children(view) for name, shape in _reads(part).items()}


def _names(spec: LayerSpec) -> tuple[str, ...]:
    return (spec.name, *spec.aliases)


def _reads_only(value: Value | tuple[Value, ...], name: str) -> bool:
    if isinstance(value, tuple):
        return all(_reads_only(part, name) for part in value)
    if isinstance(value, Flow):
        return leaves(value.view) == (name,)
    return isinstance(value, Aside | Fixed)
