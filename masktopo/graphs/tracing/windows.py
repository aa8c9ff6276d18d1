"""Pools, interpolation and reductions: every element reads a window of each axis.

All of them act on one axis after the other, so that a window is known from what the framework's
own operation makes of unit vectors along that axis alone.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as functional
from torch import Tensor

from masktopo.graphs.rearrange import along, reshaped
from masktopo.graphs.tracing.calls import Call, Result, Rule
from masktopo.graphs.tracing.pointwise import pointwise
from masktopo.graphs.tracing.values import Aside, Flow, Statistic
from masktopo.graphs.views import AxisMap, View

__all__ = ["WINDOWS"]

AxisFunction = Callable[..., Tensor]
"""Maps ``(n, 1, length)`` to ``(n, 1, new length)``."""

_NOISE = 1e-9
"""Coefficients below are rounding errors: a place between two that is meant to be one of them."""

_CHUNK = 1 << 22
"""Elements that are laid out at a time to find the windows of an axis."""


def windows_of(function: AxisFunction, length: int) -> AxisMap:
    """Return which places along an axis each result reads, and with which coefficient.

    O(length * new length).

    Examples
    --------
    >>> windows_of(partial(functional.avg_pool1d, kernel_size=2), 4).indices
    (0, 1, 2, 3)
    """
    step = max(_CHUNK // max(length, 1), 1)
    chunks = []
    for start in range(0, length, step):
        unit = torch.eye(length, dtype=torch.float64)[start : start + step]
        found = function(unit.reshape(-1, 1, length)).reshape(unit.shape[0], -1)
        # A window of nothing but padding has no maximum and no mean.
        told = (found.abs() > _NOISE) & found.isfinite()
        places = told.nonzero()
        chunks.append((places[:, 1], places[:, 0] + start, found[told]))
        size = found.shape[1]
    to, at, numbers = (torch.cat(parts) for parts in zip(*chunks, strict=True))
    order = torch.argsort(to * length + at)
    indptr = torch.cat([torch.zeros(1, dtype=torch.int64), torch.bincount(to, minlength=size)])
    values = tuple(numbers[order].tolist())
    plain = all(value == 1 for value in values)
    return AxisMap(
        length,
        tuple(torch.cumsum(indptr, 0).tolist()),
        tuple(at[order].tolist()),
        None if plain else values,
    )


def pool(operation: str, dims: int, call: Call) -> Result:
    """Read overlapping, dilated, padded windows as `max_pool1d` and `avg_pool1d` do."""
    flow, options = call.flow("self"), call.arguments
    view, maximum = flow.view, operation == "max"
    stride = options["stride"] or options["kernel_size"]
    for at in range(dims):
        given: dict[str, Any] = {
            "kernel_size": _at(options["kernel_size"], at),
            "stride": _at(stride, at),
            "padding": _at(options["padding"], at),
            "ceil_mode": options["ceil_mode"],
        }
        if maximum:
            given["dilation"] = _at(options["dilation"], at)
        else:
            given["count_include_pad"] = options["count_include_pad"]
        one = functional.max_pool1d if maximum else functional.avg_pool1d
        function: AxisFunction = partial(one, **given)
        if at == 0 and options.get("divisor_override"):
            function = partial(_divided, _plain_sizes(options, dims), options, function)
        axis = len(view.shape) - dims + at
        view = along(view, axis, windows_of(function, view.shape[axis]))
    return _results(call, flow, view)


def _plain_sizes(options: dict[str, Any], dims: int) -> int:
    sizes = [_at(options["kernel_size"], at) for at in range(dims)]
    return int(torch.tensor(sizes).prod())


def _divided(size: int, options: dict[str, Any], function: AxisFunction, line: Tensor) -> Tensor:
    """Divide a window's sum by what the caller asks for instead of its size."""
    found: Tensor = function(line) * size / options["divisor_override"]
    return found


def adaptive(one: AxisFunction, dims: int, call: Call) -> Result:
    """Read the windows that divide an axis into the number of results."""
    flow = call.flow("self")
    view, sizes = flow.view, call.arguments["output_size"]
    for at in range(dims):
        axis = len(view.shape) - dims + at
        function = partial(one, output_size=_at(sizes, at))
        view = along(view, axis, windows_of(function, view.shape[axis]))
    return _results(call, flow, view)


def _max_alone(line: Tensor, output_size: int) -> Tensor:
    return functional.adaptive_max_pool1d(line, output_size)


