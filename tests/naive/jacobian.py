"""The end-to-end graph of a model by autograd: what a wiring and its edges are tested against.

Derived from section 1 of the definitions alone. A walk along the exported program finds the node
sets, cuts the data flow at each of them by an independent leaf, and takes the Jacobian of whatever
lands on a set with respect to every leaf. Another walk, which knows of no node sets, gives the
Jacobian from end to end.
"""

import functools
import math
import warnings
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch

from tests.naive.exported import exported
from tests.naive.operations import operation
from tests.naive.walk import Data, LayerUse, Walk

__all__ = [
    "Block",
    "Oracle",
    "channel_numbers",
    "expected_blocks",
    "expected_channel_blocks",
    "expected_paths",
    "oracle_of",
    "product_of_blocks",
    "total",
]


def quiet(function):
    """Leave out warnings of torch about its own speed, which are errors in tests."""

    @functools.wraps(function)
    def silent(*args, **kwargs):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **kwargs)

    return silent


class Block(NamedTuple):
    """Which edges a matrix (source nodes, target nodes) of multiplicities holds."""

    source: str
    target: str
    layer: str | None
    mark: str
    on_paths: bool


@dataclass
class Landed:
    """One link: what it reads, and what it adds to each node of its target, in their order.

    `places` tells, for each node of the target, which element of the layer's own output lands on
    it; `own_shape` is the shape of that output.
    """

    layer: str | None
    mark: str
    on_paths: bool
    values: torch.Tensor
    use: LayerUse | None = None
    operand: torch.Tensor | None = None
    places: torch.Tensor | None = None
    own_shape: torch.Size | None = None

    def moved(self, order):
        """Land on another set, of which node ``i`` is the present node ``order[i]``."""
        moved = Landed(**self.__dict__)
        moved.values = self.values[order]
        moved.places = None if self.places is None else self.places[order]
        return moved


@dataclass
class Nodes:
    """A node set; `leaf` exists as soon as its elements are read otherwise than one to one."""

    name: str
    shape: torch.Size
    channel_axes: tuple
    links: list = field(default_factory=list)
    leaf: torch.Tensor | None = None
    depth: int = 0
    number: int = 0
    place: object = None
    order: torch.Tensor | None = None

    @property
    def size(self):
        return self.shape.numel()

    @property
    def ids(self):
        """Numbers of the elements from 1 on, so that padding with 0 names none."""
        return torch.arange(1.0, self.size + 1, dtype=torch.float64).reshape(self.shape)

    @property
    def channels(self):
        """Number of the channel of each element."""
        return channel_numbers(self.shape, self.channel_axes)


def channel_numbers(shape, axes):
    """Number the places along some axes, for each element of a tensor in row-major order."""
    index, numbers = np.indices(shape), np.zeros(shape, int)
    for axis in sorted(axis % len(shape) for axis in axes):
        numbers = numbers * shape[axis] + index[axis]
    return numbers.reshape(-1)


@dataclass
class Fresh(Data):
    """Elements that are so far one to one those of `nodes`: element `order - 1` each."""

    nodes: Nodes | None = None
    order: torch.Tensor | None = None


def last_in_data_flow(fresh):
    """Choose among fresh operands: the most layers behind the inputs, then the last computed."""
    return max(fresh, key=lambda each: (each.nodes.depth, each.nodes.number))


