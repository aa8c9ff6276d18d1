"""Padded planes: a layout in which one weight of a convolution is one contiguous addition.

Output position ``q`` of a convolution reads operand position ``stride * q - padding + dilation *
tap``, that is position ``q + m`` of the ``r``-th *phase* (every ``stride``-th element from ``r``
on). The operand is stored by phases, each padded so that all ``m`` are within it, the output with
the same pitch: then a tap is a shift. A transposed convolution exchanges the two.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from masktopo.graphs.geometry import Axis, Geometry

__all__ = ["Planes"]

Place = tuple[slice, ...]


@dataclass(frozen=True)
class _Phases:
    """One axis: `n_fine` elements in phases, read at `n_coarse` places."""

    n_fine: int
    n_coarse: int
    stride: int
    shifts: tuple[int, ...]

    @classmethod
    def of(cls, axis: Axis) -> "_Phases":
        fine, coarse = (axis.n_in, axis.n_out)[:: -1 if axis.transposed else 1]
        shifts = tuple(tap * axis.dilation - axis.padding for tap in range(axis.taps))
        return cls(fine, coarse, axis.stride, shifts)

    @cached_property
    def first(self) -> int:
        return min((shift // self.stride for shift in self.shifts), default=0)

    @cached_property
    def pitch(self) -> int:
        """Length of each phase with its padding."""
        last = max((shift // self.stride for shift in self.shifts), default=0)
        return self.n_coarse + last - self.first

    def places(self, phase: int) -> tuple[slice, slice]:
        """Return where a phase's elements stand in the padded phase, and in the axis."""
        # Padded place t holds element stride * (t + first) + phase.
        start = max(-self.first, 0)
        begin = self.stride * (start + self.first) + phase
        count = max(min(self.pitch - start, -(-(self.n_fine - begin) // self.stride)), 0)
        return slice(start, start + count), slice(begin, begin + count * self.stride, self.stride)


@dataclass(frozen=True)
class Planes:
    """The layout of both sides of one layer at one position.

    Attributes
    ----------
    geometry : Geometry
    """

    geometry: Geometry

    @cached_property
    def _axes(self) -> tuple[_Phases, ...]:
        return tuple(_Phases.of(axis) for axis in self.geometry.axes)

    @property
    def transposed(self) -> bool:
        """Whether the operand is the coarse side."""
        return any(axis.transposed for axis in self.geometry.axes)

    @cached_property
    def _pitches(self) -> tuple[int, ...]:
        return tuple(axis.pitch for axis in self._axes)

    @cached_property
    def coarse_plane(self) -> int:
        """Length of a coarse plane."""
        return self._axes[0].n_coarse * self._pitches[1] * self._pitches[2]

    @cached_property
    def fine_plane(self) -> int:
        """Length of all phases of a fine plane."""
        return int(np.prod(self._pitches)) * int(np.prod([axis.stride for axis in self._axes]))

    @cached_property
    def length(self) -> int:
        """Elements from the first to the last of a coarse plane, padding between them included."""
        places = [axis.n_coarse for axis in self._axes]
        if min(places) == 0 or 0 in self._pitches:
            return 0
        _, pitch_y, pitch_x = self._pitches
        return ((places[0] - 1) * pitch_y + places[1] - 1) * pitch_x + places[2]

    @cached_property
    def shifts(self) -> NDArray[np.int64]:
        """Where in a fine plane each tap's run starts, taps in row-major order."""
        found = []
        for shift in product(*(axis.shifts for axis in self._axes)):
            start = 0
            for at, axis in zip(shift, self._axes, strict=True):
                start = start * axis.stride + at % axis.stride
            for at, axis in zip(shift, self._axes, strict=True):
                start = start * axis.pitch + at // axis.stride - axis.first
            found.append(start)
        return np.array(found, np.int64)

    def to_fine(self, values: NDArray[Any], channels: int) -> NDArray[Any]:
        """Lay out elements ``(channel, z, y, x)`` in padded phases."""
        planes = self._fine_planes(np.zeros(channels * self.fine_plane, values.dtype), channels)
        elements = values.reshape(channels, *(axis.n_fine for axis in self._axes))
        for phase, padded, own in self._phases():
            _phase(planes, phase)[padded] = elements[own]
        return planes.reshape(-1)

    def from_fine(self, planes: NDArray[Any], channels: int) -> NDArray[Any]:
        """Undo `to_fine`; elements that no tap reaches are 0."""
        shape = (channels, *(axis.n_fine for axis in self._axes))
        elements = np.zeros(shape, planes.dtype)
        laid = self._fine_planes(planes, channels)
        for phase, padded, own in self._phases():
            elements[own] = _phase(laid, phase)[padded]
        return elements.reshape(-1)

    def to_coarse(self, values: NDArray[Any], channels: int) -> NDArray[Any]:
        """Lay out elements ``(channel, z, y, x)`` with the pitch of the fine side."""
        planes = np.zeros(channels * self.coarse_plane, values.dtype)
        shape = (channels, *(axis.n_coarse for axis in self._axes))
        self._coarse_view(planes, channels)[...] = values.reshape(shape)
        return planes

    def from_coarse(self, planes: NDArray[Any], channels: int) -> NDArray[Any]:
        """Undo `to_coarse`."""
        return self._coarse_view(planes, channels).reshape(-1)

    def _fine_planes(self, planes: NDArray[Any], channels: int) -> NDArray[Any]:
        return planes.reshape(channels, *(axis.stride for axis in self._axes), *self._pitches)

    def _coarse_view(self, planes: NDArray[Any], channels: int) -> NDArray[Any]:
        z, y, x = (axis.n_coarse for axis in self._axes)
        return planes.reshape(channels, z, *self._pitches[1:])[:, :, :y, :x]

    def _phases(self) -> Iterator[tuple[tuple[int, ...], Place, Place]]:
        """Yield every phase, and where its elements are in the padded planes and in their own."""
        for phase in product(*(range(axis.stride) for axis in self._axes)):
            z, y, x = (axis.places(at) for axis, at in zip(self._axes, phase, strict=True))
            every = slice(None)
            yield phase, (every, z[0], y[0], x[0]), (every, z[1], y[1], x[1])


def _phase(planes: NDArray[Any], phase: tuple[int, ...]) -> NDArray[Any]:
    """View one phase of all channels."""
    z, y, x = phase
    return planes[:, z, y, x]
