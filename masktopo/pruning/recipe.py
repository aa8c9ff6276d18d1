"""How masks are made, and which of them a draw makes."""

from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Any

from masktopo._check import check_choice, check_count
from masktopo.errors import ArgumentError
from masktopo.pruning.method import METHODS, method_key

__all__ = ["WEIGHT_NOISE", "Draw", "Recipe", "check_noise", "python_scalar"]

SCOPES = ("global", "layer")
WEIGHT_NOISE = "weights"


@dataclass(frozen=True)
class Recipe:
    """How masks are made; see `masktopo.prune` for the fields.

    A method may be written with ``_`` for ``-``; the field has the key of `METHODS`. What
    `keep_dense` names, in any order and form, becomes a sorted tuple. Scalars of NumPy and torch
    become Python's.

    Raises
    ------
    ArgumentError
        If a field is out of its range, or does not go with the method.
    """

    method: str = "snip"
    density: float = 0.01
    scope: str = "global"
    batch_size: int = 128
    train_mode: bool = False
    rounds: int | None = None
    shuffle: bool = False
    keep_dense: Collection[str] = ()

    def __post_init__(self) -> None:
        for field in fields(self):
            object.__setattr__(self, field.name, python_scalar(getattr(self, field.name)))
        object.__setattr__(self, "method", method_key(self.method))
        object.__setattr__(self, "keep_dense", _sorted_names(self.keep_dense))
        check_choice("method", self.method, METHODS)
        check_choice("scope", self.scope, SCOPES)
        check_count("batch_size", self.batch_size)
        rule = METHODS[self.method].densities
        if rule is not None and self.scope != "global":
            raise ArgumentError(
                f"scope={self.scope!r} is for methods that rank weights; {self.method} divides "
                f"its budget among layers by the rule {rule!r}"
            )
        if self.rounds is not None:
            check_count("rounds", self.rounds)
            if not METHODS[self.method].is_iterative:
                raise ArgumentError(f"rounds={self.rounds}: {self.method} scores once")

    @property
    def n_rounds(self) -> int:
        """Rounds of scoring."""
        return self.rounds or METHODS[self.method].rounds

    @property
    def is_deterministic(self) -> bool:
        """Whether the method gives one mask only, unless noise is added."""
        method = METHODS[self.method]
        return not (method.needs_data or method.is_random)

    @property
    def origin(self) -> str:
        """The masks' origin in words."""
        words = f"{self.method} at density {self.density:g}"
        return f"{words}, shuffled by layer" if self.shuffle else words


@dataclass(frozen=True)
class Draw:
    """Which of a recipe's masks to make; a mask is a pure function of problem and draw.

    Parameters
    ----------
    seed, index : int
        Root of all randomness: equal pairs give equal masks.
    batches : int or None
        Mini-batches to draw for a method that sees data; None takes all of the data in order.
    noise : float, "weights" or None
        Noise that sets the draws of a data-free method apart: each score is multiplied by
        ``1 + noise * normal``, anew in every round; or normal noise of each layer's own
        standard deviation is added to its weights before the first.
    pool : int or None
        Batches of the pool, fixed by the seed, that this draw's are among; None draws from all
        of the data.
    """

    seed: int
    index: int = 0
    batches: int | None = None
    noise: float | str | None = None
    pool: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "noise", python_scalar(self.noise))
        if self.pool is not None and (self.batches is None or self.pool < self.batches):
            raise ArgumentError(f"a pool of {self.pool} batches gives no {self.batches} of them")
        if self.batches is not None:
            check_count("batches", self.batches)
        check_noise(self.noise)


def check_noise(noise: float | str | None) -> None:
    """Raise unless `noise` is None, "weights" or a number that is not negative."""
    if noise is None or (isinstance(noise, str) and noise == WEIGHT_NOISE):
        return
    if (
        not isinstance(noise, float | int)
        or isinstance(noise, bool)
        or not 0 <= noise < float("inf")
    ):
        raise ArgumentError(f"noise must be at least 0, {WEIGHT_NOISE!r} or None, not {noise!r}")


def python_scalar(value: Any) -> Any:
    """Return the Python scalar of one of NumPy or torch; any other value as it is.

    Examples
    --------
    >>> import numpy as np
    >>> python_scalar(np.float32(0.25)), python_scalar("snip")
    (0.25, 'snip')
    """
    return value.item() if getattr(value, "ndim", None) == 0 else value


def _sorted_names(keep_dense: Collection[str]) -> tuple[str, ...]:
    """Return what `keep_dense` names, each once; the order of a set depends on the process."""
    given = (keep_dense,) if isinstance(keep_dense, str) else keep_dense
    if not isinstance(given, Collection) or not all(isinstance(name, str) for name in given):
        raise ArgumentError(f"keep_dense must be names of layers, not {keep_dense!r}")
    return tuple(sorted(set(given)))
