"""A walk along a model's data flow in which everything is linear, as section 1 has it.

Weights are masks, biases 0, activations and normalisations the identity, pools sums over windows,
joins additions and attention sums of values. `Walk` evaluates just that; the oracle's own walk
(`tests.naive.jacobian`) adds where nodes are and cuts there.
"""

import operator
from dataclasses import dataclass, field

import torch
from torch.utils import _pytree as pytree

from tests.naive import operations
from tests.naive.layer_uses import Constant, Data, Scores, attention_operands, layer_use


@dataclass
class Lineage:
    """Which node's elements a node holds, and which node's statistic it is.

    A normalisation that is written out multiplies a value by statistics of itself: it is the
    identity, as normalisation of any kind is, and no join of two data operands.
    """

    bases: dict = field(default_factory=dict)
    statistics: dict = field(default_factory=dict)

    def base(self, node):
        return self.bases.get(node, node)

    def without_statistics(self, nodes):
        """Leave out the statistics of other operands."""
        bases = {self.base(node) for node in nodes}
        return [node for node in nodes if self.statistics.get(node) not in bases]

    def note(self, name, node, sources):
        if len(sources) > 1:
            return
        if name in operations.STATISTICS and sources[0] not in self.statistics:
            self.statistics[node] = self.base(sources[0])
        elif name in operations.IDENTITIES | operations.JOINS:
            self.bases[node] = self.base(sources[0])
            if sources[0] in self.statistics:
                self.statistics[node] = self.statistics[sources[0]]


@dataclass
class Walk:
    """Evaluate a program node by node; `values` has the results.

    With `weighted`, windows enter with their coefficients, else with 1.
    """

    program: object
    weights: dict
    inputs: dict
    weighted: bool = False
    values: dict = field(default_factory=dict)
    lineage: Lineage = field(default_factory=Lineage)

    def run(self):
        for node in self.program.nodes:
            self.values[node] = self.settle(node, self.step(node))
        return self

    def step(self, node):
        if node.op == "placeholder":
            return self.placeholder(node)
        arguments = pytree.tree_map(self._argument, (node.args, node.kwargs))
        leaves = pytree.tree_leaves(arguments)
        if node.target is operator.getitem:
            return arguments[0][0][arguments[0][1]]
        if any(isinstance(leaf, Scores) for leaf in leaves):
            return self.scored(node, *arguments)
        data = [leaf for leaf in leaves if isinstance(leaf, Data)]
        name = operations.operation(node)
        if not data or name in operations.CONSTANTS:
            return _constant(node, *arguments)
        result = self.operate(name, node, data, *arguments)
        self.lineage.note(name, node, [leaf for leaf in node.all_input_nodes if self.carries(leaf)])
        return result

    def joined(self, name, node):
        """Return the operands of a join that carry data of their own."""
        nodes = [
            leaf for leaf in pytree.tree_leaves((node.args, node.kwargs)) if self.carries(leaf)
        ]
        kept = self.lineage.without_statistics(nodes)
        if len(kept) == 1:
            self.lineage.note(name, node, kept)
        return [self.values[each] for each in kept]

    def carries(self, leaf):
        """Whether an argument is a node with data."""
        return isinstance(leaf, torch.fx.Node) and isinstance(self.values[leaf], Data)

    def _argument(self, leaf):
        return self.values[leaf] if isinstance(leaf, torch.fx.Node) else leaf

    def placeholder(self, node):
        if node.name in self.program.inputs:
            return self.input(node)
        real = self.program.constants[node.name].detach()
        layer = self.program.layers.get(node.name)
        if layer is None:
            return Constant(real)
        given = self.weights.get(layer)
        weight = torch.ones(real.shape) if given is None else torch.as_tensor(given)
        return Constant(real, weight.to(torch.float64), layer)

    def operate(self, name, node, data, args, kwargs):
        if name in operations.IDENTITIES:
            return self.carried(data[0], lambda value: value)
        if name in operations.JOINS:
            return self.join(node, self.joined(name, node))
        if name == "glu":
            return Data(sum(self.tensor(data[0]).chunk(2, args[1] if args[1:] else -1)))
        if name in operations.REINDEXINGS:
            return self.reindexed(node, data, args, kwargs)
        if name in operations.WINDOWS:
            return self.gathered(node, data[0], args, kwargs)
        if name == "scaled_dot_product_attention":
            return self.attend(node, *attention_operands(self, args, kwargs))
        if name in operations.WEIGHTED and len(data) == 2:
            query, key = (self.tensor(each) for each in data)
            level = torch.matmul(torch.zeros_like(query), torch.zeros_like(key))
            mask = args[0] if name == "baddbmm" else Constant(torch.zeros(()))
            return Scores(query, key, level + mask.real)
        if name in operations.WEIGHTED:
            return self.weigh(node, *layer_use(name, node, data[0], args, kwargs, self.tensor))
        raise NotImplementedError(f"{node.target} at {node}")

    # What the oracle's walk does in its own way.

    def input(self, node):
        return Data(self.inputs[node.name])

    def settle(self, node, result):
        return result

    def tensor(self, data):
        return data.value

    def carried(self, data, function):
        return Data(function(data.value))

    def join(self, node, data):
        shape = node.meta["val"].shape
        return Data(sum(self.tensor(each).expand(shape) for each in data))

    def weigh(self, node, use, output):
        return Data(output)

    def attend(self, node, query, key, value, attended):
        return Data(attended @ value)

    # What both do.

    def reindexed(self, node, data, args, kwargs):
        places = pytree.tree_leaves((args, kwargs))

        def function(value):
            return node.target(*_bare(args, data, value), **_bare(kwargs, data, value))

        joined = sum(isinstance(leaf, Data | Constant) for leaf in places) > 1
        if isinstance(node.meta["val"], list | tuple):
            return [Data(part) for part in function(self.tensor(data[0]))]
        if joined and operations.operation(node) in ("cat", "stack"):
            tensors = {id(each): self.tensor(each) for each in data}
            bare = pytree.tree_map(lambda leaf: _blank(leaf, tensors), (args, kwargs))
            return Data(node.target(*bare[0], **bare[1]))
        return self.carried(data[0], function)

    def gathered(self, node, data, args, kwargs):
        def function(value):
            return node.target(*_bare(args, [data], value), **_bare(kwargs, [data], value))

        if node not in self.program.windows:
            shape = node.args[0].meta["val"].shape
            self.program.windows[node] = operations.window_coefficients(function, shape)
        matrix, shape = self.program.windows[node]
        if not self.weighted:
            matrix = (matrix != 0).to(torch.float64)
        result = self.through(data, matrix, shape)
        return [result] if isinstance(node.meta["val"], list | tuple) else result

    def through(self, data, matrix, shape):
        return Data((self.tensor(data).reshape(-1) @ matrix).reshape(shape))

    def scored(self, node, args, kwargs):
        leaves = pytree.tree_leaves((args, kwargs))
        scores = next(leaf for leaf in leaves if isinstance(leaf, Scores))
        values = [leaf for leaf in leaves if isinstance(leaf, Data)]
        if values and operations.operation(node) in operations.WEIGHTED:
            attended = (scores.level > 0).to(torch.float64)
            query = _headed(scores.query, attended, attended.shape[-2])
            key = _headed(scores.key.transpose(-2, -1), attended, attended.shape[-1])
            return self.attend(node, query, key, self.tensor(values[0]), attended)
        bare = pytree.tree_map(_level, (args, kwargs))
        return Scores(scores.query, scores.key, node.target(*bare[0], **bare[1]))


