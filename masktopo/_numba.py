"""The one place that owns numba's options.

Kernels may call kernels of other files in ``masktopo/kernels/``. numba compiles a callee into its
caller, but looks only at the caller's own file to see whether what it cached on disk is stale. So
here the cache of every kernel is stamped with the text of all kernel files.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

__all__ = ["kernel", "summing_kernel"]

Function = TypeVar("Function", bound=Callable[..., object])

KERNELS = Path(__file__).parent / "kernels"
"""Where kernels that are called from other files stand."""


def kernel(function: Function) -> Function:
    """Compile `function` with numba: no Python objects, no GIL, cached on disk, strict floats.

    Kernels are serial. Work is divided among Python threads that each run a kernel on their own
    share, which keeps results independent of the number of threads and needs no threading layer.
    ``fastmath`` stays off, since it breaks tests for nan.
    """
    return _compiled(function, fastmath=False)


def summing_kernel(function: Function) -> Function:
    """Compile like `kernel`, but let sums be reordered, so that they run in vector registers.

    Only for dot products and norms: nan and infinity keep their meaning, and the order, though
    not the written one, is the same for every number of threads.
    """
    return _compiled(function, fastmath={"reassoc", "contract", "nsz"})


def _compiled(function: Function, fastmath: bool | set[str]) -> Function:
    compiler = numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)  # noqa: TID251
    jitted: Any = compiler(function)
    if jitted is not function:  # as it is where NUMBA_DISABLE_JIT is set
        jitted._cache = _KernelCache(function)
    return cast(Function, jitted)


class _KernelCache(FunctionCache):
    """numba's cache of one kernel on disk, which an edit of any kernel file makes stale."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)  # type: ignore[no-untyped-call]
        self._cache_file = IndexDataCacheFile(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=(self._impl.locator.get_source_stamp(), _digest_of_kernels()),
        )


@cache
def _digest_of_kernels() -> str:
    """Digest the text of all kernel files."""
    digest = hashlib.sha256()
    for path in sorted(KERNELS.glob("*.py")):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
