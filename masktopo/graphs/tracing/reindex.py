"""Operations that only move elements: shapes, axes, slices, concatenations, padding."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from masktopo.graphs.rearrange import along, broadcast, joined, permuted, reshaped, taken
from masktopo.graphs.tracing.calls import Call, Result, Rule, constant_of, refused, shapes_of
from masktopo.graphs.tracing.scores import permuted_scores, reshaped_scores
from masktopo.graphs.tracing.values import Fixed, Flow, Scores, Statistic
from masktopo.graphs.views import AxisMap, Blank, View

__all__ = ["REINDEX"]


def _moved(call: Call, view: View) -> Flow:
    """Return the moved elements; what was a statistic of a tensor stays one."""
    statistic: Statistic | None = call.flow("self").statistic
    return Flow(call.result(view).view, statistic)


def reshape(call: Call) -> Result:
    """Keep the row-major order of the elements."""
    value = call.arguments["self"]
    if isinstance(value, Scores):
        return reshaped_scores(call, value)
    return _moved(call, reshaped(call.flow("self").view, call.shape))


def expand(call: Call) -> Result:
    """Repeat along new axes and axes of length 1."""
    return _moved(call, broadcast(call.flow("self").view, call.shape))


def permute(call: Call) -> Result:
    """Put the axes in another order."""
    value = call.arguments["self"]
    if isinstance(value, Scores):
        return permuted_scores(value, call.arguments["dims"])
    return _moved(call, permuted(call.flow("self").view, call.arguments["dims"]))


def transpose(call: Call) -> Result:
    """Swap two axes; without names the two of a matrix."""
    order = list(range(len(call.shape)))
    if order:
        first, second = call.arguments.get("dim0", 0), call.arguments.get("dim1", -1)
        order[first], order[second] = order[second], order[first]
    value = call.arguments["self"]
    if isinstance(value, Scores):
        return permuted_scores(value, order)
    return _moved(call, permuted(call.flow("self").view, order))


def slice_(call: Call) -> Result:
    """Take every so-many-th element along one axis."""
    view, axis = call.flow("self").view, call.arguments["dim"]
    bounds = slice(call.arguments["start"], call.arguments["end"], call.arguments["step"])
    return _moved(call, taken(view, axis, range(view.shape[axis])[bounds]))


def select(call: Call) -> Result:
    """Take one element along an axis, which goes."""
    view, axis = call.flow("self").view, call.arguments["dim"]
    place = range(view.shape[axis])[call.arguments["index"]]
    return _moved(call, reshaped(taken(view, axis, [place]), call.shape))


def split(call: Call) -> Result:
    """Cut along an axis into the lengths that the results have."""
    view, axis = call.flow("self").view, call.arguments["dim"]
    parts, start = [], 0
    for shape in shapes_of(call.node):
        length = shape[axis]
        parts.append(Flow(taken(view, axis, range(start, start + length))))
        start += length
    return tuple(parts)


def unbind(call: Call) -> Result:
    """Cut along an axis, which goes."""
    view, axis = call.flow("self").view, call.arguments["dim"]
    parts = [reshaped(taken(view, axis, [at]), call.shape) for at in range(view.shape[axis])]
    return tuple(map(Flow, parts))


def index_select(call: Call) -> Result:
    """Take constant places along one axis."""
    places = call.constant("index").reshape(-1).tolist()
    view, axis = call.flow("self").view, call.arguments["dim"]
    return _moved(call, taken(view, axis, [at % view.shape[axis] for at in places]))


def index(call: Call) -> Result:
    """Take constant places along neighbouring axes."""
    view, given = call.flow("self").view, call.arguments["indices"]
    indices = [_places(call, value) for value in given]
    axes = [axis for axis, value in enumerate(indices) if value is not None]
    if axes != list(range(axes[0], axes[-1] + 1)):
        raise refused(call.node, f"indices of axes {axes}, which are no neighbours")
    inner = [view.shape[axis] for axis in axes]
    places = np.broadcast_arrays(*(indices[axis] for axis in axes))
    flat = np.ravel_multi_index(
        [np.where(at < 0, at + n, at) for at, n in zip(places, inner, strict=True)], inner
    )
    before, behind = view.shape[: axes[0]], view.shape[axes[-1] + 1 :]
    merged = reshaped(view, (*before, math.prod(inner), *behind))
    return _moved(call, reshaped(taken(merged, axes[0], flat.reshape(-1).tolist()), call.shape))


def _places(call: Call, value: object) -> Any:
    if value is None:
        return None
    if not isinstance(value, Fixed):
        raise refused(call.node, "an index depends on the input")
    found = constant_of(call, value)
    if found.dtype == torch.bool:
        if found.ndim > 1:
            raise refused(call.node, "a mask of several axes is no index that can be followed")
        found = found.nonzero()[:, 0]
    return found.numpy()


def flip(call: Call) -> Result:
    """Turn axes around."""
    view = call.flow("self").view
    for axis in call.arguments["dims"]:
        view = taken(view, axis, reversed(range(view.shape[axis])))
    return _moved(call, view)


def roll(call: Call) -> Result:
    """Shift along axes, around the end; without axes along all elements."""
    view, shifts = call.flow("self").view, call.arguments["shifts"]
    axes, shape = call.arguments["dims"], view.shape
    if not axes:
        view, axes = reshaped(view, (math.prod(shape),)), [0]
    for axis, shift in zip(axes, shifts, strict=True):
        length = view.shape[axis]
        view = taken(view, axis, [(at - shift) % length for at in range(length)])
    return _moved(call, reshaped(view, shape))


def repeat(call: Call) -> Result:
    """Lay copies side by side along each axis."""
    view, counts = call.flow("self").view, call.arguments["repeats"]
    view = reshaped(view, (1,) * (len(counts) - len(view.shape)) + view.shape)
    for axis, count in enumerate(counts):
        view = taken(view, axis, list(range(view.shape[axis])) * count)
    return _moved(call, view)


def repeat_interleave(call: Call) -> Result:
    """Repeat each element along an axis the same number of times."""
    view, axis = call.flow("self").view, call.arguments["dim"]
    if not isinstance(call.arguments["repeats"], int):
        raise refused(call.node, "repeats that differ are not followed")
    if axis is None:
        view, axis = reshaped(view, (math.prod(view.shape),)), 0
    places = [at for at in range(view.shape[axis]) for _ in range(call.arguments["repeats"])]
    return _moved(call, taken(view, axis, places))


def cat(call: Call) -> Result:
    """Join node sets; constants are blank. Legacy empty tensors are left out."""
    parts = [_part(call, value) for value in call.arguments["tensors"]]
    kept = [part for part in parts if part.shape != (0,)]
    return call.result(joined(kept, call.arguments["dim"]))


def stack(call: Call) -> Result:
    """Join along a new axis."""
    axis = call.arguments["dim"] % len(call.shape)
    shape = (*call.shape[:axis], 1, *call.shape[axis + 1 :])
    parts = [reshaped(_part(call, value), shape) for value in call.arguments["tensors"]]
    return call.result(joined(parts, axis))


def _part(call: Call, value: object) -> View:
    if isinstance(value, Flow):
        return value.view
    if isinstance(value, Fixed):
        return Blank(shapes_of(value.node)[0])
    raise refused(call.node, "one of its parts cannot be followed")


def pad(call: Call) -> Result:
    """Surround by constants, or by copies as the framework lays them."""
    view, amounts = call.flow("self").view, list(call.arguments["pad"])
    mode = call.arguments.get("mode", "constant")
    for place in range(len(amounts) // 2):
        axis = len(view.shape) - 1 - place
        view = taken(
            view, axis, _padded(view.shape[axis], amounts[2 * place : 2 * place + 2], mode)
        )
    return _moved(call, view)


def _padded(length: int, amounts: Sequence[int], mode: str) -> list[int]:
    """Return the places that a padded axis takes; -1 for a constant."""
    if mode == "constant":
        own = range(max(-amounts[0], 0), length - max(-amounts[1], 0))
        return [*[-1] * max(amounts[0], 0), *own, *[-1] * max(amounts[1], 0)]
    line = torch.arange(length, dtype=torch.float64).reshape(1, 1, -1)
    found = torch.nn.functional.pad(line, list(amounts), mode=mode)
    return [int(at) for at in found.reshape(-1).tolist()]


def scatter(call: Call) -> Result:
    """Put one tensor into a slice of another."""
    view, axis = _part(call, call.arguments["self"]), call.arguments["dim"] % len(call.shape)
    length = view.shape[axis]
    if "index" in call.arguments:
        places = [range(length)[call.arguments["index"]]]
    else:
        bounds = slice(*(call.arguments[name] for name in ("start", "end", "step")))
        places = list(range(length)[bounds])
    shape = (*call.shape[:axis], len(places), *call.shape[axis + 1 :])
    source = reshaped(_part(call, call.arguments["src"]), shape)
    kept = {at: length + own for own, at in enumerate(places)}
    return call.result(
        taken(joined([view, source], axis), axis, [kept.get(at, at) for at in range(length)])
    )


def pixel_shuffle(call: Call) -> Result:
    """Move channels to positions."""
    view, factor = call.flow("self").view, call.arguments["upscale_factor"]
    *lead, channels, height, width = view.shape
    n = len(lead)
    split = reshaped(view, (*lead, channels // factor**2, factor, factor, height, width))
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return _moved(call, reshaped(permuted(split, order), call.shape))


def pixel_unshuffle(call: Call) -> Result:
    """Move positions to channels."""
    view, factor = call.flow("self").view, call.arguments["downscale_factor"]
    *lead, channels, height, width = view.shape
    n = len(lead)
    split = reshaped(view, (*lead, channels, height // factor, factor, width // factor, factor))
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return _moved(call, reshaped(permuted(split, order), call.shape))


def unfold(call: Call) -> Result:
    """Lay windows along an axis side by side; their elements become the last axis."""
    view, axis = call.flow("self").view, call.arguments["dimension"]
    size, step = call.arguments["size"], call.arguments["step"]
    axis %= max(len(view.shape), 1)
    count = (view.shape[axis] - size) // step + 1
    laid = taken(view, axis, [at * step + own for at in range(count) for own in range(size)])
    shape = (*view.shape[:axis], count, size, *view.shape[axis + 1 :])
    order = [at for at in range(len(shape)) if at != axis + 1]
    return _moved(call, permuted(reshaped(laid, shape), [*order, axis + 1]))


def im2col(call: Call) -> Result:
    """Lay two-dimensional windows out as columns."""
    view = call.flow("self").view
    counts = []
    for at, axis in enumerate((-2, -1)):
        size, dilation, padding, stride = (
            call.arguments[name][at] for name in ("kernel_size", "dilation", "padding", "stride")
        )
        length = view.shape[axis]
        count = (length + 2 * padding - dilation * (size - 1) - 1) // stride + 1
        places = [
            own * dilation + at * stride - padding for own in range(size) for at in range(count)
        ]
        view = taken(view, axis, [place if 0 <= place < length else -1 for place in places])
        counts.append((size, count))
    (tall, rows), (wide, columns) = counts
    shape = (*view.shape[:-2], tall, rows, wide, columns)
    n = len(view.shape) - 2
    laid = permuted(reshaped(view, shape), (*range(n), n, n + 2, n + 1, n + 3))
    return _moved(call, reshaped(laid, call.shape))


def view_as_complex(call: Call) -> Result:
    """Let a complex element read its real and imaginary part."""
    view = along(call.flow("self").view, -1, AxisMap.rows(2, [(0, 1)]))
    return _moved(call, reshaped(view, call.shape))


def view_as_real(call: Call) -> Result:
    """Let both parts read the complex element."""
    view = call.flow("self").view
    return _moved(call, taken(reshaped(view, (*view.shape, 1)), -1, [0, 0]))


REINDEX: dict[str, Rule] = {
    **dict.fromkeys(
        (
            "aten.view",
            "aten._unsafe_view",
            "aten.reshape",
            "aten.unsqueeze",
            "aten.squeeze",
            "aten.flatten",
            "aten.unflatten",
        ),
        reshape,
    ),
    "aten.expand": expand,
    "aten.permute": permute,
    "aten.transpose": transpose,
    "aten.t": transpose,
    "aten.slice": slice_,
    "aten.select": select,
    "aten.split": split,
    "aten.split_with_sizes": split,
    "aten.unbind": unbind,
    "aten.index_select": index_select,
    "aten.index": index,
    "aten.flip": flip,
    "aten.roll": roll,
    "aten.repeat": repeat,
    "aten.repeat_interleave": repeat_interleave,
    "aten.cat": cat,
    "aten.stack": stack,
    "aten.pad": pad,
    "aten.constant_pad_nd": pad,
    "aten.slice_scatter": scatter,
    "aten.select_scatter": scatter,
    "aten.pixel_shuffle": pixel_shuffle,
    "aten.pixel_unshuffle": pixel_unshuffle,
    "aten.unfold": unfold,
    "aten.im2col": im2col,
    "aten.view_as_complex": view_as_complex,
    "aten.view_as_real": view_as_real,
}
