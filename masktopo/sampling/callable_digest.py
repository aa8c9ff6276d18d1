"""What tells one callable from another of the same name: its code, and what it carries along.

Pickles do not serve: they name what can be imported, and give classes of ``__main__`` numbers that
are new in every process.
"""

import copyreg
import hashlib
from collections.abc import Callable
from functools import partial
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

import torch

from masktopo.training.network_identity import state_digest

__all__ = ["callable_digest"]

_PLAIN = (type(None), bool, int, float, complex, str, bytes, type(Ellipsis))

Known = dict[int, tuple[Any, str]]
"""Values by their id, which they keep as long as they are here, with what describes them."""


def callable_digest(function: Callable[..., Any]) -> str:
    """Return the SHA-256 over what `function` is (hex), equal in every process of one Python.

    It is over the bytecode, defaults, closure and the plain values among the globals of a function
    and of those of its module that it calls; over the parts of a `functools.partial` and of a
    method; and over the state and the ``__call__`` of any other object. What it calls of other
    modules goes by its name only.

    Examples
    --------
    >>> def power(n):
    ...     return lambda x: x**n
    >>> callable_digest(power(2)) == callable_digest(power(2))
    True
    >>> callable_digest(power(2)) == callable_digest(power(3))
    False
    """
    return _described(function, {})


def _described(value: Any, known: Known) -> str:
    """Return plain values as text, and the digest of what any other consists of."""
    if isinstance(value, _PLAIN):
        return f"{type(value).__name__} {value!r}"
    if id(value) not in known:
        known[id(value)] = value, "itself"  # where it is part of itself
        parts = [_described(part, known) for part in _parts(value)]
        if isinstance(value, set | frozenset):
            parts.sort()  # the order of texts in a set depends on the process
        text = f"{type(value).__qualname__}({', '.join(parts)})"
        known[id(value)] = value, hashlib.sha256(text.encode()).hexdigest()
    return known[id(value)][1]


def _parts(value: Any) -> list[Any]:
    """Return what makes up a value that is not plain."""
    if isinstance(value, list | tuple | set | frozenset):
        return list(value)
    if isinstance(value, dict):
        return [part for item in value.items() for part in item]
    if isinstance(value, CodeType):
        return [value.co_code, value.co_consts, value.co_names]
    if isinstance(value, FunctionType):
        return _function_parts(value)
    if isinstance(value, CellType):
        return _cell_parts(value)
    if isinstance(value, MethodType):
        return [value.__func__, value.__self__]
    if isinstance(value, partial):
        return [value.func, value.args, value.keywords]
    if isinstance(value, torch.Tensor):
        return [state_digest({"": value})]
    return _object_parts(value)


def _function_parts(function: FunctionType) -> list[Any]:
    known = {name: function.__globals__.get(name) for name in _names(function.__code__)}
    used = {name: found for name, found in known.items() if _is_own(found, function)}
    own = [function.__code__, function.__defaults__, function.__kwdefaults__]
    return [*own, function.__closure__, used]


def _cell_parts(cell: CellType) -> list[Any]:
    try:
        return [cell.cell_contents]
    except ValueError:  # nothing is in it yet
        return []


def _names(code: CodeType) -> list[str]:
    """Return the names that a function and those within it look up."""
    inner = [found for found in code.co_consts if isinstance(found, CodeType)]
    return sorted({*code.co_names, *(name for found in inner for name in _names(found))})


def _is_own(value: Any, function: FunctionType) -> bool:
    if isinstance(value, FunctionType):
        return value.__module__ == function.__module__
    return value is not None and isinstance(value, _PLAIN)


def _object_parts(value: Any) -> list[Any]:
    """Return class, call and state of an object; what has no state to pickle goes by its class."""
    if isinstance(value, type):
        return [value.__module__, value.__qualname__]
    call = type(value).__call__ if callable(value) else None
    return [type(value), call if isinstance(call, FunctionType) else None, *_state_parts(value)]


def _state_parts(value: Any) -> list[Any]:
    """Return what pickling would keep of an object."""
    reduce = copyreg.dispatch_table.get(type(value))
    try:
        reduced = value.__reduce_ex__(4) if reduce is None else reduce(value)
    # What objects raise that cannot be pickled has no bounds.
    except Exception:
        return []
    if isinstance(reduced, str):  # the name of a global
        return [reduced]
    arguments, state, *items = (*reduced[1:5], None, None, None, None)[:4]
    return [arguments, state, *(list(found) for found in items if found is not None)]
