"""Checks of arguments: each raises an error that names what was found and what was expected."""

from collections.abc import Collection, Iterable
from numbers import Real

from masktopo.errors import ArgumentError

__all__ = ["check_choice", "check_count", "check_density", "join_faults", "join_names"]


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Raise unless `value` is one of `choices`, which are words."""
    if not isinstance(value, str) or value not in choices:
        raise ArgumentError(f"{name}={value!r} is not one of {', '.join(map(repr, choices))}")


def check_count(name: str, value: object, *, least: int = 1) -> None:
    """Raise unless `value` is an integer of at least `least`."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise ArgumentError(f"{name} must be an integer, not {value!r}")
    if value.__index__() < least:
        raise ArgumentError(f"{name} must be at least {least}, not {value}")


def check_density(value: object) -> None:
    """Raise unless `value` is a number and ``0 < value <= 1``."""
    if not isinstance(value, Real) or not 0 < float(value) <= 1:
        raise ArgumentError(
            f"density must lie in (0, 1], not {value!r} (0.01 keeps 1 % of weights)"
        )


def join_names(names: Iterable[str], *, most: int = 8) -> str:
    """List names for an error message, the first `most` of them in full.

    Examples
    --------
    >>> join_names(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    found = list(names)
    shown = ", ".join(found[:most])
    return shown if len(found) <= most else f"{shown} and {len(found) - most} more"


def join_faults(*faults: tuple[str, Collection[str]]) -> str:
    """List what is wrong with which names; empty where nothing is.

    Examples
    --------
    >>> join_faults(("the model lacks", ["a", "b"]), ("other shapes in", []))
    'the model lacks a, b'
    """
    return "; ".join(f"{what} {join_names(names)}" for what, names in faults if names)
