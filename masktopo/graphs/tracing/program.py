"""A model as a graph of operations, by torch.export, and the values of its constants."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn
from torch._subclasses.fake_tensor import (
    DataDependentOutputException,
    DynamicOutputShapeException,
    FakeTensorMode,
)
from torch.export import ExportedProgram, default_decompositions
from torch.export.graph_signature import InputKind

from masktopo.errors import WiringError
from masktopo.graphs.tracing.twin import Arguments, fake_arguments, fake_twin
from masktopo.masks.slots import unwrapped

__all__ = ["Program", "operation_name", "program_of"]


@dataclass(frozen=True, eq=False)
class Program:
    """The operations of one forward pass, in order.

    Attributes
    ----------
    graph : torch.fx.Graph
    inputs : tuple of torch.fx.Node
        What the caller passes.
    parameters : dict of torch.fx.Node to str
        Paths of parameters.
    constants : dict of torch.fx.Node to torch.Tensor
        Buffers and constants with their values; only where these are known.
    """

    graph: fx.Graph
    inputs: tuple[fx.Node, ...]
    parameters: dict[fx.Node, str]
    constants: dict[fx.Node, torch.Tensor]
    _known: dict[fx.Node, Any] = field(default_factory=dict, repr=False)

    def values(self, node: fx.Node) -> Any:
        """Compute what a node is worth that depends on no input.

        Raises
        ------
        KeyError
            If a number that it depends on is not at hand (parameters of a model on meta).
        """
        if node not in self._known:
            self._known[node] = self._computed(node)
        return self._known[node]

    def _computed(self, node: fx.Node) -> Any:
        if node.op == "placeholder":
            return self.constants[node]
        positional, named = fx.node.map_arg((node.args, dict(node.kwargs)), self.values)
        here = {"device": torch.device("cpu")} if "device" in named else {}
        with torch.no_grad():
            return node.target(*positional, **{**named, **here})  # type: ignore[operator]


def operation_name(node: fx.Node) -> str:
    """Return the name of an operation without its overload: ``aten.conv2d``.

    Examples
    --------
    >>> graph = fx.Graph()
    >>> operation_name(graph.call_function(torch.ops.aten.add.Tensor, (1, 1)))
    'aten.add'
    """
    if isinstance(node.target, torch._ops.OpOverload):
        return str(node.target.overloadpacket)
    return str(getattr(node.target, "__name__", node.target))


def program_of(model: nn.Module, example_input: Any, kept: Mapping[str, Any]) -> Program:
    """Follow one sample through a model.

    Parameters
    ----------
    model : torch.nn.Module
    example_input : tensor, tuple or dict
    kept : mapping
        Operations that are left whole; PyTorch breaks all others into smaller ones where it can.

    Raises
    ------
    WiringError
        If the model does not take the input, or if its data flow depends on the data.
    """
    mode = FakeTensorMode(allow_non_fake_inputs=True)
    twin = fake_twin(model, mode)
    arguments = fake_arguments(example_input, twin, mode)
    name = type(unwrapped(model)).__name__
    with _whole_attention(), _quiet():
        _try_forward(twin, arguments, mode, name)
        exported = _exported(twin, arguments, name, kept)
    exported.graph.eliminate_dead_code()
    return _program(exported, _tensors(unwrapped(model)))


@contextmanager
def _whole_attention() -> Iterator[None]:
    """Switch off the fused attention of eval mode, which hides its projections."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what PyTorch says about shapes that do not fit for the error that follows."""
    log = logging.getLogger("torch._subclasses.fake_tensor")
    before = log.disabled
    log.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = before


def _try_forward(twin: nn.Module, arguments: Arguments, mode: FakeTensorMode, name: str) -> None:
    """Run once without tracing, to tell an input that does not fit from other trouble."""
    try:
        with mode, torch.no_grad():
            twin(*arguments[0], **arguments[1])
    except (DataDependentOutputException, DynamicOutputShapeException) as error:
        raise _data_dependent(name, error) from error
    except Exception as error:
        shapes = [tuple(value.shape) for value in _flat_tensors(arguments)]
        raise WiringError(
            f"{name} does not take an example input of shapes {shapes} (one sample): "
            f"{type(error).__name__}: {_first_line(error)}"
        ) from error


def _exported(
    twin: nn.Module, arguments: Arguments, name: str, kept: Mapping[str, Any]
) -> ExportedProgram:
    try:
        exported: ExportedProgram = torch.export.export(
            twin, arguments[0], arguments[1], strict=False
        )
        table = default_decompositions()
        for operation in list(table):
            if str(getattr(operation, "overloadpacket", operation)) in kept:
                del table[operation]
        broken: ExportedProgram = exported.run_decompositions(table)
        return broken
    except Exception as error:
        if "data-dependent" in str(error).lower() or "DataDependent" in type(error).__name__:
            raise _data_dependent(name, error) from error
        raise WiringError(
            f"torch.export cannot trace {name}: {type(error).__name__}: {_first_line(error)}; "
            "give a wiring instead of the model"
        ) from error


def _data_dependent(name: str, error: Exception) -> WiringError:
    return WiringError(
        f"the data flow of {name} depends on the data ({_first_line(error)}), so it has no "
        "fixed wiring; trace the part that does not, or give a wiring"
    )


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), "no message")


def _flat_tensors(arguments: Arguments) -> list[torch.Tensor]:
    from torch.utils._pytree import tree_leaves

    return [value for value in tree_leaves(arguments) if isinstance(value, torch.Tensor)]


def _tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return the model's own numbers by path, tied ones under each of their names."""
    named = (
        *network.named_parameters(remove_duplicate=False),
        *network.named_buffers(remove_duplicate=False),
    )
    return {name: tensor.detach() for name, tensor in named if tensor.device.type != "meta"}


def _program(exported: ExportedProgram, tensors: Mapping[str, torch.Tensor]) -> Program:
    placeholders = [node for node in exported.graph.nodes if node.op == "placeholder"]
    inputs, parameters, constants = [], {}, {}
    for node, spec in zip(placeholders, exported.graph_signature.input_specs, strict=True):
        if spec.kind == InputKind.USER_INPUT:
            inputs.append(node)
            continue
        path = spec.target or ""
        if spec.kind == InputKind.PARAMETER:
            parameters[node] = path
        found = tensors.get(path, exported.constants.get(path))
        if isinstance(found, torch.Tensor) and type(found) in (torch.Tensor, nn.Parameter):
            constants[node] = found.cpu()
    return Program(exported.graph, tuple(inputs), parameters, constants)
