"""How masks are made, and which of them a draw makes."""

from collections.abc import Collection
from dataclasses import dataclass

from masktopo._check import check_choice, check_count
from masktopo.errors import ArgumentError
from masktopo.pruning.method import METHODS, method_key

__all__ = ["WEIGHT_NOISE", "Draw", "Recipe", "check_noise"]

SCOPES = ("global", "layer")
WEIGHT_NOISE = "weights"


@dataclass(frozen=True)
class Recipe:
    """How masks are made; see `masktopo.prune` for the fields.

    A method may be written with ``_`` for ``-``; the field has the key of `METHODS`. One name in
    `keep_dense`, or a list as JSON has it, becomes a tuple.

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
        object.__setattr__(self, "method", method_key(self.method))
        names = (self.keep_dense,) if isinstance(self.keep_dense, str) else tuple(self.keep_dense)
        object.__setattr__(self, "keep_dense", names)
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
        if self.pool is not None and (self.batches is None or self.pool < self.batches):
            raise ArgumentError(f"a pool of {self.pool} batches gives no {self.batches} of them")
        if self.batches is not None:
            check_count("batches", self.batches)
        check_noise(self.noise)


def check_noise(noise: float | str | None) -> None:
    """Raise unless `noise` is None, "weights" or a number that is not negative."""
    if noise is None or noise == WEIGHT_NOISE:
        return
    if isinstance(noise, str | bool) or not 0 <= noise < float("inf"):
        raise ArgumentError(f"noise must be at least 0, {WEIGHT_NOISE!r} or None, not {noise!r}")
