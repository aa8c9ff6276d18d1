"""Operations that apply a parameter as a linear map: what makes nodes."""

from dataclasses import replace
from functools import partial
from typing import Any

from masktopo.graphs.rearrange import permuted, with_last_axis
from masktopo.graphs.tracing.attention import masked_by, product
from masktopo.graphs.tracing.calls import Call, Result, Rule, refused, shapes_of
from masktopo.graphs.tracing.values import Fixed, Flow, Scores
from masktopo.graphs.views import Shape, View
from masktopo.graphs.wiring import Use

__all__ = ["LAYERS"]


def _applied(call: Call, weight: object, use: Use, operand: View, shape: Shape) -> View:
    """Add one use of the layer behind `weight`."""
    if not isinstance(weight, Fixed) or weight.weight is None:
        reason = (
            "its weight depends on the input"
            if isinstance(weight, Flow)
            else ("its weight is not a parameter, or mixes several")
        )
        raise refused(call.node, reason)
    found = weight.weight
    if found.axes != tuple(range(len(found.axes))):
        raise refused(call.node, f"the axes of parameter {found.parameter!r} are turned")
    program = call.draft.program
    stored = next(node for node, path in program.parameters.items() if path == found.parameter)
    whole = shapes_of(stored)[0]
    if found.rows is not None and found.rows != (0, whole[0]):
        use = replace(use, rows=found.rows)
    layer = call.draft.add_layer(found.parameter, whole, use)
    return call.draft.use_layer(layer, use, operand, shape, call.node)


def _fed(call: Call, name: str) -> Flow | None:
    """Return an operand; None where it is constant, so that the result is."""
    value = call.arguments[name]
    return None if isinstance(value, Fixed) else call.flow(name)


def convolution(dims: int, transposed: bool, call: Call) -> Result:
    """Use a layer with the stride, padding, dilation and groups of the call."""
    flow = _fed(call, "input")
    if flow is None:
        return Fixed(call.node)
    options = call.arguments
    spatial = len(call.shape) - 2 if dims == 0 else dims
    if options.get("transposed"):
        transposed = True
    kernel = shapes_of(options["weight"].node)[0][2:]
    stride, dilation = (_each(options[name], spatial) for name in ("stride", "dilation"))
    kind = f"conv_transpose{spatial}d" if transposed else f"conv{spatial}d"
    padding = _padding(options["padding"], kernel, dilation)
    use = Use(kind, int(options["groups"]), stride, padding, dilation)
    return Flow(_applied(call, options["weight"], use, flow.view, call.shape))


def _each(values: Any, count: int) -> tuple[int, ...]:
    """Return one number an axis where one may stand for all."""
    numbers = [values] if isinstance(values, int) else list(values)
    return tuple(int(number) for number in (numbers * count if len(numbers) == 1 else numbers))


