"""The end-to-end graph of a model by autograd: what a wiring and its edges are tested against.

Derived from section 1 of the definitions alone. A walk along the exported program finds the node
sets, cuts the data flow at each of them by an independent leaf, and takes the Jacobian of whatever
lands on a set with respect to every leaf. Another walk, which knows of no node sets, gives the
Jacobian from end to end.
"""

import functools
import math
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch

from tests.naive.cutting import Cutting, channel_numbers, jacobians
from tests.naive.exported import exported
from tests.naive.operations import operation
from tests.naive.walk import Walk

__all__ = [
    "Block",
    "Oracle",
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