@dataclass
class Cutting(Walk):
    """The walk that finds node sets, and cuts at them."""

    sets: dict = field(default_factory=dict)
    named: Counter = field(default_factory=Counter)

    def input(self, node):
        value = self.inputs[node.name]
        nodes = Nodes(node.name, value.shape, (_input_channel_axis(value.shape),), place=node)
        nodes.order, nodes.leaf = nodes.ids, value
        self.sets[node.name] = nodes
        return Data(value)

    def settle(self, node, result):
        """Note where fresh elements are; elements with several consumers are not fresh."""
        if not isinstance(result, Fresh):
            return result
        result.nodes.place, result.nodes.order = node, result.order
        if self.program.uses[node] == 1 and node not in self.program.outputs:
            return result
        return Data(self.tensor(result))

    def tensor(self, data):
        if not isinstance(data, Fresh):
            return data.value
        nodes = data.nodes
        if nodes.leaf is None:
            nodes.leaf = torch.zeros(nodes.shape, dtype=torch.float64, requires_grad=True)
            self.sets[nodes.name] = nodes
        return nodes.leaf.reshape(-1)[data.order.long() - 1]

    def carried(self, data, function):
        if not isinstance(data, Fresh):
            return Data(function(data.value))
        order = function(data.order)
        if torch.equal(order.reshape(-1).sort().values, data.nodes.ids.reshape(-1)):
            return Fresh(None, data.nodes, order)
        return Data(function(self.tensor(data)))

    def through(self, data, matrix, shape):
        if _is_permutation(matrix):
            return self.carried(data, lambda value: (value.reshape(-1) @ matrix).reshape(shape))
        return super().through(data, matrix, shape)

    def join(self, node, data):
        shape = node.meta["val"].shape
        if len(data) == 1:
            return self.carried(data[0], lambda value: value.expand(shape))
        fresh = [
            each for each in data if isinstance(each, Fresh) and each.nodes.size == shape.numel()
        ]
        fresh = [each for each in fresh if sum(each.nodes is f.nodes for f in fresh) == 1]
        if not fresh:
            return super().join(node, data)
        last = last_in_data_flow(fresh)
        order = last.order.reshape(-1).argsort()
        for each in data:
            if each is last:
                continue
            if any(each is other for other in fresh):
                own = each.order.reshape(-1).long()[order] - 1
                last.nodes.links += [link.moved(own) for link in each.nodes.links]
                last.nodes.depth = max(last.nodes.depth, each.nodes.depth)
            else:
                values = self.tensor(each).expand(shape).reshape(-1)[order]
                last.nodes.links.append(Landed(None, "skip", True, values))
        return Fresh(None, last.nodes, last.order.reshape(shape))

    def weigh(self, node, use, output):
        name = self.unique(use.layer)
        nodes = Nodes(name, output.shape, (use.output_axis % output.ndim,))
        nodes.number = len(self.values)
        operand = self.tensor(use.operand)
        nodes.depth = 1 + self.depth_behind(operand)
        nodes.links.append(
            Landed(
                use.layer,
                "layer",
                True,
                output.reshape(-1),
                use,
                operand,
                torch.arange(output.numel()),
                output.shape,
            )
        )
        return Fresh(None, nodes, nodes.ids)

    def depth_behind(self, operand):
        sources = jacobians(operand.new_ones(1) * operand.sum(), self.sets)
        return max((self.sets[name].depth for name in sources), default=0)

    def attend(self, node, query, key, value, attended):
        output = attended @ value
        heads = range(1, output.ndim - 2) if output.ndim > 3 else range(output.ndim - 2)
        nodes = Nodes(self.unique(_module_path(node)), output.shape, (*heads, output.ndim - 1))
        asked = query.sum(-1, keepdim=True).expand(output.shape)
        told = (attended @ key.sum(-1, keepdim=True)).expand(output.shape)
        for values, on_paths in [(output, True), (asked, False), (told, False)]:
            nodes.links.append(Landed(None, "mixing", on_paths, values.reshape(-1)))
        nodes.depth = self.depth_behind(output)
        nodes.place, nodes.order = node, nodes.ids
        return Data(self.tensor(Fresh(None, nodes, nodes.ids)))

    def unique(self, name):
        self.named[name] += 1
        return name if self.named[name] == 1 else f"{name}@{self.named[name]}"


def _input_channel_axis(shape):
    return min(1, len(shape) - 1)


def _is_permutation(matrix):
    one = torch.ones((), dtype=matrix.dtype)
    return (
        matrix.shape[0] == matrix.shape[1]
        and bool(((matrix == 0) | (matrix == one)).all())
        and bool((matrix.sum(0) == 1).all() and (matrix.sum(1) == 1).all())
    )


def _module_path(node):
    """Return the path of the innermost module that computes a node."""
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = stack[-1][0] if stack else ""
    return path.split("@")[0] or "attention"


def jacobians(values, sets):
    """Return the Jacobian (source elements, values) for each set that the values depend on."""
    leaves = {name: nodes.leaf for name, nodes in sets.items()}
    if not values.requires_grad:
        return {}
    units = torch.eye(values.numel(), dtype=torch.float64)
    grads = torch.autograd.grad(
        values.reshape(-1),
        list(leaves.values()),
        units,
        retain_graph=True,
        is_grads_batched=True,
        allow_unused=True,
    )
    return {
        name: grad.reshape(len(units), -1).T.numpy()
        for name, grad in zip(leaves, grads, strict=True)
        if grad is not None
    }


