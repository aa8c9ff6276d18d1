"""The arithmetic of one use of a layer: which element of the output reads which of the operand."""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from masktopo.errors import WiringError
from masktopo.graphs.bipartite import Shaped, left_size, right_size
from masktopo.graphs.views import Shape
from masktopo.graphs.wiring import Use

__all__ = ["Axis", "Geometry", "geometry_of"]


@dataclass(frozen=True)
class Axis:
    """One spatial axis of a convolution.

    Attributes
    ----------
    n_in, n_out, taps : int
        Lengths of operand, output and kernel.
    stride, padding, dilation : int
    transposed : bool
    """

    n_in: int = 1
    n_out: int = 1
    taps: int = 1
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    transposed: bool = False

    def outputs(self) -> NDArray[np.int64]:
        """Return, by operand position and tap, the output position that reads it; -1 for none."""
        return _outputs(self)


@lru_cache(maxsize=1024)
def _outputs(axis: Axis) -> NDArray[np.int64]:
    """Work out the outputs of one axis, once for all layers of its geometry."""
    place = np.arange(axis.n_in)[:, None]
    shift = np.arange(axis.taps)[None] * axis.dilation
    if axis.transposed:
        found = place * axis.stride - axis.padding + shift
        fits = np.ones_like(found, np.bool_)
    else:
        found, rest = np.divmod(place + axis.padding - shift, axis.stride)
        fits = rest == 0
    outputs = np.where(fits & (found >= 0) & (found < axis.n_out), found, -1)
    outputs.setflags(write=False)
    return outputs


@dataclass(frozen=True)
class Geometry:
    """One use of a layer on elements ``(position, channel, z, y, x)``, in row-major order.

    Attributes
    ----------
    positions : int
        Elements that differ in nothing that the kernel sees: tokens of a linear layer.
    n_in, n_out : int
        Channels.
    axes : tuple of Axis
        Three of them; missing ones have length 1.
    """

    positions: int
    n_in: int
    n_out: int
    axes: tuple[Axis, Axis, Axis]

    @property
    def plane_in(self) -> int:
        """Operand elements of one channel at one position."""
        return math.prod(axis.n_in for axis in self.axes)

    @property
    def plane_out(self) -> int:
        """Output elements of one channel at one position."""
        return math.prod(axis.n_out for axis in self.axes)

    @property
    def size_in(self) -> int:
        """Operand elements."""
        return self.positions * self.n_in * self.plane_in

    @property
    def size_out(self) -> int:
        """Output elements."""
        return self.positions * self.n_out * self.plane_out


def geometry_of(layer: Shaped, use: Use, operand: Shape, output: Shape) -> Geometry:
    """Return the geometry of a layer, already of the use's kind, between two shapes.

    Raises
    ------
    WiringError
        If a shape has not the layer's channels, or more outputs than the framework would give.
    """
    depth = use.kernel_axes
    leading = len(operand) - depth - 1
    expected = (*operand[:leading], right_size(layer))
    fits = leading >= 0 and len(output) == len(operand) and output[: leading + 1] == expected
    if not fits or operand[leading] != left_size(layer):
        raise WiringError(
            f"a {use.kind} of shape {layer.shape} cannot map elements of shape {operand} to "
            f"elements of shape {output}"
        )
    missing = [Axis()] * (3 - depth)
    axes = [
        Axis(
            operand[leading + 1 + at],
            output[leading + 1 + at],
            layer.shape[2 + at],
            use.stride[at],
            use.padding[at],
            use.dilation[at],
            use.transposed,
        )
        for at in range(depth)
    ]
    first, second, third = [*missing, *axes]
    positions = math.prod(operand[:leading])
    return Geometry(positions, left_size(layer), right_size(layer), (first, second, third))
