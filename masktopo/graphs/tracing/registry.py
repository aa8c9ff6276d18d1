"""What every operation does to the nodes of a network.

A rule is ``(Call) -> Value``, or a tuple of values where the operation gives several tensors.
Operations go by the name of their packet (``"aten.conv2d"``), or with their overload
(``"aten.max.other"``) where overloads differ. Those that PyTorch marks as pointwise need no line.
"""

from torch import fx

from masktopo.graphs.tracing.attention import ATTENTION
from masktopo.graphs.tracing.calls import Rule
from masktopo.graphs.tracing.layers import LAYERS
from masktopo.graphs.tracing.pointwise import POINTWISE, is_pointwise, pointwise
from masktopo.graphs.tracing.program import operation_name
from masktopo.graphs.tracing.reindex import REINDEX
from masktopo.graphs.tracing.windows import WINDOWS

__all__ = ["OPERATIONS", "rule_of"]

OPERATIONS: dict[str, Rule] = {**POINTWISE, **REINDEX, **WINDOWS, **LAYERS, **ATTENTION}
"""Every operation that masktopo knows by name; a line of your own adds one."""


def rule_of(node: fx.Node) -> Rule | None:
    """Return the rule of an operation; None if nobody knows it."""
    name = operation_name(node)
    overload = getattr(node.target, "_overloadname", "")
    found = OPERATIONS.get(f"{name}.{overload}") or OPERATIONS.get(name)
    if found is None and is_pointwise(node.target):
        return pointwise
    return found