def _padding(given: Any, kernel: Shape, dilation: tuple[int, ...]) -> tuple[int, ...]:
    """Return what stands before the first element; "same" has the odd place behind."""
    if given == "valid":
        return (0,) * len(kernel)
    if given == "same":
        pairs = zip(kernel, dilation, strict=True)
        return tuple(step * (size - 1) // 2 for size, step in pairs)
    return _each(given, len(kernel))


def linear(call: Call) -> Result:
    """Use a matrix on the last axis."""
    flow = _fed(call, "input")
    if flow is None:
        return Fixed(call.node)
    return Flow(_applied(call, call.arguments["weight"], Use("linear"), flow.view, call.shape))


def matrix_product(first: str, second: str, call: Call) -> Result:
    """Use the factor that is a parameter on the one that is not; two that are not: attention."""
    left, right = call.arguments[first], call.arguments[second]
    if isinstance(left, Fixed) and isinstance(right, Fixed):
        return Fixed(call.node)
    if isinstance(right, Fixed):
        return Flow(_last_axis(call, right, call.flow(first).view, call.shape))
    if isinstance(left, Fixed):
        # W x is x W, both turned.
        turned = (*range(len(call.shape) - 2), -1, -2)
        shape = tuple(call.shape[axis] for axis in turned)
        view = permuted(call.flow(second).view, _swapped(call.flow(second).view))
        found = _last_axis(call, left, view, shape, transposed=True)
        return Flow(permuted(found, turned))
    return product(call, left, right)


def _last_axis(
    call: Call, matrix: Fixed, operand: View, shape: Shape, *, transposed: bool = False
) -> View:
    """Apply a matrix ``(in, out)``, or a transposed one, to the last axis."""
    found = matrix.weight
    if found is None:
        return _applied(call, matrix, Use("linear"), operand, shape)
    if any(axis is not None for axis in found.axes[:-2]):
        raise refused(call.node, "only one matrix can be applied, not a batch of them")
    as_stored = found.order == ((0, 1) if transposed else (1, 0))
    if found.rows is not None and not as_stored:
        raise refused(call.node, f"some inputs of {found.parameter!r} are used apart")
    plain = replace(matrix, weight=replace(found, axes=(0, 1)))
    return _applied(call, plain, Use("linear" if as_stored else "embedding"), operand, shape)


def _swapped(view: View) -> tuple[int, ...]:
    return (*range(len(view.shape) - 2), -1, -2)


def biased_product(call: Call) -> Result:
    """Multiply and add a constant; attention scores obey it as a mask."""
    names = ("mat1", "mat2") if "mat1" in call.arguments else ("batch1", "batch2")
    found = matrix_product(*names, call)
    bias = call.arguments["self"]
    if isinstance(bias, Flow):
        if not isinstance(found, Flow):
            raise refused(call.node, "a tensor that depends on the input is added to scores")
        return call.draft.join([bias, found], call.shape, call.node)
    return masked_by(call, found, bias) if isinstance(found, Scores) else found


def embedding(call: Call) -> Result:
    """Use a table on one-hot inputs: a node a word."""
    value, weight = call.arguments["indices"], call.arguments["weight"]
    if isinstance(value, Fixed):
        return Fixed(call.node)
    words = shapes_of(weight.node)[0][0]
    view = call.draft.one_hot(with_last_axis(call.flow("indices").view, words))
    return Flow(_applied(call, weight, Use("embedding"), view, call.shape))


def bilinear(call: Call) -> Result:
    """Refuse a map of two operands."""
    if call.flows:
        raise refused(call.node, "a bilinear map is no linear one")
    return Fixed(call.node)


def recurrent(call: Call) -> Result:
    """Refuse what feeds its output back."""
    raise refused(call.node, "recurrent layers are not followed: their graph is no fixed one")


def constant(call: Call) -> Result:
    """Give a tensor of which only the shape depends on an operand."""
    return Fixed(call.node)


LAYERS: dict[str, Rule] = {
    "aten.linear": linear,
    "aten.convolution": partial(convolution, 0, False),
    **{f"aten.conv{dims}d": partial(convolution, dims, False) for dims in (1, 2, 3)},
    **{f"aten.conv_transpose{dims}d": partial(convolution, dims, True) for dims in (1, 2, 3)},
    "aten.embedding": embedding,
    "aten.bilinear": bilinear,
    "aten.mm": partial(matrix_product, "self", "mat2"),
    "aten.bmm": partial(matrix_product, "self", "mat2"),
    "aten.matmul": partial(matrix_product, "self", "other"),
    "aten.addmm": biased_product,
    "aten.baddbmm": biased_product,
    **dict.fromkeys(
        (
            "aten.lstm",
            "aten.gru",
            "aten.rnn_tanh",
            "aten.rnn_relu",
            "aten.lstm_cell",
            "aten.gru_cell",
            "aten.rnn_tanh_cell",
            "aten.rnn_relu_cell",
        ),
        recurrent,
    ),
    **dict.fromkeys(
        (
            "aten.zeros_like",
            "aten.ones_like",
            "aten.full_like",
            "aten.empty_like",
            "aten.rand_like",
            "aten.randn_like",
            "aten.new_zeros",
            "aten.new_ones",
            "aten.new_full",
            "aten.new_empty",
            "aten.fill",
            "aten.bernoulli",
            "aten.sym_size",
        ),
        constant,
    ),
}
