"""What dynamic sparse training does, and when: one line a method.

After some steps every layer drops the kept weights of smallest magnitude and grows as many others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import cos, pi

from masktopo._check import check_choice, check_count
from masktopo.errors import ArgumentError
from masktopo.training.parts import part_of

__all__ = ["DYNAMICS", "GROWTHS", "DynamicSparsity", "read_dynamic"]

GROWTHS = ("random", "gradient")
"""What a layer grows: weights drawn at random, or those of the largest dense gradient."""


@dataclass(frozen=True)
class DynamicSparsity:
    """Which part of the weights is replaced, and how often.

    Parameters
    ----------
    growth : {"random", "gradient"}
        What grows; see `GROWTHS`. ``"gradient"`` reads the loss's gradient of the step before
        the update, which is dense.
    every : int
        Steps between updates.
    fraction : float
        Part of each layer's kept weights that is dropped, at the start of the training; the
        count is rounded up.
    final_fraction : float
        The same at the end of the updates; a cosine leads there.
    until : float
        Part of all steps after which no update is made.

    Raises
    ------
    ArgumentError
        If a value is out of its range.

    Examples
    --------
    >>> dynamic = DynamicSparsity(every=10)
    >>> [step for step in range(1, 31) if dynamic.is_due(step, 30)]
    [10, 20]
    >>> [round(dynamic.fraction_at(step, 30), 4) for step in (0, 15, 30)]
    [0.5, 0.2525, 0.005]

    References
    ----------
    S. Liu et al., *Do We Actually Need Dense Over-Parameterization? In-Time Over-Parameterization
    in Sparse Training*, ICML 2021. U. Evci et al., *Rigging the Lottery: Making All Tickets
    Winners*, ICML 2020.
    """

    growth: str = "random"
    every: int = 1500
    fraction: float = 0.5
    final_fraction: float = 0.005
    until: float = 1.0

    def __post_init__(self) -> None:
        check_choice("growth", self.growth, GROWTHS)
        check_count("every", self.every)
        for name in ("fraction", "final_fraction", "until"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ArgumentError(f"{name} must lie between 0 and 1, not {value!r}")

    def is_due(self, step: int, steps: int) -> bool:
        """Whether masks change after `step` of `steps`, counted from 1; never after the last."""
        return step % self.every == 0 and step < part_of(self.until, steps)

    def fraction_at(self, step: int, steps: int) -> float:
        """Return the part of the kept weights that an update after `step` of `steps` drops."""
        bent = (1 + cos(pi * step / (self.until * steps))) / 2
        return self.final_fraction + (self.fraction - self.final_fraction) * bent


_ITOP = DynamicSparsity()

DYNAMICS: Mapping[str, DynamicSparsity] = {
    "set": _ITOP,
    "itop": _ITOP,
    "rigl": DynamicSparsity("gradient", 100, 0.3, 0.0, 0.75),
    "rigl-itop": DynamicSparsity("gradient", 4000),
}
"""Methods by name. SET is trained as ITOP21 trains it, so that both names mean one thing."""


def read_dynamic(given: str | DynamicSparsity | None) -> DynamicSparsity | None:
    """Return the settings that are meant by a name of `DYNAMICS`; ``_`` stands for ``-`` too."""
    if not isinstance(given, str):
        return given
    name = given if given in DYNAMICS else given.replace("_", "-")
    check_choice("dynamic", name, DYNAMICS)
    return DYNAMICS[name]
