"""The one place that owns numba's options.

A kernel and the kernels that it calls stand in one file: numba's cache notices an edit of the
file that it compiled, but not of another one that it called into.
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba

__all__ = ["kernel", "summing_kernel"]

Function = TypeVar("Function", bound=Callable[..., object])


def kernel(function: Function) -> Function:
    """Compile `function` with numba: no Python objects, no GIL, cached on disk, strict floats.

    Kernels are serial. Work is divided among Python threads that each run a kernel on their own
    share, which keeps results independent of the number of threads and needs no threading layer.
    ``fastmath`` stays off, since it breaks tests for nan.
    """
    jitted = numba.njit(nogil=True, cache=True, error_model="numpy")(function)  # noqa: TID251
    return cast(Function, jitted)


def summing_kernel(function: Function) -> Function:
    """Compile like `kernel`, but let sums be reordered, so that they run in vector registers.

    Only for dot products and norms: nan and infinity keep their meaning, and the order, though
    not the written one, is the same for every number of threads.
    """
    flags = {"reassoc", "contract", "nsz"}
    jitted = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=flags)(function)  # noqa: TID251
    return cast(Function, jitted)
