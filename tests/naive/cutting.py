"""The walk that finds where a model's nodes are, by section 1's rule of fresh operands."""

from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from tests.naive.layer_uses import Data, LayerUse
from tests.naive.walk import Walk


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
        places = None if self.places is None else self.places[order]
        return replace(self, values=self.values[order], places=places)


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
        fresh = _fresh(data, shape.numel())
        if not fresh:
            return super().join(node, data)
        last = last_in_data_flow(fresh)
        order = last.order.reshape(-1).argsort()
        for each in data:
            if any(each is other for other in fresh):
                self.merge(each, last, order)
            else:
                values = self.tensor(each).expand(shape).reshape(-1)[order]
                last.nodes.links.append(Landed(None, "skip", True, values))
        return Fresh(None, last.nodes, last.order.reshape(shape))

    def merge(self, fresh, last, order):
        """Let what lands on a fresh operand land on the last one instead."""
        if fresh is not last:
            own = fresh.order.reshape(-1).long()[order] - 1
            last.nodes.links += [link.moved(own) for link in fresh.nodes.links]
            last.nodes.depth = max(last.nodes.depth, fresh.nodes.depth)

    def weigh(self, node, use, output):
        name, axis = self.unique(use.layer), use.output_axis % output.ndim
        nodes = Nodes(name, output.shape, (axis,), number=len(self.values))
        operand, places = self.tensor(use.operand), torch.arange(output.numel())
        nodes.depth = 1 + self.depth_behind(operand)
        landed = Landed(use.layer, "layer", True, output.reshape(-1))
        nodes.links.append(
            replace(landed, use=use, operand=operand, places=places, own_shape=output.shape)
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


def _fresh(data, size):
    """Choose the operands that are whole, one to one a layer's outputs, and there only once."""
    whole = [each for each in data if isinstance(each, Fresh) and each.nodes.size == size]
    return [each for each in whole if sum(each.nodes is other.nodes for other in whole) == 1]


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
