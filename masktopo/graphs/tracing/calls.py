"""One operation of a traced model with its operands, and the errors that name it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from masktopo.errors import WiringError
from masktopo.graphs.tracing.draft import Draft
from masktopo.graphs.tracing.program import operation_name
from masktopo.graphs.tracing.values import Aside, Fixed, Flow, Scores, Value
from masktopo.graphs.views import Blank, Shape, View

__all__ = ["Call", "Result", "Rule", "call_of", "module_path", "refused"]

Result = Value | tuple[Value, ...]


@dataclass(frozen=True, eq=False)
class Call:
    """An operation, and what its arguments are.

    Attributes
    ----------
    node : torch.fx.Node
    arguments : dict of str to object
        By the names of the operation's schema, defaults included; tensors are `Value` records.
    draft : Draft
        What the operation may add nodes and links to.
    """

    node: fx.Node
    arguments: dict[str, Any]
    draft: Draft

    @property
    def shape(self) -> Shape:
        """Shape of the (first) result."""
        return shapes_of(self.node)[0]

    @property
    def tensors(self) -> list[Value]:
        """Tensors among the arguments, those in lists included."""
        return list(_values(self.arguments.values()))

    @property
    def flows(self) -> list[Flow]:
        """Tensors among the arguments that depend on an input."""
        return [value for value in self.tensors if isinstance(value, Flow)]

    def flow(self, name: str) -> Flow:
        """Return a tensor that must depend on an input, or be constant."""
        value = self.arguments[name]
        if isinstance(value, Flow):
            return value
        if isinstance(value, Fixed):
            return Flow(Blank(shapes_of(value.node)[0]))
        raise refused(self.node, f"its argument {name!r} cannot be followed: {_words(value)}")

    def constant(self, name: str) -> Any:
        """Return the numbers of an argument that must not depend on an input."""
        value = self.arguments[name]
        if not isinstance(value, Fixed):
            raise refused(self.node, f"its argument {name!r} depends on the input")
        return constant_of(self, value)

    def result(self, view: View) -> Flow:
        """Return a flow, of the shape that the operation's result must have."""
        if view.shape != self.shape:
            raise refused(self.node, f"its result of shape {self.shape} was read as {view.shape}")
        return Flow(view)


Rule = Callable[[Call], Result]


def constant_of(call: Call, value: Fixed) -> Any:
    """Return the numbers of a constant, or raise where they are not at hand."""
    try:
        return call.draft.program.values(value.node)
    except KeyError as error:
        raise refused(call.node, f"it needs the values of {error}, which are not there") from error


def shapes_of(node: fx.Node) -> list[Shape]:
    """Return the shapes of the tensors that an operation gives."""
    found = node.meta.get("val")
    values: Sequence[Any] = found if isinstance(found, tuple | list) else [found]
    return [tuple(int(n) for n in value.shape) for value in values if hasattr(value, "shape")]


def call_of(node: fx.Node, draft: Draft) -> Call:
    """Bind the arguments of an operation to the names of its schema."""
    known: Any = draft.values
    positional, named = fx.node.map_arg((node.args, dict(node.kwargs)), known.__getitem__)
    if not isinstance(node.target, torch._ops.OpOverload):
        named.update({str(at): value for at, value in enumerate(positional)})
        return Call(node, named, draft)
    arguments = {}
    for place, argument in enumerate(node.target._schema.arguments):
        default = argument.default_value if argument.has_default_value() else None
        given = positional[place] if place < len(positional) else named.get(argument.name, default)
        arguments[argument.name] = given
    return Call(node, arguments, draft)


def refused(node: fx.Node, reason: str) -> WiringError:
    """Build the error that names an operation, its node and its module."""
    path, origin = module_path(node), _origin(node)
    place = f" in module {path!r}" if path else ""
    whole = f", part of {origin}" if origin != node.name else ""
    return WiringError(
        f"operation {operation_name(node)} (node {node.name}{whole}{place}): {reason}"
    )


def _origin(node: fx.Node) -> str:
    """Return the name of the operation before PyTorch broke it into smaller ones."""
    name, sources = node.name, node.meta.get("from_node")
    while sources:
        name, sources = sources[-1].name, sources[-1].from_node
    return str(name)


def module_path(node: fx.Node) -> str:
    """Return the path of the innermost module that calls an operation; empty at the root."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [entry[0] for entry in stack.values()]
    return str(paths[-1]) if paths else ""


def _values(arguments: Any) -> Any:
    for argument in arguments:
        if isinstance(argument, Flow | Fixed | Scores | Aside):
            yield argument
        elif isinstance(argument, Sequence) and not isinstance(argument, str):
            yield from _values(argument)


def _words(value: object) -> str:
    if isinstance(value, Scores):
        return "attention scores"
    return value.what if isinstance(value, Aside) else repr(value)