def _headed(tensor, attended, positions):
    """Bring queries or keys to the leading axes that the scores had in the end."""
    shape = (*attended.shape[:-2], positions, tensor.shape[-1])
    same = tensor.numel() == torch.Size(shape).numel()
    return tensor.reshape(shape) if same else tensor.expand(shape)


def _level(leaf):
    if isinstance(leaf, Scores):
        return leaf.level
    return leaf.real if isinstance(leaf, Constant) else leaf


def _blank(leaf, tensors):
    """Replace data by their tensors and constants by zeros."""
    if isinstance(leaf, Data):
        return tensors[id(leaf)]
    if isinstance(leaf, Constant):
        return torch.zeros(leaf.real.shape, dtype=torch.float64)
    return leaf


def _bare(tree, data, value):
    """Replace the data operand by `value` and constants (indices) by what they are."""

    def bare(leaf):
        if isinstance(leaf, Data):
            return value
        return leaf.real if isinstance(leaf, Constant) else leaf

    return pytree.tree_map(bare, tree)


def _constant(node, args, kwargs):
    """Compute a constant for real; a weight that is re-indexed or scaled stays a weight."""

    def real(leaf):
        if isinstance(leaf, Data):
            return torch.zeros(leaf.value.shape)
        return leaf.real if isinstance(leaf, Constant) else leaf

    bare = pytree.tree_map(real, (args, kwargs))
    result = node.target(*bare[0], **bare[1])
    constants = [leaf for leaf in pytree.tree_leaves((args, kwargs)) if isinstance(leaf, Constant)]
    weights = [leaf for leaf in constants if leaf.layer is not None]
    if len(weights) != 1:
        return _constants(result, None, None)
    moved = weights[0].weight
    if operations.operation(node) in operations.REINDEXINGS:
        moved = node.target(
            *pytree.tree_map(lambda leaf: moved if leaf is weights[0] else leaf, args),
            **kwargs,
        )
    elif result.shape != moved.shape:
        return Constant(result)
    return _constants(result, moved, weights[0].layer)


def _constants(result, weight, layer):
    if isinstance(result, list | tuple):
        weights = [None] * len(result) if weight is None else weight
        return [Constant(*pair, layer) for pair in zip(result, weights, strict=True)]
    return Constant(result, weight, layer)
