"""Which parameter a constant is made of, through slices, masks, turns and other steps between."""

from dataclasses import replace

from torch import fx

from masktopo.graphs.tracing.calls import Call, shapes_of
from masktopo.graphs.tracing.pointwise import is_pointwise
from masktopo.graphs.tracing.program import operation_name
from masktopo.graphs.tracing.values import Fixed, WeightRef
from masktopo.graphs.views import Shape

__all__ = ["fixed_result", "parameter_value"]

_KEEPING = ("clone", "contiguous", "detach", "alias", "to", "_to_copy", "lift_fresh_copy")
_RESHAPING = ("view", "reshape", "_unsafe_view", "unsqueeze", "squeeze", "expand")
_TURNING = ("t", "transpose", "permute")
_CUTTING = ("split", "split_with_sizes", "chunk")


def parameter_value(node: fx.Node, path: str) -> Fixed:
    """Return a parameter as a constant that knows its name."""
    return Fixed(node, WeightRef(path, tuple(range(len(shapes_of(node)[0])))))


def fixed_result(call: Call) -> Fixed | tuple[Fixed, ...]:
    """Return the constant, or the several, that an operation makes of constants."""
    name = operation_name(call.node).removeprefix("aten.")
    if not isinstance(call.node.meta.get("val"), tuple | list):
        return Fixed(call.node, _weight(call, name))
    base, found, start = _base(call), [], 0
    for shape in shapes_of(call.node):
        length = shape[call.arguments["dim"]] if name in _CUTTING else 0
        cut = base is not None and name in _CUTTING
        rows = _rows(base, call.arguments["dim"], start, start + length) if cut else None
        found.append(Fixed(call.node, rows))
        start += length
    return tuple(found)


def _weight(call: Call, name: str) -> WeightRef | None:
    if is_pointwise(call.node.target) and name not in _KEEPING:
        return _pointwise_weight(call)
    base = _base(call)
    if base is None or name in _KEEPING:
        return base
    if name in _RESHAPING:
        return _reshaped(base, shapes_of(call.arguments["self"].node)[0], call.shape)
    if name in _TURNING:
        return replace(base, axes=tuple(base.axes[axis] for axis in _order(call)))
    if name == "slice":
        length = shapes_of(call.arguments["self"].node)[0][call.arguments["dim"]]
        bounds = slice(*(call.arguments[part] for part in ("start", "end", "step")))
        start, stop, step = bounds.indices(length)
        return _rows(base, call.arguments["dim"], start, stop) if step == 1 else None
    return None


def _base(call: Call) -> WeightRef | None:
    first = next(iter(call.arguments.values()), None)
    return first.weight if isinstance(first, Fixed) else None


def _pointwise_weight(call: Call) -> WeightRef | None:
    """Return the one parameter of the result's shape: a weight under a mask or a scale."""
    found = {
        value.weight
        for value in call.tensors
        if isinstance(value, Fixed) and value.weight and shapes_of(value.node)[0] == call.shape
    }
    return found.pop() if len(found) == 1 else None


def _reshaped(base: WeightRef, before: Shape, after: Shape) -> WeightRef | None:
    """Follow axes through added and removed axes of length 1; None if others are merged."""
    waiting, axes = list(zip(before, base.axes, strict=True)), []
    for length in after:
        while waiting and waiting[0][0] == 1 != length:
            waiting.pop(0)
        same = bool(waiting) and waiting[0][0] == length
        axes.append(waiting.pop(0)[1] if same else None)
    if any(length != 1 for length, _ in waiting):
        return None
    kept = [axis for axis in axes if axis is not None]
    whole = set(kept) == {axis for axis in base.axes if axis is not None}
    return replace(base, axes=tuple(axes)) if whole else None


def _order(call: Call) -> list[int]:
    order = list(range(len(call.shape)))
    if "dims" in call.arguments:
        return [axis % len(order) for axis in call.arguments["dims"]]
    first, second = call.arguments.get("dim0", 0), call.arguments.get("dim1", -1)
    if order:
        order[first], order[second] = order[second], order[first]
    return order


def _rows(base: WeightRef | None, axis: int, start: int, stop: int) -> WeightRef | None:
    """Return some rows of a parameter; None where the slice is along another axis."""
    if base is None or base.axes[axis] != 0:
        return None
    first = 0 if base.rows is None else base.rows[0]
    return replace(base, rows=(first + start, first + stop))