@dataclass(frozen=True)
class Oracle:
    """A model's node sets with everything that lands on them.

    Attributes
    ----------
    program : Exported
    sets : dict of str to Nodes
        In topological order.
    outputs : tuple of str
        Names of the sets that the model's outputs read.
    weights : dict of str to array
        What stands for the weights, by layer.
    """

    program: object
    sets: dict
    outputs: tuple
    weights: dict

    @property
    def inputs(self):
        """Names of the sets that are inputs."""
        return self.program.inputs

    @property
    def layers(self):
        """Shapes of the layers that are used, by name."""
        every = {name: self.program.constants[at].shape for at, name in self.program.layers.items()}
        return {link.layer: tuple(every[link.layer]) for _, link in self._landed() if link.layer}

    def _landed(self):
        return [(nodes, link) for nodes in self.sets.values() for link in nodes.links]

    @quiet
    def blocks(self):
        """Return the multiplicities of all edge blocks, between elements."""
        found = {}
        for nodes, link in self._landed():
            for source, matrix in jacobians(link.values, self.sets).items():
                key = Block(source, nodes.name, link.layer, link.mark, link.on_paths)
                found[key] = found.get(key, 0) + matrix
        return found

    @quiet
    def channel_blocks(self, channel_axes=None):
        """Return the multiplicities of all edge blocks, between channels.

        `channel_axes` says which axes of an input tell channels apart; axis 1 by default.
        """
        numbers = {name: nodes.channels for name, nodes in self.sets.items()}
        for name, axes in (channel_axes or {}).items():
            numbers[name] = channel_numbers(self.sets[name].shape, axes)
        found = {}
        for nodes, link in self._landed():
            read = link.values if link.use is None else link.operand
            for source, matrix in jacobians(read, self.sets).items():
                key = Block(source, nodes.name, link.layer, link.mark, link.on_paths)
                found[key] = found.get(key, 0) + _by_channels(
                    matrix, link, numbers[source], numbers[nodes.name]
                )
        return found

    @quiet
    def end_to_end(self, weights=None):
        """Return the Jacobian (input elements, output nodes) between each input and output set.

        Found by a walk that knows of no node sets. With `weights`, these stand for the weights,
        and windows enter with their coefficients, as section 4 has it.
        """
        starts = {name: self.sets[name] for name in self.inputs}
        leaves = {name: nodes.leaf for name, nodes in starts.items()}
        given, weighted = (self.weights, False) if weights is None else (weights, True)
        plain = Walk(self.program, given, leaves, weighted).run()
        found = {}
        for name in self.outputs:
            nodes = self.sets[name]
            values = plain.values[nodes.place].value.reshape(-1)
            landed = values[nodes.order.reshape(-1).argsort()]
            found |= {(start, name): m for start, m in jacobians(landed, starts).items()}
        return found


def _by_channels(matrix, link, sources, targets):
    """Count the weights that join channels: 0/1 where there is no layer."""
    if link.use is None:
        return _merged(matrix, sources, targets)
    use, operand = link.use, link.operand
    features = channel_numbers(operand.shape, (use.feature_axis,))
    outputs = channel_numbers(link.own_shape, (use.output_axis,))
    read = _merged(matrix, sources, features)
    landing = np.zeros((outputs.max() + 1, targets.max() + 1))
    landing[outputs[link.places.numpy()], targets] = 1
    return read @ use.matrix.numpy() @ landing


def _merged(matrix, rows, columns):
    merged = np.zeros((rows.max() + 1, columns.max() + 1))
    left, right = np.nonzero(matrix)
    merged[rows[left], columns[right]] = 1
    return merged


@quiet
def oracle_of(program, masks):
    """Walk along an exported program; `masks` are 0/1 arrays by layer, absent layers dense."""
    inputs = {
        node.name: torch.zeros(_input_shape(node, program), dtype=torch.float64, requires_grad=True)
        for node in program.nodes
        if node.name in program.inputs
    }
    walk = Cutting(program, masks, inputs).run()
    read = [walk.tensor(walk.values[node]).reshape(-1) for node in program.outputs]
    outputs = jacobians(torch.cat(read).sum().reshape(1), walk.sets)
    return Oracle(program, walk.sets, tuple(outputs), masks)


def _input_shape(node, program):
    """Return an input's shape; integers are one-hot in the rows of the embedding they index."""
    shape = node.meta["val"].shape
    for user in node.users:
        if operation(user) == "embedding":
            return (*shape, program.constants[user.args[0].name].shape[0])
    return shape


def expected_blocks(model, example_input, masks):
    """Return the multiplicity matrix of each edge block in the encoding ``unrolled``."""
    return oracle_of(exported(model, example_input), masks).blocks()


def expected_channel_blocks(model, example_input, masks, channel_axes=None):
    """Return the multiplicity matrix of each edge block in the encoding ``channel``."""
    return oracle_of(exported(model, example_input), masks).channel_blocks(channel_axes)


def expected_paths(model, example_input, masks):
    """Return the sum of the end-to-end Jacobian."""
    return total(oracle_of(exported(model, example_input), masks).end_to_end())


def total(matrices):
    """Add up matrices exactly: integers while every one of them is below 2**53."""
    return math.fsum(number for matrix in matrices.values() for number in matrix.flat)


def product_of_blocks(oracle, blocks):
    """Multiply blocks along the data flow: paths from each input set to each output set."""
    found = {}
    for start in oracle.inputs:
        paths = {start: np.eye(oracle.sets[start].size)}
        for name in oracle.sets:
            if name == start:
                continue
            arriving = [
                paths[block.source] @ matrix
                for block, matrix in blocks.items()
                if block.target == name and block.on_paths and block.source in paths
            ]
            if arriving:
                paths[name] = sum(arriving)
        found |= {(start, name): paths[name] for name in oracle.outputs if name in paths}
    return found
