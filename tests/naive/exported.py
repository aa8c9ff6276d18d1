"""The data flow of a model as torch.export writes it down, for the oracle to walk along."""

import copy
import warnings
from collections import Counter
from dataclasses import dataclass, field

import torch
from torch.utils import _pytree as pytree


@dataclass(frozen=True)
class Exported:
    """A model's live operations in order, and what its placeholders stand for.

    `constants` holds parameters and buffers by placeholder, `layers` the layer's name by
    placeholder for parameters of at least 2 dimensions, and `uses` how many arguments of live
    operations (or outputs) a node is. `windows` is for the walk to remember what it probed.
    """

    nodes: tuple
    inputs: tuple
    constants: dict
    layers: dict
    outputs: tuple
    uses: Counter
    windows: dict = field(default_factory=dict)


def exported(model, example_input):
    """Export a copy of the model in eval mode."""
    model = _copied(model).eval()
    arguments = example_input if isinstance(example_input, tuple) else (example_input,)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(model, arguments, strict=False)
    nodes = _live(program.graph)
    output = nodes[-1]
    constants = _constants(program)
    return Exported(
        nodes=tuple(nodes[:-1]),
        inputs=tuple(program.graph_signature.user_inputs),
        constants=constants,
        layers=_layers(program, model, constants),
        outputs=tuple(_arguments(output)),
        uses=Counter(node for user in nodes for node in _arguments(user)),
    )


def _copied(model):
    """Copy a model; what a prune hook left behind is no parameter, and copies without gradient."""
    left = [value for module in model.modules() for value in vars(module).values()]
    memo = {id(value): value.detach() for value in left if isinstance(value, torch.Tensor)}
    return copy.deepcopy(model, memo)


def _arguments(node):
    """List the nodes among the arguments of a node, one as often as it occurs."""
    leaves = pytree.tree_leaves((node.args, node.kwargs))
    return [leaf for leaf in leaves if isinstance(leaf, torch.fx.Node)]


def _live(graph):
    """List the nodes that an output depends on, and all inputs."""
    wanted = set()
    for node in reversed(graph.nodes):
        if node.op == "output" or node in wanted:
            wanted.update(_arguments(node))
    return [n for n in graph.nodes if n in wanted or n.op in ("output", "placeholder")]


def _constants(program):
    signature, state = program.graph_signature, program.state_dict
    found = {name: state[path] for name, path in signature.inputs_to_parameters.items()}
    for name, path in signature.inputs_to_buffers.items():
        found[name] = state[path] if path in state else program.constants[path]
    for name, path in signature.inputs_to_lifted_tensor_constants.items():
        found[name] = program.constants[path]
    return found


def _layers(program, model, constants):
    """Name the placeholders of weights; a tied parameter goes by its first name in the model."""
    every = list(model.named_parameters(remove_duplicate=False))
    first = {}
    for path, parameter in every:
        first.setdefault(id(parameter), path)
    names = {path: first[id(parameter)] for path, parameter in every}
    return {
        placeholder: layer_name(names[path])
        for placeholder, path in program.graph_signature.inputs_to_parameters.items()
        if constants[placeholder].ndim >= 2
    }


def layer_name(path):
    """Return the layer of a parameter, seen through prune hooks and parametrizations."""
    plain = path.replace("parametrizations.", "").removesuffix(".original")
    return plain.removesuffix("_orig").removesuffix(".weight")