def interpolate(dims: int, call: Call) -> Result:
    """Read the neighbours that the framework interpolates between."""
    flow = call.flow("input" if "input" in call.arguments else "self")
    view = flow.view
    for at in range(dims):
        axis = len(view.shape) - dims + at
        function = partial(_interpolated, call, dims, at, call.shape[axis])
        view = along(view, axis, windows_of(function, view.shape[axis]))
    return _results(call, flow, view)


def _interpolated(call: Call, dims: int, at: int, length: int, line: Tensor) -> Tensor:
    """Interpolate one axis alone: the others have length 1 before and behind."""
    shape, sizes = [line.shape[0], 1, *[1] * dims], [1] * dims
    shape[2 + at], sizes[at] = line.shape[2], length
    options = {name: value for name, value in call.arguments.items() if name == "align_corners"}
    given = call.arguments.get("scale_factors")
    if "scale_factors" in call.arguments:
        ones = [1.0] * dims
        ones[at] = given[at] if given else 1.0
        options |= {
            "output_size": None if given else sizes,
            "scale_factors": ones if given else None,
        }
    else:
        options["output_size"] = sizes
        scales = [name for name in call.arguments if name.startswith("scales")]
        if call.arguments[scales[at]] is not None:
            options[scales[at]] = call.arguments[scales[at]]
    found: Tensor = call.node.target(line.reshape(shape), **options)  # type: ignore[operator]
    return found.reshape(line.shape[0], 1, -1)


def reduce(mean: bool, call: Call) -> Result:
    """Read whole axes: sums, means, maxima, norms, variances."""
    flow = call.flow("self")
    view, given = flow.view, call.arguments.get("dim")
    chosen = [given] if isinstance(given, int) else given
    axes = chosen if chosen else range(len(view.shape))
    for axis in axes:
        length = view.shape[axis]
        weights = [[1 / length] * length] if mean and length > 1 else None
        view = along(view, axis, AxisMap.rows(length, [range(length)], weights))
    found = reshaped(view, call.shape)
    statistic = flow.statistic or Statistic(flow.view, whole=True)
    return _with_asides(call, Flow(found, statistic))


def _results(call: Call, flow: Flow, view: View) -> Result:
    statistic = flow.statistic or Statistic(flow.view, whole=False)
    return _with_asides(call, Flow(call.result(view).view, statistic))


def _with_asides(call: Call, found: Flow) -> Result:
    """Add what else the operation gives: places of maxima, or a second statistic."""
    values = call.node.meta["val"]
    if not isinstance(values, tuple | list):
        return found
    second = Aside("places of maxima") if _is_integer(values[1]) else found
    return found, second


def _is_integer(value: Tensor) -> bool:
    return not value.dtype.is_floating_point


def _at(values: int | Sequence[int], place: int) -> int:
    """Return one axis' number where one number may stand for all."""
    if isinstance(values, int):
        return values
    return values[place if len(values) > 1 else 0]


WINDOWS: dict[str, Rule] = {}
for _dims in (1, 2, 3):
    WINDOWS |= {
        f"aten.max_pool{_dims}d": partial(pool, "max", _dims),
        f"aten.max_pool{_dims}d_with_indices": partial(pool, "max", _dims),
        f"aten.avg_pool{_dims}d": partial(pool, "avg", _dims),
        f"aten.adaptive_avg_pool{_dims}d": partial(adaptive, functional.adaptive_avg_pool1d, _dims),
        f"aten._adaptive_avg_pool{_dims}d": partial(
            adaptive, functional.adaptive_avg_pool1d, _dims
        ),
        f"aten.adaptive_max_pool{_dims}d": partial(adaptive, _max_alone, _dims),
        f"aten.upsample_nearest{_dims}d": partial(interpolate, _dims),
        f"aten._upsample_nearest_exact{_dims}d": partial(interpolate, _dims),
    }
WINDOWS |= {
    "aten.upsample_linear1d": partial(interpolate, 1),
    "aten.upsample_bilinear2d": partial(interpolate, 2),
    "aten.upsample_bicubic2d": partial(interpolate, 2),
    "aten.upsample_trilinear3d": partial(interpolate, 3),
    "aten._upsample_bilinear2d_aa": partial(interpolate, 2),
    "aten._upsample_bicubic2d_aa": partial(interpolate, 2),
    "aten.max.other": pointwise,
    "aten.min.other": pointwise,
    "aten.mean": partial(reduce, True),
    **dict.fromkeys(
        (
            "aten.sum",
            "aten.amax",
            "aten.amin",
            "aten.max",
            "aten.min",
            "aten.logsumexp",
            "aten.var",
            "aten.std",
            "aten.var_mean",
            "aten.std_mean",
            "aten.norm",
            "aten.linalg_vector_norm",
        ),
        partial(reduce, False),
    ),
}
