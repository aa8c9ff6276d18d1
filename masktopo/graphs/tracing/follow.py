"""From a model to its wiring: one pass over its operations, in order."""

import operator
from typing import Any

from torch import fx, nn
from torch.utils._pytree import tree_leaves

from masktopo.graphs.tracing.calls import Result, call_of, refused, shapes_of
from masktopo.graphs.tracing.draft import Draft
from masktopo.graphs.tracing.fixed import fixed_result, parameter_value
from masktopo.graphs.tracing.program import Program, program_of
from masktopo.graphs.tracing.registry import OPERATIONS, rule_of
from masktopo.graphs.tracing.specs import layer_specs
from masktopo.graphs.tracing.values import Fixed, Flow, Scores
from masktopo.graphs.wiring import Wiring
from masktopo.masks.copying import check_model

__all__ = ["trace"]


def trace(model: nn.Module, example_input: Any) -> Wiring:
    """Follow one sample through a model, and return the wiring of its layers.

    Parameters
    ----------
    model : torch.nn.Module
        Any model whose data flow does not depend on the data; in any mode, on any device, pruned
        by hooks or parametrizations or not at all. It is not changed: what runs is a copy in eval
        mode without numbers.
    example_input : tensor, tuple or dict
        One tensor, a tuple of positional inputs or a dict of keyword inputs. Only shapes and
        dtypes matter; batch first, and one sample is followed.

    Returns
    -------
    Wiring
        See section 1 of the definitions for what makes nodes and edges.

    Raises
    ------
    WiringError
        If the model does not take the input; if its data flow depends on the data; if a layer is
        recurrent; or if an operation is unknown, which is named with its node and module. A line
        in `masktopo.graphs.tracing.registry.OPERATIONS` adds one.
    ArgumentError
        If `model` is no module, or `example_input` has no tensor.

    Notes
    -----
    A few milliseconds an operation, most of it in torch.export; memory for shapes, not for
    weights.

    Examples
    --------
    >>> import torch
    >>> block = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 4, 1))
    >>> wiring = trace(block, torch.zeros(1, 3, 16, 16))
    >>> [(nodes.name, nodes.shape, nodes.role) for nodes in wiring.nodes]
    [('input', (1, 3, 16, 16), 'input'), ('0', (1, 8, 16, 16), 'hidden'), \
('2', (1, 4, 16, 16), 'output')]
    """
    check_model(model)
    program = program_of(model, example_input, OPERATIONS)
    draft = Draft(program, layer_specs(model))
    _add_sources(program, draft)
    for node in program.graph.nodes:
        if node.op == "call_function":
            draft.values[node] = _followed(node, draft)
    (output,) = (node for node in program.graph.nodes if node.op == "output")
    ends = [node for node in tree_leaves(output.args) if isinstance(node, fx.Node)]
    return draft.finish(ends)


def _add_sources(program: Program, draft: Draft) -> None:
    """Give the graph's placeholders their values: inputs, parameters, constants."""
    for node in program.graph.nodes:
        if node.op != "placeholder":
            continue
        if node in program.parameters:
            draft.values[node] = parameter_value(node, program.parameters[node])
        elif node in program.inputs and shapes_of(node):
            kind = node.meta["val"].dtype
            integer = not (kind.is_floating_point or kind.is_complex)
            view = draft.add_input(node.name, shapes_of(node)[0], integer=integer)
            draft.values[node] = Flow(view)
        else:
            draft.values[node] = Fixed(node)


def _followed(node: fx.Node, draft: Draft) -> Result:
    if node.target is operator.getitem:
        several: Any = draft.values[node.args[0]]
        found: Result = several[node.args[1]]
        return found
    call = call_of(node, draft)
    if not any(isinstance(value, Flow | Scores) for value in call.tensors):
        return fixed_result(call)
    rule = rule_of(node)
    if rule is None:
        raise refused(
            node,
            "masktopo does not know it; a line in masktopo.graphs.tracing.registry.OPERATIONS "
            "says what it does to the nodes",
        )
    return rule(call)
